//! What can go wrong between us and a database server.

use std::time::Duration;

use serde_json::Value as Json;

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The remote is not of the form `unix:PATH` or `tcp:HOST:PORT`.
    #[error("{0:?} is not a database remote; write unix:PATH or tcp:HOST:PORT, several separated by commas")]
    Remote(String),

    /// There was no connection for as long as the call may take; nothing was sent.
    #[error("no connection to the database server: {0}")]
    Unavailable(String),

    /// The request was sent and the connection was lost before its answer: it may or may not have happened.
    #[error("the connection to the database server was lost before it answered {method}: {reason}")]
    Lost {
        /// The method called.
        method: &'static str,
        /// What ended the connection.
        reason: String,
    },

    /// The server is there and did not answer in time: the request may or may not happen.
    #[error("the database server did not answer {method} within {after:?}")]
    Timeout {
        /// The method called.
        method: &'static str,
        /// How long the call waited.
        after: Duration,
    },

    /// The task that owns the connection has ended.
    #[error("the database client has ended")]
    Closed,

    /// The server refused a whole request (RFC 7047 §4.1, the member `error` of the response).
    #[error("the database server refused {method}: {error}{}", parenthesis(details))]
    Refused {
        /// The method called.
        method: &'static str,
        /// The server's short name of the error, such as `unknown database`.
        error: String,
        /// The server's explanation; may be empty.
        details: String,
    },

    /// One operation of a transaction failed, or its commit; nothing of it was applied (RFC 7047 §4.1.3).
    #[error("{} failed: {error}{}", place(*index), parenthesis(details))]
    Transaction {
        /// Which operation failed; none when all succeeded and the commit failed.
        index: Option<usize>,
        /// The server's short name of the error, such as `constraint violation`.
        error: String,
        /// The server's explanation; may be empty.
        details: String,
    },

    /// The remote serves a member of a cluster that does not lead it.
    #[error("{0} is not the leader of its cluster")]
    NotLeader(String),

    /// The bytes or the JSON from the server do not follow the protocol.
    #[error("the database server sent what cannot be understood: {0}")]
    Protocol(String),

    /// A row has no such column.
    #[error("the row has no column {0}")]
    NoColumn(String),

    /// A column holds another type than it was asked for.
    #[error("column {column} is not {expected}")]
    ColumnType {
        /// The column read.
        column: String,
        /// The type it was read as.
        expected: &'static str,
    },

    /// The reader of changes was too slow and missed some: read the tables again.
    #[error("{0} updates were missed; read the tables again")]
    Lagged(u64),
}

impl Error {
    pub(crate) fn protocol(what: impl Into<String>) -> Self {
        Error::Protocol(what.into())
    }

    /// The error of a response to `method`: an object with `error` and `details`, or anything else in JSON.
    pub(crate) fn refused(method: &'static str, error: &Json) -> Self {
        let (error, details) = error_parts(error);
        Error::Refused { method, error, details }
    }
}

/// Splits an `<error>` (RFC 7047 §3.1) into its name and its details.
pub(crate) fn error_parts(error: &Json) -> (String, String) {
    let text = |name: &str| error.get(name).and_then(Json::as_str).map(str::to_owned);
    let name = text("error").or_else(|| error.as_str().map(str::to_owned)).unwrap_or_else(|| error.to_string());
    (name, text("details").unwrap_or_default())
}

fn parenthesis(details: &str) -> String {
    if details.is_empty() { String::new() } else { format!(" ({details})") }
}

fn place(index: Option<usize>) -> String {
    index.map_or_else(|| "the commit".to_owned(), |index| format!("operation {index} of the transaction"))
}
