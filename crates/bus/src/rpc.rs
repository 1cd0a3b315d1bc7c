//! Questions and answers over the bus, in JSON. A question is repeated until it is answered, and worked on once: a lost
//! message costs seconds, however long the work takes.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use runtime::Runtime;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::repeats::{Open, Repeats, Seen};
use crate::{Bus, Message};

/// How soon a question without an answer is repeated.
const REPEAT: Duration = Duration::from_secs(2);

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
        tokio::select! {
            answer = receiver => match answer {
                Ok(answer) => Ok(serde_json::from_slice(&answer.body)?),
                Err(_) => Err(Error::Timeout { queue: queue.to_owned(), limit }),
            },
            () = self.ask_always(queue, message) => Err(Error::Timeout { queue: queue.to_owned(), limit }),
            () = tokio::time::sleep(limit) => Err(Error::Timeout { queue: queue.to_owned(), limit }),
        }
    }

    /// Asks again and again. That the broker is away is like a lost message.
    async fn ask_always(&self, queue: &str, message: Message) {
        loop {
            if let Err(error) = self.bus.publish(queue, message.clone()).await {
                tracing::info!(%error, queue, "a question could not be sent; it is repeated");
            }
            tokio::time::sleep(REPEAT).await;
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

/// Answers the questions that come to `queue`, each in a task of its own, until the process stops. A repeated question is
/// not worked on again: it gets the answer of the first, once there is one.
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
    let repeats = Repeats::default();
    runtime.tasks.spawn_until_stop("rpc server", async move {
        while let Some(message) = questions.recv().await {
            let open = match repeats.see(&message) {
                Seen::New(open) => open,
                Seen::UnderWay => continue,
                Seen::Answered(body) => {
                    let bus = Arc::clone(&bus);
                    tasks.spawn_until_stop("rpc answer again", async move { send(body, message, &*bus).await });
                    continue;
                }
            };
            let question: Q = match serde_json::from_slice(&message.body) {
                Ok(question) => question,
                Err(error) => {
                    tracing::warn!(%error, "a question is not understood");
                    continue;
                }
            };
            let (answering, bus) = (handler(question), Arc::clone(&bus));
            tasks.spawn_until_stop("rpc answer", async move { answer(answering.await, open, message, &*bus).await });
        }
    });
    Ok(())
}

async fn answer<A: Serialize>(answer: A, open: Open, to: Message, bus: &dyn Bus) {
    let body: Bytes = match serde_json::to_vec(&answer) {
        Ok(body) => body.into(),
        Err(error) => return tracing::error!(%error, "an answer cannot be written"),
    };
    open.answered(&body);
    send(body, to, bus).await;
}

async fn send(body: Bytes, to: Message, bus: &dyn Bus) {
    let Some(queue) = to.reply_to else { return };
    let reply = Message { body, reply_to: None, correlation_id: to.correlation_id };
    if let Err(error) = bus.publish(&queue, reply).await {
        tracing::warn!(%error, "an answer could not be sent");
    }
}
