//! The objects of one version while they are read: the commits, several at once; what a listing shows of the checkpoint; the
//! sidecars that its manifest names; and the narrow columns that say what must be known before the files.

use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::task::{JoinHandle, spawn_blocking};

use super::action::SidecarAction;
use super::checkpoint::{Part, PartHead};
use super::fetch::{Fetcher, check_text};
use super::guess::Guesses;
use super::in_order::InOrder;
use super::log_path::{is_json, sidecar_name};
use super::memory::{Opened, Sidecars};
use super::opening::{open_listed, open_sidecars};
use super::segment::Segment;
use super::tail::{Actions, Tail};
use super::{DeltaLog, Wants};
use crate::error::Error;
use crate::limits::CHECKPOINT_SIDECARS_MAX;
use crate::model::location::TableLocation;
use crate::model::version::TimestampMs;
use crate::storage::LogEntry;
use crate::storage::remembered::Keep;

/// Parts of a checkpoint worked on at once. More would only compete for the same cores.
const PARTS_AT_ONCE: usize = 2;

/// What a listing shows of a checkpoint, opened.
pub(super) enum Manifest {
    /// Parts, or a manifest in Parquet.
    Opened(Opened),
    /// A manifest in JSON: one more text of actions, under all commits.
    Text(LogEntry, Box<Actions>),
}

/// A checkpoint, opened.
pub(super) struct Checkpoint {
    /// Its manifest, where that is JSON.
    pub(super) manifest: Option<(LogEntry, Box<Actions>)>,
    /// Its parts, or its manifest in Parquet, and its sidecars.
    pub(super) parts: Vec<Part>,
}

/// The objects of one version while they are read.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) log: &'a DeltaLog,
    pub(super) table: &'a TableLocation,
    pub(super) segment: &'a Segment,
    /// What is fetched before it is asked for.
    pub(super) ahead: Option<Wants>,
    /// What is on its way already.
    pub(super) guesses: &'a Guesses,
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

    /// Fetches the commits, newest first, and replays them one after the other.
    pub(super) async fn tail(self) -> Result<Tail, Error> {
        let fetcher = self.fetcher(self.keep_commits());
        let newest_first = self.segment.commits.iter().rev();
        let mut texts = InOrder::of(newest_first.map(|(version, entry)| fetcher.wanted_text(*version, entry)));
        let mut tail = Tail::new(self.table.clone());
        while let Some((version, text)) = texts.next().await {
            let text = text?;
            // Off the async threads: a commit may hold a hundred thousand files.
            tail = blocking(move || {
                tail.apply(version, text)?;
                Ok(tail)
            })
            .await?;
        }
        Ok(tail)
    }

    /// Opens all of the checkpoint; nothing of it waits for the commits.
    pub(super) async fn checkpoint(self) -> Result<Checkpoint, Error> {
        let (mut parts, sidecars, manifest) = match self.manifest().await? {
            Manifest::Opened(Opened { parts, sidecars }) => (parts, sidecars, None),
            Manifest::Text(entry, mut actions) => {
                (Vec::new(), std::mem::take(&mut actions.sidecars), Some((entry, actions)))
            }
        };
        if !sidecars.is_empty() {
            parts.extend(self.sidecars(sidecars).await?);
        }
        Ok(Checkpoint { manifest, parts })
    }

    /// Opens what the listing shows of the checkpoint: the parts of a classic one, or the manifest of a v2 one, which names
    /// its sidecars.
    pub(super) async fn manifest(self) -> Result<Manifest, Error> {
        let Self { log, table, segment, guesses, .. } = self;
        let fetcher = self.fetcher(self.keep_checkpoint(&[]));
        if let [manifest] = segment.checkpoint.as_slice()
            && is_json(&manifest.name)
        {
            check_text(manifest)?;
            let guess = guesses.take(&manifest.name);
            let (entry, text) = fetcher.first(manifest, 0..manifest.size, guess).arrived().await?;
            entry.check_length(&text)?;
            let (of, version) = (table.clone(), segment.checkpoint_version.unwrap_or(segment.version));
            return blocking(move || {
                let actions = Actions::of_manifest(&of, version, &entry.name, text)?;
                Ok(Manifest::Text(entry, Box::new(actions)))
            })
            .await;
        }
        let opened = log.store.get_or_make(table, segment.checkpoint_identity(), || async {
            with_sidecars(open_listed(&fetcher, &segment.checkpoint, guesses).await?).await
        });
        let mut opened = opened.await?;
        self.fetch_ahead(&mut opened.parts, true);
        Ok(Manifest::Opened(opened))
    }

    /// Starts fetching what will be read of parts: of all where it is kept, of the first where it would not be there any more
    /// when its turn comes. The first part hands on the first file.
    fn fetch_ahead(self, parts: &mut [Part], state: bool) {
        for (at, part) in parts.iter_mut().enumerate() {
            match self.ahead {
                Some(wants) if at < PARTS_AT_ONCE || part.is_kept() => {
                    part.fetch_ahead(state, at == 0 && wants == Wants::Files);
                }
                _ => drop(part.take_end()),
            }
        }
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
            open_sidecars(&fetcher, &entries, self.guesses).await.map(Sidecars)
        });
        let Sidecars(mut parts) = opened.await?;
        self.fetch_ahead(&mut parts, false);
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
    finished(spawn_blocking(work)).await
}

/// What such work has come to.
pub(super) async fn finished<T>(work: JoinHandle<Result<T, Error>>) -> Result<T, Error> {
    work.await.map_err(|cause| Error::internal("reading the log failed", cause))?
}
