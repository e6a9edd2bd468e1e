//! What is kept is found by those who name it, and by nobody else.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures::future::{join, join_all};

use super::*;
use crate::model::version::TimestampMs;

/// A store of one object, each of whose bytes is the number of the read.
#[derive(Default)]
struct Numbered {
    reads: Mutex<Vec<Range<u64>>>,
    fails: AtomicBool,
}

impl Numbered {
    fn reads(&self) -> usize {
        self.reads.lock().unwrap().len()
    }
}

#[async_trait]
impl LogStore for Numbered {
    async fn list(&self, _: &TableLocation, _: Option<&str>) -> Result<Vec<LogEntry>, Error> {
        Ok(Vec::new())
    }

    async fn get_listed(&self, table: &TableLocation, entry: &LogEntry, range: Range<u64>) -> Result<Bytes, Error> {
        self.get_range(table, &entry.name, range).await
    }

    async fn get(&self, _: &TableLocation, _: &str, _: u64) -> Result<Option<Bytes>, Error> {
        Ok(None)
    }

    async fn get_range(&self, _: &TableLocation, _: &str, range: Range<u64>) -> Result<Bytes, Error> {
        let number = {
            let mut reads = self.reads.lock().unwrap();
            reads.push(range.clone());
            reads.len()
        };
        tokio::task::yield_now().await;
        if self.fails.load(Ordering::SeqCst) {
            return Err(Error::StorageUnavailable("SlowDown".into()));
        }
        Ok(vec![number as u8; (range.end - range.start) as usize].into())
    }
}

fn entry(etag: Option<&str>) -> LogEntry {
    LogEntry { name: "1.json".into(), size: 100, modified: TimestampMs::new(1), etag: etag.map(Into::into) }
}

fn table() -> TableLocation {
    TableLocation::new("b", "t")
}

fn remembered(max_bytes: u64) -> (Arc<Numbered>, Remembered) {
    let store = Arc::new(Numbered::default());
    (store.clone(), Remembered::new(store, max_bytes))
}

async fn first(memory: &Remembered, table: &TableLocation, entry: &LogEntry, range: Range<u64>) -> u8 {
    let bytes = memory.get_listed(table, entry, range.clone(), Keep::Yes).await.unwrap();
    assert_eq!(bytes.len() as u64, range.end - range.start);
    bytes[0]
}

#[tokio::test]
async fn bytes_are_found_by_all_that_tells_them_from_others() {
    let (store, memory) = remembered(1 << 20);
    let one = entry(Some("\"1\""));
    assert_eq!(first(&memory, &table(), &one, 0..10).await, 1);
    assert_eq!(first(&memory, &table(), &one, 0..10).await, 1);
    let others = [
        LogEntry { etag: Some("\"2\"".into()), ..one.clone() },
        LogEntry { size: 101, ..one.clone() },
        LogEntry { modified: TimestampMs::new(2), ..one.clone() },
        LogEntry { name: "2.json".into(), ..one.clone() },
    ];
    for (at, other) in others.iter().enumerate() {
        assert_eq!(first(&memory, &table(), other, 0..10).await as usize, at + 2);
    }
    assert_eq!(first(&memory, &table(), &one, 0..11).await, 6);
    for place in [TableLocation::new("b", "t2"), TableLocation::new("b2", "t")] {
        first(&memory, &place, &one, 0..10).await;
    }
    assert_eq!(store.reads(), 8);
    assert_eq!(first(&memory, &table(), &one, 0..10).await, 1);
}

#[tokio::test]
async fn what_is_not_told_apart_or_not_worth_it_is_read_each_time() {
    let (store, memory) = remembered(1 << 20);
    for _ in 0..3 {
        first(&memory, &table(), &entry(None), 0..10).await;
        memory.get_listed(&table(), &entry(Some("\"1\"")), 0..10, Keep::No).await.unwrap();
    }
    assert_eq!((store.reads(), memory.kept.bytes()), (6, 0));
    // What is there is used all the same.
    first(&memory, &table(), &entry(Some("\"1\"")), 0..10).await;
    memory.get_listed(&table(), &entry(Some("\"1\"")), 0..10, Keep::No).await.unwrap();
    assert_eq!(store.reads(), 7);
    assert_eq!((memory.fits([1 << 19, 1 << 18]), memory.fits([1 << 19, 1 << 19])), (Keep::Yes, Keep::No));
}

