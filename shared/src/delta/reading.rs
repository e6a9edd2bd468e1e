//! The objects of one version while they are read: the commits, several at once; what a listing shows of the checkpoint; the
//! sidecars that its manifest names; and the narrow columns that say what must be known before the files.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::action::SidecarAction;
use super::checkpoint::{Part, PartHead};
use super::fetch::{Fetcher, text_of};
use super::log_path::{is_json, sidecar_name};
use super::memory::{Opened, Sidecars};
use super::segment::Segment;
use super::tail::Tail;
use super::{DeltaLog, Wants};
use crate::error::Error;
use crate::limits::{CHECKPOINT_KEPT_BYTES, CHECKPOINT_SIDECARS_MAX, FETCHES_IN_FLIGHT_MAX};
use crate::model::location::TableLocation;
use crate::model::version::{TimestampMs, Version};
use crate::storage::LogEntry;
use crate::storage::remembered::Keep;

/// Parts of a checkpoint worked on at once. More would only compete for the same cores.
const PARTS_AT_ONCE: usize = 2;

/// What a listing shows of a checkpoint, opened.
pub(super) enum Manifest {
    /// Parts, or a manifest in Parquet.
    Opened(Opened),
    /// A manifest in JSON: one more text of actions, under all commits.
    Text(LogEntry, Bytes),
}

/// The objects of one version while they are read.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) log: &'a DeltaLog,
    pub(super) table: &'a TableLocation,
    pub(super) segment: &'a Segment,
    /// What is fetched before it is asked for.
    pub(super) ahead: Option<Wants>,
}

impl Reading<'_> {
    pub(super) fn fetcher(self, keep: Keep) -> Fetcher {
        Fetcher::new(self.log.store.clone(), self.table.clone(), keep).with_chunks(self.log.chunks.clone())
    }

    /// Commits are kept before the checkpoint is: all of them are read for every answer.
    pub(super) fn keep_commits(self) -> Keep {
        self.log.store.fits(self.segment.commit_sizes())
    }

    /// Whether the checkpoint can be kept beside the commits, together with sidecars of these sizes.
    fn keep_checkpoint(self, sidecars: &[SidecarAction]) -> Keep {
        let parts = self.segment.checkpoint.iter().map(|entry| entry.size);
        let sidecars = sidecars.iter().map(|sidecar| sidecar.size_in_bytes);
        self.log.store.fits(self.segment.commit_sizes().chain(parts).chain(sidecars))
    }

    /// Fetches the commits, newest first, several at once, and replays them one after the other.
    pub(super) async fn tail(self) -> Result<Tail, Error> {
        let (store, table, keep) = (&self.log.store, self.table, self.keep_commits());
        let newest_first: Vec<(Version, LogEntry)> = self.segment.commits.iter().rev().cloned().collect();
        let mut texts = stream::iter(newest_first)
            .map(|(version, entry)| async move {
                let text = text_of(store, table, &entry, keep).await?;
                Ok::<(Version, Bytes), Error>((version, text))
            })
            .buffered(FETCHES_IN_FLIGHT_MAX);
        let mut tail = Tail::new(table.clone());
        while let Some((version, text)) = texts.try_next().await? {
            // Off the async threads: a commit may hold a hundred thousand files.
            tail = blocking(move || {
                tail.apply(version, text)?;
                Ok(tail)
            })
            .await?;
        }
        Ok(tail)
    }

    /// Opens what the listing shows of the checkpoint: the parts of a classic one, or the manifest of a v2 one, which names
    /// its sidecars.
    pub(super) async fn manifest(self) -> Result<Manifest, Error> {
        let Self { log, table, segment, .. } = self;
        let keep = self.keep_checkpoint(&[]);
        if let [manifest] = segment.checkpoint.as_slice()
            && is_json(&manifest.name)
        {
            let text = text_of(&log.store, table, manifest, keep).await?;
            return Ok(Manifest::Text(manifest.clone(), text));
        }
        let fetcher = self.fetcher(keep);
        let opened = log.store.get_or_make(table, segment.checkpoint_identity(), || async {
            let parts = open_each(&fetcher, segment.checkpoint.clone(), Part::open).await?;
            with_sidecars(parts).await
        });
        let opened = opened.await?;
        self.fetch_ahead(&opened.parts, true);
        Ok(Manifest::Opened(opened))
    }

    /// Starts fetching what will be read of parts: of all where it is kept, of the first where it would not be there any more
    /// when its turn comes. The first part hands on the first file.
    fn fetch_ahead(self, parts: &[Part], state: bool) {
        let Some(wants) = self.ahead else { return };
        for (at, part) in parts.iter().enumerate().take_while(|(at, part)| *at < PARTS_AT_ONCE || part.is_kept()) {
            part.fetch_ahead(state, at == 0 && wants == Wants::Files);
        }
    }

    /// Takes a manifest in JSON under the commits.
    pub(super) async fn apply_manifest(
        self,
        mut tail: Tail,
        manifest: LogEntry,
        text: Bytes,
    ) -> Result<(Tail, Vec<SidecarAction>), Error> {
        let version = self.segment.checkpoint_version.unwrap_or(self.segment.version);
        blocking(move || {
            let sidecars = tail.apply_manifest(version, &manifest.name, text)?;
            Ok((tail, sidecars))
        })
        .await
    }

    /// Opens the sidecars that the manifest names.
    pub(super) async fn sidecars(self, named: Vec<SidecarAction>) -> Result<Vec<Part>, Error> {
        if named.len() > CHECKPOINT_SIDECARS_MAX {
            return Err(Error::Unsupported(format!(
                "The table's checkpoint has {} sidecars, more than {CHECKPOINT_SIDECARS_MAX}. Ask the share provider to write a \
                 checkpoint of larger sidecars.",
                named.len()
            )));
        }
        let fetcher = self.fetcher(self.keep_checkpoint(&named));
        let mut entries = Vec::new();
        for SidecarAction { path, size_in_bytes: size } in named {
            let name = sidecar_name(&path).ok_or_else(|| {
                Error::BadTable(
                    "The table's log is damaged: its checkpoint names a sidecar by what is no file name. Ask the share \
                     provider to repair the table."
                        .into(),
                )
            })?;
            entries.push(LogEntry { name, size, modified: TimestampMs::new(0), etag: None });
        }
        let opened = self.log.store.get_or_make(self.table, self.segment.checkpoint_identity(), || async {
            open_each(&fetcher, entries.clone(), Part::open_sidecar).await.map(Sidecars)
        });
        let Sidecars(parts) = opened.await?;
        self.fetch_ahead(&parts, false);
        Ok(parts)
    }
}

