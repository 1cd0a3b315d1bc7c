use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::Token;

/// The hash under which a token is remembered; the token itself is not kept.
pub(crate) type Key = [u8; 32];

/// The state of the world that an answer holds for: identity's revision and the version of the keys.
pub(crate) type Epoch = (i64, i64);

/// Validated tokens of this process. It holds at most twice its size and forgets what was not used lately.
pub(crate) struct Cache {
    size: usize,
    halves: Mutex<[HashMap<Key, (Epoch, Arc<Token>)>; 2]>,
}

/// The hash of a token.
pub(crate) fn key(token: &str) -> Key {
    Sha256::digest(token.as_bytes()).into()
}

impl Cache {
    pub fn new(size: usize) -> Self {
        Self { size: size.max(1), halves: Mutex::default() }
    }

    /// What was last known of a token, and when.
    pub fn get(&self, key: &Key) -> Option<(Epoch, Arc<Token>)> {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        let [new, old] = &mut *halves;
        if let Some(found) = new.get(key) {
            return Some(found.clone());
        }
        let found = old.remove(key)?;
        put(&mut halves, self.size, *key, found.clone());
        Some(found)
    }

    pub fn put(&self, key: Key, epoch: Epoch, token: Arc<Token>) {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        put(&mut halves, self.size, key, (epoch, token));
    }
}

fn put(halves: &mut [HashMap<Key, (Epoch, Arc<Token>)>; 2], size: usize, key: Key, entry: (Epoch, Arc<Token>)) {
    let [new, old] = halves;
    if new.len() >= size {
        *old = std::mem::take(new);
    }
    new.insert(key, entry);
}
