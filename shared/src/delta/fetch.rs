//! Fetching log objects from a thread that decodes: the request runs on the async runtime, the thread waits for it only
//! when it needs the bytes. A request that nobody waits for any more is dropped.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::limits::COMMIT_BYTES_MAX;
use crate::model::location::TableLocation;
use crate::storage::{LogEntry, LogStore};

/// Starts requests for one table's log.
#[derive(Clone)]
pub struct Fetcher {
    store: Arc<dyn LogStore>,
    table: TableLocation,
    runtime: Handle,
}

/// Bytes that are on their way.
#[derive(Debug)]
pub struct Pending<T = Bytes> {
    answer: Option<oneshot::Receiver<Result<T, Error>>>,
    task: JoinHandle<()>,
}

impl Fetcher {
    /// A fetcher on the current runtime.
    pub fn new(store: Arc<dyn LogStore>, table: TableLocation) -> Self {
        Self { store, table, runtime: Handle::current() }
    }

    /// The table whose log is fetched.
    pub fn table(&self) -> &TableLocation {
        &self.table
    }

    /// Starts fetching a range of an object.
    pub fn range(&self, name: &str, range: Range<u64>) -> Pending {
        let (store, table, name) = (Arc::clone(&self.store), self.table.clone(), name.to_owned());
        self.spawn(async move { store.get_range(&table, &name, range).await })
    }

    /// Starts fetching a whole object, refused above `max_bytes`; it need not be there.
    pub fn at_most(&self, name: &str, max_bytes: u64) -> Pending<Option<Bytes>> {
        let (store, table, name) = (Arc::clone(&self.store), self.table.clone(), name.to_owned());
        self.spawn(async move { store.get(&table, &name, max_bytes).await })
    }

    /// Starts fetching a whole object.
    pub fn whole(&self, name: &str) -> Pending {
        let (store, table, name) = (Arc::clone(&self.store), self.table.clone(), name.to_owned());
        self.spawn(async move {
            store
                .get(&table, &name, COMMIT_BYTES_MAX)
                .await?
                .ok_or(Error::TableFilesMissing("a log file disappeared while it was read".into()))
        })
    }

    fn spawn<T: Send + 'static>(&self, work: impl Future<Output = Result<T, Error>> + Send + 'static) -> Pending<T> {
        let (sender, answer) = oneshot::channel();
        let task = self.runtime.spawn(async move {
            // Nobody may be waiting any more; then the bytes are not needed either.
            let _ = sender.send(work.await);
        });
        Pending { answer: Some(answer), task }
    }
}

/// An object's bytes, if they are as many as the listing showed. An object that was replaced in between belongs to another
/// log than the rest of what is read.
///
/// # Errors
/// [`Error::TableFilesMissing`] when they are not.
pub fn as_listed(entry: &LogEntry, bytes: Bytes) -> Result<Bytes, Error> {
    if bytes.len() as u64 == entry.size {
        return Ok(bytes);
    }
    Err(Error::TableFilesMissing(format!("{} changed while the log was read", entry.name).into()))
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher").finish_non_exhaustive()
    }
}

impl<T> Pending<T> {
    /// Waits for the bytes. Must not be called on a thread that drives the async runtime.
    ///
    /// # Errors
    /// When the storage fails, or the runtime is shutting down.
    pub fn wait(mut self) -> Result<T, Error> {
        let answer = self.answer.take().ok_or(Error::defect("bytes were waited for twice"))?;
        answer.blocking_recv().map_err(|_| Error::defect("the server is stopping"))?
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}
