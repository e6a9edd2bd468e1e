//! The Delta log, streamed: which version, what protocol and metadata, how many files, then the files one by one in
//! log-replay order. Each object of the log is fetched once where it is small, by pieces where it is not; memory does
//! not grow with the number of files in a checkpoint.
//!
//! <https://github.com/delta-io/delta/blob/master/PROTOCOL.md>

use std::sync::Arc;

use serde::Deserialize;

use crate::error::Error;
use crate::limits::LAST_CHECKPOINT_BYTES_MAX;
use crate::model::file::DataFile;
use crate::model::location::TableLocation;
use crate::model::table_state::Selected;
use crate::model::version::{TimestampMs, Version};
use crate::storage::LogStore;

pub mod action;
pub mod changes;
pub mod checkpoint;
mod deletion_vector;
pub mod features;
pub mod fetch;
pub mod history;
pub mod log_path;
pub mod schema;
pub mod scope;
pub mod segment;
pub mod snapshot;
pub mod tail;

pub use scope::Scope;
pub use segment::Layout;
pub use snapshot::Snapshot;

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
    /// One file, in log-replay order.
    ///
    /// # Errors
    /// Whatever stops the work: nobody is listening any more, or the file cannot be handed on.
    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error>;
}

/// Reads the logs of tables.
#[derive(Clone)]
pub struct DeltaLog {
    store: Arc<dyn LogStore>,
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
}

#[derive(Deserialize)]
struct LastCheckpoint {
    version: u64,
}

impl DeltaLog {
    /// A reader over this store.
    pub fn new(store: Arc<dyn LogStore>) -> Self {
        Self { store }
    }

    /// The newest version: one hint and one listing, no data.
    ///
    /// # Errors
    /// When there is no log, or the storage fails.
    pub async fn latest_version(&self, table: &TableLocation) -> Result<Version, Error> {
        let hint = self.hint(table).await?;
        if hint.is_some()
            && let Some(latest) = self.listing(table, hint).await?.latest()
        {
            return Ok(latest);
        }
        self.listing(table, None).await?.latest().ok_or_else(no_table)
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
                Ok(Resolved { selected, segment: named_segment(&listing, version)?, listing })
            }
            At::Timestamp(at) => {
                let listing = self.listing(table, None).await?;
                let version = self.history(table, &listing).await?.in_force_at(at).await?;
                let selected = Selected::Named(version);
                Ok(Resolved { selected, segment: named_segment(&listing, version)?, listing })
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
                Ok(Resolved { selected, segment, listing })
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
        if let Some(hint) = self.hint(table).await? {
            let listing = self.listing(table, Some(hint)).await?;
            if let Some(latest) = listing.latest()
                && let Ok(segment) = listing.segment(latest)
            {
                return Ok(Resolved { selected: Selected::Latest(latest), segment, listing });
            }
            // The hint was stale or wrong: it is only a hint, so the whole log decides.
        }
        let listing = self.listing(table, None).await?;
        let latest = listing.latest().ok_or_else(no_table)?;
        let segment = listing.segment(latest)?;
        Ok(Resolved { selected: Selected::Latest(latest), segment, listing })
    }

    /// `_last_checkpoint` as far as it can be read; whatever is wrong with it, the listing decides.
    async fn hint(&self, table: &TableLocation) -> Result<Option<Version>, Error> {
        let Some(text) = self.store.get(table, "_last_checkpoint", LAST_CHECKPOINT_BYTES_MAX).await? else {
            return Ok(None);
        };
        Ok(serde_json::from_slice::<LastCheckpoint>(&text).ok().map(|hint| Version::new(hint.version)))
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
