//! The sample tables, written with `deltalake` as a provider's own would be: several commits, a partitioned one, a
//! checkpoint. Every row is invented, from a fixed seed, and says so in the table's comment.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use deltalake::DeltaTable;
use deltalake::arrow::datatypes::Schema;
use deltalake::arrow::record_batch::RecordBatch;
use deltalake::kernel::{StructField, StructType, engine::arrow_conversion::TryIntoArrow};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::checkpoints::create_checkpoint;
use deltalake::writer::{DeltaWriter, RecordBatchWriter};
use serde_json::Value;

mod cars;
mod covid;
mod random;

const COMMENT: &str = "Sample data, invented by Spillway; not real figures";

/// The oldest writer version whose writers know the change data feed.
const CHANGE_FEED_WRITER_VERSION: i32 = 4;

/// A failure of whatever kind, told to the person at the terminal.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Where the sample tables are.
#[derive(Debug)]
pub struct DemoTables {
    /// Daily figures of eight countries, partitioned by `iso_code`.
    pub covid: PathBuf,
    /// A small table without partitions.
    pub cars: PathBuf,
}

/// A sample table: its shape, and the rows of each commit after the first.
struct Sample {
    name: &'static str,
    columns: Vec<StructField>,
    partitions: &'static [&'static str],
    commits: Vec<RecordBatch>,
    /// Whether the table says that its changes are recorded, so that the change data feed can be tried as well.
    change_feed: bool,
    /// The version that gets a checkpoint.
    checkpoint: Option<usize>,
}

/// Writes the sample tables below a folder, those that are not there whole. Each is written beside its place and renamed,
/// and what a run that was stopped left beside it is removed.
///
/// # Errors
/// A sentence for the person at the terminal, also when another process is writing the same tables. Nothing half-written
/// is left under a table's name.
pub async fn write_tables(folder: &Path) -> Result<DemoTables, String> {
    let told = |error: Failure| format!("cannot write the sample tables to {}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(|error| told(error.into()))?;
    write_missing(folder).await.map_err(told)
}

async fn write_missing(folder: &Path) -> Result<DemoTables, Failure> {
    let samples = [covid::sample()?, cars::sample()?];
    let [covid, cars] = [&samples[0], &samples[1]].map(|sample| folder.join(sample.name));
    if !(is_whole(&covid) && is_whole(&cars)) {
        // One lock for both: a lock given up and taken again may meanwhile be held by a program that is being started,
        // which shares this process's files until it is loaded.
        let lock = lock(folder)?;
        for sample in samples {
            write_once(folder, sample, lock.is_some()).await?;
        }
    }
    Ok(DemoTables { covid, cars })
}

/// Writes a table beside its place, unless it is there, and moves it to its place when it is whole. `alone` says that no
/// other process writes below the folder.
async fn write_once(folder: &Path, sample: Sample, alone: bool) -> Result<(), Failure> {
    let place = folder.join(sample.name);
    // Whoever held the lock before may have written it.
    if is_whole(&place) {
        return Ok(());
    }
    let prefix = format!(".{}.tmp-", sample.name);
    let beside = folder.join(format!("{prefix}{}", std::process::id()));
    if alone {
        remove_leftovers(folder, &prefix)?;
    } else if beside.exists() {
        fs::remove_dir_all(&beside)?;
    }
    fs::create_dir_all(&beside)?;
    let written = match write(&beside, sample).await {
        Ok(()) => fs::rename(&beside, &place).map_err(Failure::from),
        Err(error) => Err(error),
    };
    if written.is_err() {
        // The first failure is the one to tell.
        let _ = fs::remove_dir_all(&beside);
    }
    written
}

/// Whether a table is in its place. It comes there by one rename, so that its log's folder stands for all of it.
fn is_whole(place: &Path) -> bool {
    place.join("_delta_log").is_dir()
}

/// The right to write below a folder, until the file is dropped or the process ends. Nothing where the file system has no
/// locks: the tables can be written there all the same.
fn lock(folder: &Path) -> Result<Option<File>, Failure> {
    let file = File::open(folder)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err("another process is writing them, try again when it is done".into()),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Removes what runs that were stopped left behind. Only under the lock: a writer whose folder is taken away would go on
/// in a new one, and put half a table in place.
fn remove_leftovers(folder: &Path, prefix: &str) -> Result<(), Failure> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix)) && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

async fn write(folder: &Path, sample: Sample) -> Result<(), Failure> {
    let location = folder.to_str().ok_or("the folder's path is not UTF-8")?;
    let mut table: DeltaTable = CreateBuilder::new()
        .with_location(location)
        .with_table_name(sample.name)
        .with_comment(COMMENT)
        .with_columns(sample.columns)
        .with_partition_columns(sample.partitions.iter().copied())
        .await?;
    if sample.change_feed {
        record_changes(&folder.join("_delta_log/00000000000000000000.json"))?;
    }
    for (at, batch) in sample.commits.into_iter().enumerate() {
        let mut writer = RecordBatchWriter::for_table(&table)?;
        writer.write(batch).await?;
        writer.flush_and_commit(&mut table).await?;
        if sample.checkpoint == Some(at + 1) {
            // Read anew: what the first commit says of changes belongs into the checkpoint.
            let url = url::Url::from_directory_path(folder).map_err(|()| "the folder's path is not absolute")?;
            create_checkpoint(&deltalake::open_table(url).await?, None).await?;
        }
    }
    Ok(())
}

