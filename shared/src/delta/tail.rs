//! The JSON commits after the checkpoint, newest first, then the checkpoint's manifest where that is JSON too: which `add`
//! actions are still active, which files a checkpoint may no longer show, and the protocol and metadata in force (Delta
//! protocol, "Action Reconciliation").
//!
//! Two passes: the first decides and counts, the second hands the surviving actions on from the log's own text.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::FileSink;
use super::action::{Add, Line, MetadataAction};
use super::deletion_vector;
use super::features::absolute_path_refused;
use super::log_path::commit_name;
use super::problem::{Problem, Unreadable};
use crate::error::Error;
use crate::limits::COMMIT_TEXT_KEPT_BYTES;
use crate::model::area::LoggedObject;
use crate::model::file::{DataFile, Mark, Text};
use crate::model::location::{PathError, TableLocation};
use crate::model::table_state::{Metadata, Protocol, Totals};
use crate::model::version::Version;
use crate::model::weight::Weight;

mod actions;

pub use actions::Actions;
use actions::{Added, FileAction};

/// What the commits after a checkpoint come to.
#[derive(Debug)]
pub struct Tail {
    table: TableLocation,
    /// Files that these commits added or removed; what older objects say of them is void.
    pub seen: HashSet<String>,
    /// The commits with their active files, newest first.
    pub commits: Vec<TailCommit>,
    /// The newest protocol in these commits.
    pub protocol: Option<Protocol>,
    /// The newest metadata in these commits.
    pub metadata: Option<Metadata>,
    /// The active files that these commits added.
    pub totals: Totals,
    /// How much they say of them.
    pub weight: Weight,
    /// Why one of them cannot be shared, if one cannot.
    pub problem: Option<Problem>,
    kept_bytes: usize,
}

/// One commit, or a checkpoint's manifest, and where in its text the active `add` actions stand.
#[derive(Debug, Clone)]
pub struct TailCommit {
    source: Source,
    /// The lines of active files, in the commit's order.
    active: Arc<[Range<usize>]>,
    text: Kept,
}

/// A text that is read twice.
#[derive(Debug, Clone)]
enum Kept {
    /// The text itself.
    Whole(Bytes),
    /// It was too much to keep: its SHA-256, to know it again.
    Digest([u8; 32]),
    /// It is read again by what tells it from any other object.
    Again,
    /// Nothing in it is needed any more.
    Nothing,
}

/// What a text of actions is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Commit(Version),
    /// The manifest of this version's checkpoint, and its name in the log.
    Manifest(Version, String),
}

impl Source {
    /// The object's name in the log.
    fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Commit(version) => commit_name(*version).into(),
            Self::Manifest(_, name) => name.into(),
        }
    }
}

impl Tail {
    /// Nothing yet of this table's commits.
    pub fn new(table: TableLocation) -> Self {
        Self {
            table,
            seen: HashSet::new(),
            commits: Vec::new(),
            protocol: None,
            metadata: None,
            totals: Totals::default(),
            weight: Weight::default(),
            problem: None,
            kept_bytes: 0,
        }
    }

    /// Takes the next older commit.
    ///
    /// # Errors
    /// [`Error::BadTable`] for a line that is no action, unless it speaks of a file: that is that file's
    /// [problem](Self::problem).
    pub fn apply(&mut self, version: Version, text: Bytes) -> Result<(), Error> {
        let actions = Actions::of(&self.table, Source::Commit(version), text)?;
        self.take(actions)
    }

    /// Takes the next older text. The manifest of a checkpoint lies under all commits.
    ///
    /// # Errors
    /// As [`Tail::apply`].
    pub fn take(&mut self, actions: Actions) -> Result<(), Error> {
        let Actions { source, text, files, protocol, metadata, sidecars: _ } = actions;
        self.protocol = self.protocol.take().or(protocol.map(Protocol::from));
        if self.metadata.is_none() {
            self.metadata = metadata.map(MetadataAction::in_force).transpose()?;
        }

        // Last action first: within a commit, too, the later one holds.
        let mut active = Vec::new();
        for action in files.into_iter().rev() {
            let FileAction { key, added } = action;
            if key.is_some_and(|key| !self.seen.insert(key)) {
                continue;
            }
            if let Some(Added { range, size, vector, weight, problem }) = added {
                self.problem = self.problem.take().or(problem);
                self.totals.files += 1;
                self.totals.bytes = self.totals.bytes.saturating_add(size);
                self.totals.with_vectors += u64::from(vector);
                self.weight = self.weight.and(weight);
                active.push(range);
            }
        }
        active.reverse();
        let text = if active.is_empty() {
            Kept::Nothing
        } else if self.kept_bytes + text.len() <= COMMIT_TEXT_KEPT_BYTES {
            self.kept_bytes += text.len();
            Kept::Whole(text)
        } else {
            Kept::Digest(Sha256::digest(&text).into())
        };
        self.commits.push(TailCommit { source, active: active.into(), text });
        Ok(())
    }
}

impl TailCommit {
    /// The commit without its text, to be kept, and about how many bytes it takes then.
    pub(super) fn light(&self) -> (Self, u64) {
        let text = match &self.text {
            Kept::Whole(_) => Kept::Again,
            other => other.clone(),
        };
        let taken = 256 + size_of_val(self.active.as_ref()) as u64;
        (Self { text, ..self.clone() }, taken)
    }

    /// How many files it hands on.
    pub(super) fn files(&self) -> u64 {
        self.active.len() as u64
    }

