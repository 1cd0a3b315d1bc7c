//! Messages between the parts of the cloud. Everything that must last is in the database: a message is a hint or a
//! question, and may be lost, late or repeated.
//!
//! [`Bus`] carries bytes to named queues; [`rpc`] asks questions over it.

pub mod rpc;

#[cfg(feature = "testing")]
pub mod testing;

mod in_process;
mod rabbit;
mod repeats;

use async_trait::async_trait;
use bytes::Bytes;
pub use in_process::InProcess;
pub use rabbit::Rabbit;
use tokio::sync::mpsc;

/// Why a message did not go out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The broker is away; what was published is lost.
    #[error("the message broker cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A message that was received.
#[derive(Debug, Clone)]
pub struct Message {
    /// The content.
    pub body: Bytes,
    /// The queue to answer to, if the sender waits for an answer.
    pub reply_to: Option<String>,
    /// What the answer must carry so that the sender knows its question.
    pub correlation_id: Option<String>,
}

/// The messages of one queue, as they come. Messages that were received and not handled when the process dies are lost.
pub type Messages = mpsc::Receiver<Message>;

/// Carries messages to queues. Each message reaches one subscriber of its queue, or none if nobody subscribes.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Sends a message to the queue of that name.
    async fn publish(&self, queue: &str, message: Message) -> Result<(), Error>;

    /// Receives from the queue of that name, together with its other subscribers. Survives a restart of the broker.
    async fn subscribe(&self, queue: &str) -> Result<Messages, Error>;
}
