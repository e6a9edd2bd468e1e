//! One version of a table: what is settled before the first line of an answer (protocol, metadata, exact totals, every
//! refusal), and the files, handed on afterwards from a thread that may wait.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::action::SidecarAction;
use super::checkpoint::{Part, PartHead, Shown};
use super::features::reader_needs;
use super::fetch::{Fetcher, as_listed};
use super::log_path::{is_json, sidecar_name};
use super::schema::SchemaFacts;
use super::segment::Segment;
use super::tail::Tail;
use super::{At, DeltaLog, FileSink, Layout, Resolved};
use crate::error::Error;
use crate::limits::{CHECKPOINT_KEPT_BYTES, CHECKPOINT_SIDECARS_MAX, COMMIT_BYTES_MAX, FETCHES_IN_FLIGHT_MAX};
use crate::model::capability::Need;
use crate::model::location::TableLocation;
use crate::model::table_state::{Metadata, Protocol, Selected, Totals};
use crate::model::version::{TimestampMs, Version};
use crate::storage::LogEntry;

/// Parts of a checkpoint worked on at once. More would only compete for the same cores.
const PARTS_AT_ONCE: usize = 2;

/// One version of a table.
#[derive(Debug)]
pub struct Snapshot {
    /// The version and how it was chosen.
    pub selected: Selected,
    /// When that version was committed; known for named versions whose commit is still in the log.
    pub committed_at: Option<TimestampMs>,
    /// The protocol in force.
    pub protocol: Protocol,
    /// The metadata in force.
    pub metadata: Metadata,
    /// Features that a reader of the files must know; empty when any reader will do.
    pub needs: Vec<Need>,
    /// How many files there are, and how large they are together.
    pub totals: Totals,
    /// The objects that it was read from.
    pub layout: Layout,
    /// The files.
    pub files: SnapshotFiles,
}

/// The files of a snapshot, not yet read.
#[derive(Debug)]
pub struct SnapshotFiles {
    tail: Tail,
    parts: Vec<Part>,
    fetcher: Fetcher,
    schema: SchemaFacts,
    partitioned: bool,
    vectors: bool,
}

impl DeltaLog {
    /// Reads everything of a version that must be settled before an answer begins.
    ///
    /// # Errors
    /// When there is no such version, the log is damaged, the table needs something this server does not serve, or the
    /// storage fails.
    pub async fn snapshot(&self, table: &TableLocation, at: At) -> Result<Snapshot, Error> {
        let Resolved { selected, segment, listing } = self.resolve(table, at).await?;
        let tail = self.tail(table, &segment.commits).await?;
        let fetcher = Fetcher::new(Arc::clone(&self.store), table.clone());
        let (tail, opened) = open_checkpoint(&fetcher, &segment, tail).await?;
        let (tail, parts, heads) = read_heads(tail, opened).await?;

        let (mut protocol, mut metadata, mut totals) = (tail.protocol.clone(), tail.metadata.clone(), tail.totals);
        let vectors = heads.iter().any(|head| head.vectors);
        for head in heads {
            protocol = protocol.or(head.protocol);
            metadata = metadata.or(head.metadata);
            totals.files += head.totals.files;
            totals.bytes = totals.bytes.saturating_add(head.totals.bytes);
            totals.with_vectors += head.totals.with_vectors;
        }
        let (Some(protocol), Some(metadata)) = (protocol, metadata) else {
            return Err(no_state());
        };
        let schema = SchemaFacts::of(&metadata.schema_string)?;
        let needs = reader_needs(&protocol, &metadata, &schema, totals)?;
        let partitioned = !metadata.partition_columns.is_empty();
        if partitioned {
            parts.iter().try_for_each(Part::check_partition_values)?;
        }
        let committed_at = match selected {
            Selected::Named(version) => self.history_with(table, &listing, &metadata).committed_at(version).await?,
            Selected::Latest(_) => None,
        };
        let files = SnapshotFiles { tail, parts, fetcher, schema, partitioned, vectors };
        let layout = segment.layout();
        Ok(Snapshot { selected, committed_at, protocol, metadata, needs, totals, layout, files })
    }

    /// Metadata and nothing else of a version; cheaper than a snapshot of a large table.
    ///
    /// # Errors
    /// As [`DeltaLog::snapshot`].
    pub(super) async fn metadata_at(&self, table: &TableLocation, resolved: &Resolved) -> Result<Metadata, Error> {
        let (_, metadata) = self.found_at(table, &resolved.segment, |_, metadata| metadata.is_some()).await?;
        metadata.ok_or_else(|| Error::BadTable("The table's log is damaged: it holds no metaData action.".into()))
    }

    /// Protocol and metadata of a version; as cheap.
    ///
    /// # Errors
    /// As [`DeltaLog::snapshot`].
    pub(super) async fn state_at(
        &self,
        table: &TableLocation,
        segment: &Segment,
    ) -> Result<(Protocol, Metadata), Error> {
        let both = |protocol: Option<&Protocol>, metadata: Option<&Metadata>| protocol.is_some() && metadata.is_some();
        match self.found_at(table, segment, both).await? {
            (Some(protocol), Some(metadata)) => Ok((protocol, metadata)),
            _ => Err(no_state()),
        }
    }

