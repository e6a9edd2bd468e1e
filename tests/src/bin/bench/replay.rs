//! Our reader of Delta logs beside that of the `deltalake` crate, in this process, on the same table: from nothing to
//! every active file's path, size, partition values and statistics having been looked at once.
//!
//! Ours is measured twice: as the server uses it, through the S3 server embedded in the process, whose work counts too;
//! and reading the folder, as `deltalake` does here. `deltalake` too is measured twice: opening the table, as its users
//! do, and handing the files on one by one, which is its quickest way.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use deltalake::kernel::{LogicalFileView, Snapshot};
use deltalake::{DeltaTableBuilder, ensure_table_uri};
use futures::TryStreamExt;
use local::embedded_s3::{AccessKeys, EmbeddedS3, Roots};
use serde_json::{Value, json};
use shared::clock::{Clock, SystemClock};
use shared::delta::{At, DeltaLog, FileSink, Wants};
use shared::error::Error;
use shared::model::file::DataFile;
use shared::model::location::TableLocation;
use shared::model::version::TimestampMs;
use shared::storage::s3::{EmbeddedStore, LocalReach, S3LogStore};
use shared::storage::{LogEntry, LogStore};

use crate::process::Watched;
use crate::report::{median, milliseconds, ratio, thousands, times};
use crate::tables::Table;

/// Rounds after one to warm up; the readers take turns within each.
const ROUNDS: usize = 5;
/// Of logs of so many files there is one round, and none to warm up.
const LARGE_FILES: u64 = 500_000;
/// Files to replay for one measurement, over and over: the kernel counts CPU time in steps of 10 ms.
const FILES_PER_MEASUREMENT: u64 = 300_000;
/// Replays in a measurement at most.
const REPLAYS_MAX: u64 = 30;

/// Measures the readers and prints the comparison.
///
/// # Errors
/// When a reader fails or they find different files.
pub(crate) async fn run(table: &Table) -> Result<Value, String> {
    let roots = Roots::new();
    let (embedded, through_s3) = through_s3(&roots, &table.folder).await?;
    let from_folder = Own {
        log: DeltaLog::remembering(Arc::new(FolderStore { log: table.folder.join("_delta_log") }), 0),
        location: TableLocation::new("folder", ""),
    };
    let mut readers = [
        Measured::new("own, as served", "the embedded S3, its work included", Reader::Own(Box::new(through_s3))),
        Measured::new("own", "the folder", Reader::Own(Box::new(from_folder))),
        Measured::new("deltalake, opened", "the folder", Reader::Opened(table.folder.clone())),
        Measured::new("deltalake, one by one", "the folder", Reader::OneByOne(table.folder.clone())),
    ];
    let replays = (FILES_PER_MEASUREMENT / table.files).clamp(1, REPLAYS_MAX);
    let clock = SystemClock::shared();
    let mut found = None;
    let (warm_ups, rounds) = if table.files < LARGE_FILES { (1, ROUNDS) } else { (0, 1) };
    for round in 0..warm_ups + rounds {
        for reader in &mut readers {
            let visited = reader.measure(clock.as_ref(), replays, round >= warm_ups).await?;
            if visited.files != table.files || *found.get_or_insert(visited) != visited {
                return Err(format!("{} found {visited:?}, not what the others did", reader.label));
            }
        }
    }
    embedded.stop(Duration::from_secs(1)).await;
    print(table, &readers, rounds);
    let readers: Vec<Value> = readers.iter().map(Measured::json).collect();
    Ok(json!({"table": table.name, "files": table.files, "readers": readers}))
}

