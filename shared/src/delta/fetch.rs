//! Fetching log objects from a thread that decodes: the request runs on the async runtime, the thread waits for it only
//! when it needs the bytes. A request that nobody waits for any more is dropped.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use super::checkpoint::ChunkCache;
use super::in_order::Wanted;
use crate::error::Error;
use crate::limits::{
    COMMIT_BYTES_MAX, FETCH_AHEAD_BYTES_MIN, FETCH_GAP_BYTES_MAX, FETCH_RUN_BYTES_MAX, FETCHES_AHEAD_BYTES_MAX,
    LOG_REMEMBERED_PARTS,
};
use crate::model::location::TableLocation;
use crate::model::version::Version;
use crate::storage::LogEntry;
use crate::storage::remembered::{Keep, Remembered};

/// Starts requests for one table's log.
#[derive(Clone)]
pub struct Fetcher {
    store: Remembered,
    table: Arc<TableLocation>,
    runtime: Handle,
    keep: Keep,
    /// Kilobytes that may be on their way ahead.
    ahead: Arc<Semaphore>,
    chunks: Option<ChunkCache>,
}

/// The last bytes of an object that nothing has shown yet, and the object as it was found.
pub(super) type Guess = Pending<Option<(LogEntry, Bytes)>>;

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
            ahead: Arc::new(Semaphore::new(kilobytes(FETCHES_AHEAD_BYTES_MAX) as usize)),
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

    /// The same, for what is worth keeping in any case.
    pub(super) fn keeping(&self) -> Self {
        Self { keep: Keep::Yes, ..self.clone() }
    }

    /// Whether so many bytes, a small part of what can be kept, are worth it.
    pub(super) fn keeps_few(&self, bytes: u64) -> Keep {
        self.store.fits([bytes.saturating_mul(LOG_REMEMBERED_PARTS)])
    }

    /// Starts fetching pieces that will be asked for in a moment, into what is kept: those that lie side by side with one
    /// request. That one fails is for whoever asks then.
    pub(super) fn ahead(&self, entry: &LogEntry, mut pieces: Vec<Range<u64>>) {
        pieces.sort_unstable_by_key(|piece| (piece.start, piece.end));
        pieces.dedup();
        for run in runs(pieces) {
            let (Self { store, table, runtime, ahead, .. }, entry) = (self.clone(), entry.clone());
            let mut fetching = Box::pin(async move {
                let bytes = run.first().zip(run.last()).map_or(0, |(first, last)| last.end.saturating_sub(first.start));
                let weight = kilobytes(bytes.clamp(FETCH_AHEAD_BYTES_MIN, FETCHES_AHEAD_BYTES_MAX));
                let _ = store.get_side_by_side(&table, &entry, &run, (&ahead, weight)).await;
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

    /// Starts fetching the end of an object that may be there.
    pub(super) fn guess(&self, name: &str, max_bytes: u64) -> Guess {
        let (Self { store, table, .. }, name) = (self.clone(), name.to_owned());
        self.spawn(async move { store.find_end(&table, &name, max_bytes).await })
    }

    /// Brings bytes that came with others into what is kept.
    pub(super) fn put(&self, entry: &LogEntry, range: Range<u64>, bytes: &[u8]) {
        self.store.put(&self.table, entry, range, bytes, self.keep);
    }

    /// Starts fetching the range that is read first of a listed object and reaches to its end, but for what a guess has
    /// brought of this very content.
    pub(super) fn first(
        &self,
        entry: &LogEntry,
        range: Range<u64>,
        guess: Option<Guess>,
    ) -> Pending<(LogEntry, Bytes)> {
        let (fetcher, entry) = (self.clone(), entry.clone());
        self.spawn(async move {
            let bytes = match came(guess).await? {
                Some((found, end))
                    if entry.etag.is_some() && (&found.etag, found.size) == (&entry.etag, entry.size) =>
                {
                    fetcher.completed(&entry, range, end).await?
                }
                _ => fetcher.store.get_listed(&fetcher.table, &entry, range, fetcher.keep).await?,
            };
            Ok((entry, bytes))
        })
    }

    /// The same of an object which no listing shows; with it comes the object as it was found.
    pub(super) fn find(&self, entry: LogEntry, range: Range<u64>, guess: Option<Guess>) -> Pending<(LogEntry, Bytes)> {
        let fetcher = self.clone();
        self.spawn(async move {
            match came(guess).await? {
                Some((found, end)) if found.size == entry.size => {
                    let entry = LogEntry { etag: found.etag, ..entry };
                    let bytes = fetcher.completed(&entry, range, end).await?;
                    Ok((entry, bytes))
                }
                _ => fetcher.store.find(&fetcher.table, entry, range, fetcher.keep).await,
            }
        })
    }

    /// A range that reaches to an object's end, of which the last bytes are there.
    async fn completed(&self, entry: &LogEntry, range: Range<u64>, end: Bytes) -> Result<Bytes, Error> {
        let from = entry.size.saturating_sub(end.len() as u64);
        let bytes = if from <= range.start {
            end.slice(usize::try_from(range.start - from).unwrap_or(usize::MAX).min(end.len())..)
        } else {
            let before = self.store.get_listed(&self.table, entry, range.start..from, Keep::No).await?;
            let mut joined = BytesMut::with_capacity(before.len() + end.len());
            joined.extend_from_slice(&before);
            joined.extend_from_slice(&end);
            joined.freeze()
        };
        self.put(entry, range, &bytes);
        Ok(bytes)
    }

    /// Starts fetching a whole object, refused above `max_bytes`; it need not be there.
    pub fn at_most(&self, name: &str, max_bytes: u64) -> Pending<Option<Bytes>> {
        let (Self { store, table, .. }, name) = (self.clone(), name.to_owned());
        self.spawn(async move { store.get(&table, &name, max_bytes).await })
    }

    /// A whole text of actions that is wanted in its turn.
    pub(super) fn wanted_text(&self, version: Version, entry: &LogEntry) -> Wanted<Version, Bytes> {
        let (fetcher, entry) = (self.clone(), entry.clone());
        Wanted::new(entry.size, version, move || fetcher.text(&entry))
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

/// What a guess brought. A storage that fails is never passed over.
async fn came(guess: Option<Guess>) -> Result<Option<(LogEntry, Bytes)>, Error> {
    match guess {
        Some(guess) => guess.arrived().await,
        None => Ok(None),
    }
}

fn kilobytes(bytes: u64) -> u32 {
    u32::try_from(bytes / 1024).unwrap_or(u32::MAX)
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
    check_text(entry)?;
    let text = store.get_listed(table, entry, 0..entry.size, keep).await?;
    entry.check_length(&text)?;
    Ok(text)
}

/// Fails for a text that is too large.
///
/// # Errors
/// [`Error::Unsupported`] then.
pub(super) fn check_text(entry: &LogEntry) -> Result<(), Error> {
    if entry.size > COMMIT_BYTES_MAX {
        return Err(Error::Unsupported(format!(
            "The log file {} is larger than this server reads ({COMMIT_BYTES_MAX} bytes).",
            entry.name
        )));
    }
    Ok(())
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher").finish_non_exhaustive()
    }
}

impl<T> Pending<T> {
    /// Waits for the bytes on the async runtime.
    ///
    /// # Errors
    /// As [`Pending::wait`].
    pub(super) async fn arrived(mut self) -> Result<T, Error> {
        let answer = self.answer.take().ok_or(Error::defect("bytes were waited for twice"))?;
        answer.await.map_err(|_| Error::defect("the server is stopping"))?
    }

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
