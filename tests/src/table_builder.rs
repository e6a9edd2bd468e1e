//! Small Delta tables written by hand: JSON commits, classic Parquet checkpoints and real data files, brought into a
//! chosen state action by action. What is written follows the Delta protocol and the habits of common writers; nothing
//! of it uses the code under test. It checks nothing: a test that wants a broken table can write one.
//!
//! Times are fixed (see [`EPOCH_MS`]), so a table's log is the same bytes in every run.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use parquet::basic::Compression;
use serde_json::{Value, json};

mod checkpoint;
mod data;
mod state;
mod v2;
mod vector;

pub use data::decode_path;
use state::State;
pub use v2::Manifest;
pub use vector::inline_vector;

/// The time of everything that has one: metadata, files, tombstones; a commit says this plus its version in seconds.
/// Milliseconds since 1970.
pub const EPOCH_MS: i64 = 1_700_000_000_000;

/// The id of a table whose metadata was not given another.
pub const TABLE_ID: &str = "8f2b1c9e-3d57-4a0b-9c61-2f4e7d80a135";

/// In which order a checkpoint's rows stand. Readers must not care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOrder {
    /// Protocol and metadata, transactions, added files, tombstones.
    StateFirst,
    /// Added files and tombstones, then the rest: a reader has to go through everything for the metadata.
    StateLast,
    /// Rows of all kinds among each other, the same way in every run.
    Mixed,
}

/// In which form a checkpoint holds statistics and partition values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// As the log's texts only.
    Never,
    /// In typed columns only (`stats_parsed`, `partitionValues_parsed`).
    Only,
    /// Both ways.
    Also,
}

/// A Delta table being written.
#[derive(Debug)]
pub struct TableBuilder {
    folder: PathBuf,
    /// The version that the next commit gets.
    next: u64,
    state: State,
    checkpoints: checkpoint::Options,
}

