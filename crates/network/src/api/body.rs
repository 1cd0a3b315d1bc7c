//! What bodies of requests and answers share.

use api::{Error, Json, Links, Page, Query, Result};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::Network;
use crate::model::Standard;

/// The body of a request: an object with one entry.
pub(super) type Body = Json<Map<String, Value>>;

/// What a body says of one resource.
pub(super) fn one<T: DeserializeOwned>(mut body: Map<String, Value>, name: &str) -> Result<T> {
    let Some(value) = body.remove(name) else {
        return Err(Error::bad_request(format!("Unable to find '{name}' in request body.")));
    };
    parse(name, value)
}

/// What a body says of new resources: one under `name` or several under `names`. Tells whether they were several.
pub(super) fn creates<T: DeserializeOwned>(
    mut body: Map<String, Value>,
    name: &str,
    names: &str,
) -> Result<(Vec<T>, bool)> {
    match body.remove(names) {
        None => one(body, name).map(|create| (vec![create], false)),
        Some(Value::Array(values)) if values.is_empty() => {
            Err(Error::bad_request(format!("Resources required: {names} is empty.")))
        }
        Some(Value::Array(values)) => {
            let creates: Result<Vec<T>> = values.into_iter().map(|value| parse(name, value)).collect();
            Ok((creates?, true))
        }
        Some(_) => Err(Error::bad_request(format!("{names} must be a list."))),
    }
}

fn parse<T: DeserializeOwned>(name: &str, value: Value) -> Result<T> {
    if !value.is_object() {
        return Err(Error::bad_request(format!("{name} must be an object.")));
    }
    serde_json::from_value(value).map_err(|error| {
        let text = error.to_string();
        let code = if text.starts_with("unknown field") { "HTTPBadRequest" } else { "InvalidInput" };
        Error::bad_request(format!("Invalid input for {name}. Reason: {text}")).with_code(code)
    })
}

/// What every resource shows.
#[derive(Serialize)]
pub(super) struct Common<'a> {
    id: &'a str,
    project_id: &'a str,
    tenant_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    description: &'a str,
    revision_number: i64,
    created_at: String,
    updated_at: String,
    tags: &'a [String],
}

impl<'a> From<&'a Standard> for Common<'a> {
    fn from(standard: &'a Standard) -> Self {
        Self {
            id: &standard.id,
            project_id: &standard.project_id,
            tenant_id: &standard.project_id,
            name: Some(&standard.name),
            description: &standard.description,
            revision_number: standard.revision,
            created_at: api::time::seconds(standard.created_at),
            updated_at: api::time::seconds(standard.updated_at),
            tags: &standard.tags,
        }
    }
}

impl<'a> Common<'a> {
    /// What a resource without a name shows. Clients read a floating IP's `name` as its address.
    pub(super) fn nameless(standard: &'a Standard) -> Self {
        Self { name: None, ..standard.into() }
    }
}

/// An answer with one resource: the fields that were asked for, or all.
pub(super) fn shown(status: StatusCode, name: &str, view: &impl Serialize, query: &Query) -> Result<Response> {
    let value = select(serde_json::to_value(view).map_err(Error::internal)?, query);
    Ok((status, Json(json!({ name: value }))).into_response())
}

/// An answer with what was made.
pub(super) fn created<T: Serialize>(name: &str, names: &str, views: &[T], several: bool) -> Result<Response> {
    match views {
        [view] if !several => shown(StatusCode::CREATED, name, view, &Query::default()),
        views => Ok((StatusCode::CREATED, Json(json!({ names: views }))).into_response()),
    }
}

/// An answer without body.
pub(super) fn gone() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

fn select(value: Value, query: &Query) -> Value {
    let mut fields = query.all("fields").filter(|field| !field.is_empty()).peekable();
    match (fields.peek(), value) {
        (Some(_), Value::Object(mut all)) => {
            Value::Object(fields.filter_map(|field| all.remove_entry(field)).collect())
        }
        (_, value) => value,
    }
}

/// The asked page, not longer than the service gives.
pub(super) fn page(network: &Network, query: &Query) -> Result<Page> {
    let mut page = query.page()?;
    let most = network.0.options.page_limit;
    page.limit = Some(page.limit.filter(|limit| *limit > 0).map_or(most, |limit| limit.min(most)));
    Ok(page)
}

/// A list with the links to the pages around it.
pub(super) struct List<'a> {
    /// The name of the list.
    pub(super) names: &'a str,
    /// Its path below the version.
    pub(super) path: &'a str,
    pub(super) query: &'a Query,
    pub(super) page: &'a Page,
    pub(super) links: &'a Links,
}

impl List<'_> {
    /// The answer with these items; the ids are those of the first and the last.
    pub(super) fn answer<T: Serialize>(&self, views: &[T], ids: Option<(&str, &str)>) -> Result<Response> {
        let links = self.page_links(views.len(), ids);
        if self.query.get("fields").is_none() {
            return Ok(Json(Items { names: self.names, views, links }).into_response());
        }
        let mut selected = Vec::new();
        for view in views {
            selected.push(select(serde_json::to_value(view).map_err(Error::internal)?, self.query));
        }
        Ok(Json(Items { names: self.names, views: &selected, links }).into_response())
    }

    fn page_links(&self, count: usize, ids: Option<(&str, &str)>) -> Vec<Value> {
        let Some((first, last)) = ids else { return Vec::new() };
        let limit = self.page.limit.unwrap_or(i64::MAX);
        let full = i64::try_from(count).is_ok_and(|count| count >= limit);
        let asked = self.query.get("limit").is_some();
        let (reverse, marked) = (self.page.reverse, self.page.marker.is_some());
        let mut links = Vec::new();
        if (full && !reverse) || (reverse && marked) {
            links.push(json!({"rel": "next", "href": self.href(limit, last, false)}));
        }
        if asked && ((full && reverse) || (!reverse && marked)) {
            links.push(json!({"rel": "previous", "href": self.href(limit, first, true)}));
        }
        links
    }

    fn href(&self, limit: i64, marker: &str, reverse: bool) -> String {
        let mut text = format!("/v2.0/{}?limit={limit}&marker={marker}", self.path);
        for (name, value) in self.query.iter().filter(|(name, _)| !["limit", "marker", "page_reverse"].contains(name)) {
            text.push_str(&format!("&{}={}", encode(name), encode(value)));
        }
        if reverse {
            text.push_str("&page_reverse=True");
        }
        self.links.to(&text)
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A list under its name, and the links to the pages around it if there are any.
struct Items<'a, T> {
    names: &'a str,
    views: &'a [T],
    links: Vec<Value>,
}

impl<T: Serialize> Serialize for Items<'_, T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut body = to.serialize_map(None)?;
        body.serialize_entry(self.names, self.views)?;
        if !self.links.is_empty() {
            body.serialize_entry(&format!("{}_links", self.names), &self.links)?;
        }
        body.end()
    }
}

/// The ids at both ends of a list.
pub(super) fn ends<'a, T>(items: &'a [T], standard: impl Fn(&'a T) -> &'a Standard) -> Option<(&'a str, &'a str)> {
    Some((standard(items.first()?).id.as_str(), standard(items.last()?).id.as_str()))
}
