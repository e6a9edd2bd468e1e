//! The same where values are of very different sizes: bounded by the bytes that they take together.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What an entry takes beside its value, in bytes.
const ENTRY_BYTES: u64 = 512;

/// Values of at most so many bytes together, each cheap to clone.
pub struct Weighed<K, V> {
    max_bytes: u64,
    entries: Mutex<Entries<K, V>>,
}

struct Entries<K, V> {
    uses: u64,
    bytes: u64,
    by_key: HashMap<K, Entry<V>>,
    /// Oldest use first.
    by_use: BTreeMap<u64, K>,
}

struct Entry<V> {
    last_use: u64,
    bytes: u64,
    value: V,
}

impl<K: Clone + Eq + Hash, V: Clone> Weighed<K, V> {
    /// A map of at most so many bytes.
    pub fn new(max_bytes: u64) -> Self {
        let entries = Entries { uses: 0, bytes: 0, by_key: HashMap::new(), by_use: BTreeMap::new() };
        Self { max_bytes, entries: Mutex::new(entries) }
    }

    /// How many bytes all entries may take.
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// How many bytes they take.
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// The value for `key`, which counts as a use; where there is none, the one that `make` makes, which is kept as so many
    /// bytes and returned.
    pub fn get_or_insert(&self, key: &K, bytes: u64, make: impl FnOnce() -> V) -> V {
        let mut entries = self.lock();
        if let Some(value) = entries.used(key) {
            return value;
        }
        let value = make();
        entries.keep(key, value.clone(), bytes, self.max_bytes);
        value
    }

    /// The value for `key`, which counts as a use.
    pub fn get(&self, key: &K) -> Option<V> {
        self.lock().used(key)
    }

    /// Keeps `value` for `key`, as so many bytes, in the place of what was there. What is larger than all may be is not kept.
    pub fn insert(&self, key: &K, value: V, bytes: u64) {
        self.lock().keep(key, value, bytes, self.max_bytes);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut entries = self.lock();
        entries.bytes = 0;
        entries.by_use.clear();
        let values = std::mem::take(&mut entries.by_key);
        // Values may hold on to the map.
        drop(entries);
        drop(values);
    }

    /// Forgets the value for `key`.
    pub fn remove(&self, key: &K) {
        self.lock().forget(key);
    }

    /// A panic elsewhere can leave an entry too few behind, never one of another key.
    fn lock(&self) -> MutexGuard<'_, Entries<K, V>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Entries<K, V> {
    fn used(&mut self, key: &K) -> Option<V> {
        self.uses += 1;
        let entry = self.by_key.get_mut(key)?;
        if let Some(key) = self.by_use.remove(&entry.last_use) {
            self.by_use.insert(self.uses, key);
        }
        entry.last_use = self.uses;
        Some(entry.value.clone())
    }

    fn keep(&mut self, key: &K, value: V, bytes: u64, max_bytes: u64) {
        self.forget(key);
        let bytes = bytes.saturating_add(ENTRY_BYTES);
        if bytes > max_bytes {
            return;
        }
        while self.bytes.saturating_add(bytes) > max_bytes {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            self.forget(&oldest);
        }
        self.uses += 1;
        self.bytes += bytes;
        self.by_use.insert(self.uses, key.clone());
        self.by_key.insert(key.clone(), Entry { last_use: self.uses, bytes, value });
    }

    fn forget(&mut self, key: &K) {
        if let Some(entry) = self.by_key.remove(key) {
            self.bytes = self.bytes.saturating_sub(entry.bytes);
            self.by_use.remove(&entry.last_use);
        }
    }
}

impl<K, V> fmt::Debug for Weighed<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Weighed").field("max_bytes", &self.max_bytes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_least_recently_used_make_room_until_there_is_enough() {
        let kept = Weighed::new(3 * (ENTRY_BYTES + 100));
        for key in ['a', 'b', 'c'] {
            kept.insert(&key, key, 100);
        }
        assert_eq!(kept.get(&'a'), Some('a'));
        kept.insert(&'d', 'd', 101 + ENTRY_BYTES);
        assert_eq!(['a', 'b', 'c', 'd'].map(|key| kept.get(&key).is_some()), [true, false, false, true]);
        assert_eq!(kept.get_or_insert(&'a', 100, || panic!("it is there")), 'a');
        kept.remove(&'d');
        assert_eq!((kept.get(&'d'), kept.bytes()), (None, ENTRY_BYTES + 100));
        kept.clear();
        assert_eq!((kept.get(&'a'), kept.bytes()), (None, 0));
    }

    #[test]
    fn what_is_larger_than_the_bound_takes_nobodys_place() {
        let kept = Weighed::new(2000);
        kept.insert(&'a', 1, 100);
        kept.insert(&'b', 2, 2000);
        assert_eq!((kept.get(&'a'), kept.get(&'b')), (Some(1), None));
        kept.insert(&'a', 3, 2000);
        assert_eq!((kept.get(&'a'), kept.bytes()), (None, 0), "nor is what it should replace still good");
    }

    proptest! {
        #[test]
        fn the_bound_holds_and_the_books_balance(work in prop::collection::vec((0u8..20, 0u64..3000, 0u8..3), 0..200)) {
            let kept = Weighed::new(10_000);
            for (key, bytes, kind) in work {
                match kind {
                    0 => kept.insert(&key, bytes, bytes),
                    1 => kept.remove(&key),
                    _ => drop(kept.get(&key)),
                }
                let entries = kept.lock();
                prop_assert!(entries.bytes <= 10_000);
                prop_assert_eq!(entries.bytes, entries.by_key.values().map(|entry| entry.bytes).sum::<u64>());
                prop_assert_eq!(entries.by_key.len(), entries.by_use.len());
                prop_assert!(entries.by_use.iter().all(|(at, key)| entries.by_key[key].last_use == *at));
            }
        }
    }
}