impl TableBuilder {
    /// Begins a table in `folder`, which is made with its `_delta_log` folder. No commit is written yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        fs::create_dir_all(folder.join("_delta_log")).unwrap();
        let state = State::new(json!({"minReaderVersion": 1, "minWriterVersion": 2}), default_metadata());
        Self { folder, next: 0, state, checkpoints: checkpoint::Options::default() }
    }

    /// Sets the content of version 0's `protocol` action.
    #[must_use]
    pub fn protocol(mut self, value: Value) -> Self {
        self.state.protocol = value;
        self
    }

    /// Changes the content of version 0's `metaData` action.
    #[must_use]
    pub fn metadata(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.state.metadata);
        self
    }

    /// Limits the rows of a row group in the checkpoints written from now on.
    #[must_use]
    pub fn checkpoint_row_group(mut self, rows: usize) -> Self {
        self.checkpoints.row_group = Some(rows);
        self
    }

    /// Chooses the compression of the checkpoints written from now on; it is Snappy otherwise.
    #[must_use]
    pub fn checkpoint_compression(mut self, compression: Compression) -> Self {
        self.checkpoints.compression = compression;
        self
    }

    /// Chooses the order of rows in the checkpoints written from now on; it is [`RowOrder::StateFirst`] otherwise.
    #[must_use]
    pub fn checkpoint_order(mut self, order: RowOrder) -> Self {
        self.checkpoints.order = order;
        self
    }

    /// Chooses the form of statistics and partition values in the checkpoints written from now on; it is [`Typed::Never`]
    /// otherwise. The typed columns are those of the columns `id`, `name` and `p`.
    #[must_use]
    pub fn checkpoint_typed(mut self, typed: Typed) -> Self {
        self.checkpoints.typed = typed;
        self
    }

    /// Writes the next commit and returns its version. A `commitInfo` goes in front unless `actions` has one; version 0
    /// also gets `protocol` and `metaData` unless `actions` has them.
    pub fn commit(&mut self, actions: Vec<Value>) -> u64 {
        let timestamp = EPOCH_MS + i64::try_from(self.next).unwrap() * 1000;
        self.write_commit(timestamp, actions)
    }

    /// Writes the next commit as [`commit`](Self::commit) does, with `modified_ms` (milliseconds since 1970) as its
    /// `commitInfo` timestamp and as the modification time of its file. Returns the version.
    pub fn commit_at(&mut self, modified_ms: i64, actions: Vec<Value>) -> u64 {
        let version = self.write_commit(modified_ms, actions);
        self.set_modified(&commit_name(version), modified_ms);
        version
    }

    /// An `add` action for a new Parquet file of `rows` rows (ids from 0), which is written under the decoded `path`.
    /// `p` is the value of column `p`: a partition value where the table is partitioned by it, data otherwise.
    pub fn add(&self, path: &str, p: Option<&str>, rows: usize) -> Value {
        let size = data::write_file(&self.folder.join(decode_path(path)), p, rows, self.is_partitioned());
        self.add_of_size(path, p, rows, size)
    }

    /// An `add` action as [`add`](Self::add) makes it, without a file: for tables of many files that no one reads. Its
    /// size follows from path and rows.
    pub fn add_entry(&self, path: &str, p: Option<&str>, rows: usize) -> Value {
        self.add_of_size(path, p, rows, (1000 + path.len() + 10 * rows) as u64)
    }

    /// A `remove` action, with size and partition values where the table holds the file at the moment.
    pub fn remove(&self, path: &str) -> Value {
        let mut remove = json!({"path": path, "deletionTimestamp": EPOCH_MS, "dataChange": true});
        if let Some(add) = self.state.live(path) {
            remove["extendedFileMetadata"] = json!(true);
            remove["partitionValues"] = add["partitionValues"].clone();
            remove["size"] = add["size"].clone();
        }
        json!({"remove": remove})
    }

    /// A `protocol` action with the protocol of the moment, to be changed and committed.
    pub fn protocol_action(&self) -> Value {
        json!({"protocol": self.state.protocol})
    }

    /// A `metaData` action with the metadata of the moment, to be changed and committed.
    pub fn metadata_action(&self) -> Value {
        json!({"metaData": self.state.metadata})
    }

    /// Writes a classic checkpoint of the newest version in one file, and `_last_checkpoint`.
    pub fn checkpoint(&mut self) {
        let hint = self.write_checkpoint(None);
        self.write_log("_last_checkpoint", hint.to_string());
    }

    /// Writes a classic checkpoint of the newest version in `parts` files (some of them empty when there are fewer rows),
    /// and `_last_checkpoint`.
    pub fn checkpoint_parts(&mut self, parts: usize) {
        let hint = self.write_checkpoint(Some(parts));
        self.write_log("_last_checkpoint", hint.to_string());
    }

    /// Writes a classic checkpoint of the newest version in one file; `_last_checkpoint` stays as it is.
    pub fn checkpoint_without_hint(&mut self) {
        self.write_checkpoint(None);
    }

    /// Deletes the commits and the checkpoints of versions before `version`, as a log cleanup does.
    pub fn delete_commits_before(&mut self, version: u64) {
        let kept = format!("{version:020}");
        for entry in fs::read_dir(self.log_file("")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.starts_with(|first: char| first.is_ascii_digit()) && name < kept.as_str() {
                fs::remove_file(&path).unwrap();
            }
        }
    }

    /// Deletes one commit, which makes a gap. The versions after it keep what they hold.
    pub fn delete_commit(&mut self, version: u64) {
        fs::remove_file(self.log_file(&commit_name(version))).unwrap();
    }

    /// Deletes every commit; checkpoints stay.
    pub fn delete_all_commits(&mut self) {
        for version in 0..self.next {
            let _ = fs::remove_file(self.log_file(&commit_name(version)));
        }
    }

    /// Writes any object of the log folder as it is: a damaged commit, another writer's file, a hint that lies.
    pub fn write_log(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.log_file(name), content).unwrap();
    }

    /// Sets the modification time of an object of the log folder. Milliseconds since 1970.
    pub fn set_modified(&self, name: &str, modified_ms: i64) {
        let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(modified_ms).unwrap());
        fs::File::options().write(true).open(self.log_file(name)).unwrap().set_modified(time).unwrap();
    }

    /// The table's folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// The place of an object of the log folder.
    pub fn log_file(&self, name: &str) -> PathBuf {
        self.folder.join("_delta_log").join(name)
    }

    /// The newest version; `None` before the first commit.
    pub fn version(&self) -> Option<u64> {
        self.next.checked_sub(1)
    }

    /// The log paths of the files that the newest version holds, sorted.
    pub fn live_paths(&self) -> Vec<String> {
        self.state.live_paths()
    }

    fn write_commit(&mut self, timestamp: i64, actions: Vec<Value>) -> u64 {
        let version = self.next;
        let given = |kind: &str| actions.iter().any(|action| action.get(kind).is_some());
        let mut lines = Vec::new();
        if !given("commitInfo") {
            lines.push(json!({"commitInfo": {
                "timestamp": timestamp, "operation": "WRITE", "operationParameters": {}, "isBlindAppend": false,
            }}));
        }
        if version == 0 && !given("protocol") {
            lines.push(self.protocol_action());
        }
        if version == 0 && !given("metaData") {
            lines.push(self.metadata_action());
        }
        lines.extend(actions);
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.write_log(&commit_name(version), text);
        self.state.apply(&lines);
        self.next += 1;
        version
    }

    fn write_checkpoint(&self, parts: Option<usize>) -> Value {
        let version = self.version().expect("a checkpoint needs a commit before it");
        checkpoint::write(&self.log_file(""), version, &self.state, &self.checkpoints, parts)
    }

    fn add_of_size(&self, path: &str, p: Option<&str>, rows: usize, size: u64) -> Value {
        let partition_values = if self.is_partitioned() { json!({"p": p}) } else { json!({}) };
        json!({"add": {
            "path": path,
            "partitionValues": partition_values,
            "size": size,
            "modificationTime": EPOCH_MS,
            "dataChange": true,
            "stats": data::stats(rows),
        }})
    }

    fn is_partitioned(&self) -> bool {
        self.state.metadata["partitionColumns"].as_array().is_some_and(|names| names.contains(&json!("p")))
    }
}

/// The name of a commit in the log folder.
pub fn commit_name(version: u64) -> String {
    format!("{version:020}.json")
}

/// The name of a checkpoint in one file.
pub fn checkpoint_name(version: u64) -> String {
    format!("{version:020}.checkpoint.parquet")
}

/// The name of a checkpoint's part; parts count from 1.
pub fn checkpoint_part_name(version: u64, part: usize, parts: usize) -> String {
    format!("{version:020}.checkpoint.{part:010}.{parts:010}.parquet")
}

fn default_metadata() -> Value {
    let column = |name: &str, kind: &str| json!({"name": name, "type": kind, "nullable": true, "metadata": {}});
    let schema =
        json!({"type": "struct", "fields": [column("id", "long"), column("name", "string"), column("p", "string")]});
    json!({
        "id": TABLE_ID,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": schema.to_string(),
        "partitionColumns": ["p"],
        "configuration": {},
        "createdTime": EPOCH_MS,
    })
}

#[cfg(test)]
mod tests;