fn print(table: &Table, readers: &[Measured], rounds: usize) {
    println!("\nReplay of a log with {} files, each file looked at once", thousands(table.files));
    println!("(median of {rounds} rounds; `x own` compares with the first row)\n");
    println!("{:<24}{:<37}{:>8}{:>9}{:>9}{:>9}", "", "reads from", "wall", "x own", "CPU", "x own");
    println!("{:<24}{:<37}{:>8}{:>9}{:>9}{:>9}", "", "", "ms", "", "ms", "");
    let Some(own) = readers.first() else { return };
    for reader in readers {
        let (wall, cpu) = (reader.wall(), reader.cpu());
        println!(
            "{:<24}{:<37}{:>8}{:>9}{:>9}{:>9}",
            reader.label,
            reader.source,
            milliseconds(wall),
            times(wall, own.wall()),
            milliseconds(cpu),
            times(cpu, own.cpu())
        );
    }
    if let [served, folder, deltalake @ ..] = readers {
        let wall = deltalake.iter().map(Measured::wall).min().unwrap_or_default();
        let cpu = deltalake.iter().map(Measured::cpu).min().unwrap_or_default();
        println!(
            "\nQuickest deltalake : own as served = {} wall, {} CPU; : own from the same folder = {} wall, {} CPU",
            times(wall, served.wall()),
            times(cpu, served.cpu()),
            times(wall, folder.wall()),
            times(cpu, folder.cpu()),
        );
    }
}

/// A reader and its times.
struct Measured {
    label: &'static str,
    source: &'static str,
    reader: Reader,
    walls: Vec<Duration>,
    cpus: Vec<Duration>,
}

impl Measured {
    fn new(label: &'static str, source: &'static str, reader: Reader) -> Self {
        Self { label, source, reader, walls: Vec::new(), cpus: Vec::new() }
    }

    async fn measure(&mut self, clock: &dyn Clock, replays: u64, counts: bool) -> Result<Visited, String> {
        let (start, before) = (clock.uptime(), Watched::this().cpu()?);
        let mut visited = Visited::default();
        for _ in 0..replays {
            visited = self.reader.replay().await.map_err(|problem| format!("{}: {problem}", self.label))?;
        }
        if counts {
            let each = u32::try_from(replays).unwrap_or(1);
            self.walls.push((clock.uptime() - start) / each);
            self.cpus.push((Watched::this().cpu()? - before) / each);
        }
        Ok(visited)
    }

    fn wall(&self) -> Duration {
        median(self.walls.iter().copied())
    }

    fn cpu(&self) -> Duration {
        median(self.cpus.iter().copied())
    }

    fn json(&self) -> Value {
        json!({
            "reader": self.label,
            "readsFrom": self.source,
            "wallSeconds": self.wall().as_secs_f64(),
            "cpuSeconds": self.cpu().as_secs_f64(),
            "cpuToWall": ratio(self.cpu(), self.wall()),
        })
    }
}

/// What was seen of the files: the same for every right reader.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Visited {
    files: u64,
    /// Their sizes added up.
    bytes: u64,
    /// Files with partition values and statistics.
    described: u64,
}

enum Reader {
    Own(Box<Own>),
    Opened(PathBuf),
    OneByOne(PathBuf),
}

impl Reader {
    async fn replay(&self) -> Result<Visited, String> {
        match self {
            Self::Own(own) => own.replay().await,
            Self::Opened(folder) => opened(folder).await.map_err(|error| error.to_string()),
            Self::OneByOne(folder) => one_by_one(folder).await.map_err(|error| error.to_string()),
        }
    }
}

struct Own {
    log: DeltaLog,
    location: TableLocation,
}

impl Own {
    async fn replay(&self) -> Result<Visited, String> {
        let snapshot =
            self.log.snapshot(&self.location, At::Latest, Wants::Files).await.map_err(|error| error.to_string())?;
        let work = move || {
            let mut visited = Visited::default();
            snapshot.files.emit(&mut visited).map(|()| visited)
        };
        let visited = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?;
        visited.map_err(|error| error.to_string())
    }
}

impl FileSink for Visited {
    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error> {
        let file = std::hint::black_box(file);
        self.files += 1;
        self.bytes += file.size;
        self.described += u64::from(file.partition_values.len() > 2 && file.stats.is_some() && !file.path.is_empty());
        Ok(())
    }
}

