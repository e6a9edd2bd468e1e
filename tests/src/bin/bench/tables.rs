//! The tables: a log and nothing else, the same on every run. One Parquet checkpoint, then ten commits; two partition
//! columns, statistics on ten columns, paths as common writers make them, rows in no order.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tests::table_builder::{EPOCH_MS, RowOrder, TableBuilder};

use crate::report::{megabytes, thousands};

/// Commits after the checkpoint.
const COMMITS: usize = 10;
/// Files that each of them adds.
const ADDED: usize = 100;
/// Files that each of them removes.
const REMOVED: usize = 10;

const REGIONS: [&str; 6] = ["us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2", "sa-east-1"];
const WORDS: [&str; 8] = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel"];
const COLUMNS: [(&str, &str); 12] = [
    ("order_id", "long"),
    ("event_time", "timestamp"),
    ("user_id", "long"),
    ("amount", "double"),
    ("category", "string"),
    ("product_name", "string"),
    ("latitude", "double"),
    ("longitude", "double"),
    ("status", "string"),
    ("quantity", "integer"),
    ("date", "date"),
    ("region", "string"),
];

/// A table that was written.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its name, also that of its folder.
    pub(crate) name: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// Files that its newest version holds.
    pub(crate) files: u64,
    /// Bytes of its log.
    pub(crate) log_bytes: u64,
}

impl Table {
    /// What a report says of it.
    pub(crate) fn json(&self) -> Value {
        json!({"name": self.name, "files": self.files, "logBytes": self.log_bytes})
    }
}

/// Writes a table of each size (`add` actions in its checkpoint) into `root`.
///
/// # Errors
/// When the file system refuses.
pub(crate) fn write(root: &Path, sizes: &[usize]) -> Result<Vec<Table>, String> {
    println!("Tables (a checkpoint and {COMMITS} commits, no data files)");
    sizes.iter().map(|&adds| write_one(root, adds)).collect()
}

fn write_one(root: &Path, adds: usize) -> Result<Table, String> {
    let (name, mut chance) = (format!("adds_{adds}"), Chance(adds as u64));
    let mut table = TableBuilder::new(root.join(&name)).checkpoint_order(RowOrder::Mixed).metadata(describe);

    let mut paths = Vec::with_capacity(adds);
    let mut actions: Vec<Value> = (0..adds)
        .map(|number| {
            let (path, add) = chance.add(number);
            paths.push(path);
            add
        })
        .collect();
    actions.extend((0..adds / 100).map(|number| chance.tombstone(number)));
    let checkpoint = table.commit(actions);
    table.checkpoint();

    let mut removed = paths.iter().step_by(adds / (COMMITS * REMOVED));
    for commit in 0..COMMITS {
        let first = adds + commit * ADDED;
        let mut actions: Vec<Value> = (first..first + ADDED).map(|number| chance.add(number).1).collect();
        actions.extend(removed.by_ref().take(REMOVED).map(|path| table.remove(path)));
        table.commit(actions);
    }
    // As after a log cleanup: what the checkpoint covers is read from nowhere else.
    table.delete_commit(checkpoint);

    let files = (adds + COMMITS * (ADDED - REMOVED)) as u64;
    let log_bytes =
        folder_bytes(&table.log_file("")).map_err(|error| format!("cannot read the log of {name}: {error}"))?;
    println!("  {name:<14}{:>9} files, log {:>6} MB", thousands(files), megabytes(log_bytes));
    Ok(Table { folder: table.path().to_owned(), name, files, log_bytes })
}

fn describe(metadata: &mut Value) {
    let field = |(name, kind): &(&str, &str)| json!({"name": name, "type": kind, "nullable": true, "metadata": {}});
    let schema = json!({"type": "struct", "fields": COLUMNS.iter().map(field).collect::<Vec<_>>()});
    if let Some(fields) = metadata.as_object_mut() {
        fields.insert("schemaString".into(), schema.to_string().into());
        fields.insert("partitionColumns".into(), json!(["date", "region"]));
    }
}

fn folder_bytes(folder: &Path) -> std::io::Result<u64> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}

/// Numbers that look like chance and are the same on every run (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_of(&mut self, choices: &[&'static str]) -> &'static str {
        let at = self.below(choices.len() as u64);
        choices.iter().cycle().nth(usize::try_from(at).unwrap_or_default()).copied().unwrap_or_default()
    }

    /// A file's name as Spark makes it: a partition's number and a UUID.
    fn file_name(&mut self, number: usize) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "part-{:05}-{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}.c000.snappy.parquet",
            number % 200,
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }

    /// A file's path, and its `add` action.
    fn add(&mut self, number: usize) -> (String, Value) {
        let (month, day) = (number % 12 + 1, number % 28 + 1);
        let (date, region) = (format!("2024-{month:02}-{day:02}"), self.one_of(&REGIONS));
        let path = format!("date={date}/region={region}/{}", self.file_name(number));
        let add = json!({
            "path": path,
            "partitionValues": {"date": date, "region": region},
            "size": 1_000_000 + self.below(500_000_000),
            "modificationTime": EPOCH_MS + number as i64 * 10,
            "dataChange": true,
            "stats": self.stats(number, &date),
        });
        (path, json!({"add": add}))
    }

    /// A file that was removed before the checkpoint.
    fn tombstone(&mut self, number: usize) -> Value {
        json!({"remove": {
            "path": format!("date=2023-01-01/region=us-east-1/{}", self.file_name(number)),
            "deletionTimestamp": EPOCH_MS,
            "dataChange": true,
            "extendedFileMetadata": true,
            "partitionValues": {"date": "2023-01-01", "region": "us-east-1"},
            "size": 1,
        }})
    }

    fn stats(&mut self, number: usize, date: &str) -> String {
        let order = number as u64 * 10_000 + self.below(9_999);
        let mut bounds = |low: bool| {
            let hour = self.below(12);
            let time = if low { format!("{hour:02}:00:00.000Z") } else { format!("{:02}:59:59.999Z", hour + 12) };
            json!({
                "order_id": if low { order } else { order + 9_999 },
                "event_time": format!("{date}T{time}"),
                "user_id": self.below(1_000_000) + if low { 0 } else { 10_000_000 },
                "amount": self.decimal(if low { 10 } else { 10_000 }, 100.0),
                "category": if low { self.one_of(&WORDS) } else { "zulu" },
                "product_name": format!("{} {}", if low { self.one_of(&WORDS) } else { "zulu" }, self.one_of(&WORDS)),
                "latitude": self.decimal(90, 1_000_000.0) * if low { -1.0 } else { 1.0 },
                "longitude": self.decimal(180, 1_000_000.0) * if low { -1.0 } else { 1.0 },
                "status": if low { "cancelled" } else { "shipped" },
                "quantity": if low { 1 } else { 2 + self.below(98) },
            })
        };
        let (low, high) = (bounds(true), bounds(false));
        let nulls = json!({
            "order_id": 0, "event_time": 0, "user_id": self.below(100), "amount": 0, "category": self.below(100),
            "product_name": 0, "latitude": self.below(100), "longitude": 0, "status": 0, "quantity": 0,
        });
        json!({
            "numRecords": 5_000 + self.below(95_000),
            "minValues": low,
            "maxValues": high,
            "nullCount": nulls,
        })
        .to_string()
    }

    /// A number below `limit` with as many places as `parts` has zeros.
    fn decimal(&mut self, limit: u64, parts: f64) -> f64 {
        self.below(limit * parts as u64) as f64 / parts
    }
}
