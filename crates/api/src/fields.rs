//! Field types that several services' requests share.

use serde::{Deserialize, Deserializer};

use crate::{Error, Result};

/// Tells an absent field (`None`) from a null one (`Some(None)`); use with `#[serde(default, deserialize_with)]`.
pub fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// Checks the length of a text in characters; 400 names the field and the bounds.
pub fn length(field: &str, text: &str, least: usize, most: usize) -> Result<()> {
    let length = text.chars().count();
    if (least..=most).contains(&length) {
        Ok(())
    } else {
        Err(Error::bad_request(format!("{field} must have {least} to {most} characters; it has {length}.")))
    }
}

/// Whether `text` is a UUID, with or without dashes.
pub fn is_uuid(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok()
}
