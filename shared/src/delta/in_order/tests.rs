//! What is on its way is bounded, and comes in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::*;
use crate::delta::fetch::Fetcher;
use crate::model::location::TableLocation;
use crate::model::version::TimestampMs;
use crate::storage::remembered::{Keep, Remembered};
use crate::storage::{LogEntry, LogStore};

/// A store that counts what it is asked at once, and answers when it is asked for nothing more.
#[derive(Default)]
struct Counting {
    now: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait::async_trait]
impl LogStore for Counting {
    async fn list(&self, _: &TableLocation, _: Option<&str>) -> Result<Vec<LogEntry>, Error> {
        Ok(Vec::new())
    }

    async fn get_listed(&self, _: &TableLocation, e: &LogEntry, _: std::ops::Range<u64>) -> Result<Bytes, Error> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        self.now.fetch_sub(1, Ordering::SeqCst);
        if e.name == "damaged" { Err(Error::TimedOut) } else { Ok(e.name.clone().into()) }
    }

    async fn get(&self, _: &TableLocation, _: &str, _: u64) -> Result<Option<Bytes>, Error> {
        Ok(None)
    }

    async fn get_range(&self, _: &TableLocation, _: &str, _: std::ops::Range<u64>) -> Result<Bytes, Error> {
        Ok(Bytes::new())
    }
}

fn entry(name: &str, size: u64) -> LogEntry {
    LogEntry { name: name.into(), size, modified: TimestampMs::new(0), etag: None }
}

/// Fetches objects of these sizes; how many were on their way at most.
async fn most(sizes: &[u64], at_most: usize) -> usize {
    let store = Arc::new(Counting::default());
    let fetcher = Fetcher::new(Remembered::new(store.clone(), 0), TableLocation::new("b", "t"), Keep::No);
    let wanted = sizes.iter().enumerate().map(|(at, &size)| {
        let fetcher = fetcher.clone();
        Wanted::new(size, at, move || fetcher.range(&entry(&at.to_string(), size), 0..size))
    });
    let mut came = InOrder::of(wanted).at_most(at_most);
    for at in 0..sizes.len() {
        let (key, bytes) = came.next().await.unwrap();
        assert_eq!((key, bytes.unwrap()), (at, Bytes::from(at.to_string())));
    }
    assert!(came.next().await.is_none());
    store.most.load(Ordering::SeqCst)
}

#[tokio::test]
async fn small_ones_come_many_at_once_and_large_ones_few() {
    let max = FETCHES_IN_FLIGHT_BYTES_MAX;
    assert_eq!(most(&[1000; 100], usize::MAX).await, 100);
    assert_eq!(most(&[1000; 300], usize::MAX).await, FETCHES_SMALL_IN_FLIGHT_MAX);
    assert_eq!(most(&[max / 4; 9], usize::MAX).await, 4);
    assert_eq!(most(&[16 * max; 3], usize::MAX).await, 1);
    assert_eq!(most(&[16 * max, 1, 1, 1], usize::MAX).await, 3, "the small ones after the large one");
    assert_eq!(most(&[1000; 100], 7).await, 7);
    assert_eq!(most(&[1000; 3], 0).await, 1);
    assert_eq!(most(&[], 1).await, 0);
}

#[tokio::test]
async fn one_that_fails_is_told_in_its_turn() {
    let fetcher =
        Fetcher::new(Remembered::new(Arc::new(Counting::default()), 0), TableLocation::new("b", "t"), Keep::No);
    let wanted = ["0", "damaged", "2"].map(|name| {
        let fetcher = fetcher.clone();
        Wanted::new(1, name, move || fetcher.range(&entry(name, 1), 0..1))
    });
    let mut came = InOrder::of(wanted.into_iter());
    let mut outcomes = Vec::new();
    while let Some((name, bytes)) = came.next().await {
        outcomes.push((name, bytes.is_ok()));
    }
    assert_eq!(outcomes, [("0", true), ("damaged", false), ("2", true)]);
}
