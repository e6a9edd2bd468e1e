//! What a process keeps of logs between requests: bytes of objects, and beside them what was made of whole objects, in one
//! bound. Everything is of one content of one object of one table: whoever asks names it by what a listing has just shown,
//! so what was replaced is never found again. There is no time within which it would be believed unasked.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;
use tokio::sync::{OnceCell, Semaphore};

use super::{ListedFirst, LogEntry, LogStore};
use crate::bounded::Weighed;
use crate::error::Error;
use crate::model::location::TableLocation;

/// A log store with a memory.
#[derive(Clone)]
pub struct Remembered {
    store: Arc<dyn LogStore>,
    kept: Arc<Weighed<Key, Arc<dyn Any + Send + Sync>>>,
}

/// What is kept. A table that is reached in another way is another one, for it may be in another place.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    table: TableLocation,
    what: What,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum What {
    /// Bytes of an object's content.
    Bytes(LogEntry, Range<u64>),
    /// What was made of objects, and in which way.
    Made(Source, &'static str),
}

/// A digest of objects and their contents.
pub type Source = [u8; 32];

/// What is made once for all who ask for it at the same time, and kept without the bytes that it was made of.
pub trait Keepable: Clone + Send + Sync + 'static {
    /// What it is, among all that is made of the same objects.
    const KIND: &'static str;

    /// Itself as it is kept, and about how many bytes that takes; nothing when it must not be kept.
    fn light(&self) -> Option<(Self, u64)>;
}

/// Whether bytes are worth keeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// They are needed again by whoever asks for the same table.
    Yes,
    /// There are more of their kind than can be kept: keeping some would only drive out others.
    No,
}

impl Remembered {
    /// A store that keeps so many bytes at most.
    pub fn new(store: Arc<dyn LogStore>, max_bytes: u64) -> Self {
        Self { store, kept: Arc::new(Weighed::new(max_bytes)) }
    }

    /// Forgets everything. What was made of objects may hold on to this store, so it would never end by itself.
    pub fn forget(&self) {
        self.kept.clear();
    }

    /// How many bytes are kept at most.
    pub fn max_bytes(&self) -> u64 {
        self.kept.max_bytes()
    }

    /// Whether objects of these sizes can all be kept at once, with an eighth left for what is made of them.
    pub fn fits(&self, sizes: impl IntoIterator<Item = u64>) -> Keep {
        let all = sizes.into_iter().fold(0, u64::saturating_add);
        if all <= self.max_bytes() / 8 * 7 { Keep::Yes } else { Keep::No }
    }

    /// As [`LogStore::list`]. Always asked: what it shows is what everything else is known by.
    ///
    /// # Errors
    /// As there.
    pub async fn list(&self, table: &TableLocation, after: Option<&str>) -> Result<Vec<LogEntry>, Error> {
        self.store.list(table, after).await
    }

    /// As [`LogStore::list_first`].
    ///
    /// # Errors
    /// As there.
    pub async fn list_first(&self, table: &TableLocation) -> Result<ListedFirst, Error> {
        self.store.list_first(table).await
    }

    /// As [`LogStore::get`]; never kept, for nothing tells which content it is.
    ///
    /// # Errors
    /// As there.
    pub async fn get(&self, table: &TableLocation, name: &str, max_bytes: u64) -> Result<Option<Bytes>, Error> {
        self.store.get(table, name, max_bytes).await
    }

    /// The first bytes that are read of an object which no listing shows. With them comes the object as it was found, by
    /// which all further bytes are read.
    ///
    /// # Errors
    /// As [`LogStore::find_range`].
    pub async fn find(
        &self,
        table: &TableLocation,
        entry: LogEntry,
        range: Range<u64>,
        keep: Keep,
    ) -> Result<(LogEntry, Bytes), Error> {
        let (bytes, etag) = self.store.find_range(table, &entry.name, range.clone()).await?;
        let found = LogEntry { etag, ..entry };
        self.put(table, &found, range, &bytes, keep);
        Ok((found, bytes))
    }

    /// As [`LogStore::find_end`]; whoever learns that these are the bytes that are wanted [puts](Self::put) them here.
    ///
    /// # Errors
    /// As there.
    pub async fn find_end(
        &self,
        table: &TableLocation,
        name: &str,
        max_bytes: u64,
    ) -> Result<Option<(LogEntry, Bytes)>, Error> {
        self.store.find_end(table, name, max_bytes).await
    }

    /// Keeps bytes that came before they were asked for: those of a range of an object.
    pub fn put(&self, table: &TableLocation, entry: &LogEntry, range: Range<u64>, bytes: &[u8], keep: Keep) {
        if keep == Keep::Yes && entry.etag.is_some() {
            let key = Key { table: table.clone(), what: What::Bytes(entry.clone(), range) };
            let copy = OnceCell::new_with(Some(Bytes::copy_from_slice(bytes)));
            self.kept.insert(&key, Arc::new(copy), bytes.len() as u64);
        }
    }

