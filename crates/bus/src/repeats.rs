//! Questions that come more than once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::Message;

/// How long an answer is kept. No bus delivers a message that late, and no asker repeats one that was answered long ago.
const KEPT: Duration = Duration::from_secs(60);

/// Who asked, and which of its questions it is.
type Key = (String, String);

/// The answer; nothing while the question is being worked on.
type Known = Option<Bytes>;

/// Remembers questions, so that one that is repeated is not worked on again.
#[derive(Clone, Default)]
pub(crate) struct Repeats(Arc<Mutex<Questions>>);

#[derive(Default)]
struct Questions {
    known: HashMap<Key, Known>,
    /// Those that are answered and when, the oldest first: what is too old is found without looking at the others.
    answered: VecDeque<(Instant, Key)>,
}

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
    fn questions(&self) -> MutexGuard<'_, Questions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks a question up, and remembers it when it is new.
    pub(crate) fn see(&self, question: &Message) -> Seen {
        let repeats = self.clone();
        let (Some(queue), Some(id)) = (&question.reply_to, &question.correlation_id) else {
            return Seen::New(Open { repeats, key: None });
        };
        let key = (queue.clone(), id.clone());
        let mut questions = self.questions();
        questions.forget(Instant::now());
        match questions.known.get(&key) {
            Some(Some(answer)) => Seen::Answered(answer.clone()),
            Some(None) => Seen::UnderWay,
            None => {
                questions.known.insert(key.clone(), None);
                Seen::New(Open { repeats, key: Some(key) })
            }
        }
    }
}

impl Questions {
    /// Forgets what was answered too long ago.
    fn forget(&mut self, now: Instant) {
        while let Some((_, key)) = self.answered.pop_front_if(|(since, _)| now.duration_since(*since) >= KEPT) {
            self.known.remove(&key);
        }
    }
}

impl Open {
    /// Keeps the answer for those who ask again.
    pub(crate) fn answered(mut self, answer: &Bytes) {
        if let Some(key) = self.key.take() {
            let mut questions = self.repeats.questions();
            questions.known.insert(key.clone(), Some(answer.clone()));
            questions.answered.push_back((Instant::now(), key));
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.repeats.questions().known.remove(&key);
        }
    }
}
