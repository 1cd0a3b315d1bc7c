//! What every part of the program stands on: configuration, logs, clock, ids, tasks.
//!
//! Nothing here is global: whoever needs the time, an id or a task takes a [`Runtime`].

pub mod config;
pub mod logs;

mod clock;
mod ids;
mod tasks;

pub use clock::Clock;
pub use ids::{Ids, request_id};
pub use tasks::Tasks;

/// The time, ids and tasks of one process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Runtime {
    /// Where the time comes from.
    pub clock: Clock,
    /// Where ids and secrets come from.
    pub ids: Ids,
    /// Where background tasks are started, and stopped together.
    pub tasks: Tasks,
}
