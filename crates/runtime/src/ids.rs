use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use uuid::Uuid;

/// A new id of a request: `req-` and a UUID. That one begins with the time (version 7): what is recorded of requests goes
/// to the end of its index, not to a random place in it.
pub fn request_id() -> String {
    format!("req-{}", Uuid::now_v7())
}

/// The source of ids and secrets: the operating system's, or for tests a seeded one that repeats itself.
#[derive(Clone, Debug, Default)]
pub struct Ids(Option<Arc<Mutex<StdRng>>>);

impl Ids {
    /// Ids that come in the same order for the same seed. Only for tests.
    pub fn seeded(seed: u64) -> Self {
        Self(Some(Arc::new(Mutex::new(StdRng::seed_from_u64(seed)))))
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.0 {
            None => rand::rng().fill_bytes(&mut bytes),
            Some(seeded) => seeded.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes),
        }
        bytes
    }

    /// A random (version 4) UUID with dashes, as compute, network, image and block storage write ids.
    pub fn uuid(&self) -> String {
        self.random_uuid().to_string()
    }

    /// A random (version 4) UUID of 32 hex digits, as identity writes ids.
    pub fn hex(&self) -> String {
        self.random_uuid().simple().to_string()
    }

    /// A secret of 32 random bytes, in hex.
    pub fn secret(&self) -> String {
        self.bytes::<32>().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn random_uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::request_id;

    #[test]
    fn request_ids_are_in_the_order_of_their_making() {
        let ids: Vec<String> = (0..1000).map(|_| request_id()).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| id.len() == 40 && id.starts_with("req-")), "{}", ids[0]);
    }
}
