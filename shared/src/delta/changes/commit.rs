//! One commit of a range, read twice: once to settle which of its actions are the change and whether they can be
//! shared, once to hand them on from the log's own text, in file order.

use bytes::Bytes;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::line::{CdcAction, ChangeLine, RemoveAction, merged_nothing, time_carried};
use super::{ChangeSink, Committed, Inlined, Kind};
use crate::delta::action::{Add, MetadataAction};
use crate::delta::deletion_vector;
use crate::delta::problem::{Problem, Unreadable};
use crate::delta::scope::Scope;
use crate::delta::tail::{self, data_file, object_of, path_problem, values_of};
use crate::delta::weight::{of_add, of_path};
use crate::error::Error;
use crate::model::change::{Change, RecordedChanges, RemovedFile};
use crate::model::location::TableLocation;
use crate::model::table_state::{Metadata, Protocol};
use crate::model::version::{TimestampMs, Version};
use crate::model::weight::Weight;

/// What of a commit is the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// The files that it added and removed where that changed data.
    Files,
    /// The changes that it recorded.
    Recorded,
    /// No file at all.
    Nothing,
}

/// A commit whose change is settled.
#[derive(Debug)]
pub(super) struct ChangeCommit {
    version: Version,
    shown: Shown,
    /// The text, unless it was too much to keep.
    text: Option<Bytes>,
    digest: [u8; 32],
}

/// What a commit says beside its files.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub protocol: Option<Protocol>,
    pub metadata: Option<Metadata>,
    /// The time that the commit carries itself.
    pub time: Option<TimestampMs>,
    /// How many of them have a deletion vector.
    pub with_vectors: u64,
    /// How much is said of the files that are handed on.
    pub weight: Weight,
}

/// What is found out about one kind of files of a commit.
#[derive(Default)]
struct Tally {
    with_vectors: u64,
    weight: Weight,
    problem: Option<Problem>,
}

impl Tally {
    fn take(&mut self, problem: Option<Problem>, has_vector: bool, weight: Weight) {
        self.weight = self.weight.and(weight);
        self.with_vectors += u64::from(has_vector);
        self.problem = self.problem.take().or(problem);
    }
}

impl ChangeCommit {
    /// Settles a commit.
    ///
    /// # Errors
    /// [`Error::BadTable`] for a line that is no action, [`Error::Unsupported`] for a file that cannot be shared; not for
    /// those that surely speak of a file out of scope.
    pub(super) fn settle(
        (table, scope): (&TableLocation, &Scope),
        version: Version,
        text: Bytes,
        keep: bool,
        kind: Kind,
    ) -> Result<(Self, Findings), Error> {
        let mut findings = Findings::default();
        let (mut files, mut recorded, mut nothing_merged) = (Tally::default(), Tally::default(), false);
        // Changes that lie outside the scope, too, say that the rest of the commit is none.
        let mut any_recorded = false;
        for (number, range) in tail::lines(&text).enumerate() {
            let line = match parse_in(scope, text.get(range).unwrap_or_default(), version, number)? {
                Parsed::Line(line) => line,
                Parsed::OutOfScope { is_recorded } => {
                    any_recorded |= is_recorded && kind == Kind::Feed;
                    continue;
                }
            };
            if let Some(add) = line.add.filter(|add| add.data_change)
                && scope.holds(values_of(add.partition_values))?
            {
                // A file that is told of once more has another vector then, save where a table goes back to old files.
                let vector = add.deletion_vector.is_some();
                let weight = of_add(table, &add);
                let weight = Weight { single: u64::from(!vector), ..weight };
                files.take(tail::problem_of(table, &add), vector, weight);
            }
            if let Some(remove) = line.remove.filter(|remove| remove.data_change)
                && told_or_undescribed(scope, remove.partition_values)?
            {
                let vector = remove.deletion_vector.as_ref();
                let weight = of_path(table, (&remove.path, remove.partition_values), false, vector);
                files.take(problem_of(table, &remove, version), vector.is_some(), weight);
            }
            if let Some(cdc) = line.cdc.filter(|_| kind == Kind::Feed) {
                any_recorded = true;
                if told_or_undescribed(scope, cdc.partition_values)? {
                    let problem = path_problem(table, &cdc.path).or_else(|| without_values(&cdc, version));
                    recorded.take(problem, false, of_path(table, (&cdc.path, cdc.partition_values), true, None));
                }
            }
            if let Some(info) = line.commit_info {
                nothing_merged |= merged_nothing(info);
                findings.time = findings.time.or_else(|| time_carried(info));
            }
            findings.protocol = line.protocol.map(Protocol::from).or(findings.protocol);
            if let Some(metadata) = line.meta_data {
                let metadata = metadata.in_force()?;
                scope.meet(&metadata)?;
                findings.metadata = Some(metadata);
            }
        }
        let (shown, tally) = match kind {
            Kind::Feed if any_recorded => (Shown::Recorded, recorded),
            Kind::Feed if nothing_merged => (Shown::Nothing, Tally::default()),
            Kind::Feed | Kind::Files => (Shown::Files, files),
        };
        if let Some(problem) = tally.problem {
            return Err(problem.into());
        }
        (findings.weight, findings.with_vectors) = (tally.weight, tally.with_vectors);
        let digest = Sha256::digest(&text).into();
        Ok((Self { version, shown, text: keep.then_some(text), digest }, findings))
    }

