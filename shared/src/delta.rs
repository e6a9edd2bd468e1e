//! The Delta log, streamed: which version, what protocol and metadata, how many files, then the files one by one in
//! log-replay order. Each object of the log is fetched once where it is small, by pieces where it is not; memory does
//! not grow with the number of files in a checkpoint.
//!
//! Every answer begins with a listing of the log. What was read before is used again where that listing shows the very
//! objects that it was read from, so a table that nobody changes costs the listing alone.
//!
//! <https://github.com/delta-io/delta/blob/master/PROTOCOL.md>

use std::sync::Arc;

use crate::error::Error;
use crate::limits::LOG_REMEMBERED_BYTES_MAX;
use crate::model::file::DataFile;
use crate::model::location::TableLocation;
use crate::model::table_state::Selected;
use crate::model::version::{TimestampMs, Version};
use crate::storage::LogStore;
use crate::storage::remembered::Remembered;

pub mod action;
pub mod changes;
pub mod checkpoint;
pub mod choice;
mod deletion_vector;
pub mod features;
pub mod fetch;
mod guess;
mod hint;
pub mod history;
mod in_order;
pub mod log_path;
mod look;
mod memory;
mod opening;
pub mod problem;
mod reading;
pub mod schema;
pub mod scope;
pub mod segment;
mod settled;
pub mod snapshot;
pub mod tail;
mod weight;

pub use checkpoint::ChunkCache;
pub use choice::Choice;
pub use scope::Scope;
pub use segment::Layout;
pub use snapshot::Snapshot;

use guess::Guesses;
use look::Looked;
use memory::{Memory, Start};
use segment::{Listing, Segment};

/// Which version of a table is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The newest.
    Latest,
    /// This one.
    Version(Version),
    /// The one in force at this moment.
    Timestamp(TimestampMs),
    /// One that was read before.
    Again(Again),
}

/// What of a version is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// What stands before the files.
    Head,
    /// The files too: the first of them are fetched together with the rest.
    Files,
}

/// A version that was read before, to be read once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// The version, and how it was chosen then. One that was the newest is answered as the newest, also after further
    /// commits.
    pub selected: Selected,
    /// The objects it was read from, where its files are to come in the same order.
    pub layout: Option<Layout>,
}

/// Takes the files of a snapshot, one by one.
pub trait FileSink {
    /// Whether a file with these partition values, a JSON object, is to be handed on. Asked before anything else of the file
    /// is looked at, so that nothing of other files is told, not even why they could not be handed on.
    ///
    /// # Errors
    /// When that cannot be told.
    fn takes(&mut self, _partition_values: &str) -> Result<bool, Error> {
        Ok(true)
    }

    /// One file, in log-replay order.
    ///
    /// # Errors
    /// Whatever stops the work: nobody is listening any more, or the file cannot be handed on.
    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error>;

    /// Whether what comes after the file at which the sink stopped the work will be asked for next. Then a little more of the
    /// log may be read for whoever asks.
    fn goes_on(&self) -> bool {
        false
    }
}

/// Reads the logs of tables.
#[derive(Clone)]
pub struct DeltaLog {
    store: Remembered,
    chunks: Option<ChunkCache>,
    memory: Arc<Memory>,
}

/// A version that was found in the log, and what makes it up.
#[derive(Debug)]
pub struct Resolved {
    /// The version and how it was chosen.
    pub selected: Selected,
    /// The objects to read.
    pub segment: Segment,
    /// The listing that the version was found in; it reaches back to the log's start when the version was named.
    pub listing: Listing,
    /// What of the objects is on its way already.
    guesses: Guesses,
}

impl DeltaLog {
    /// A reader over this store that keeps [`LOG_REMEMBERED_BYTES_MAX`] of what it reads.
    pub fn new(store: Arc<dyn LogStore>) -> Self {
        Self::remembering(store, LOG_REMEMBERED_BYTES_MAX)
    }

    /// A reader that keeps at most so many bytes; with none, it reads everything anew.
    pub fn remembering(store: Arc<dyn LogStore>, max_bytes: u64) -> Self {
        let store = Remembered::new(store, max_bytes);
        Self { memory: Arc::new(Memory::of(store.clone())), store, chunks: None }
    }

    /// The same reader with a cache for checkpoints that it cannot keep.
    #[must_use]
    pub fn with_chunks(self, chunks: ChunkCache) -> Self {
        Self { chunks: Some(chunks), ..self }
    }

    /// The newest version: one listing, and before the first one a hint; no data.
    ///
    /// # Errors
    /// When there is no log, or the storage fails.
    pub async fn latest_version(&self, table: &TableLocation) -> Result<Version, Error> {
        if let Some(resolved) = self.resolve_again(table).await? {
            return Ok(resolved.segment.version);
        }
        let listing = match self.look(table, None).await? {
            Looked::Whole { listing, .. } => listing,
            Looked::From { listing, .. } if listing.latest().is_some() => listing,
            Looked::From { first, .. } => self.rest(table, first).await?,
        };
        let latest = listing.latest().ok_or_else(no_table)?;
        if let Ok(segment) = listing.segment(latest) {
            self.memory.begin(table, &segment);
        }
        Ok(latest)
    }