    /// As [`LogStore::get_listed`], from memory where the bytes are there. Those who ask for the same at the same time wait
    /// for one answer of the storage; whoever comes after a failure asks again.
    ///
    /// # Errors
    /// As there.
    pub async fn get_listed(
        &self,
        table: &TableLocation,
        entry: &LogEntry,
        range: Range<u64>,
        keep: Keep,
    ) -> Result<Bytes, Error> {
        if entry.etag.is_none() {
            return self.store.get_listed(table, entry, range).await;
        }
        let bytes = range.end.saturating_sub(range.start);
        let key = Key { table: table.clone(), what: What::Bytes(entry.clone(), range.clone()) };
        let cell = match keep {
            Keep::Yes => self.cell::<Bytes>(&key, bytes),
            // It may be there all the same, or on its way; then it was for this reader, who does not need it again.
            Keep::No => match self.kept.get(&key).and_then(|cell| cell.downcast().ok()) {
                Some(cell) => {
                    self.kept.remove(&key);
                    cell
                }
                None => return self.store.get_listed(table, entry, range).await,
            },
        };
        let load = || async {
            let bytes = self.store.get_listed(table, entry, range).await?;
            // A copy: these may be a small part of a larger buffer, which would be kept with them.
            Ok::<_, Error>(Bytes::copy_from_slice(&bytes))
        };
        let loaded = cell.get_or_try_init(load).await;
        if loaded.is_err() {
            self.kept.remove(&key);
        }
        loaded.cloned()
    }

    /// Brings pieces of an object that lie side by side, in their order, into what is kept: with one request, which waits for
    /// so many of the permits. Whoever asks for one of the pieces meanwhile waits for the same answer.
    ///
    /// # Errors
    /// As [`LogStore::get_listed`].
    pub async fn get_side_by_side(
        &self,
        table: &TableLocation,
        entry: &LogEntry,
        pieces: &[Range<u64>],
        (permits, many): (&Semaphore, u32),
    ) -> Result<(), Error> {
        let (Some(first), Some(last), Some(_)) = (pieces.first(), pieces.last(), &entry.etag) else { return Ok(()) };
        let (start, end) = (first.start, last.end);
        let run = OnceCell::new();
        let load = || async {
            let _permit = permits.acquire_many(many).await;
            self.store.get_listed(table, entry, start..end).await
        };
        let brought = pieces.iter().map(|piece| {
            let what = What::Bytes(entry.clone(), piece.clone());
            let cell = self.cell::<Bytes>(&Key { table: table.clone(), what }, piece.end - piece.start);
            let (run, load) = (&run, &load);
            async move {
                let bring = || async {
                    let all: &Bytes = run.get_or_try_init(load).await?;
                    let at = |offset: u64| usize::try_from(offset - start).unwrap_or(usize::MAX);
                    let bytes = all.get(at(piece.start)..at(piece.end)).ok_or_else(|| entry.is_another())?;
                    Ok::<_, Error>(Bytes::copy_from_slice(bytes))
                };
                cell.get_or_try_init(bring).await.map(|_| ())
            }
        });
        join_all(brought).await.into_iter().collect()
    }

    /// What was made of these objects of a table, or what is made of them now; whoever makes it is given it with its bytes
    /// still at hand. What cannot be kept, or comes of objects that the storage does not tell apart, everybody makes.
    ///
    /// # Errors
    /// Those of `make`, to whoever called it; the next one calls it again.
    pub async fn get_or_make<V: Keepable, F: Future<Output = Result<V, Error>>>(
        &self,
        table: &TableLocation,
        source: Option<Source>,
        make: impl Fn() -> F,
    ) -> Result<V, Error> {
        let Some(source) = source else { return make().await };
        let key = Key { table: table.clone(), what: What::Made(source, V::KIND) };
        let cell = self.cell::<V>(&key, 0);
        let mut made = None;
        let kept = cell.get_or_try_init(|| async {
            let value = make().await.map_err(Some)?;
            let (light, bytes) = value.light().map_or((None, None), |(light, bytes)| (Some(light), Some(bytes)));
            made = Some((value, bytes));
            // Not an error, but nothing for others either.
            light.ok_or(None)
        });
        let kept = kept.await.cloned();
        match (made, kept) {
            (Some((value, Some(bytes))), _) => {
                self.kept.insert(&key, cell, bytes);
                Ok(value)
            }
            (Some((value, None)), _) => {
                self.kept.remove(&key);
                Ok(value)
            }
            (None, Ok(light)) => Ok(light),
            (None, Err(error)) => {
                self.kept.remove(&key);
                Err(error.unwrap_or(Error::defect("what was made is lost")))
            }
        }
    }

    /// What was made of these objects, if it is there.
    pub fn made<V: Keepable>(&self, table: &TableLocation, source: Option<Source>) -> Option<V> {
        let key = Key { table: table.clone(), what: What::Made(source?, V::KIND) };
        self.kept.get(&key)?.downcast_ref::<OnceCell<V>>()?.get().cloned()
    }

    /// The place for a value, empty where nobody has come yet.
    fn cell<V: Send + Sync + 'static>(&self, key: &Key, bytes: u64) -> Arc<OnceCell<V>> {
        let cell = self.kept.get_or_insert(key, bytes, || Arc::new(OnceCell::<V>::new()));
        // There is one type for each kind of key.
        cell.downcast().unwrap_or_default()
    }
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remembered").field("max_bytes", &self.max_bytes()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
