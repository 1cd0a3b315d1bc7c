//! What comes in headers and query strings is parsed or refused, and never panics.

use api::{Microversion, Query};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_microversion_is_read_back_as_it_was_written(major: u16, minor: u16) {
        let version = Microversion(major, minor);
        prop_assert_eq!(version.to_string().parse::<Microversion>().ok(), Some(version));
    }

    #[test]
    fn any_text_is_a_microversion_or_refused(text in ".*|[0-9]{0,6}[.]?[0-9]{0,6}") {
        if let Ok(version) = text.parse::<Microversion>() {
            let (major, minor) = text.split_once('.').unwrap_or_default();
            prop_assert!(major.parse() == Ok(version.0) && minor.parse() == Ok(version.1));
        }
    }

    #[test]
    fn any_query_string_is_read_or_refused(text in ".*|(limit|sort|marker|sort_key)=[^&]{0,9}&sort_dir=.{0,5}") {
        let query = Query::parse(&text);
        let _ = (query.page(), query.flag("a"), query.number("limit"));
        for (name, value) in query.iter() {
            prop_assert!(query.all(name).any(|known| known == value));
        }
    }

    #[test]
    fn a_query_parameter_is_read_back(name in "[a-z_]{1,10}", value in ".{0,20}") {
        let query = Query::parse(&format!("{name}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC)));
        prop_assert_eq!(query.get(&name), Some(value.as_str()));
    }
}
