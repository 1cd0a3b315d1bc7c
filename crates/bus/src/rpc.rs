//! Questions and answers over the bus, in JSON.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use runtime::Runtime;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::{Bus, Message};

/// Why a question has no answer. All may pass: whoever asks tries again or asks another way.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answered in time.
    #[error("{queue} did not answer within {limit:?}")]
    Timeout {
        /// Who was asked.
        queue: String,
        /// How long it had.
        limit: Duration,
    },
    /// The question could not be sent.
    #[error(transparent)]
    Bus(#[from] crate::Error),
    /// Question or answer is not what this version understands.
    #[error("the message is not understood")]
    Format(#[from] serde_json::Error),
}

/// Asks questions; a cheap handle.
#[derive(Clone)]
pub struct Client {
    bus: Arc<dyn Bus>,
    runtime: Runtime,
    reply_queue: Arc<str>,
    waiting: Arc<Mutex<HashMap<String, oneshot::Sender<Message>>>>,
}

impl Client {
    /// A client with a reply queue of its own.
    pub async fn new(bus: Arc<dyn Bus>, runtime: Runtime) -> Result<Self, crate::Error> {
        let reply_queue: Arc<str> = format!("reply.{}", runtime.ids.hex()).into();
        let mut replies = bus.subscribe(&reply_queue).await?;
        let waiting: Arc<Mutex<HashMap<String, oneshot::Sender<Message>>>> = Arc::default();
        let client = Self { bus, runtime: runtime.clone(), reply_queue, waiting: Arc::clone(&waiting) };
        runtime.tasks.spawn_until_stop("rpc replies", async move {
            while let Some(reply) = replies.recv().await {
                let asker = reply.correlation_id.as_ref().and_then(|id| lock(&waiting).remove(id));
                if let Some(asker) = asker {
                    // An asker that gave up is gone; its answer is of no use.
                    drop(asker.send(reply));
                }
            }
        });
        Ok(client)
    }

    /// Sends `question` to `queue` and waits for the answer, at most `limit`.
    pub async fn call<Q: Serialize, A: DeserializeOwned>(
        &self,
        queue: &str,
        question: &Q,
        limit: Duration,
    ) -> Result<A, Error> {
        let id = self.runtime.ids.hex();
        let (sender, receiver) = oneshot::channel();
        lock(&self.waiting).insert(id.clone(), sender);
        let _forget = Forget { waiting: &self.waiting, id: &id };
        let message = Message {
            body: serde_json::to_vec(question)?.into(),
            reply_to: Some(self.reply_queue.to_string()),
            correlation_id: Some(id.clone()),
        };
        self.bus.publish(queue, message).await?;
        match tokio::time::timeout(limit, receiver).await {
            Ok(Ok(answer)) => Ok(serde_json::from_slice(&answer.body)?),
            Ok(Err(_)) | Err(_) => Err(Error::Timeout { queue: queue.to_owned(), limit }),
        }
    }

    /// Sends something that needs no answer.
    pub async fn tell<Q: Serialize>(&self, queue: &str, hint: &Q) -> Result<(), Error> {
        let body = serde_json::to_vec(hint)?.into();
        Ok(self.bus.publish(queue, Message { body, reply_to: None, correlation_id: None }).await?)
    }
}

/// Forgets a question when its asker ends, however it ends.
struct Forget<'a> {
    waiting: &'a Mutex<HashMap<String, oneshot::Sender<Message>>>,
    id: &'a str,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        lock(self.waiting).remove(self.id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers the questions that come to `queue`, each in a task of its own, until the process stops.
pub async fn serve<Q, A, F>(
    bus: Arc<dyn Bus>,
    runtime: &Runtime,
    queue: &str,
    handler: impl Fn(Q) -> F + Send + Sync + 'static,
) -> Result<(), crate::Error>
where
    Q: DeserializeOwned + Send + 'static,
    A: Serialize + Send,
    F: Future<Output = A> + Send + 'static,
{
    let mut questions = bus.subscribe(queue).await?;
    let tasks = runtime.tasks.clone();
    runtime.tasks.spawn_until_stop("rpc server", async move {
        while let Some(message) = questions.recv().await {
            let question: Q = match serde_json::from_slice(&message.body) {
                Ok(question) => question,
                Err(error) => {
                    tracing::warn!(%error, "a question is not understood");
                    continue;
                }
            };
            let (answering, bus) = (handler(question), Arc::clone(&bus));
            tasks.spawn_until_stop("rpc answer", async move { answer(answering.await, message, &*bus).await });
        }
    });
    Ok(())
}

async fn answer<A: Serialize>(answer: A, to: Message, bus: &dyn Bus) {
    let Some(queue) = to.reply_to else { return };
    let body = match serde_json::to_vec(&answer) {
        Ok(body) => body.into(),
        Err(error) => return tracing::error!(%error, "an answer cannot be written"),
    };
    let reply = Message { body, reply_to: None, correlation_id: to.correlation_id };
    if let Err(error) = bus.publish(&queue, reply).await {
        tracing::warn!(%error, "an answer could not be sent");
    }
}
