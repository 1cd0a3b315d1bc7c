use axum::extract::FromRequestParts;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use crate::{Error, Result};

/// The query parameters of a request, in order; a name may come several times.
#[derive(Debug, Clone, Default)]
pub struct Query(Vec<(String, String)>);

/// Which part of a list is asked for, by `limit`, `marker`, `sort_key`, `sort_dir` or `sort`.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The most items that the caller wants.
    pub limit: Option<i64>,
    /// The id of the last item of the page before.
    pub marker: Option<String>,
    /// Field and direction (`true`: descending), as asked, not checked.
    pub sort: Vec<(String, bool)>,
    /// Whether the list is to be walked backwards.
    pub reverse: bool,
}

impl Query {
    /// Parses the part of a URL behind the question mark.
    pub fn parse(text: &str) -> Self {
        let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
        Self(
            text.split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
        )
    }

    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Every value of `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Only the parameters whose names `keep` wants.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|(name, _)| keep(name)).cloned().collect())
    }

    /// Every parameter.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A flag. Present without a value counts as true, as identity has it; 400 for what is no flag.
    pub fn flag(&self, name: &str) -> Result<Option<bool>> {
        self.get(name)
            .map(|value| match value.to_ascii_lowercase().as_str() {
                "" | "true" | "1" | "yes" | "on" | "t" | "y" => Ok(true),
                "false" | "0" | "no" | "off" | "f" | "n" => Ok(false),
                _ => Err(Error::bad_request(format!("{name} must be true or false, not \"{value}\"."))),
            })
            .transpose()
    }

    /// A number; 400 for what is none.
    pub fn number(&self, name: &str) -> Result<Option<i64>> {
        self.get(name)
            .map(|value| {
                value
                    .parse()
                    .map_err(|_| Error::bad_request(format!("{name} must be a whole number, not \"{value}\".")))
            })
            .transpose()
    }

    /// The asked page. `sort_key`/`sort_dir` pairs and `sort=a:asc,b:desc` are understood.
    pub fn page(&self) -> Result<Page> {
        let limit = self.number("limit")?;
        if limit.is_some_and(|limit| limit < 0) {
            return Err(Error::bad_request("limit must be zero or more."));
        }
        let mut sort: Vec<(String, bool)> = Vec::new();
        let directions: Vec<&str> = self.all("sort_dir").collect();
        for (index, key) in self.all("sort_key").enumerate() {
            sort.push((key.to_owned(), descending(directions.get(index).copied().unwrap_or("asc"))?));
        }
        for part in self.get("sort").unwrap_or_default().split(',').filter(|part| !part.is_empty()) {
            let (key, direction) = part.split_once(':').unwrap_or((part, "asc"));
            sort.push((key.trim().to_owned(), descending(direction.trim())?));
        }
        let marker = self.get("marker").filter(|marker| !marker.is_empty()).map(str::to_owned);
        Ok(Page { limit, marker, sort, reverse: self.flag("page_reverse")?.unwrap_or(false) })
    }
}

fn descending(direction: &str) -> Result<bool> {
    match direction.to_ascii_lowercase().as_str() {
        "asc" => Ok(false),
        "desc" => Ok(true),
        other => Err(Error::bad_request(format!("The sort direction must be asc or desc, not \"{other}\"."))),
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}
