//! Fetching log objects from a thread that decodes: the request runs on the async runtime, the thread waits for it only
//! when it needs the bytes. A request that nobody waits for any more is dropped.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use super::checkpoint::ChunkCache;
use crate::error::Error;
use crate::limits::{COMMIT_BYTES_MAX, FETCH_GAP_BYTES_MAX, FETCH_RUN_BYTES_MAX, FETCHES_AHEAD_MAX};
use crate::model::location::TableLocation;
use crate::storage::LogEntry;
use crate::storage::remembered::{Keep, Remembered};

/// Starts requests for one table's log.
#[derive(Clone)]
pub struct Fetcher {
    store: Remembered,
    table: Arc<TableLocation>,
    runtime: Handle,
    keep: Keep,
    ahead: Arc<Semaphore>,
    chunks: Option<ChunkCache>,
}

/// Bytes that are on their way.
#[derive(Debug)]
pub struct Pending<T = Bytes> {
    answer: Option<oneshot::Receiver<Result<T, Error>>>,
    task: JoinHandle<()>,
}

impl Fetcher {
    /// A fetcher on the current runtime.
    pub fn new(store: Remembered, table: TableLocation, keep: Keep) -> Self {
        Self {
            store,
            table: Arc::new(table),
            runtime: Handle::current(),
            keep,
            ahead: Arc::new(Semaphore::new(FETCHES_AHEAD_MAX)),
            chunks: None,
        }
    }

    /// The same with a place where rows of checkpoints may be at hand already.
    pub(super) fn with_chunks(self, chunks: Option<ChunkCache>) -> Self {
        Self { chunks, ..self }
    }

    /// The table whose log is fetched.
    pub fn table(&self) -> &TableLocation {
        &self.table
    }

    /// Whether what is fetched is worth keeping.
    pub(super) fn keeps(&self) -> Keep {
        self.keep
    }

    /// Where rows of checkpoints may be at hand already.
    pub(super) fn chunks(&self) -> Option<&ChunkCache> {
        self.chunks.as_ref()
    }

    /// What requests run on.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Starts fetching pieces that will be asked for in a moment, into what is kept: those that lie side by side with one
    /// request. That one fails is for whoever asks then.
    pub(super) fn ahead(&self, entry: &LogEntry, mut pieces: Vec<Range<u64>>) {
        pieces.sort_unstable_by_key(|piece| (piece.start, piece.end));
        pieces.dedup();
        for run in runs(pieces) {
            let (Self { store, table, runtime, ahead, .. }, entry) = (self.clone(), entry.clone());
            let mut fetching = Box::pin(async move {
                let _ = store.get_side_by_side(&table, &entry, &run, &ahead).await;
            });
            // It begins at once: whoever asks for a piece from now on waits for it.
            if fetching.as_mut().now_or_never().is_none() {
                runtime.spawn(fetching);
            }
        }
    }

    /// Starts fetching a range of an object.
    pub fn range(&self, entry: &LogEntry, range: Range<u64>) -> Pending {
        let (Self { store, table, keep, .. }, entry) = (self.clone(), entry.clone());
        self.spawn(async move { store.get_listed(&table, &entry, range, keep).await })
    }

    /// Starts fetching the first range that is read of an object which no listing shows.
    pub fn find(&self, entry: LogEntry, range: Range<u64>) -> Pending<(LogEntry, Bytes)> {
        let Self { store, table, keep, .. } = self.clone();
        self.spawn(async move { store.find(&table, entry, range, keep).await })
    }

    /// Starts fetching a whole object, refused above `max_bytes`; it need not be there.
    pub fn at_most(&self, name: &str, max_bytes: u64) -> Pending<Option<Bytes>> {
        let (Self { store, table, .. }, name) = (self.clone(), name.to_owned());
        self.spawn(async move { store.get(&table, &name, max_bytes).await })
    }

    /// Starts fetching a whole text of actions.
    pub fn text(&self, entry: &LogEntry) -> Pending {
        let (Self { store, table, keep, .. }, entry) = (self.clone(), entry.clone());
        self.spawn(async move { text_of(&store, &table, &entry, keep).await })
    }

    /// Starts a request.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Pending<T> {
        let (sender, answer) = oneshot::channel();
        let task = self.runtime.spawn(async move {
            // Nobody may be waiting any more; then the bytes are not needed either.
            let _ = sender.send(work.await);
        });
        Pending { answer: Some(answer), task }
    }
}

/// Pieces in the order of where they start, put together where they lie side by side or nearly so.
fn runs(pieces: Vec<Range<u64>>) -> Vec<Vec<Range<u64>>> {
    let mut runs: Vec<Vec<Range<u64>>> = Vec::new();
    for piece in pieces {
        match runs.last_mut() {
            Some(run)
                if run.last().is_some_and(|last| piece.start.saturating_sub(last.end) <= FETCH_GAP_BYTES_MAX)
                    && run.first().is_some_and(|first| piece.end - first.start <= FETCH_RUN_BYTES_MAX) =>
            {
                run.push(piece);
            }
            _ => runs.push(vec![piece]),
        }
    }
    runs
}

/// A whole text of actions: a commit, or a manifest in JSON.
///
/// # Errors
/// [`Error::Unsupported`] for one that is too large, [`Error::TableFilesMissing`] for one that is not there or no longer
/// the one that was listed.
pub(super) async fn text_of(
    store: &Remembered,
    table: &TableLocation,
    entry: &LogEntry,
    keep: Keep,
) -> Result<Bytes, Error> {
    if entry.size > COMMIT_BYTES_MAX {
        return Err(Error::Unsupported(format!(
            "The log file {} is larger than this server reads ({COMMIT_BYTES_MAX} bytes).",
            entry.name
        )));
    }
    let text = store.get_listed(table, entry, 0..entry.size, keep).await?;
    entry.check_length(&text)?;
    Ok(text)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_come_together_up_to_a_size() {
        let mib = FETCH_RUN_BYTES_MAX;
        let pieces = vec![0..10, 10..20, 20 + FETCH_GAP_BYTES_MAX..mib, mib..mib + 1, 9 * mib..11 * mib];
        let joined: Vec<(u64, u64)> =
            runs(pieces.clone()).iter().map(|run| (run.first().unwrap().start, run.last().unwrap().end)).collect();
        assert_eq!(joined, [(0, mib), (mib, mib + 1), (9 * mib, 11 * mib)]);
        assert_eq!(runs(pieces.clone()).concat(), pieces);
        assert_eq!(runs(vec![0..10, 11 + FETCH_GAP_BYTES_MAX..mib]).len(), 2);
    }
}