    /// Hands the active files of the table on. `fetch` gets an object of the log again when its text was not kept.
    ///
    /// # Errors
    /// What `fetch` or the sink says.
    pub fn emit(
        &self,
        table: &TableLocation,
        fetch: impl FnOnce(&str) -> Result<Bytes, Error>,
        sink: &mut dyn FileSink,
    ) -> Result<(), Error> {
        let changed = || Error::TableFilesMissing("a commit changed while it was read".into());
        let text = match &self.text {
            Kept::Nothing => return Ok(()),
            Kept::Whole(text) => text.clone(),
            Kept::Again => fetch(&self.source.name())?,
            Kept::Digest(digest) => {
                let again = fetch(&self.source.name())?;
                if <[u8; 32]>::from(Sha256::digest(&again)) != *digest {
                    return Err(changed());
                }
                again
            }
        };
        let mut vector_key = String::new();
        for range in self.active.iter() {
            let line = match parse_line(&text, range.clone(), &self.source) {
                Ok(line) => line,
                Err(error) => match unreadable(&text, range) {
                    Some(file) if !sink.takes(file.partition_values)? => continue,
                    _ => return Err(error),
                },
            };
            let add = line.add.ok_or_else(changed)?;
            if sink.takes(values_of(add.partition_values))? {
                sink.file(&data_file(&add, &object_of(table, &add.path)?, (table, &mut vector_key))?)?;
            }
        }
        Ok(())
    }
}

/// The object that a path names.
///
/// # Errors
/// When the path cannot be shared.
pub(super) fn object_of<'a>(table: &TableLocation, path: &'a str) -> Result<LoggedObject<'a>, Error> {
    table.object(path).map_err(|error| match error {
        PathError::Absolute => absolute_path_refused(),
        PathError::Malformed => Error::BadTable(
            "The table's log names a file by a path that leads out of the table. Ask the share provider to repair it."
                .into(),
        ),
    })
}

/// Partition values as they are logged; none are those of a table without partitions.
pub(super) fn values_of(partition_values: Option<&RawValue>) -> &str {
    partition_values.map_or("{}", RawValue::get)
}

/// A logged file in the model's terms; the text is a buffer for its vector's object key.
pub(super) fn data_file<'a>(
    add: &'a Add<'_>,
    object: &'a LoggedObject<'_>,
    (table, vector_key): (&TableLocation, &'a mut String),
) -> Result<DataFile<'a>, Error> {
    let vector = add.deletion_vector.as_ref();
    Ok(DataFile {
        mark: Mark::default(),
        path: &add.path,
        object: object.as_key(),
        partition_values: values_of(add.partition_values),
        size: add.size,
        modification_time: add.modification_time,
        data_change: add.data_change,
        stats: add.stats.and_then(logged_stats),
        tags: add.tags.map(RawValue::get),
        base_row_id: add.base_row_id,
        default_row_commit_version: add.default_row_commit_version,
        clustering_provider: add.clustering_provider.as_deref(),
        deletion_vector: vector.map(|vector| deletion_vector::resolve(table, vector, vector_key)).transpose()?,
    })
}

/// Statistics are a JSON string in the log; anything else, and the empty string, is as good as none.
pub(super) fn logged_stats(raw: &RawValue) -> Option<Text<'_>> {
    let text = raw.get();
    (text.starts_with('"') && text.len() > 2).then_some(Text::JsonLiteral(text))
}

/// Why a file cannot be shared, if it cannot.
pub(super) fn problem_of(table: &TableLocation, add: &Add<'_>) -> Option<Problem> {
    let vector = add.deletion_vector.as_ref();
    path_problem(table, &add.path).or_else(|| vector.and_then(|vector| deletion_vector::problem(table, vector)))
}

/// Why a path cannot be shared, if it cannot.
pub(super) fn path_problem(table: &TableLocation, path: &str) -> Option<Problem> {
    object_of(table, path).err().map(Problem::from)
}

/// The length of the object's key that a path names.
///
/// # Errors
/// Why the path cannot be shared.
pub(super) fn key_bytes(table: &TableLocation, path: &str) -> Result<u64, Error> {
    object_of(table, path).map(|object| object.as_key().key.len() as u64)
}

/// The lines of a commit that hold something, as ranges of its text.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    text.split(|&byte| byte == b'\n').filter_map(move |line| {
        let range = start..start + line.len();
        start = range.end + 1;
        (!line.trim_ascii().is_empty()).then_some(range)
    })
}

fn parse_line<'a>(text: &'a [u8], range: Range<usize>, source: &Source) -> Result<Line<'a>, Error> {
    let line = text.get(range.clone()).unwrap_or_default();
    let failed =
        |is_json| damaged(source, lines(text).take_while(|before| before.start < range.start).count(), is_json);
    let parsed = serde_json::from_slice(line).map_err(|cause| failed(cause.is_data()))?;
    // By itself serde would take an array for a struct as well.
    if line.trim_ascii_start().first() == Some(&b'{') { Ok(parsed) } else { Err(failed(true)) }
}

/// What a line that cannot be read tells of the file that it speaks of.
fn unreadable<'a>(text: &'a [u8], range: &Range<usize>) -> Option<Unreadable<'a>> {
    Unreadable::of(text.get(range.clone()).unwrap_or_default())
}

/// The error for a line of a commit that cannot be read.
pub(super) fn damaged_commit(version: Version, number: usize, is_json: bool) -> Error {
    damaged(&Source::Commit(version), number, is_json)
}

fn damaged(source: &Source, number: usize, is_json: bool) -> Error {
    let what = if is_json { "is not an action that the Delta protocol knows" } else { "is not JSON" };
    let (whose, version) = match source {
        Source::Commit(version) => ("", version),
        Source::Manifest(version, _) => ("the checkpoint of ", version),
    };
    Error::BadTable(format!(
        "The table's log is damaged: line {} of {whose}version {version} {what}. Ask the share provider to repair the table.",
        number + 1
    ))
}

#[cfg(test)]
mod tests;
