//! What a store said about tokens not long ago, in bounded room. Two halves: what is asked for moves to the young one, and
//! when that is full the old one goes with everything that nobody asked for since.

use std::collections::HashMap;
use std::sync::Arc;

use super::StoredToken;
use crate::auth::token::TokenId;
use crate::model::version::TimestampMs;

/// A store's answer and when it may be used.
#[derive(Clone)]
struct Answer {
    stored: Option<Arc<StoredToken>>,
    from: TimestampMs,
    until: TimestampMs,
}

pub(super) struct Memory {
    young: HashMap<TokenId, Answer>,
    old: HashMap<TokenId, Answer>,
    half: usize,
}

impl Memory {
    /// Room for that many tokens.
    pub(super) fn of(tokens_max: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: (tokens_max / 2).max(1) }
    }

    /// What the store said, if that is not too long ago. An answer from the future, after the clock was set back, is as good
    /// as none.
    pub(super) fn get(&mut self, id: TokenId, now: TimestampMs) -> Option<Option<Arc<StoredToken>>> {
        let answer = self.young.get(&id).or_else(|| self.old.get(&id))?;
        if now < answer.from || answer.until <= now {
            return None;
        }
        let stored = answer.stored.clone();
        if let Some(answer) = self.old.remove(&id) {
            self.insert(id, answer);
        }
        Some(stored)
    }

    pub(super) fn put(&mut self, id: TokenId, stored: Option<Arc<StoredToken>>, from: TimestampMs, until: TimestampMs) {
        self.old.remove(&id);
        self.insert(id, Answer { stored, from, until });
    }

    fn insert(&mut self, id: TokenId, answer: Answer) {
        if self.young.len() >= self.half && !self.young.contains_key(&id) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(id, answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> TokenId {
        TokenId::parse(&format!("{number:020x}")).unwrap()
    }

    const fn at(secs: i64) -> TimestampMs {
        TimestampMs::new(secs * 1000)
    }

    #[test]
    fn answers_are_used_in_their_time_only() {
        let mut memory = Memory::of(8);
        memory.put(id(1), None, at(100), at(110));
        for (secs, known) in [(99, false), (100, true), (109, true), (110, false), (1000, false)] {
            assert_eq!(memory.get(id(1), at(secs)).is_some(), known, "{secs}");
        }
    }

    #[test]
    fn room_is_bounded_and_what_is_in_use_stays() {
        let mut memory = Memory::of(100);
        memory.put(id(0), None, at(0), at(100));
        for number in 1..1000 {
            memory.put(id(number), None, at(0), at(100));
            assert!(memory.young.len() + memory.old.len() <= 100);
            assert!(memory.get(id(0), at(1)).is_some(), "after {number}");
        }
        assert!(memory.get(id(1), at(1)).is_none());
        assert!(memory.get(id(999), at(1)).is_some());
    }

    #[test]
    fn a_newer_answer_takes_the_place_of_the_older() {
        let mut memory = Memory::of(2);
        memory.put(id(1), None, at(0), at(10));
        memory.put(id(2), None, at(0), at(10));
        memory.put(id(1), None, at(20), at(30));
        assert!(memory.get(id(1), at(25)).is_some());
        assert_eq!(memory.young.len() + memory.old.len(), 1 + usize::from(memory.get(id(2), at(5)).is_some()));
    }
}
