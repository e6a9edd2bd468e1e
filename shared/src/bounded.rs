//! A map of bounded size for what a process keeps between requests: when it is full, the entry that was used longest ago
//! makes room. Losing an entry costs work, never correctness.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

mod weighed;

pub use weighed::Weighed;

/// At most so many values, each cheap to clone.
pub struct Bounded<K, V> {
    max: usize,
    entries: Mutex<Entries<K, V>>,
}

struct Entries<K, V> {
    uses: u64,
    by_key: HashMap<K, (u64, V)>,
}

impl<K: Clone + Eq + Hash, V: Clone> Bounded<K, V> {
    /// A map of at most `max` entries, one at least.
    pub fn new(max: usize) -> Self {
        Self { max: max.max(1), entries: Mutex::new(Entries { uses: 0, by_key: HashMap::new() }) }
    }

    /// The value for `key`, which counts as a use; where there is none, the one that `make` makes is kept and returned.
    pub fn get_or_insert(&self, key: &K, make: impl FnOnce() -> V) -> V {
        let mut entries = self.lock();
        if let Some(value) = entries.used(key) {
            return value;
        }
        let value = make();
        entries.keep(key, value.clone(), self.max);
        value
    }

    /// The value for `key`, which counts as a use.
    pub fn get(&self, key: &K) -> Option<V> {
        self.lock().used(key)
    }

    /// Keeps `value` for `key` in the place of what was there.
    pub fn insert(&self, key: &K, value: V) {
        self.lock().keep(key, value, self.max);
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.lock().by_key.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A panic elsewhere leaves whole entries behind: nothing is changed in two steps that could be torn apart.
    fn lock(&self) -> MutexGuard<'_, Entries<K, V>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Entries<K, V> {
    fn used(&mut self, key: &K) -> Option<V> {
        self.uses += 1;
        let (last_use, value) = self.by_key.get_mut(key)?;
        *last_use = self.uses;
        Some(value.clone())
    }

    fn keep(&mut self, key: &K, value: V, max: usize) {
        self.uses += 1;
        if !self.by_key.contains_key(key) && self.by_key.len() >= max {
            let oldest = self.by_key.iter().min_by_key(|(_, (last_use, _))| *last_use).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                self.by_key.remove(&oldest);
            }
        }
        self.by_key.insert(key.clone(), (self.uses, value));
    }
}

impl<K, V> fmt::Debug for Bounded<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounded").field("max", &self.max).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_makes_room() {
        let kept = Bounded::new(2);
        kept.insert(&'a', 1);
        kept.insert(&'b', 2);
        assert_eq!(kept.get(&'a'), Some(1));
        kept.insert(&'c', 3);
        assert_eq!((kept.get(&'a'), kept.get(&'b'), kept.get(&'c')), (Some(1), None, Some(3)));
        assert_eq!(kept.len(), 2);
    }

    #[test]
    fn a_value_is_made_once_and_replaced_in_place() {
        let kept = Bounded::new(1);
        assert_eq!(kept.get_or_insert(&'a', || 1), 1);
        assert_eq!(kept.get_or_insert(&'a', || panic!("made twice")), 1);
        kept.insert(&'a', 2);
        assert_eq!((kept.get(&'a'), kept.len()), (Some(2), 1));
    }
}
