//! Objects that a hint speaks of, asked for before a listing or a manifest has shown them. Who is shown one of them takes what
//! came, if it is of that very content; what nobody takes is dropped.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::fetch::{Fetcher, Guess};
use super::hint::Named;

/// What is asked for on a guess for one answer.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<HashMap<String, Guess>>);

impl Guesses {
    /// Asks for the ends of these objects.
    pub(super) fn of<'a>(fetcher: &Fetcher, named: impl IntoIterator<Item = &'a Named>) -> Self {
        let asked = named.into_iter().map(|named| (named.name.clone(), fetcher.guess(&named.name, named.first_bytes)));
        Self(Mutex::new(asked.collect()))
    }

    /// What is asked for of an object.
    pub(super) fn take(&self, name: &str) -> Option<Guess> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name)
    }
}
