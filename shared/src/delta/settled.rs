//! What is settled of a version before an answer begins, read from the objects that make it up: the commits and the
//! checkpoint's ends at once, then the narrow columns that give exact totals. It is kept for whoever asks for the same
//! objects again, and is the same for all of them: whether one may be told of all files is asked later.

use std::collections::HashSet;
use std::sync::Arc;

use futures::future::try_join;

use super::checkpoint::Part;
use super::guess::Guesses;
use super::memory::light_parts;
use super::problem::Problem;
use super::reading::{Checkpoint, Manifest, Reading, blocking, read_heads};
use super::schema::SchemaFacts;
use super::segment::Segment;
use super::snapshot::SnapshotFiles;
use super::tail::{Actions, Tail, TailCommit};
use super::{DeltaLog, Wants};
use crate::error::Error;
use crate::model::location::TableLocation;
use crate::model::table_state::{Metadata, Protocol, Totals};
use crate::storage::LogEntry;
use crate::storage::remembered::Keepable;

/// A version, settled.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    pub(super) protocol: Protocol,
    pub(super) metadata: Metadata,
    pub(super) totals: Totals,
    /// Why one of the files cannot be shared, if one cannot.
    pub(super) problem: Option<Problem>,
    pub(super) files: SnapshotFiles,
}

impl DeltaLog {
    /// What is settled of these objects.
    ///
    /// # Errors
    /// As [`DeltaLog::snapshot`].
    pub(super) async fn settled(
        &self,
        table: &TableLocation,
        segment: &Segment,
        wants: Wants,
        guesses: &Guesses,
    ) -> Result<Settled, Error> {
        let reading = Reading { log: self, table, segment, ahead: Some(wants), guesses };
        self.store.get_or_make(table, segment.identity(), || Self::settle(reading)).await
    }

    async fn settle(reading: Reading<'_>) -> Result<Settled, Error> {
        let Reading { segment, .. } = reading;
        let (mut tail, checkpoint) = try_join(reading.tail(), reading.checkpoint()).await?;
        let Checkpoint { manifest, parts } = checkpoint;
        let mut texts: Vec<LogEntry> = segment.commits.iter().rev().map(|(_, entry)| entry.clone()).collect();
        if let Some((entry, actions)) = manifest {
            texts.push(entry);
            tail = taken(tail, actions).await?;
        }
        let (tail, parts, heads) = read_heads(tail, parts).await?;

        let (mut protocol, mut metadata) = (tail.protocol, tail.metadata);
        let (mut totals, mut problem) = (tail.totals, tail.problem);
        let vectors = heads.iter().any(|head| head.vectors);
        let mut weight = tail.weight;
        for (part, head) in parts.iter().zip(heads) {
            weight = weight.and(head.weight).and(part.said_of(head.totals.files));
            protocol = protocol.or(head.protocol);
            metadata = metadata.or(head.metadata);
            problem = problem.or(head.problem);
            totals.files += head.totals.files;
            totals.bytes = totals.bytes.saturating_add(head.totals.bytes);
            totals.with_vectors += head.totals.with_vectors;
        }
        let (Some(protocol), Some(metadata)) = (protocol, metadata) else {
            return Err(no_state());
        };
        let schema = SchemaFacts::of(&metadata.schema_string)?;
        let partitioned = !metadata.partition_columns.is_empty();
        if partitioned {
            parts.iter().try_for_each(Part::check_partition_values)?;
        }
        let files = SnapshotFiles {
            seen: Arc::new(tail.seen),
            commits: texts.into_iter().zip(tail.commits).collect(),
            parts,
            fetcher: reading.fetcher(reading.keep_commits()),
            schema: Arc::new(schema),
            partitioned,
            vectors,
            weight,
        };
        Ok(Settled { protocol, metadata, totals, problem, files })
    }

    /// Metadata and nothing else of a version; cheaper than all that is settled of a large table.
    ///
    /// # Errors
    /// As [`DeltaLog::snapshot`].
    pub(super) async fn metadata_at(&self, table: &TableLocation, segment: &Segment) -> Result<Metadata, Error> {
        let (_, metadata) = self.found_at(table, segment, |_, metadata| metadata.is_some()).await?;
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
        if let Some(settled) = self.store.made::<Settled>(table, segment.identity()) {
            return Ok((Some(settled.protocol), Some(settled.metadata)));
        }
        let reading = Reading { log: self, table, segment, ahead: None, guesses: &Guesses::default() };
        let mut tail = reading.tail().await?;
        let mut parts = Vec::new();
        if !enough(tail.protocol.as_ref(), tail.metadata.as_ref()) {
            // They stand in the manifest or in the parts, never in a sidecar.
            match reading.manifest().await? {
                Manifest::Opened(opened) => parts = opened.parts,
                Manifest::Text(_, actions) => tail = taken(tail, actions).await?,
            }
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
}

impl Keepable for Settled {
    const KIND: &'static str = "version";

    fn light(&self) -> Option<(Self, u64)> {
        let files = &self.files;
        let seen: u64 = files.seen.iter().map(|key| key.len() as u64 + 64).sum();
        let (schema, properties) = (&self.metadata.schema_string, &self.metadata.configuration);
        let properties = properties.iter().map(|(name, value)| name.len() + value.len() + 64).sum::<usize>();
        // The schema stands there as text and as what was read from it.
        let mut bytes = seen + 2 * schema.len() as u64 + properties as u64 + 1024;
        let mut commits = Vec::with_capacity(files.commits.len());
        for (entry, commit) in &files.commits {
            let (light, taken): (TailCommit, u64) = commit.light();
            bytes += taken;
            commits.push((entry.clone(), light));
        }
        let (parts, taken) = light_parts(&files.parts)?;
        bytes += taken;
        let files = SnapshotFiles { commits, parts, ..files.clone() };
        Some((Self { files, ..self.clone() }, bytes))
    }
}

/// The manifest under all commits.
async fn taken(mut tail: Tail, manifest: Box<Actions>) -> Result<Tail, Error> {
    blocking(move || {
        tail.take(*manifest)?;
        Ok(tail)
    })
    .await
}

fn no_state() -> Error {
    Error::BadTable(
        "The table's log is damaged: it holds no protocol or no metaData action. Ask the share provider to repair the table."
            .into(),
    )
}
