//! Many objects on their way, waited for in the order in which they are wanted: small ones many at once, large ones few. What
//! is on its way or waits for its turn is bounded by bytes, however many objects there are.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::vec;

use super::fetch::Pending;
use crate::error::Error;
use crate::limits::{FETCHES_IN_FLIGHT_BYTES_MAX, FETCHES_SMALL_IN_FLIGHT_MAX};

/// An object that is wanted.
pub(super) struct Wanted<K, T> {
    bytes: u64,
    key: K,
    start: Box<dyn FnOnce() -> Pending<T> + Send>,
}

/// What is on its way. What nobody waits for any more is dropped.
pub(super) struct InOrder<K, T> {
    waiting: Peekable<vec::IntoIter<Wanted<K, T>>>,
    under_way: VecDeque<(u64, K, Pending<T>)>,
    /// Of all that is under way.
    bytes: u64,
    at_once: usize,
}

impl<K, T> Wanted<K, T> {
    /// So many bytes, known by this key, which `start` begins to fetch.
    pub(super) fn new(bytes: u64, key: K, start: impl FnOnce() -> Pending<T> + Send + 'static) -> Self {
        Self { bytes, key, start: Box::new(start) }
    }
}

impl<K, T> InOrder<K, T> {
    /// Fetches these.
    pub(super) fn of(wanted: impl Iterator<Item = Wanted<K, T>>) -> Self {
        let waiting = wanted.collect::<Vec<_>>().into_iter().peekable();
        Self { waiting, under_way: VecDeque::new(), bytes: 0, at_once: FETCHES_SMALL_IN_FLIGHT_MAX }
    }

    /// Never more than so many at once, one at least.
    pub(super) fn at_most(self, many: usize) -> Self {
        Self { at_once: many.clamp(1, self.at_once), ..self }
    }

    /// The next one, as it came; nothing after the last.
    pub(super) async fn next(&mut self) -> Option<(K, Result<T, Error>)> {
        self.start_more();
        let (bytes, key, pending) = self.under_way.pop_front()?;
        let came = pending.arrived().await;
        self.bytes = self.bytes.saturating_sub(bytes);
        Some((key, came))
    }

    fn start_more(&mut self) {
        while let Some(Wanted { bytes, .. }) = self.waiting.peek() {
            let fits =
                self.under_way.len() < self.at_once && self.bytes.saturating_add(*bytes) <= FETCHES_IN_FLIGHT_BYTES_MAX;
            if !fits && !self.under_way.is_empty() {
                return;
            }
            let Some(Wanted { bytes, key, start }) = self.waiting.next() else { return };
            self.bytes = self.bytes.saturating_add(bytes);
            self.under_way.push_back((bytes, key, start()));
        }
    }
}

#[cfg(test)]
mod tests;
