//! One version of a table: what is settled before the first line of an answer (protocol, metadata, exact totals, every
//! refusal), and the files, handed on afterwards from a thread that may wait.

use std::collections::HashSet;
use std::sync::Arc;

use super::checkpoint::{Chosen, Part, Shown};
use super::choice::Choice;
use super::fetch::Fetcher;
use super::schema::SchemaFacts;
use super::scope::Narrowed;
use super::tail::TailCommit;
use super::{At, DeltaLog, FileSink, Layout, Resolved, Scope, Wants};
use crate::error::Error;
use crate::model::capability::Need;
use crate::model::file::{DataFile, Mark};
use crate::model::location::TableLocation;
use crate::model::table_state::{Metadata, Protocol, Selected, Totals};
use crate::model::version::{TimestampMs, Version};
use crate::model::weight::Weight;
use crate::storage::LogEntry;

/// One version of a table, with its files or those of a part of it.
#[derive(Debug)]
pub struct Snapshot<F = SnapshotFiles> {
    /// The version and how it was chosen.
    pub selected: Selected,
    /// When that version was committed; known for named versions whose commit is still in the log.
    pub committed_at: Option<TimestampMs>,
    /// The protocol in force.
    pub protocol: Protocol,
    /// The metadata in force.
    pub metadata: Metadata,
    /// Features that a reader of these files must know; empty when any reader will do.
    pub needs: Vec<Need>,
    /// How many of these files there are, and how large they are together.
    pub totals: Totals,
    /// The objects that it was read from.
    pub layout: Layout,
    /// The files.
    pub files: F,
}

/// The files of a snapshot, not yet read.
#[derive(Debug, Clone)]
pub struct SnapshotFiles {
    /// Files that the commits speak of; what the checkpoint says of them is void.
    pub(super) seen: Arc<HashSet<String>>,
    /// Newest first; last the checkpoint's manifest, where that is a text.
    pub(super) commits: Vec<(LogEntry, TailCommit)>,
    pub(super) parts: Vec<Part>,
    /// Fetches the commits' texts.
    pub(super) fetcher: Fetcher,
    pub(super) schema: Arc<SchemaFacts>,
    pub(super) partitioned: bool,
    pub(super) vectors: bool,
    pub(super) weight: Weight,
}

impl DeltaLog {
    /// Reads everything of a version that must be settled before an answer begins.
    ///
    /// # Errors
    /// When there is no such version, the log is damaged, the table needs something this server does not serve, or the
    /// storage fails.
    pub async fn snapshot(&self, table: &TableLocation, at: At, wants: Wants) -> Result<Snapshot, Error> {
        self.snapshot_of(table, (at, wants), &Scope::Whole).await
    }

    /// The same of the files in scope, with all files to be read from.
    pub(super) async fn snapshot_of(
        &self,
        table: &TableLocation,
        (at, wants): (At, Wants),
        scope: &Scope,
    ) -> Result<Snapshot, Error> {
        let Resolved { selected, segment, listing, guesses } = self.resolve(table, at).await?;
        let settled = self.settled(table, &segment, scope.wants(wants), &guesses).await?;
        let committed_at = match selected {
            Selected::Named(version) => {
                self.history_with(table, &listing, &settled.metadata).committed_at(version).await?
            }
            Selected::Latest(_) => None,
        };
        let Narrowed { protocol, metadata, needs, totals, files } = scope.narrow(settled).await?;
        Ok(Snapshot { selected, committed_at, protocol, metadata, needs, totals, layout: segment.layout(), files })
    }
}

impl<F> Snapshot<F> {
    /// The version itself.
    pub fn version(&self) -> Version {
        self.selected.version()
    }
}

impl SnapshotFiles {
    /// How much the log says of them.
    pub fn weight(&self) -> Weight {
        self.weight
    }

    /// Hands the files on in log-replay order: newest commit first, file order within it, then the checkpoint's rows.
    /// Waits for storage and for the sink: not for threads that drive the async runtime.
    ///
    /// # Errors
    /// When the log changes or cannot be read any further, or the sink stops.
    pub fn emit(&self, sink: &mut dyn FileSink) -> Result<(), Error> {
        self.emit_from(Mark::default(), sink)
    }

    /// The same from a file on. Neither commits nor row groups before it are read.
    ///
    /// # Errors
    /// As [`SnapshotFiles::emit`].
    pub fn emit_from(&self, from: Mark, sink: &mut dyn FileSink) -> Result<(), Error> {
        self.emit_chosen(from, None, sink)
    }

    /// The same for a choice among the files. Most of what it surely does not want is not read, nor handed on.
    ///
    /// # Errors
    /// As [`SnapshotFiles::emit`].
    pub fn emit_chosen(&self, from: Mark, choice: Option<&dyn Choice>, sink: &mut dyn FileSink) -> Result<(), Error> {
        let mut row = 0;
        for (entry, commit) in &self.commits {
            let after = row + commit.files();
            if from < (Mark { part: 0, row: after }) {
                let mut marked = Marked { row, from, sink };
                commit.emit(self.fetcher.table(), |_| self.fetcher.text(entry).wait(), &mut marked)?;
            }
            row = after;
        }
        let Self { seen, schema, partitioned, vectors, .. } = self;
        let shown = Shown { seen, schema, partitioned: *partitioned, vectors: *vectors };
        let chosen = choice.map(|choice| {
            let columns = choice.columns();
            let narrow = self.parts.iter().map(|part| part.narrow_bytes(&columns)).fold(0, u64::saturating_add);
            Chosen { choice, keep: self.fetcher.keeps_few(narrow) }
        });
        for (part, number) in self.parts.iter().zip(1..) {
            if from.part <= number {
                part.emit(&shown, from.max(Mark { part: number, row: 0 }), chosen, sink)?;
            }
        }
        Ok(())
    }
}

/// Gives files of commits their marks, and leaves out those before one of them.
struct Marked<'a> {
    row: u64,
    from: Mark,
    sink: &'a mut dyn FileSink,
}

impl FileSink for Marked<'_> {
    fn takes(&mut self, partition_values: &str) -> Result<bool, Error> {
        let is_taken = Mark { part: 0, row: self.row } >= self.from && self.sink.takes(partition_values)?;
        if !is_taken {
            self.row += 1;
        }
        Ok(is_taken)
    }

    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error> {
        let mark = Mark { part: 0, row: self.row };
        self.row += 1;
        if mark < self.from { Ok(()) } else { self.sink.file(&DataFile { mark, ..*file }) }
    }
}
