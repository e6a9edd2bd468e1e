//! A keyring that is read now and then from a place that takes time and may fail. Reads once for all who wait, again when
//! it is old or lacks a key, and goes on with the last good one for a bounded time when reading fails.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{Key, KeyId, Keyring, Keyrings};
use crate::clock::Clock;
use crate::error::{Error, chain};
use crate::limits::{KEYRING_READ_MAX, KEYRING_REFRESH_SECS, KEYRING_SECS, KEYRING_STALE_SECS_MAX};
use crate::model::version::TimestampMs;

/// Reads a keyring from where it is kept.
#[async_trait]
pub trait ReadKeyring: fmt::Debug + Send + Sync {
    /// The keyring as it is now.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    async fn read(&self) -> Result<Keyring, Error>;
}

/// Remembers what a [`ReadKeyring`] read. Time is the wall clock's: a function's sandbox may sleep for long between two
/// requests, and the age of a key must count that.
#[derive(Debug)]
pub struct CachedKeyring {
    source: Box<dyn ReadKeyring>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Held by the one that reads.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Default)]
struct State {
    good: Option<(Arc<Keyring>, TimestampMs)>,
    last: Option<Reading>,
    readings: u64,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    began: TimestampMs,
    failed: bool,
}

impl State {
    /// The keyring, if it may be used without reading again.
    fn fresh(&self, now: TimestampMs) -> Option<&Arc<Keyring>> {
        let (keyring, read) = self.good.as_ref()?;
        let left_alone = self.last.is_some_and(|last| last.failed && last.recent(now));
        let secs = if left_alone { KEYRING_STALE_SECS_MAX } else { KEYRING_SECS };
        within(*read, now, secs).then_some(keyring)
    }

    /// The keyring, if it may be used although reading again failed.
    fn stale(&self, now: TimestampMs) -> Option<&Arc<Keyring>> {
        let (keyring, read) = self.good.as_ref()?;
        within(*read, now, KEYRING_STALE_SECS_MAX).then_some(keyring)
    }
}

impl Reading {
    fn recent(self, now: TimestampMs) -> bool {
        within(self.began, now, KEYRING_REFRESH_SECS)
    }
}

/// Whether less than that has passed since a moment. A clock that was set back says no, and the keyring is read again.
fn within(since: TimestampMs, now: TimestampMs, secs: i64) -> bool {
    since <= now && now < since.plus_secs(secs)
}

impl CachedKeyring {
    /// Remembers what this source reads.
    pub fn new(source: impl ReadKeyring + 'static, clock: Arc<dyn Clock>) -> Self {
        Self { source: Box::new(source), clock, state: Mutex::default(), reading: tokio::sync::Mutex::default() }
    }

    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn keyring(&self) -> Result<Arc<Keyring>, Error> {
        let before = self.state();
        if let Some(keyring) = before.fresh(self.clock.now()) {
            return Ok(Arc::clone(keyring));
        }
        let _reading = self.reading.lock().await;
        let state = self.state();
        if let Some(keyring) = state.fresh(self.clock.now()) {
            return Ok(Arc::clone(keyring));
        }
        if state.readings != before.readings {
            return Err(failed_a_moment_ago());
        }
        self.read().await
    }

    /// A keyring read after `before` was seen, for a key that is not in it; the same one when it was read moments ago. When
    /// reading fails nobody can say whether there is such a key, which is an error.
    async fn newer(&self, before: &State) -> Result<Option<Arc<Keyring>>, Error> {
        let _reading = self.reading.lock().await;
        let state = self.state();
        let now = self.clock.now();
        match state.last {
            Some(last) if state.readings != before.readings || last.recent(now) => {
                if last.failed {
                    return Err(failed_a_moment_ago());
                }
                Ok(state.fresh(now).map(Arc::clone))
            }
            _ => {
                let keyring = self.read().await?;
                let failed = self.state().last.is_some_and(|last| last.failed);
                if failed { Err(failed_a_moment_ago()) } else { Ok(Some(keyring)) }
            }
        }
    }

    /// Reads, and remembers how it went. On failure the last good keyring, while that may be used.
    async fn read(&self) -> Result<Arc<Keyring>, Error> {
        let began = self.clock.now();
        let outcome = match tokio::time::timeout(KEYRING_READ_MAX, self.source.read()).await {
            Ok(outcome) => outcome,
            Err(elapsed) => Err(Error::StorageUnavailable(Box::new(elapsed))),
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.readings += 1;
        state.last = Some(Reading { began, failed: outcome.is_err() });
        match outcome {
            Ok(keyring) => {
                let keyring = Arc::new(keyring);
                state.good = Some((Arc::clone(&keyring), began));
                Ok(keyring)
            }
            Err(error) => match state.stale(self.clock.now()) {
                Some(keyring) => {
                    tracing::warn!("the keyring could not be read again; using the last good one: {}", chain(&error));
                    Ok(Arc::clone(keyring))
                }
                None => Err(error),
            },
        }
    }
}

fn failed_a_moment_ago() -> Error {
    Error::StorageUnavailable("the keyring could not be read a moment ago".into())
}

#[async_trait]
impl Keyrings for CachedKeyring {
    async fn current(&self) -> Result<Key, Error> {
        Ok(self.keyring().await?.current().clone())
    }

    async fn with_key(&self, id: KeyId) -> Result<Option<Key>, Error> {
        let keyring = self.keyring().await?;
        if let Some(key) = keyring.key(id) {
            return Ok(Some(key.clone()));
        }
        let newer = self.newer(&self.state()).await?;
        Ok(newer.and_then(|keyring| keyring.key(id).cloned()))
    }
}

#[cfg(test)]
mod tests;
