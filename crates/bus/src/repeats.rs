//! Questions that come more than once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::Message;

/// How long an answer is kept. No bus delivers a message that late, and no asker repeats one that was answered long ago.
const KEPT: Duration = Duration::from_secs(180);

/// Who asked, and which of its questions it is.
type Key = (String, String);

/// The answer and when it was given; nothing while the question is being worked on.
type Known = Option<(Instant, Bytes)>;

/// Remembers questions, so that one that is repeated is not worked on again.
#[derive(Clone, Default)]
pub(crate) struct Repeats(Arc<Mutex<HashMap<Key, Known>>>);

/// What is known of a question.
pub(crate) enum Seen {
    /// Nothing: it is to be worked on.
    New(Open),
    /// Somebody works on it.
    UnderWay,
    /// It has this answer.
    Answered(Bytes),
}

/// A question that is worked on. Dropped without an answer it is forgotten, and may be asked again.
pub(crate) struct Open {
    repeats: Repeats,
    key: Option<Key>,
}

impl Repeats {
    /// Looks a question up, and remembers it when it is new.
    pub(crate) fn see(&self, question: &Message) -> Seen {
        let repeats = self.clone();
        let (Some(queue), Some(id)) = (&question.reply_to, &question.correlation_id) else {
            return Seen::New(Open { repeats, key: None });
        };
        let key = (queue.clone(), id.clone());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, known| known.as_ref().is_none_or(|(since, _)| since.elapsed() < KEPT));
        match known.get(&key) {
            Some(Some((_, answer))) => Seen::Answered(answer.clone()),
            Some(None) => Seen::UnderWay,
            None => {
                known.insert(key.clone(), None);
                Seen::New(Open { repeats, key: Some(key) })
            }
        }
    }
}

impl Open {
    /// Keeps the answer for those who ask again.
    pub(crate) fn answered(mut self, answer: &Bytes) {
        if let Some(key) = self.key.take() {
            let mut known = self.repeats.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(key, Some((Instant::now(), answer.clone())));
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.repeats.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        }
    }
}
