//! The one place where time enters. Everything else takes a [`Clock`] or a [`TimestampMs`] as an argument, so tests pin
//! it and compare whole answers.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::model::version::TimestampMs;

/// Tells the time. `now` may jump (the wall clock); `uptime` never goes back.
pub trait Clock: Debug + Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> TimestampMs;

    /// Time since some fixed moment of this process, for measuring spans.
    fn uptime(&self) -> Duration;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A shared handle to the machine's clock.
    pub fn shared() -> Arc<dyn Clock> {
        #[expect(clippy::disallowed_methods, reason = "this module is where time enters")]
        let start = Instant::now();
        Arc::new(Self { start })
    }
}

impl Clock for SystemClock {
    fn now(&self) -> TimestampMs {
        #[expect(clippy::disallowed_methods, reason = "this module is where time enters")]
        let now = SystemTime::now();
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        TimestampMs::new(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn uptime(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A clock that stands still, for tests and published signing examples.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub TimestampMs);

impl Clock for FixedClock {
    fn now(&self) -> TimestampMs {
        self.0
    }

    fn uptime(&self) -> Duration {
        Duration::ZERO
    }
}

/// A clock that tests set.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct HandClock(std::sync::atomic::AtomicI64);

#[cfg(test)]
impl HandClock {
    pub(crate) fn at_secs(secs: i64) -> Arc<Self> {
        let clock = Arc::new(Self::default());
        clock.advance_secs(secs);
        clock
    }

    pub(crate) fn advance_secs(&self, secs: i64) {
        self.0.fetch_add(secs * 1000, std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(test)]
impl Clock for HandClock {
    fn now(&self) -> TimestampMs {
        TimestampMs::new(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }

    fn uptime(&self) -> Duration {
        Duration::ZERO
    }
}
