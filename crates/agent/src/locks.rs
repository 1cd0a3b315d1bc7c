use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::OwnedMutexGuard;

/// One lock per key: what is done under the same key is done one after the other.
#[derive(Debug, Default, Clone)]
pub(crate) struct Locks(Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>);

/// A place among those who want a key.
pub(crate) enum Place {
    /// The first: the key is ours.
    First(OwnedMutexGuard<()>),
    /// Behind others.
    Later(Pin<Box<dyn Future<Output = OwnedMutexGuard<()>> + Send>>),
}

impl Place {
    /// Waits until those before are done.
    pub(crate) async fn reached(self) -> OwnedMutexGuard<()> {
        match self {
            Self::First(guard) => guard,
            Self::Later(waiting) => waiting.await,
        }
    }
}

impl Locks {
    /// Takes a place behind those who want the key already.
    pub(crate) fn queue(&self, key: &str) -> Place {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Locks that only the map knows are held and awaited by nobody.
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(key.to_owned()).or_default())
        };
        // The lock is fair: whoever has looked once stands in its queue.
        let mut waiting = Box::pin(lock.lock_owned());
        match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(guard) => Place::First(guard),
            Poll::Pending => Place::Later(waiting),
        }
    }

    /// Waits until nobody else has the key.
    pub(crate) async fn lock(&self, key: &str) -> OwnedMutexGuard<()> {
        self.queue(key).reached().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_key_is_for_one_at_a_time() {
        let locks = Locks::default();
        let held = locks.lock("a").await;
        let _other = locks.lock("b").await;
        let waiting = tokio::spawn({
            let locks = locks.clone();
            async move { drop(locks.lock("a").await) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(held);
        waiting.await.unwrap();
        assert!(locks.0.lock().unwrap().len() <= 2);
    }

    #[tokio::test]
    async fn whoever_queues_first_is_first_whoever_waits_first() {
        let locks = Locks::default();
        let held = locks.queue("a");
        let (second, third) = (locks.queue("a"), locks.queue("a"));
        let order = Arc::new(Mutex::new(Vec::new()));
        let go = |place: Place, name: &'static str| {
            let order = Arc::clone(&order);
            tokio::spawn(async move {
                let _held = place.reached().await;
                order.lock().unwrap().push(name);
            })
        };
        let last = go(third, "third");
        tokio::task::yield_now().await;
        let before = go(second, "second");
        tokio::task::yield_now().await;
        drop(held);
        before.await.unwrap();
        last.await.unwrap();
        assert_eq!(*order.lock().unwrap(), ["second", "third"]);
    }
}
