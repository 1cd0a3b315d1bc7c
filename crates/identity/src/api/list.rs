//! What all lists share: filters, pages, and the shape of the answer.

use api::{Error, Json, Links, Page, Query, Result};
use axum::extract::{FromRef, FromRequestParts};
use http::Uri;
use http::request::Parts;
use serde_json::{Value, json};

use crate::store::Filter;
use crate::{Caller, Identity};

/// A request for a list.
pub(super) struct Listing {
    pub query: Query,
    /// One row more than is shown, to know whether there is a next page.
    pub page: Page,
    limit: usize,
    links: Links,
    uri: Uri,
}

impl<S> FromRequestParts<S> for Listing
where
    S: Send + Sync,
    Identity: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let query = Query::from_request_parts(parts, state).await?;
        let links = Links::from_request_parts(parts, state).await?;
        let most = Identity::from_ref(state).0.config.list_limit.max(1);
        let mut page = query.page()?;
        let limit = page.limit.filter(|limit| *limit > 0).map_or(most, |limit| limit.min(most));
        page.limit = Some(limit + 1);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(Self { query, page, limit, links, uri: parts.uri.clone() })
    }
}

/// The condition that a domain-scoped caller sees what is in the domain alone.
pub(super) fn own_domain(caller: &Caller, column: &'static str) -> Option<Filter> {
    caller.token.domain_id.as_ref().map(|id| Filter::is(column, id))
}

impl Listing {
    /// Conditions for those of the columns that the query names: texts, exactly or as `name__contains`, and flags.
    pub fn filters(&self, texts: &[&'static str], flags: &[&'static str]) -> Result<Vec<Filter>> {
        let mut filters = Vec::new();
        for name in texts {
            filters.extend(self.filter(name, name));
        }
        for name in flags {
            if let Some(flag) = self.query.flag(name)? {
                filters.push(Filter::is(name, flag));
            }
        }
        Ok(filters)
    }

    /// Conditions for a column that the query calls by another name.
    pub fn filter(&self, name: &str, column: &'static str) -> Vec<Filter> {
        let condition = |(asked, value): (&str, &str)| match asked.strip_prefix(name)? {
            "" => Some(Filter::is(column, value)),
            rest => Filter::inexact(column, rest.strip_prefix("__")?, value),
        };
        self.query.iter().filter_map(condition).collect()
    }

    /// Conditions on the domain: the one in the query, and that of a domain-scoped caller, who sees no other.
    pub fn domain(&self, caller: &Caller) -> Vec<Filter> {
        let mut filters = self.filter("domain_id", "domain_id");
        filters.extend(own_domain(caller, "domain_id"));
        filters
    }

    /// The rows behind the marker, of a list that is always read as a whole.
    pub fn behind_marker<T>(&self, mut rows: Vec<T>, id: impl Fn(&T) -> &str) -> Vec<T> {
        let Some(marker) = &self.page.marker else { return rows };
        match rows.iter().position(|row| id(row) == marker) {
            Some(at) => rows.split_off(at + 1),
            None => Vec::new(),
        }
    }

    /// The answer: the rows of this page, and where the next one is.
    pub fn answer<T>(
        &self,
        name: &str,
        mut rows: Vec<T>,
        id: impl Fn(&T) -> &str,
        show: impl Fn(&T) -> Value,
    ) -> Json<Value> {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = match rows.last() {
            Some(last) if more => json!(self.next(id(last))),
            _ => Value::Null,
        };
        let here = self.links.to(self.uri.path_and_query().map_or("/", |path| path.as_str()));
        let shown: Vec<Value> = rows.iter().map(show).collect();
        let mut body = json!({name: shown, "links": {"self": here, "next": next, "previous": null}});
        if more {
            body["truncated"] = json!(true);
        }
        Json(body)
    }

    fn next(&self, marker: &str) -> String {
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let kept = self.query.iter().filter(|(name, _)| *name != "marker");
        let mut pairs: Vec<String> = kept.map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        pairs.push(format!("marker={}", encode(marker)));
        self.links.to(&format!("{}?{}", self.uri.path(), pairs.join("&")))
    }
}
