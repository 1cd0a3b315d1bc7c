use std::borrow::Cow;
use std::fmt::Display;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// How many spans of one whole are kept; what goes on longer than that repeats itself.
const MOST: usize = 500;

/// One thing that went on within a request or an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The part that was asked: `placement`.
    pub part: Cow<'static, str>,
    /// What it was asked for.
    pub name: Cow<'static, str>,
    /// The span around it, by its place in the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<usize>,
    /// When it began, in microseconds after the whole.
    pub at: u64,
    /// How long it took, in microseconds; nothing while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micros: Option<u64>,
    /// The node that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

tokio::task_local! {
    static CURRENT: Current;
}

/// Where in which whole a task is.
#[derive(Clone)]
struct Current {
    whole: Arc<Whole>,
    parent: Option<usize>,
}

struct Whole {
    begun: Instant,
    spans: Mutex<Vec<Span>>,
}

/// Runs `future` and returns the spans in it, in the order in which they began.
pub async fn collect<T>(future: impl Future<Output = T>) -> (T, Vec<Span>) {
    let whole = Arc::new(Whole { begun: Instant::now(), spans: Mutex::default() });
    let answer = CURRENT.scope(Current { whole: Arc::clone(&whole), parent: None }, future).await;
    let spans = std::mem::take(&mut *whole.spans());
    (answer, spans)
}

/// Runs `future`, which asks `part` for `name`, as a span of what is being collected.
pub async fn span<T>(part: &'static str, name: &'static str, future: impl Future<Output = T>) -> T {
    let begun = CURRENT.try_with(|current| current.begin(part, name)).ok().flatten();
    let Some(begun) = begun else { return future.await };
    let inside = Current { whole: Arc::clone(&begun.0.whole), parent: begun.0.parent };
    CURRENT.scope(inside, future).await
}

/// Futures that ask another part.
pub trait Traced: Future + Sized {
    /// This future as a [`span`].
    fn traced(self, part: &'static str, name: &'static str) -> impl Future<Output = Self::Output> {
        span(part, name, self)
    }
}

impl<F: Future> Traced for F {}

/// Notes the node that does what the current span is about.
pub fn node(name: &str) {
    note(|span| span.node = Some(name.to_owned()));
}

/// Notes that the current span failed, and why.
pub fn failed(error: &impl Display) {
    note(|span| span.error = Some(error.to_string()));
}

fn note(change: impl FnOnce(&mut Span)) {
    let Ok(current) = CURRENT.try_with(Clone::clone) else { return };
    let mut spans = current.whole.spans();
    if let Some(span) = current.parent.and_then(|index| spans.get_mut(index)) {
        change(span);
    }
}

impl Whole {
    fn spans(&self) -> MutexGuard<'_, Vec<Span>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Current {
    /// Begins a span inside of this one; nothing when there are too many already.
    fn begin(&self, part: &'static str, name: &'static str) -> Option<Begun> {
        let mut spans = self.whole.spans();
        if spans.len() >= MOST {
            return None;
        }
        let (part, name) = (Cow::Borrowed(part), Cow::Borrowed(name));
        let at = micros(self.whole.begun.elapsed());
        spans.push(Span { part, name, parent: self.parent, at, micros: None, node: None, error: None });
        Some(Begun(Self { whole: Arc::clone(&self.whole), parent: Some(spans.len() - 1) }))
    }
}

/// A span that goes on. It ends when it is dropped: also when whoever waited for it gave up.
struct Begun(Current);

impl Drop for Begun {
    fn drop(&mut self) {
        let now = micros(self.0.whole.begun.elapsed());
        let mut spans = self.0.whole.spans();
        if let Some(span) = self.0.parent.and_then(|index| spans.get_mut(index)) {
            span.micros = Some(now.saturating_sub(span.at));
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{collect, failed, node, span};

    #[tokio::test]
    async fn spans_know_what_they_are_inside_of() {
        let work = async {
            span("placement", "candidates", async {}).await;
            let inner = span("agent", "ServerStart", async {
                node("one");
                failed(&"no room");
            });
            let pair = async { tokio::join!(inner, span("image", "show", async {})) };
            span("step", "start", pair).await;
            7
        };
        let (answer, spans) = collect(work).await;
        assert_eq!(answer, 7);
        let seen: Vec<_> = spans.iter().map(|span| (&*span.part, span.parent, span.micros.is_some())).collect();
        let all = [("placement", None, true), ("step", None, true), ("agent", Some(1), true), ("image", Some(1), true)];
        assert_eq!(seen, all);
        assert_eq!((spans[2].node.as_deref(), spans[2].error.as_deref()), (Some("one"), Some("no room")));
        assert_eq!((&spans[1].node, &spans[3].error), (&None, &None));
    }

    #[tokio::test]
    async fn a_span_that_is_given_up_ends() {
        let work = async {
            let never = span("agent", "ServerStart", std::future::pending::<()>());
            drop(tokio::time::timeout(Duration::from_millis(5), never).await);
        };
        let ((), spans) = collect(work).await;
        assert!(spans[0].micros.is_some_and(|micros| micros >= 5_000), "{spans:?}");
    }

    #[tokio::test]
    async fn nobody_has_to_collect() {
        assert_eq!(span("image", "show", async { 3 }).await, 3);
        failed(&"nobody hears it");
    }

    #[tokio::test]
    async fn there_is_an_end_to_what_is_kept() {
        let work = async {
            for _ in 0..super::MOST + 10 {
                span("image", "show", async {}).await;
            }
        };
        assert_eq!(collect(work).await.1.len(), super::MOST);
    }
}