    /// Hands the change on. `fetch` gets the commit again when its text was not kept.
    ///
    /// # Errors
    /// What `fetch` or the sink says, and when the commit is not what it was.
    pub(super) fn emit(
        &self,
        (table, scope): (&TableLocation, &Scope),
        at: TimestampMs,
        inlined: Inlined,
        fetch: impl FnOnce(Version) -> Result<Bytes, Error>,
        sink: &mut dyn ChangeSink,
    ) -> Result<(), Error> {
        let committed = Committed { version: self.version, at };
        let text = match &self.text {
            Some(text) => text.clone(),
            None => fetch(self.version)?,
        };
        if self.text.is_none() && <[u8; 32]>::from(Sha256::digest(&text)) != self.digest {
            return Err(Error::TableFilesMissing("a commit changed while it was read".into()));
        }
        let mut vector_key = String::new();
        for (number, range) in tail::lines(&text).enumerate() {
            let line = match parse_in(scope, text.get(range).unwrap_or_default(), self.version, number)? {
                Parsed::Line(line) => line,
                Parsed::OutOfScope { .. } => continue,
            };
            if let Some(protocol) = line.protocol.filter(|_| inlined.protocol) {
                sink.protocol(committed, &protocol.into())?;
            }
            if let Some(metadata) = line.meta_data.filter(|_| inlined.metadata) {
                sink.metadata(committed, &MetadataAction::in_force(metadata)?)?;
            }
            match self.shown {
                Shown::Nothing => {}
                Shown::Recorded => {
                    if let Some(cdc) = &line.cdc
                        && scope.holds(values_of(cdc.partition_values))?
                    {
                        recorded(table, committed, cdc, sink)?;
                    }
                }
                Shown::Files => {
                    if let Some(add) = line.add.as_ref().filter(|add| add.data_change)
                        && scope.holds(values_of(add.partition_values))?
                    {
                        added(committed, add, (table, &mut vector_key), sink)?;
                    }
                    if let Some(remove) = line.remove.as_ref().filter(|remove| remove.data_change)
                        && scope.holds(values_of(remove.partition_values))?
                    {
                        removed(committed, remove, (table, &mut vector_key), sink)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether a file is in scope. One whose values are not told may be: why it cannot be handed on comes next.
fn told_or_undescribed(scope: &Scope, partition_values: Option<&RawValue>) -> Result<bool, Error> {
    partition_values.map_or(Ok(true), |values| scope.holds(values.get()))
}

fn added(
    committed: Committed,
    add: &Add<'_>,
    (table, vector_key): (&TableLocation, &mut String),
    sink: &mut dyn ChangeSink,
) -> Result<(), Error> {
    let object = object_of(table, &add.path)?;
    sink.change(committed, &Change::Add(data_file(add, &object, (table, vector_key))?))
}

fn removed(
    committed: Committed,
    remove: &RemoveAction<'_>,
    (table, vector_key): (&TableLocation, &mut String),
    sink: &mut dyn ChangeSink,
) -> Result<(), Error> {
    let object = object_of(table, &remove.path)?;
    let vector = remove.deletion_vector.as_ref();
    let removed = RemovedFile {
        path: &remove.path,
        object: object.as_key(),
        partition_values: values_of(remove.partition_values),
        size: remove.size.ok_or(Error::defect("a removal without a size was handed on"))?,
        deletion_timestamp: remove.deletion_timestamp,
        extended_file_metadata: remove.extended_file_metadata,
        base_row_id: remove.base_row_id,
        default_row_commit_version: remove.default_row_commit_version,
        deletion_vector: vector.map(|vector| deletion_vector::resolve(table, vector, vector_key)).transpose()?,
    };
    sink.change(committed, &Change::Remove(removed))
}

fn recorded(
    table: &TableLocation,
    committed: Committed,
    cdc: &CdcAction<'_>,
    sink: &mut dyn ChangeSink,
) -> Result<(), Error> {
    let object = object_of(table, &cdc.path)?;
    let recorded = RecordedChanges {
        path: &cdc.path,
        object: object.as_key(),
        partition_values: values_of(cdc.partition_values),
        size: cdc.size,
        tags: cdc.tags.map(RawValue::get),
    };
    sink.change(committed, &Change::Recorded(recorded))
}

/// A line of a commit, as far as a scope goes.
#[expect(clippy::large_enum_variant, reason = "each is taken apart where it is made")]
enum Parsed<'a> {
    Line(ChangeLine<'a>),
    /// It cannot be read, and speaks of a file out of scope.
    OutOfScope {
        is_recorded: bool,
    },
}

fn parse_in<'a>(scope: &Scope, line: &'a [u8], version: Version, number: usize) -> Result<Parsed<'a>, Error> {
    let error = match parse(line, version, number) {
        Ok(parsed) => return Ok(Parsed::Line(parsed)),
        Err(error) => error,
    };
    match Unreadable::of(line) {
        Some(Unreadable { partition_values, is_recorded }) if !scope.holds(partition_values)? => {
            Ok(Parsed::OutOfScope { is_recorded })
        }
        _ => Err(error),
    }
}

fn parse(line: &[u8], version: Version, number: usize) -> Result<ChangeLine<'_>, Error> {
    let damaged = |is_json| tail::damaged_commit(version, number, is_json);
    let parsed = serde_json::from_slice(line).map_err(|cause| damaged(cause.is_data()))?;
    // By itself serde would take an array for a struct as well.
    if line.trim_ascii_start().first() == Some(&b'{') { Ok(parsed) } else { Err(damaged(true)) }
}

/// Without values a recipient would take the rows for those of no partition at all.
fn without_values(cdc: &CdcAction<'_>, version: Version) -> Option<Problem> {
    cdc.partition_values.is_none().then(|| {
        Problem::Damaged(format!(
            "The table's log is damaged: version {version} records changes without their partition values. Ask the share \
             provider to repair the table."
        ))
    })
}

/// Why a removal cannot be handed on, if it cannot.
fn problem_of(table: &TableLocation, remove: &RemoveAction<'_>, version: Version) -> Option<Problem> {
    let vector = remove.deletion_vector.as_ref();
    let undescribed = || {
        // As with recorded changes, and a client cannot plan for a size that it does not know.
        (remove.size.is_none() || remove.partition_values.is_none()).then(|| {
            Problem::Unsupported(format!(
                "Version {version} of the table removes a file whose size and partition values its log does not tell. Changes \
                 cannot be read across that version: begin after it, or read whole versions with 'version'."
            ))
        })
    };
    path_problem(table, &remove.path)
        .or_else(|| vector.and_then(|vector| deletion_vector::problem(table, vector)))
        .or_else(undescribed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TableLocation {
        TableLocation::new("b", "t")
    }

    #[derive(Default)]
    struct Told(Vec<String>);

    impl ChangeSink for Told {
        fn change(&mut self, committed: Committed, change: &Change<'_>) -> Result<(), Error> {
            let (kind, path) = match change {
                Change::Add(file) => ("add", file.path),
                Change::Remove(removed) => ("remove", removed.path),
                Change::Recorded(recorded) => ("cdc", recorded.path),
            };
            self.0.push(format!("{kind} {path} v{}", committed.version));
            Ok(())
        }

        fn metadata(&mut self, _: Committed, metadata: &Metadata) -> Result<(), Error> {
            self.0.push(format!("metaData {}", metadata.id));
            Ok(())
        }

        fn protocol(&mut self, _: Committed, protocol: &Protocol) -> Result<(), Error> {
            self.0.push(format!("protocol {}", protocol.min_writer_version));
            Ok(())
        }
    }

    const ADD: &str = r#"{"add":{"path":"a","partitionValues":{},"size":1,"modificationTime":1,"dataChange":true}}"#;
    const CDC: &str = r#"{"cdc":{"path":"c","partitionValues":{},"size":1,"dataChange":false}}"#;
    const REMOVE: &str = r#"{"remove":{"path":"r","partitionValues":{},"size":1,"dataChange":true}}"#;
    const STATE: &str = "{\"metaData\":{\"id\":\"m\",\"schemaString\":\"{}\"}}\n{\"protocol\":{\"minReaderVersion\":1,\
                         \"minWriterVersion\":4}}";

    fn settle(lines: &[&str], keep: bool, kind: Kind) -> Result<ChangeCommit, Error> {
        ChangeCommit::settle((&table(), &Scope::Whole), Version::new(3), Bytes::from(lines.join("\n")), keep, kind)
            .map(|(commit, _)| commit)
    }

    #[test]
    fn what_is_not_handed_on_weighs_nothing_and_what_may_come_again_is_not_single() {
        let weight = |lines: &[&str], kind| {
            let text = Bytes::from(lines.join("\n"));
            ChangeCommit::settle((&table(), &Scope::Whole), Version::new(3), text, true, kind).unwrap().1.weight
        };
        let vector = r#""deletionVector":{"storageType":"u","pathOrInlineDv":"abcdefghij0123456789","sizeInBytes":1,"cardinality":1}"#;
        let told = r#""stats":"{\"numRecords\":1}","tags":{"k":"v"}"#;
        let moved = ADD.replace("true}", &format!("true,{told},{vector}}}"));
        let of = |lines, single, vectors, text| Weight { lines, single, vectors, text, packed: 0 };
        assert_eq!(weight(&[ADD, REMOVE], Kind::Files), of(2, 1, 0, 6));
        assert_eq!(weight(&[&moved], Kind::Files), of(1, 0, 1, 3 + 20));
        assert_eq!(weight(&[ADD, CDC], Kind::Files), of(1, 1, 0, 3));
        assert_eq!(weight(&[ADD, REMOVE, CDC], Kind::Feed), of(1, 1, 0, 3));
        assert_eq!(weight(&[&ADD.replace("true", "false")], Kind::Files), Weight::default());
    }

    fn told(lines: &[&str], kind: Kind, both: bool) -> Vec<String> {
        let mut told = Told::default();
        let inlined = Inlined { metadata: both, protocol: both };
        settle(lines, true, kind)
            .unwrap()
            .emit((&table(), &Scope::Whole), TimestampMs::new(5), inlined, |_| panic!("kept"), &mut told)
            .unwrap();
        told.0
    }

    #[test]
    fn a_feed_tells_of_recorded_changes_alone_and_a_range_of_files_alone() {
        assert_eq!(told(&[ADD, CDC, REMOVE], Kind::Feed, false), ["cdc c v3"]);
        assert_eq!(told(&[ADD, CDC, REMOVE], Kind::Files, false), ["add a v3", "remove r v3"]);
        assert_eq!(told(&[REMOVE, ADD], Kind::Feed, false), ["remove r v3", "add a v3"]);
    }

    #[test]
    fn state_stands_where_the_log_has_it() {
        assert_eq!(
            told(&[ADD, STATE, REMOVE], Kind::Feed, true),
            ["add a v3", "metaData m", "protocol 4", "remove r v3"]
        );
        assert_eq!(told(&[STATE], Kind::Files, false), [""; 0]);
    }

    #[test]
    fn only_what_is_told_of_can_be_a_problem() {
        let elsewhere = ADD.replace("\"a\"", "\"s3://b/a\"");
        assert!(matches!(settle(&[&elsewhere], true, Kind::Files), Err(Error::Unsupported(_))));
        assert!(matches!(settle(&[&elsewhere], true, Kind::Feed), Err(Error::Unsupported(_))));
        assert!(settle(&[&elsewhere, CDC], true, Kind::Feed).is_ok());
        assert!(settle(&[&elsewhere.replace("true", "false")], true, Kind::Files).is_ok());
        assert!(settle(&[&REMOVE.replace(",\"size\":1", "")], true, Kind::Files).is_err());
        assert!(settle(&[&REMOVE.replace("\"partitionValues\":{},", "")], true, Kind::Files).is_err());
        assert!(settle(&[&CDC.replace("\"partitionValues\":{},", "")], true, Kind::Feed).is_err());
        assert!(settle(&[&CDC.replace("\"partitionValues\":{},", "")], true, Kind::Files).is_ok());
        assert!(matches!(settle(&["[]"], true, Kind::Files), Err(Error::BadTable(_))));
    }

    #[test]
    fn a_commit_that_is_not_what_it_was_is_an_error() {
        let again = |lines: &[&str], text: &'static str| {
            let mut told = Told::default();
            let commit = settle(lines, false, Kind::Files).unwrap();
            let inlined = Inlined { metadata: true, protocol: true };
            let result = commit.emit(
                (&table(), &Scope::Whole),
                TimestampMs::new(5),
                inlined,
                |_| Ok(Bytes::from_static(text.as_bytes())),
                &mut told,
            );
            (result.is_ok(), told.0)
        };
        assert_eq!(again(&[ADD], ADD), (true, vec!["add a v3".to_owned()]));
        assert_eq!(again(&[ADD, REMOVE], ADD), (false, vec![]));
        assert_eq!(again(&[ADD], REMOVE), (false, vec![]));
    }
}
