//! Places that answers take turns at. Whoever waits for one wishes for that of somebody who could do without it; those who
//! can give theirs up are asked in the order in which they said so, and only while somebody waits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::error::Error;
use crate::limits::{STREAM_PAUSE_KEPT, STREAM_PLACE_KEPT, STREAM_TURN, STREAMS_MAX, STREAMS_PAUSED_MAX};

/// Places of one kind.
#[derive(Debug, Clone)]
pub struct Places(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    free: Arc<Semaphore>,
    /// A permit for everybody who waits and whom nobody has given a place yet; there may be some too many.
    wishes: Semaphore,
    waiting: Mutex<usize>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

/// Somebody's wish for a place. It is somebody else's to fulfil where it is dropped.
#[derive(Debug)]
pub struct Wish<'a>(SemaphorePermit<'a>);

/// The places of all answers that a process streams.
#[derive(Debug, Clone)]
pub struct StreamPlaces {
    /// For those that are being made.
    pub making: Places,
    /// For those that wait for their clients instead.
    pub paused: Places,
    /// When they are given up.
    pub kept: Kept,
}

/// How long an answer keeps its place while others wait for one.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// In the making, while its client takes nothing.
    pub stalled: Duration,
    /// In the making, whatever its client takes.
    pub turn: Duration,
    /// Among the paused, while its client takes nothing.
    pub paused: Duration,
}

impl Places {
    /// So many places.
    pub fn new(count: usize) -> Self {
        let shared =
            Shared { free: Arc::new(Semaphore::new(count)), wishes: Semaphore::new(0), waiting: Mutex::default() };
        Self(Arc::new(shared))
    }

    /// A place, when there is one: first for whoever came first.
    ///
    /// # Errors
    /// [`Error::Busy`] when there will be none.
    pub async fn take(&self) -> Result<Place, Error> {
        if let Some(place) = self.take_free() {
            return Ok(place);
        }
        let _waiting = Waiting::begin(&self.0);
        Arc::clone(&self.0.free).acquire_owned().await.map(Place::of).map_err(|_| Error::Busy)
    }

    /// A place, if one is free.
    pub fn take_free(&self) -> Option<Place> {
        Arc::clone(&self.0.free).try_acquire_owned().ok().map(Place::of)
    }

    /// How many are free.
    pub fn free(&self) -> usize {
        self.0.free.available_permits()
    }

    /// Waits until somebody wishes for a place.
    pub async fn wish(&self) -> Wish<'_> {
        loop {
            match self.0.wishes.acquire().await.map(|permit| self.open(permit)) {
                Ok(Some(wish)) => return wish,
                Ok(None) => {}
                Err(_) => return std::future::pending().await,
            }
        }
    }

    /// Somebody's wish, if there is one.
    pub fn wish_now(&self) -> Option<Wish<'_>> {
        self.0.wishes.try_acquire().ok().and_then(|permit| self.open(permit))
    }

    /// A wish, unless it is one of somebody who waits no longer.
    fn open<'a>(&self, permit: SemaphorePermit<'a>) -> Option<Wish<'a>> {
        if *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner) == 0 {
            permit.forget();
            return None;
        }
        Some(Wish(permit))
    }
}

impl Place {
    fn of(permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: permit }
    }
}

impl Wish<'_> {
    /// The holder gives its place up.
    pub fn fulfil(self) {
        self.0.forget();
    }
}

impl Default for StreamPlaces {
    fn default() -> Self {
        let kept = Kept { stalled: STREAM_PLACE_KEPT, turn: STREAM_TURN, paused: STREAM_PAUSE_KEPT };
        Self { making: Places::new(STREAMS_MAX), paused: Places::new(STREAMS_PAUSED_MAX), kept }
    }
}

/// Counts somebody among those who wait.
struct Waiting<'a>(&'a Shared);

impl<'a> Waiting<'a> {
    fn begin(shared: &'a Shared) -> Self {
        let mut waiting = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting += 1;
        // Wishes of those who had their places otherwise are taken over.
        if shared.wishes.available_permits() < *waiting {
            shared.wishes.add_permits(1);
        }
        Self(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
    }
}

#[cfg(test)]
mod tests;
