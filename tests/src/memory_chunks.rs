//! A store of chunks in memory, which a test looks into and damages. It counts what it is asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use shared::error::Error;
use shared::storage::chunks::ChunkStore;

/// The store.
#[derive(Debug, Default)]
pub struct MemoryChunks(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    objects: BTreeMap<String, Bytes>,
    gets: usize,
    found: usize,
    puts: usize,
    broken: bool,
}

impl MemoryChunks {
    /// An empty store.
    pub fn shared() -> Arc<Self> {
        Arc::default()
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it fails whatever it is asked, or does not any more.
    pub fn break_down(&self, broken: bool) {
        self.inner().broken = broken;
    }

    /// How often it was asked for a chunk, had it, and was given one since the last time.
    pub fn take_counts(&self) -> (usize, usize, usize) {
        let mut inner = self.inner();
        (std::mem::take(&mut inner.gets), std::mem::take(&mut inner.found), std::mem::take(&mut inner.puts))
    }

    /// All names, in order.
    pub fn names(&self) -> Vec<String> {
        self.inner().objects.keys().cloned().collect()
    }

    /// What stands under a name.
    pub fn content(&self, name: &str) -> Bytes {
        self.inner().objects[name].clone()
    }

    /// Puts something else under a name; nothing removes it.
    pub fn replace(&self, name: &str, content: Option<Bytes>) {
        let mut inner = self.inner();
        match content {
            Some(content) => inner.objects.insert(name.to_owned(), content),
            None => inner.objects.remove(name),
        };
    }
}

fn failure() -> Error {
    Error::StorageUnavailable("the test broke the store".into())
}

#[async_trait]
impl ChunkStore for MemoryChunks {
    async fn get(&self, name: &str, max_bytes: u64) -> Result<Option<Bytes>, Error> {
        tokio::task::yield_now().await;
        let mut inner = self.inner();
        inner.gets += 1;
        if inner.broken {
            return Err(failure());
        }
        let found = inner.objects.get(name).filter(|content| content.len() as u64 <= max_bytes).cloned();
        inner.found += usize::from(found.is_some());
        Ok(found)
    }

    async fn put(&self, name: &str, bytes: Bytes) -> Result<(), Error> {
        tokio::task::yield_now().await;
        let mut inner = self.inner();
        inner.puts += 1;
        if inner.broken {
            return Err(failure());
        }
        inner.objects.insert(name.to_owned(), bytes);
        Ok(())
    }
}
