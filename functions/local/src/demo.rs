//! The sample tables, written with `deltalake` as a provider's own would be: several commits, a partitioned one, a
//! checkpoint. Every row is invented, from a fixed seed, and says so in the table's comment.

use std::fs;
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

mod cars;
mod covid;
mod random;

const COMMENT: &str = "Sample data, invented by Spillway; not real figures";

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
    /// The version that gets a checkpoint.
    checkpoint: Option<usize>,
}

/// Writes the sample tables below a folder, those that are not there yet.
///
/// # Errors
/// A sentence for the person at the terminal. Nothing half-written is left under a table's name.
pub async fn write_tables(folder: &Path) -> Result<DemoTables, String> {
    let told = |error: Failure| format!("cannot write the sample tables to {}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(|error| told(error.into()))?;
    let covid = covid::sample().map_err(told)?;
    let covid = write_once(folder, covid).await.map_err(told)?;
    let cars = cars::sample().map_err(told)?;
    let cars = write_once(folder, cars).await.map_err(told)?;
    Ok(DemoTables { covid, cars })
}

/// Writes a table beside its place and moves it there when it is whole.
async fn write_once(folder: &Path, sample: Sample) -> Result<PathBuf, Failure> {
    let place = folder.join(sample.name);
    if place.exists() {
        return Ok(place);
    }
    let beside = folder.join(format!(".{}.tmp-{}", sample.name, std::process::id()));
    if beside.exists() {
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
    written.map(|()| place)
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
    for (at, batch) in sample.commits.into_iter().enumerate() {
        let mut writer = RecordBatchWriter::for_table(&table)?;
        writer.write(batch).await?;
        writer.flush_and_commit(&mut table).await?;
        if sample.checkpoint == Some(at + 1) {
            create_checkpoint(&table, None).await?;
        }
    }
    Ok(())
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

    use super::*;

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
        assert!(first.contains(&tables.covid.join("_delta_log/_last_checkpoint")));

        for (place, version, rows) in [(&tables.covid, 8, 731 * 8), (&tables.cars, 1, 40)] {
            let url = url::Url::from_directory_path(place).unwrap();
            let table = deltalake::open_table(url).await.unwrap();
            let snapshot = table.snapshot().unwrap();
            assert_eq!(snapshot.version(), version);
            let protocol = snapshot.protocol();
            assert_eq!((protocol.min_reader_version(), protocol.min_writer_version()), (1, 2));
            let counted: usize = snapshot.log_data().iter().map(|file| file.num_records().unwrap()).sum();
            assert_eq!(counted, rows);
        }
    }
}
