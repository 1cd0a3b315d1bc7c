use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bus::{Bus, Error, InProcess, Message, Messages};

/// A bus that loses some messages, repeats some at once and some late, in a sequence that its seed decides.
#[derive(Default)]
pub struct Lossy {
    bus: InProcess,
    seed: u64,
    count: AtomicU64,
    lost: AtomicU64,
    late: Mutex<Option<(String, Message)>>,
}

impl Lossy {
    /// The bus with the sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// How many messages it has lost.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// The next number of the sequence (SplitMix64).
    fn next(&self) -> u64 {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let mut number = self.seed.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }
}

#[async_trait]
impl Bus for Lossy {
    async fn publish(&self, queue: &str, message: Message) -> Result<(), Error> {
        match self.next() % 6 {
            0 => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            1 => self.bus.publish(queue, message.clone()).await?,
            2 => {
                let this = (queue.to_owned(), message.clone());
                let earlier = self.late.lock().unwrap_or_else(PoisonError::into_inner).replace(this);
                if let Some((queue, message)) = earlier {
                    self.bus.publish(&queue, message).await?;
                }
            }
            _ => {}
        }
        self.bus.publish(queue, message).await
    }

    async fn subscribe(&self, queue: &str) -> Result<Messages, Error> {
        self.bus.subscribe(queue).await
    }
}