/// Parts with the sidecars that they name, should they be a manifest.
async fn with_sidecars(parts: Vec<Part>) -> Result<Opened, Error> {
    let jobs: Vec<_> = parts
        .into_iter()
        .map(|part| {
            blocking(move || {
                let sidecars = part.sidecars()?;
                Ok((part, sidecars))
            })
        })
        .collect();
    let mut opened = Opened::default();
    let mut done = stream::iter(jobs).buffered(PARTS_AT_ONCE);
    while let Some((part, sidecars)) = done.try_next().await? {
        opened.parts.push(part);
        opened.sidecars.extend(sidecars);
    }
    Ok(opened)
}

/// Opens parts or sidecars, keeping small ones whole as long as they fit the budget together.
async fn open_each(
    fetcher: &Fetcher,
    entries: Vec<LogEntry>,
    open: fn(Fetcher, LogEntry, bool) -> Result<Part, Error>,
) -> Result<Vec<Part>, Error> {
    let mut budget = CHECKPOINT_KEPT_BYTES;
    let jobs: Vec<_> = entries
        .into_iter()
        .map(|entry| {
            let keep = entry.size <= budget;
            if keep {
                budget -= entry.size;
            }
            let fetcher = fetcher.clone();
            blocking(move || open(fetcher, entry, keep))
        })
        .collect();
    stream::iter(jobs).buffered(FETCHES_IN_FLIGHT_MAX).try_collect().await
}

/// Reads the head of every part, in the order of the parts.
pub(super) async fn read_heads(tail: Tail, parts: Vec<Part>) -> Result<(Tail, Vec<Part>, Vec<PartHead>), Error> {
    let state = tail.protocol.is_none() || tail.metadata.is_none();
    let tail = Arc::new(tail);
    let jobs: Vec<_> = parts
        .into_iter()
        .map(|part| {
            let tail = Arc::clone(&tail);
            blocking(move || {
                let head = part.head(&tail.seen, state, true)?;
                drop(tail);
                Ok((part, head))
            })
        })
        .collect();
    let read: Vec<(Part, PartHead)> = stream::iter(jobs).buffered(PARTS_AT_ONCE).try_collect().await?;
    let tail = Arc::try_unwrap(tail).map_err(|_| Error::defect("a checkpoint part is still being read"))?;
    let (parts, heads) = read.into_iter().unzip();
    Ok((tail, parts, heads))
}

/// Runs work that computes or waits on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|cause| Error::internal("reading the log failed", cause))?
}
