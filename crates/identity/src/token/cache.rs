use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// What was looked up lately. It holds at most twice its size and forgets what was not used.
pub(crate) struct Cache<K, V> {
    size: usize,
    halves: Mutex<[HashMap<K, V>; 2]>,
}

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    pub fn new(size: usize) -> Self {
        Self { size: size.max(1), halves: Mutex::new([HashMap::new(), HashMap::new()]) }
    }

    pub fn get(&self, key: &K) -> Option<V> {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        let [new, old] = &mut *halves;
        if let Some(found) = new.get(key) {
            return Some(found.clone());
        }
        let found = old.remove(key)?;
        put(&mut halves, self.size, key.clone(), found.clone());
        Some(found)
    }

    pub fn put(&self, key: K, value: V) {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        put(&mut halves, self.size, key, value);
    }
}

fn put<K: Eq + Hash, V>(halves: &mut [HashMap<K, V>; 2], size: usize, key: K, value: V) {
    let [new, old] = halves;
    if new.len() >= size {
        *old = std::mem::take(new);
    }
    new.insert(key, value);
}
