use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::{Bus, Error, Message, Messages};

/// How many messages wait for a subscriber before new ones are dropped.
const CAPACITY: usize = 1024;

/// The bus of a cloud that is one process.
#[derive(Debug, Default)]
pub struct InProcess {
    queues: Mutex<HashMap<String, Vec<mpsc::Sender<Message>>>>,
}

#[async_trait]
impl Bus for InProcess {
    async fn publish(&self, queue: &str, message: Message) -> Result<(), Error> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(subscribers) = queues.get_mut(queue) else { return Ok(()) };
        subscribers.retain(|subscriber| !subscriber.is_closed());
        if subscribers.is_empty() {
            queues.remove(queue);
            return Ok(());
        }
        // The next message goes to the next subscriber.
        subscribers.rotate_left(1);
        if let Some(next) = subscribers.last()
            && next.try_send(message).is_err()
        {
            tracing::warn!(queue, "a subscriber is too slow; its message is dropped");
        }
        Ok(())
    }

    async fn subscribe(&self, queue: &str) -> Result<Messages, Error> {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).entry(queue.to_owned()).or_default().push(sender);
        Ok(receiver)
    }
}
