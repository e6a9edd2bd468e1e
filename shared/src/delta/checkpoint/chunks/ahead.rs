//! Chunks on their way: one until it is known that there are any, then some before they are needed.

use std::collections::VecDeque;

use super::name::Names;
use super::{ChunkCache, Found};
use crate::delta::fetch::{Fetcher, Pending};
use crate::limits::CHUNKS_AHEAD;

/// A chunk by the number of its row group and its own in it.
pub(super) type Which = (usize, u64);

/// Chunks in the order in which they are wanted.
pub(super) struct Ahead<'a> {
    cache: &'a ChunkCache,
    names: &'a Names,
    fetcher: &'a Fetcher,
    /// Not yet asked for.
    later: VecDeque<Which>,
    asked: VecDeque<(Which, Pending<Found>)>,
    at_once: usize,
}

impl<'a> Ahead<'a> {
    /// Asks for the first of them.
    pub(super) fn new(
        cache: &'a ChunkCache,
        names: &'a Names,
        fetcher: &'a Fetcher,
        wanted: impl IntoIterator<Item = Which>,
    ) -> Self {
        let later = wanted.into_iter().collect();
        let mut ahead = Self { cache, names, fetcher, later, asked: VecDeque::new(), at_once: 1 };
        ahead.ask();
        ahead
    }

    /// The chunk that is wanted next, which has to be this one. Where it is not there, [`Ahead::skip`] comes next.
    pub(super) fn take(&mut self, which: Which) -> Found {
        self.ask();
        let found = match self.asked.pop_front() {
            Some((asked, pending)) if asked == which => pending.wait().unwrap_or(Found::Missing),
            _ => Found::Missing,
        };
        if matches!(found, Found::There(_)) {
            self.at_once = CHUNKS_AHEAD;
            self.ask();
        }
        found
    }

    /// The rest of a row group is not wanted; the next one's first chunk is.
    pub(super) fn skip(&mut self, group: usize) {
        self.asked.retain(|((asked, _), _)| *asked != group);
        self.later.retain(|(later, _)| *later != group);
        self.at_once = 1;
        self.ask();
    }

    fn ask(&mut self) {
        while self.asked.len() < self.at_once
            && let Some((group, number)) = self.later.pop_front()
        {
            let (cache, name) = (self.cache.clone(), self.names.name(group, number));
            let pending = self.fetcher.spawn(async move { Ok(cache.find(&name).await) });
            self.asked.push_back(((group, number), pending));
        }
    }
}