    /// Finds a version and the objects that make it up.
    ///
    /// # Errors
    /// When there is no such version, or the log has a gap, or the storage fails.
    pub async fn resolve(&self, table: &TableLocation, at: At) -> Result<Resolved, Error> {
        match at {
            At::Latest => self.resolve_latest(table).await,
            At::Version(version) => {
                let listing = self.listing(table, None).await?;
                let selected = Selected::Named(version);
                Ok(Resolved::of(selected, named_segment(&listing, version)?, listing))
            }
            At::Timestamp(at) => {
                let listing = self.listing(table, None).await?;
                let version = self.history(table, &listing).await?.in_force_at(at).await?;
                let selected = Selected::Named(version);
                Ok(Resolved::of(selected, named_segment(&listing, version)?, listing))
            }
            At::Again(Again { selected, layout }) => {
                let from = match selected {
                    Selected::Latest(_) => layout.and_then(|layout| layout.checkpoint),
                    Selected::Named(_) => None,
                };
                let listing = self.listing(table, from).await?;
                let version = selected.version();
                let segment = match layout {
                    Some(layout) => listing.segment_again(version, layout)?,
                    None => named_segment(&listing, version)?,
                };
                Ok(Resolved::of(selected, segment, listing))
            }
        }
    }

    /// The first version committed at or after a moment; the first that the log still has when the moment lies before.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] when the moment lies after the last commit.
    pub async fn first_version_since(&self, table: &TableLocation, at: TimestampMs) -> Result<Version, Error> {
        let listing = self.listing(table, None).await?;
        self.history(table, &listing).await?.first_since(at).await
    }

    async fn resolve_latest(&self, table: &TableLocation) -> Result<Resolved, Error> {
        if let Some(resolved) = self.resolve_again(table).await? {
            return Ok(resolved);
        }
        let fetcher = self.fetcher(table);
        let (listing, hint) = match self.look(table, Some(&fetcher)).await? {
            Looked::Whole { listing, hint } => (listing, hint),
            Looked::From { listing, first, guesses } => match newest(listing) {
                Some(resolved) => return Ok(self.begun(table, Resolved { guesses, ..resolved })),
                // The hint was stale or wrong: it is only a hint, so the whole log decides.
                None => (self.rest(table, first).await?, None),
            },
        };
        let latest = listing.latest().ok_or_else(no_table)?;
        let segment = listing.segment(latest)?;
        let guesses = match hint.filter(|hint| hint.is_of(&segment.checkpoint)) {
            Some(hint) => Guesses::of(&fetcher, &hint.sidecars),
            None => Guesses::default(),
        };
        let resolved = Resolved::of(Selected::Latest(latest), segment, listing);
        Ok(self.begun(table, Resolved { guesses, ..resolved }))
    }

    /// The newest version by one listing that begins where the last one did. Nothing when the log does not go on from there:
    /// another table is in its place, or its checkpoint was taken away.
    async fn resolve_again(&self, table: &TableLocation) -> Result<Option<Resolved>, Error> {
        let Start::At(from) = self.memory.start(table) else { return Ok(None) };
        let resolved = newest(self.listing(table, from).await?);
        if resolved.is_none() {
            self.memory.forget(table);
        }
        Ok(resolved.map(|resolved| self.begun(table, resolved)))
    }

    fn begun(&self, table: &TableLocation, resolved: Resolved) -> Resolved {
        self.memory.begin(table, &resolved.segment);
        resolved
    }

    async fn listing(&self, table: &TableLocation, from: Option<Version>) -> Result<Listing, Error> {
        let after = from.map(log_path::start_after);
        Ok(Listing::new(self.store.list(table, after.as_deref()).await?))
    }
}

impl std::fmt::Debug for DeltaLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeltaLog").finish_non_exhaustive()
    }
}

impl Resolved {
    /// A version of which nothing is on its way.
    fn of(selected: Selected, segment: Segment, listing: Listing) -> Self {
        Self { selected, segment, listing, guesses: Guesses::default() }
    }
}

/// The newest version of a listing, if it shows one whole.
fn newest(listing: Listing) -> Option<Resolved> {
    let latest = listing.latest()?;
    let segment = listing.segment(latest).ok()?;
    Some(Resolved::of(Selected::Latest(latest), segment, listing))
}

fn named_segment(listing: &Listing, version: Version) -> Result<Segment, Error> {
    let latest = listing.latest().ok_or_else(no_table)?;
    if version > latest {
        return Err(Error::VersionNotFound(format!(
            "Cannot load table version {version}: the latest version is {latest}."
        )));
    }
    match listing.earliest() {
        Some(earliest) if version < earliest => Err(Error::VersionNotFound(format!(
            "Cannot load table version {version}: the earliest version still available is {earliest}."
        ))),
        _ => listing.segment(version),
    }
}

fn no_table() -> Error {
    Error::BadTable("There is no Delta table at the shared location. Ask the share provider to check it.".into())
}
