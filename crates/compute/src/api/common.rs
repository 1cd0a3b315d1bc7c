//! What several resources share: pages, links, the loose numbers and flags that old clients send.

use ::api::{Error, Links, Microversion, Query, Result};
use axum::extract::FromRequestParts;
use http::request::Parts;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// The most items of a page.
pub(crate) const PAGE: i64 = 1000;

/// The largest number that the API takes.
pub(crate) const MAX_INT: i64 = 0x7FFF_FFFF;

/// How many items the caller gets at most.
pub(crate) fn limit(asked: Option<i64>) -> i64 {
    asked.unwrap_or(PAGE).min(PAGE)
}

/// The link to the next page, if this one is full.
pub(crate) fn next(links: &Links, path: &str, query: &Query, limit: i64, page: &[String]) -> Option<Value> {
    let last = page.last().filter(|_| i64::try_from(page.len()) == Ok(limit))?;
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut parts: Vec<String> = query
        .iter()
        .filter(|(name, _)| *name != "marker")
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    parts.push(format!("marker={}", encode(last)));
    Some(json!([{"rel": "next", "href": format!("{}?{}", links.to(path), parts.join("&"))}]))
}

/// The two links that a resource carries.
pub(crate) fn own_links(links: &Links, collection: &str, id: &str) -> Value {
    json!([
        {"rel": "self", "href": links.to(&format!("/v2.1/{collection}/{id}"))},
        {"rel": "bookmark", "href": links.to(&format!("/{collection}/{id}"))},
    ])
}

/// 400 for a query parameter that is not known, from the microversion on that looks.
pub(crate) fn known_only(query: &Query, version: Microversion, since: u16, known: &[&str]) -> Result<()> {
    match query.iter().find(|(name, _)| !known.contains(name)) {
        Some((name, _)) if version >= Microversion(2, since) => Err(Error::bad_request(format!(
            "The query parameter {name} is not known here. Known are: {}.",
            if known.is_empty() { "none".to_owned() } else { known.join(", ") }
        ))),
        _ => Ok(()),
    }
}

/// No query parameters: since 2.102 any is 400.
pub(crate) struct NoParameters;

impl<S: Send + Sync> FromRequestParts<S> for NoParameters {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let version = Microversion::from_request_parts(parts, state).await?;
        let query = Query::from_request_parts(parts, state).await?;
        known_only(&query, version, 102, &[]).map(|()| Self)
    }
}

/// 404 for a method that the asked microversion has no more, or not yet.
pub(crate) fn until(version: Microversion, last: u16, instead: &str) -> Result<()> {
    if version > Microversion(2, last) {
        return Err(Error::not_found(format!("This is gone since microversion 2.{}. {instead}", last + 1)));
    }
    Ok(())
}

/// 404 for a method that the asked microversion does not have yet.
pub(crate) fn since(version: Microversion, first: u16) -> Result<()> {
    if version < Microversion(2, first) {
        return Err(Error::not_found(format!("This is there since microversion 2.{first}.")));
    }
    Ok(())
}

/// For fields that are there to this day.
pub(crate) const LAST: u16 = u16::MAX;

/// 400 for a field that is given (name, whether it is, first and last minor version) and not of the microversion.
pub(crate) fn fields_check(version: Microversion, fields: &[(&str, bool, u16, u16)]) -> Result<()> {
    match fields.iter().find(|(_, given, first, last)| *given && !(*first..=*last).contains(&version.1)) {
        Some((name, ..)) => Err(Error::bad_request(format!(
            "Invalid input: additional properties are not allowed ('{name}' was unexpected in microversion {version})."
        ))),
        None => Ok(()),
    }
}

/// The name of something: printable, not empty, without blanks at its ends.
pub(crate) fn name_check(field: &str, name: &str) -> Result<()> {
    ::api::fields::length(field, name, 1, 255)?;
    if name.trim() != name {
        return Err(Error::bad_request(format!("{field} must not begin or end with blanks.")));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::bad_request(format!("{field} must have only printable characters.")));
    }
    Ok(())
}

/// A whole number, as such or as its digits in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole(pub(crate) i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
        number.map(Self).ok_or_else(|| serde::de::Error::custom(format!("{value} is not a whole number")))
    }
}

impl Whole {
    /// The number, if it is within bounds.
    pub(crate) fn within(self, field: &str, least: i64) -> Result<i64> {
        if (least..=MAX_INT).contains(&self.0) {
            Ok(self.0)
        } else {
            Err(Error::bad_request(format!(
                "Invalid input for field/attribute {field}. Value: {}. It must be {least} to {MAX_INT}.",
                self.0
            )))
        }
    }
}

/// A flag, as such or as one of the words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        let flag = match &value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => flag(text),
            _ => None,
        };
        flag.map(Self).ok_or_else(|| serde::de::Error::custom(format!("{value} is neither true nor false")))
    }
}

/// A word for true or false.
pub(crate) fn flag(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "t" | "true" | "on" | "y" | "yes" => Some(true),
        "0" | "f" | "false" | "off" | "n" | "no" => Some(false),
        _ => None,
    }
}