#[tokio::test]
async fn the_bound_holds_and_with_none_nothing_is_kept() {
    let (store, memory) = remembered(10_000);
    for at in 0..100 {
        first(&memory, &table(), &entry(Some("\"1\"")), at..at + 50).await;
        assert!(memory.kept.bytes() <= 10_000);
    }
    first(&memory, &table(), &entry(Some("\"1\"")), 99..149).await;
    assert_eq!(store.reads(), 100);
    let (store, memory) = remembered(0);
    for _ in 0..2 {
        first(&memory, &table(), &entry(Some("\"1\"")), 0..10).await;
    }
    assert_eq!(store.reads(), 2);
}

#[tokio::test]
async fn those_who_wait_share_an_answer_but_no_failure() {
    let (store, memory) = remembered(1 << 20);
    let one = entry(Some("\"1\""));
    store.fails.store(true, Ordering::SeqCst);
    let (a, b) =
        join(memory.get_listed(&table(), &one, 0..10, Keep::Yes), memory.get_listed(&table(), &one, 0..10, Keep::Yes))
            .await;
    assert!(a.is_err() && b.is_err());
    assert_eq!(store.reads(), 2, "each has asked for itself");
    store.fails.store(false, Ordering::SeqCst);
    let place = table();
    let all = join_all((0..10).map(|_| first(&memory, &place, &one, 0..10))).await;
    assert_eq!((all, store.reads()), (vec![3; 10], 3));
}

#[derive(Debug, Clone, PartialEq)]
struct Made(u64, bool);

impl Keepable for Made {
    const KIND: &'static str = "made";

    fn light(&self) -> Option<(Self, u64)> {
        self.1.then_some((Self(self.0 + 100, true), 10))
    }
}

#[tokio::test]
async fn what_is_made_is_made_once_and_kept_light() {
    let (_, memory) = remembered(1 << 20);
    let (place, count) = (table(), Mutex::new(0));
    let make = |keepable: bool| {
        let count = &count;
        move || async move {
            tokio::task::yield_now().await;
            let mut count = count.lock().unwrap();
            *count += 1;
            Ok(Made(*count, keepable))
        }
    };
    let of = |source: u8| Some([source; 32]);
    let (a, b) =
        join(memory.get_or_make(&place, of(1), make(true)), memory.get_or_make(&place, of(1), make(true))).await;
    assert_eq!((a.unwrap(), b.unwrap()), (Made(1, true), Made(101, true)), "the maker has the whole");
    assert_eq!(memory.made::<Made>(&place, of(1)), Some(Made(101, true)));
    assert_eq!(memory.made::<Made>(&place, of(2)), None);
    let elsewhere = memory.get_or_make(&TableLocation::new("b", "t2"), of(1), make(true)).await;
    assert_eq!(elsewhere.unwrap(), Made(2, true));
    // Whatever must not be kept is made by everybody.
    let (a, b) =
        join(memory.get_or_make(&place, of(3), make(false)), memory.get_or_make(&place, of(3), make(false))).await;
    assert_eq!((a.unwrap().0, b.unwrap().0), (3, 4));
    assert_eq!(memory.get_or_make(&place, None, make(true)).await.unwrap().0, 5);
    let failed = memory.get_or_make(&place, of(4), || async { Err::<Made, _>(Error::TimedOut) }).await;
    assert!(matches!(failed, Err(Error::TimedOut)));
    assert_eq!(memory.get_or_make(&place, of(4), make(true)).await.unwrap().0, 6);
    memory.forget();
    assert_eq!((memory.made::<Made>(&place, of(1)), memory.kept.bytes()), (None, 0));
}

#[tokio::test]
async fn an_object_that_no_listing_shows_is_known_once_it_was_found() {
    let (store, memory) = remembered(1 << 20);
    let unknown = entry(None);
    let (found, bytes) = memory.find(&table(), unknown.clone(), 0..10, Keep::Yes).await.unwrap();
    assert_eq!((found, bytes[0]), (unknown, 1), "this store does not tell contents apart");
    assert_eq!((store.reads(), memory.kept.bytes()), (1, 0));
}
