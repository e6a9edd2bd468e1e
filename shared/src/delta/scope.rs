//! A part of a table, told of as if it were the whole: files outside it are neither counted nor handed on, nor do they ask
//! anything of readers. Totals are counted over the files themselves, never taken from a checkpoint.

use std::fmt;
use std::sync::Arc;

use super::choice::{Both, Choice};
use super::features::reader_needs;
use super::reading::blocking;
use super::settled::Settled;
use super::snapshot::{Snapshot, SnapshotFiles};
use super::weight::of_file;
use super::{At, DeltaLog, FileSink, Wants};
use crate::error::Error;
use crate::model::capability::Need;
use crate::model::file::{DataFile, Mark};
use crate::model::location::TableLocation;
use crate::model::table_state::{Metadata, Protocol, Totals};
use crate::model::weight::Weight;

/// Tells the files of a part by their partition values. As a choice it leaves out those that are certainly not in it; whether
/// one is that cannot be told is seen when its line is read.
pub trait PartOfTable: Choice + fmt::Debug + Send + Sync {
    /// Learns what the part is under a version's metadata, or sees that it is the same as under those before.
    ///
    /// # Errors
    /// When there is no such part, or it is another one.
    fn meet(&self, metadata: &Metadata) -> Result<(), Error>;

    /// Whether a file with these partition values, a JSON object, is in the part.
    ///
    /// # Errors
    /// When that cannot be told for certain.
    fn holds(&self, partition_values: &str) -> Result<bool, Error>;
}

/// What of a table an answer tells.
#[derive(Debug, Clone)]
pub enum Scope {
    /// All of it.
    Whole,
    /// A part.
    Part(Arc<dyn PartOfTable>),
}

impl Scope {
    /// As [`PartOfTable::meet`]; the whole is the whole under any metadata.
    ///
    /// # Errors
    /// As [`PartOfTable::meet`].
    pub fn meet(&self, metadata: &Metadata) -> Result<(), Error> {
        match self {
            Self::Whole => Ok(()),
            Self::Part(part) => part.meet(metadata),
        }
    }

    /// As [`PartOfTable::holds`].
    ///
    /// # Errors
    /// As [`PartOfTable::holds`].
    pub fn holds(&self, partition_values: &str) -> Result<bool, Error> {
        match self {
            Self::Whole => Ok(true),
            Self::Part(part) => part.holds(partition_values),
        }
    }
}

impl Scope {
    /// What has to be read for this much of a part to be told: all of its files, for only they tell how many are in it.
    pub(super) fn wants(&self, wants: Wants) -> Wants {
        match self {
            Self::Whole => wants,
            Self::Part(_) => Wants::Files,
        }
    }

    /// What is settled of the files in scope, and what their readers must know. Nothing of the whole goes into a part's
    /// totals, needs and errors.
    ///
    /// # Errors
    /// When one of these files cannot be shared.
    pub(super) async fn narrow(&self, settled: Settled) -> Result<Narrowed, Error> {
        let Settled { protocol, metadata, totals, problem, files } = settled;
        let (totals, files) = match self {
            Self::Whole => match problem {
                None => (totals, files),
                Some(problem) => return Err(problem.into()),
            },
            Self::Part(part) => {
                part.meet(&metadata)?;
                let files = ScopedFiles { files, scope: self.clone() };
                let counted = blocking(move || {
                    let mut count = Count::default();
                    files.emit_from(Mark::default(), None, &mut count)?;
                    let Count { totals, weight } = count;
                    Ok((totals, SnapshotFiles { weight, ..files.files }))
                });
                counted.await?
            }
        };
        let needs = reader_needs(&protocol, &metadata, &files.schema, totals)?;
        Ok(Narrowed { protocol, metadata, needs, totals, files })
    }
}

/// What is settled of the files in scope.
#[derive(Debug)]
pub(super) struct Narrowed {
    pub(super) protocol: Protocol,
    pub(super) metadata: Metadata,
    pub(super) needs: Vec<Need>,
    pub(super) totals: Totals,
    pub(super) files: SnapshotFiles,
}

/// One version of a table, as far as a scope goes.
pub type ScopedSnapshot = Snapshot<ScopedFiles>;

/// The files of a snapshot that are in scope, not yet read.
#[derive(Debug)]
pub struct ScopedFiles {
    files: SnapshotFiles,
    scope: Scope,
}

impl ScopedFiles {
    /// How much the log says of the files in scope.
    pub fn weight(&self) -> Weight {
        self.files.weight()
    }

    /// Hands the files in scope on from one on, as [`SnapshotFiles::emit_chosen`] does all.
    ///
    /// # Errors
    /// As there, and when it cannot be told whether a file is in scope.
    pub fn emit_from(&self, from: Mark, choice: Option<&dyn Choice>, sink: &mut dyn FileSink) -> Result<(), Error> {
        let Scope::Part(part) = &self.scope else { return self.files.emit_chosen(from, choice, sink) };
        let part: &dyn Choice = part.as_ref();
        let mut within = Within { scope: &self.scope, is_held: false, sink };
        // A value that cannot be read was an error when the files were counted, whatever else is chosen.
        match choice {
            Some(choice) => self.files.emit_chosen(from, Some(&Both(part, choice)), &mut within),
            None => self.files.emit_chosen(from, Some(part), &mut within),
        }
    }
}

/// Leaves out what is not in scope.
struct Within<'a> {
    scope: &'a Scope,
    /// The file that comes next was asked about, and is in scope.
    is_held: bool,
    sink: &'a mut dyn FileSink,
}

impl FileSink for Within<'_> {
    fn takes(&mut self, partition_values: &str) -> Result<bool, Error> {
        self.is_held = self.scope.holds(partition_values)?;
        Ok(self.is_held)
    }

    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error> {
        let is_held = std::mem::take(&mut self.is_held) || self.scope.holds(file.partition_values)?;
        if is_held { self.sink.file(file) } else { Ok(()) }
    }

    fn goes_on(&self) -> bool {
        self.sink.goes_on()
    }
}

#[derive(Default)]
struct Count {
    totals: Totals,
    weight: Weight,
}

impl FileSink for Count {
    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error> {
        self.totals.files += 1;
        self.totals.bytes = self.totals.bytes.saturating_add(file.size);
        self.totals.with_vectors += u64::from(file.deletion_vector.is_some());
        self.weight = self.weight.and(of_file(file));
        Ok(())
    }
}

impl DeltaLog {
    /// Reads everything of a version that must be settled before an answer about a part of it begins. For a part the files
    /// are gone through once more: only they tell how many are in it.
    ///
    /// # Errors
    /// As [`DeltaLog::snapshot`], and when the scope does not fit the version.
    pub async fn scoped_snapshot(
        &self,
        table: &TableLocation,
        (at, wants): (At, Wants),
        scope: &Scope,
    ) -> Result<ScopedSnapshot, Error> {
        let snapshot = self.snapshot_of(table, (at, wants), scope).await?;
        let Snapshot { selected, committed_at, protocol, metadata, needs, totals, layout, files } = snapshot;
        let files = ScopedFiles { files, scope: scope.clone() };
        Ok(Snapshot { selected, committed_at, protocol, metadata, needs, totals, layout, files })
    }
}
