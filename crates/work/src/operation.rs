use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

/// A kind of durable work. The implementing struct is what the operation knows: its parameters and what its steps
/// have learnt; it is saved after every step.
pub trait Operation: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name in the database; it never changes.
    const KIND: &'static str;
    /// Whether a step may fail for good, so that all is undone. Else every step is tried until it succeeds.
    const GIVES_UP: bool = true;
    /// What the steps work with.
    type Context: Send + Sync + 'static;

    /// The steps, in order. A release that changes the list must still finish operations of the one before.
    fn steps() -> &'static [&'static dyn Step<Self>];
}

/// One step of an operation.
#[async_trait]
pub trait Step<O: Operation>: Send + Sync {
    /// The name in the database and in the user's list of events.
    fn name(&self) -> &'static str;

    /// Does the step. It may have been done already, in whole or in part.
    async fn run(&self, context: &O::Context, operation: &mut O, progress: &mut Progress) -> Result<(), Failure>;

    /// Takes the step back. It may not have been done at all, or only in part. An error is tried again until it works.
    async fn undo(&self, _context: &O::Context, _operation: &mut O, _progress: &mut Progress) -> Result<(), Failure> {
        Ok(())
    }
}

/// What a step knows of the operation around it.
#[derive(Debug, Clone)]
pub struct Progress {
    /// The operation's id.
    pub operation_id: String,
    /// The request that caused it.
    pub request_id: String,
    /// How often this step was tried before.
    pub attempts: i64,
    /// While undoing: why the operation failed, for the user.
    pub failure: Option<String>,
    /// The node that did the step, for the list of events; the step sets it.
    pub host: Option<String>,
    /// Says when something else took the operation's place, so that no step needs to wait any longer.
    pub cancelled: CancellationToken,
}

/// Why a step did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Not yet: try the step again after a while, until the operation's deadline.
    #[error("not yet: {reason}")]
    Wait {
        /// What is missing.
        reason: String,
        /// How long to wait.
        after: Duration,
    },
    /// Something that may pass: try the step again, later each time, until the operation's deadline.
    #[error("{0}")]
    Retry(String),
    /// Undo back to and including the step of that name and run forward again from there.
    #[error("{reason}")]
    Again {
        /// Where to start again.
        from: &'static str,
        /// Why.
        reason: String,
    },
    /// For good: undo everything. The text is for the user.
    #[error("{0}")]
    Fatal(String),
}

impl From<db::Error> for Failure {
    fn from(error: db::Error) -> Self {
        Self::Retry(format!("{error}: {:?}", std::error::Error::source(&error)))
    }
}