    /// Reads a version, from its newest object on, until enough of its state is found.
    async fn found_at(
        &self,
        table: &TableLocation,
        segment: &Segment,
        enough: impl Fn(Option<&Protocol>, Option<&Metadata>) -> bool,
    ) -> Result<(Option<Protocol>, Option<Metadata>), Error> {
        let mut tail = self.tail(table, &segment.commits).await?;
        let mut parts = Vec::new();
        let fetcher = Fetcher::new(Arc::clone(&self.store), table.clone());
        if !enough(tail.protocol.as_ref(), tail.metadata.as_ref()) {
            // They stand in the manifest or in the parts, never in a sidecar.
            (tail, parts, _) = open_manifest(&fetcher, segment, tail).await?;
        }
        let (mut protocol, mut metadata) = (tail.protocol, tail.metadata);
        for part in parts {
            if enough(protocol.as_ref(), metadata.as_ref()) {
                break;
            }
            let head = blocking(move || part.head(&HashSet::new(), true, false)).await?;
            protocol = protocol.or(head.protocol);
            metadata = metadata.or(head.metadata);
        }
        Ok((protocol, metadata))
    }

    /// Fetches the commits, newest first, several at once, and replays them one after the other.
    async fn tail(&self, table: &TableLocation, commits: &[(Version, LogEntry)]) -> Result<Tail, Error> {
        let newest_first: Vec<(Version, LogEntry)> = commits.iter().rev().cloned().collect();
        let mut texts = stream::iter(newest_first)
            .map(|(version, entry)| async move {
                let text = self.store.get(table, &entry.name, COMMIT_BYTES_MAX).await?.ok_or_else(|| {
                    Error::TableFilesMissing(format!("commit {version} disappeared while it was read").into())
                })?;
                Ok::<(Version, Bytes), Error>((version, as_listed(&entry, text)?))
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
}

impl Snapshot {
    /// The version itself.
    pub fn version(&self) -> Version {
        self.selected.version()
    }
}

impl SnapshotFiles {
    /// Hands the files on in log-replay order: newest commit first, file order within it, then the checkpoint's rows.
    /// Waits for storage and for the sink: not for threads that drive the async runtime.
    ///
    /// # Errors
    /// When the log changes or cannot be read any further, or the sink stops.
    pub fn emit(&self, sink: &mut dyn FileSink) -> Result<(), Error> {
        for commit in &self.tail.commits {
            commit.emit(self.fetcher.table(), |name| self.fetcher.whole(name).wait(), sink)?;
        }
        let Self { tail, schema, partitioned, vectors, .. } = self;
        let shown = Shown { seen: &tail.seen, schema, partitioned: *partitioned, vectors: *vectors };
        for part in &self.parts {
            part.emit(&shown, sink)?;
        }
        Ok(())
    }
}

/// Opens everything of a checkpoint: a manifest and its sidecars, or the parts.
async fn open_checkpoint(fetcher: &Fetcher, segment: &Segment, tail: Tail) -> Result<(Tail, Vec<Part>), Error> {
    let (tail, mut parts, sidecars) = open_manifest(fetcher, segment, tail).await?;
    if sidecars.len() > CHECKPOINT_SIDECARS_MAX {
        return Err(Error::Unsupported(format!(
            "The table's checkpoint has {} sidecars, more than {CHECKPOINT_SIDECARS_MAX}. Ask the share provider to write a \
             checkpoint of larger sidecars.",
            sidecars.len()
        )));
    }
    let mut entries = Vec::new();
    for SidecarAction { path, size_in_bytes: size } in sidecars {
        let name = sidecar_name(&path).ok_or_else(|| {
            Error::BadTable(
                "The table's log is damaged: its checkpoint names a sidecar by what is no file name. Ask the share provider to \
                 repair the table."
                    .into(),
            )
        })?;
        entries.push(LogEntry { name, size, modified: TimestampMs::new(0) });
    }
    parts.extend(open_each(fetcher, entries, Part::open_sidecar).await?);
    Ok((tail, parts))
}

/// Opens what the listing shows of a checkpoint: the parts of a classic one, or the manifest of a v2 one, which names its
/// sidecars. A manifest in JSON is one more text of actions, under all commits.
async fn open_manifest(
    fetcher: &Fetcher,
    segment: &Segment,
    mut tail: Tail,
) -> Result<(Tail, Vec<Part>, Vec<SidecarAction>), Error> {
    if let [manifest] = segment.checkpoint.as_slice()
        && is_json(&manifest.name)
    {
        let (fetcher, manifest) = (fetcher.clone(), manifest.clone());
        let version = segment.checkpoint_version.unwrap_or(segment.version);
        let (tail, sidecars) = blocking(move || {
            let text = as_listed(&manifest, fetcher.whole(&manifest.name).wait()?)?;
            let sidecars = tail.apply_manifest(version, &manifest.name, text)?;
            Ok((tail, sidecars))
        })
        .await?;
        return Ok((tail, Vec::new(), sidecars));
    }
    let mut sidecars = Vec::new();
    let parts = open_each(fetcher, segment.checkpoint.clone(), Part::open).await?;
    let jobs: Vec<_> = parts
        .into_iter()
        .map(|part| {
            blocking(move || {
                let sidecars = part.sidecars()?;
                Ok((part, sidecars))
            })
        })
        .collect();
    let opened: Vec<(Part, Vec<SidecarAction>)> = stream::iter(jobs).buffered(PARTS_AT_ONCE).try_collect().await?;
    let parts = opened.into_iter().map(|(part, named)| {
        sidecars.extend(named);
        part
    });
    Ok((tail, parts.collect(), sidecars))
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
async fn read_heads(tail: Tail, parts: Vec<Part>) -> Result<(Tail, Vec<Part>, Vec<PartHead>), Error> {
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

fn no_state() -> Error {
    Error::BadTable(
        "The table's log is damaged: it holds no protocol or no metaData action. Ask the share provider to repair the table."
            .into(),
    )
}

/// Runs work that computes or waits on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|cause| Error::internal("reading the log failed", cause))?
}
