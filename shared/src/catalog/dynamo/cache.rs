//! What a process remembers of the tables that it has found: recipient and names to table, for as long as
//! [`CATALOG_CACHE_TTL`]. Only what was granted is remembered; a miss is asked for again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::limits::{CATALOG_CACHE_ENTRIES_MAX, CATALOG_CACHE_TTL};
use crate::model::securable::Table;
use crate::model::version::TimestampMs;

/// Recipient id, then folded names of share, schema and table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Asked(pub(super) [String; 4]);

#[derive(Debug)]
struct Remembered {
    table: Table,
    wall: TimestampMs,
    uptime: Duration,
}

/// Tables found a moment ago.
#[derive(Debug, Clone)]
pub(super) struct TableCache {
    clock: Arc<dyn Clock>,
    entries: Arc<Mutex<HashMap<Asked, Remembered>>>,
}

impl TableCache {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, entries: Arc::default() }
    }

    pub(super) fn get(&self, asked: &Asked) -> Option<Table> {
        let entries = self.locked();
        let now = self.clock.now();
        let good = |entry: &&Remembered| self.is_fresh(entry) && entry.table.terms.window.holds(now);
        entries.get(asked).filter(good).map(|entry| entry.table.clone())
    }

    /// Remembers a table whose rows were asked for at these moments, which is before they were read: what was taken back
    /// meanwhile is not good for longer than the bound.
    pub(super) fn put(&self, asked: Asked, table: Table, (wall, uptime): (TimestampMs, Duration)) {
        let mut entries = self.locked();
        if entries.len() >= CATALOG_CACHE_ENTRIES_MAX && !entries.contains_key(&asked) {
            entries.retain(|_, entry| self.is_fresh(entry));
            if entries.len() >= CATALOG_CACHE_ENTRIES_MAX {
                let oldest = entries.iter().min_by_key(|(_, entry)| entry.wall).map(|(asked, _)| asked.clone());
                oldest.and_then(|asked| entries.remove(&asked));
            }
        }
        entries.insert(asked, Remembered { table, wall, uptime });
    }

    /// The moment to give to [`TableCache::put`].
    pub(super) fn moment(&self) -> (TimestampMs, Duration) {
        (self.clock.now(), self.clock.uptime())
    }

    /// By both clocks: the steady one may stand still while a function is frozen, the wall clock may be set back.
    fn is_fresh(&self, entry: &Remembered) -> bool {
        let (wall, uptime) = self.moment();
        let age = wall.millis().checked_sub(entry.wall.millis()).and_then(|age| u64::try_from(age).ok());
        age.is_some_and(|age| Duration::from_millis(age) < CATALOG_CACHE_TTL)
            && uptime.saturating_sub(entry.uptime) < CATALOG_CACHE_TTL
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<Asked, Remembered>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::model::location::TableLocation;
    use crate::model::name::{SchemaName, ShareName, TableName};
    use crate::model::rule::{Terms, Window};
    use crate::model::securable::History;

    #[derive(Debug, Default)]
    struct TwoClocks {
        wall_ms: AtomicI64,
        uptime_ms: AtomicI64,
    }

    impl Clock for TwoClocks {
        fn now(&self) -> TimestampMs {
            TimestampMs::new(self.wall_ms.load(Ordering::SeqCst))
        }

        fn uptime(&self) -> Duration {
            Duration::from_millis(self.uptime_ms.load(Ordering::SeqCst).unsigned_abs())
        }
    }

    fn table() -> Table {
        Table {
            share: ShareName::parse("s").unwrap(),
            share_id: "s-1".into(),
            schema: SchemaName::parse("d").unwrap(),
            name: TableName::parse("t").unwrap(),
            id: "t-1".into(),
            location: TableLocation::new("b", "t"),
            history: History::NotShared,
            terms: Terms::default(),
        }
    }

    fn asked(name: usize) -> Asked {
        Asked(["r".into(), "s".into(), "d".into(), name.to_string()])
    }

    #[test]
    fn a_table_is_remembered_until_either_clock_says_no() {
        let clock = Arc::new(TwoClocks::default());
        clock.wall_ms.store(1_000_000, Ordering::SeqCst);
        let cache = TableCache::new(clock.clone());
        cache.put(asked(0), table(), cache.moment());
        for (wall, uptime, there) in [
            (1_000_000, 0, true),
            (1_059_999, 59_999, true),
            (1_060_000, 0, false),
            (1_000_000, 60_000, false),
            (999_999, 0, false),
        ] {
            clock.wall_ms.store(wall, Ordering::SeqCst);
            clock.uptime_ms.store(uptime, Ordering::SeqCst);
            assert_eq!(cache.get(&asked(0)).is_some(), there, "{wall} {uptime}");
        }
        assert!(cache.get(&asked(1)).is_none());
    }

    #[test]
    fn a_table_is_not_remembered_beyond_its_grant() {
        let clock = Arc::new(TwoClocks::default());
        let cache = TableCache::new(clock.clone());
        let mut until = table();
        until.terms.window = Window { from: None, until: Some(TimestampMs::new(5_000)) };
        cache.put(asked(0), until, cache.moment());
        for (wall, there) in [(4_999, true), (5_000, false)] {
            clock.wall_ms.store(wall, Ordering::SeqCst);
            assert_eq!(cache.get(&asked(0)).is_some(), there, "{wall}");
        }
    }

    #[test]
    fn a_full_cache_forgets_the_oldest() {
        let clock = Arc::new(TwoClocks::default());
        let cache = TableCache::new(clock.clone());
        for at in 0..=CATALOG_CACHE_ENTRIES_MAX {
            clock.wall_ms.store(at as i64, Ordering::SeqCst);
            cache.put(asked(at), table(), cache.moment());
        }
        assert_eq!(cache.locked().len(), CATALOG_CACHE_ENTRIES_MAX);
        assert!(cache.get(&asked(0)).is_none() && cache.get(&asked(1)).is_some());
    }
}
