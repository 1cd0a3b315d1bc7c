use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::{Row as _, ValueRef as _};

use crate::sqlite::SqliteRow;
use crate::{Error, Result};

/// One row of an answer, of either engine.
pub enum Row<'a> {
    #[doc(hidden)]
    Sqlite(SqliteRow<'a>),
    #[doc(hidden)]
    Postgres(&'a PgRow),
}

impl Row<'_> {
    /// The value of the column `name`.
    pub fn get<T: Column>(&self, name: &str) -> Result<T> {
        T::read(self, name)
    }
}

/// A type that a column can be read as.
pub trait Column: Sized {
    /// Reads the column `name` of `row`.
    fn read(row: &Row<'_>, name: &str) -> Result<Self>;
}

/// A struct that a row can be read as; made by [`row!`](crate::row!).
pub trait FromRow: Sized {
    /// Reads the whole row.
    fn from_row(row: &Row<'_>) -> Result<Self>;
}

macro_rules! column {
    ($($type:ty),*) => {$(
        impl Column for $type {
            fn read(row: &Row<'_>, name: &str) -> Result<Self> {
                match row {
                    Row::Sqlite(row) => {
                        let index = row.index(name).ok_or_else(|| absent(name))?;
                        row.value(index).map_err(|source| column_error(name, source))
                    }
                    Row::Postgres(row) => row.try_get(name).map_err(|source| column_error(name, source)),
                }
            }
        }
        impl FromRow for $type {
            fn from_row(row: &Row<'_>) -> Result<Self> {
                match row {
                    Row::Sqlite(row) => row.value(0).map_err(|source| column_error("0", source)),
                    Row::Postgres(row) => row.try_get(0).map_err(|source| column_error("0", source)),
                }
            }
        }
    )*};
}

column!(String, i64, bool, f64, Vec<u8>);

impl<T: Column> Column for Option<T> {
    fn read(row: &Row<'_>, name: &str) -> Result<Self> {
        let null = match row {
            Row::Sqlite(row) => row.is_null(row.index(name).ok_or_else(|| absent(name))?),
            Row::Postgres(row) => {
                row.try_get_raw(name).map(|value| value.is_null()).map_err(|source| column_error(name, source))?
            }
        };
        if null { Ok(None) } else { T::read(row, name).map(Some) }
    }
}

impl Column for Timestamp {
    fn read(row: &Row<'_>, name: &str) -> Result<Self> {
        Timestamp::from_microsecond(i64::read(row, name)?).map_err(|source| column_error(name, source))
    }
}

/// A TEXT column that holds JSON.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> Column for Json<T> {
    fn read(row: &Row<'_>, name: &str) -> Result<Self> {
        serde_json::from_str(&String::read(row, name)?).map(Json).map_err(|source| column_error(name, source))
    }
}

impl<T: serde::Serialize> From<&Json<T>> for crate::Value {
    fn from(json: &Json<T>) -> Self {
        // Serialising into a string fails only for maps whose keys are no strings; those become null.
        Self::Text(Some(serde_json::to_string(&json.0).unwrap_or_else(|_| "null".to_owned())))
    }
}

impl<T: serde::Serialize> From<Json<T>> for crate::Value {
    fn from(json: Json<T>) -> Self {
        Self::from(&json)
    }
}

/// The statement answers without that column.
fn absent(name: &str) -> Error {
    column_error(name, std::io::Error::other("the answer has no such column"))
}

fn column_error(name: &str, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Column { column: name.to_owned(), source: Box::new(source) }
}

/// Declares a struct whose fields are read from the columns of the same names.
#[macro_export]
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: $type),* }
        impl $crate::FromRow for $name {
            fn from_row(row: &$crate::Row<'_>) -> $crate::Result<Self> {
                Ok(Self { $($field: row.get(stringify!($field))?),* })
            }
        }
    };
}