/// Turns the change data feed on in a table's first commit. The library that writes the tables has no such switch without
/// a whole query engine; a table that is only appended to needs nothing else, its changes are the files it gained.
fn record_changes(commit: &Path) -> Result<(), Failure> {
    let mut lines = Vec::new();
    for line in fs::read_to_string(commit)?.lines() {
        let mut action: Value = serde_json::from_str(line)?;
        if let Some(configuration) = action.pointer_mut("/metaData/configuration").and_then(Value::as_object_mut) {
            configuration.insert("delta.enableChangeDataFeed".into(), "true".into());
        }
        if let Some(version) = action.pointer_mut("/protocol/minWriterVersion") {
            *version = CHANGE_FEED_WRITER_VERSION.into();
        }
        lines.push(action.to_string() + "\n");
    }
    Ok(fs::write(commit, lines.concat())?)
}

/// The Arrow schema of a table's columns.
fn arrow_schema(columns: &[StructField]) -> Result<Arc<Schema>, Failure> {
    let schema: Schema = (&StructType::try_new(columns.to_vec())?).try_into_arrow()?;
    Ok(Arc::new(schema))
}

/// A day as Arrow counts days.
fn days_since_epoch(day: NaiveDate) -> i32 {
    /// 1970-01-01 as chrono counts days.
    const EPOCH: i32 = 719_163;
    day.num_days_from_ce() - EPOCH
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use deltalake::arrow::array::AsArray;
    use deltalake::arrow::datatypes::Float64Type;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn files(folder: &Path, out: &mut BTreeSet<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, out);
            } else {
                out.insert(path);
            }
        }
    }

    #[tokio::test]
    async fn both_tables_are_as_promised_and_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let tables = write_tables(folder.path()).await.unwrap();
        let mut first = BTreeSet::new();
        files(folder.path(), &mut first);
        write_tables(folder.path()).await.unwrap();
        let mut second = BTreeSet::new();
        files(folder.path(), &mut second);
        assert_eq!(first, second);
        assert!(first.iter().all(|path| path.starts_with(&tables.covid) || path.starts_with(&tables.cars)));
        for file in ["_last_checkpoint", "00000000000000000006.checkpoint.parquet", "00000000000000000008.json"] {
            assert!(first.contains(&tables.covid.join("_delta_log").join(file)), "{file}");
        }

        for (place, version, rows, partitions, writer_version) in
            [(&tables.covid, 8, 731 * 8, &["iso_code"][..], 4), (&tables.cars, 1, 40, &[], 2)]
        {
            let url = url::Url::from_directory_path(place).unwrap();
            let table = deltalake::open_table(url).await.unwrap();
            let snapshot = table.snapshot().unwrap();
            assert_eq!(snapshot.version(), version);
            assert_eq!(snapshot.metadata().partition_columns(), partitions);
            assert!(snapshot.metadata().description().unwrap().starts_with("Sample data, invented"));
            let protocol = snapshot.protocol();
            assert_eq!((protocol.min_reader_version(), protocol.min_writer_version()), (1, writer_version));
            let recorded = snapshot.metadata().configuration().get("delta.enableChangeDataFeed").map(String::as_str);
            assert_eq!(recorded, (writer_version == 4).then_some("true"));
            let counted: usize = snapshot.log_data().iter().map(|file| file.num_records().unwrap()).sum();
            assert_eq!(counted, rows);
        }
    }

    #[tokio::test]
    async fn a_stopped_run_leaves_nothing_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let leftover = folder.path().join(".cars.tmp-0/_delta_log");
        fs::create_dir_all(&leftover).unwrap();
        write_tables(folder.path()).await.unwrap();
        assert_eq!(names(folder.path()), ["cars", "owid-covid-data"]);
    }

    #[tokio::test]
    async fn a_place_that_is_taken_is_an_error_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("cars")).unwrap();
        fs::write(folder.path().join("cars/own"), "").unwrap();
        write_tables(folder.path()).await.unwrap_err();
        assert_eq!(names(folder.path()), ["cars", "owid-covid-data"]);
        assert_eq!(names(&folder.path().join("cars")), ["own"]);
    }

    #[tokio::test]
    async fn two_writers_do_not_meet() {
        let folder = tempfile::tempdir().unwrap();
        let other = lock(folder.path()).unwrap().unwrap();
        let said = write_tables(folder.path()).await.unwrap_err();
        assert!(said.contains("another process"), "{said}");
        assert!(names(folder.path()).is_empty());
        drop(other);
        write_tables(folder.path()).await.unwrap();
    }

    #[test]
    fn rows_are_the_same_each_time() {
        assert!(covid::sample().unwrap().commits == covid::sample().unwrap().commits);
        assert!(cars::sample().unwrap().commits == cars::sample().unwrap().commits);
    }

    #[test]
    fn covid_totals_are_running_sums_and_early_deaths_are_null() {
        let commits = covid::sample().unwrap().commits;
        assert_eq!(commits.len(), 8);
        let mut sums = std::collections::BTreeMap::<String, [f64; 2]>::new();
        for batch in &commits {
            let codes = batch.column_by_name("iso_code").unwrap().as_string::<i32>();
            let figures = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Float64Type>().clone();
            for (at, pair) in [("new_cases", "total_cases"), ("new_deaths", "total_deaths")].into_iter().enumerate() {
                let (new, total) = (figures(pair.0), figures(pair.1));
                for row in 0..batch.num_rows() {
                    let sum = &mut sums.entry(codes.value(row).to_owned()).or_default()[at];
                    *sum += new.iter().nth(row).unwrap().unwrap_or_default();
                    assert!(total.iter().nth(row).unwrap().is_none_or(|total| total == *sum), "{} {row}", pair.1);
                }
            }
        }
        assert_eq!(sums.len(), 8);
        let nulls: Vec<usize> =
            commits.iter().map(|batch| batch.column_by_name("new_deaths").unwrap().null_count()).collect();
        assert!(nulls[0] > 0 && nulls[1..].iter().all(|count| *count == 0));
    }
}