impl Visited {
    fn view(&mut self, file: &LogicalFileView) {
        let path = std::hint::black_box(file.path());
        let (values, stats) = (std::hint::black_box(file.partition_values()), std::hint::black_box(file.stats()));
        self.files += 1;
        self.bytes += u64::try_from(file.size()).unwrap_or_default();
        let has_values = values.is_some_and(|values| !values.fields().is_empty());
        self.described += u64::from(has_values && stats.is_some() && !path.is_empty());
    }
}

async fn opened(folder: &Path) -> deltalake::DeltaResult<Visited> {
    let table = builder(folder)?.load().await?;
    let mut visited = Visited::default();
    for file in table.snapshot()?.log_data().iter() {
        visited.view(&file);
    }
    Ok(visited)
}

async fn one_by_one(folder: &Path) -> deltalake::DeltaResult<Visited> {
    let store = builder(folder)?.build_storage()?;
    let snapshot = Snapshot::try_new(store.as_ref(), None).await?;
    let mut files = snapshot.file_views(store.as_ref(), None);
    let mut visited = Visited::default();
    while let Some(file) = files.try_next().await? {
        visited.view(&file);
    }
    Ok(visited)
}

fn builder(folder: &Path) -> deltalake::DeltaResult<DeltaTableBuilder> {
    DeltaTableBuilder::from_url(ensure_table_uri(folder.to_string_lossy())?)
}

/// The log as the server reads it.
async fn through_s3(roots: &Roots, folder: &Path) -> Result<(EmbeddedS3, Own), String> {
    let bucket = roots.share(folder).map_err(|error| format!("cannot share {}: {error}", folder.display()))?;
    let keys = AccessKeys::generate().map_err(|error| error.to_string())?;
    let (id, secret) = (keys.access_key_id.clone(), keys.secret_access_key.clone());
    let embedded = EmbeddedS3::start(roots.clone(), keys).await.map_err(|error| format!("no embedded S3: {error}"))?;
    let store = EmbeddedStore::new(embedded.endpoint(), id, &secret);
    let store = S3LogStore::new(LocalReach::shared(Some(store), None));
    Ok((embedded, Own { log: DeltaLog::remembering(Arc::new(store), 0), location: TableLocation::new(bucket, "") }))
}

/// The log as files. For this comparison only: the server knows no way around S3.
#[derive(Debug)]
struct FolderStore {
    log: PathBuf,
}

#[async_trait]
impl LogStore for FolderStore {
    async fn list(&self, _table: &TableLocation, after: Option<&str>) -> Result<Vec<LogEntry>, Error> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(&self.log).map_err(unavailable)? {
            let entry = entry.map_err(unavailable)?;
            let (name, size) =
                (entry.file_name().to_string_lossy().into_owned(), entry.metadata().map_err(unavailable)?.len());
            if after.is_none_or(|after| name.as_str() > after) {
                entries.push(LogEntry { name, size, modified: TimestampMs::new(0), etag: None });
            }
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    async fn get_listed(&self, table: &TableLocation, entry: &LogEntry, range: Range<u64>) -> Result<Bytes, Error> {
        self.get_range(table, &entry.name, range).await
    }

    async fn get(&self, _table: &TableLocation, name: &str, _max_bytes: u64) -> Result<Option<Bytes>, Error> {
        let path = self.log.join(name);
        blocking(move || std::fs::read(path).map(Bytes::from)).await.map(Some)
    }

    async fn get_range(&self, _table: &TableLocation, name: &str, range: Range<u64>) -> Result<Bytes, Error> {
        let path = self.log.join(name);
        blocking(move || {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(range.start))?;
            let mut bytes = vec![0; usize::try_from(range.end - range.start).map_err(std::io::Error::other)?];
            file.read_exact(&mut bytes)?;
            Ok(Bytes::from(bytes))
        })
        .await
    }
}

async fn blocking(work: impl FnOnce() -> std::io::Result<Bytes> + Send + 'static) -> Result<Bytes, Error> {
    tokio::task::spawn_blocking(work).await.map_err(unavailable)?.map_err(unavailable)
}

fn unavailable(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::StorageUnavailable(Box::new(cause))
}
