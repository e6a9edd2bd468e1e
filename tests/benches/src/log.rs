//! The log of a table: a checkpoint, the hint at it, and a tail of commits. No data file is written.

use std::fs::{self, File as OnDisk};
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::Path;

use serde_json::{Value, json};

use crate::checkpoint::Object;
use crate::file::{EPOCH_MS, File};
use crate::schema::{metadata_action, protocol_action};
use crate::shape::{ADDED_PER_COMMIT, Checkpoint, Shape};

/// The checkpoint's version; what came before it was cleaned away.
const VERSION: u64 = 10;
/// Of so many files one was removed before the checkpoint.
const FILES_PER_TOMBSTONE: u64 = 100;
/// Stands in the names of manifests and sidecars.
const UUID: &str = "80a083e8-7026-4e79-81be-64bd76c43a11";

/// Writes the table's log below `folder`, whole or not at all: an unfinished one lies under another name.
///
/// # Errors
/// When the file system refuses.
pub fn write(folder: &Path, shape: Shape) -> Result<(), String> {
    let said = |error: io::Error| format!("cannot write {}: {error}", folder.display());
    let unfinished = folder.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(said)?;
    }
    let log = unfinished.join("_delta_log");
    fs::create_dir_all(&log).map_err(said)?;
    let hint = checkpoint(&log, shape)?;
    fs::write(log.join("_last_checkpoint"), hint.to_string()).map_err(said)?;
    for commit in 0..=shape.tail {
        let out = OnDisk::create(log.join(format!("{:020}.json", VERSION + commit))).map_err(said)?;
        write_commit(BufWriter::new(out), commit, shape).map_err(said)?;
    }
    fs::rename(&unfinished, folder).map_err(said)
}

/// Writes the checkpoint, and tells what `_last_checkpoint` says of it.
fn checkpoint(log: &Path, shape: Shape) -> Result<Value, String> {
    let gone = shape.adds / FILES_PER_TOMBSTONE;
    let mut hint = json!({"version": VERSION, "size": shape.adds + gone + 2, "numOfAddFiles": shape.adds});
    match shape.checkpoint {
        Checkpoint::Single => {
            write_object(&log.join(format!("{VERSION:020}.checkpoint.parquet")), shape, 0..shape.adds, true, gone)?;
        }
        Checkpoint::Parts(parts) => {
            for part in 0..parts {
                let name = format!("{VERSION:020}.checkpoint.{:010}.{parts:010}.parquet", part + 1);
                let gone = if part + 1 == parts { gone } else { 0 };
                write_object(&log.join(name), shape, nth_share(shape.adds, part, parts), part == 0, gone)?;
            }
            if let Some(hint) = hint.as_object_mut() {
                hint.insert("parts".into(), parts.into());
            }
        }
        Checkpoint::Sidecars(sidecars) => {
            let said = |error: io::Error| format!("cannot write {}: {error}", log.display());
            let folder = log.join("_sidecars");
            fs::create_dir_all(&folder).map_err(said)?;
            let mut manifest = vec![json!({"checkpointMetadata": {"version": VERSION}})];
            manifest.extend([protocol_action(&shape), metadata_action(&shape)]);
            for sidecar in 0..sidecars {
                let name = format!("{VERSION:020}.checkpoint.{:010}.{sidecars:010}.{UUID}.parquet", sidecar + 1);
                let gone = if sidecar + 1 == sidecars { gone } else { 0 };
                let numbers = nth_share(shape.adds, sidecar, sidecars);
                let size = write_object(&folder.join(&name), shape, numbers, false, gone)?;
                let told = json!({"path": name, "sizeInBytes": size, "modificationTime": EPOCH_MS});
                manifest.push(json!({"sidecar": told}));
            }
            let text: String = manifest.iter().map(|row| format!("{row}\n")).collect();
            fs::write(log.join(format!("{VERSION:020}.checkpoint.{UUID}.json")), text).map_err(said)?;
        }
    }
    Ok(hint)
}

/// One of so many shares of the numbers below `count`.
fn nth_share(count: u64, nth: u64, shares: u64) -> Range<u64> {
    count * nth / shares..count * (nth + 1) / shares
}

/// Writes an object and returns its size.
fn write_object(path: &Path, shape: Shape, numbers: Range<u64>, table: bool, gone: u64) -> Result<u64, String> {
    let said = |error: io::Error| format!("cannot write {}: {error}", path.display());
    let mut object = Object::new(shape, BufWriter::new(OnDisk::create(path).map_err(said)?))?;
    if table {
        object.table()?;
    }
    object.files(numbers)?;
    object.tombstones(gone)?;
    let mut out = object.finish()?;
    out.flush().map_err(said)?;
    Ok(out.get_ref().metadata().map_err(said)?.len())
}

/// Commit 0 is that of the checkpoint, of which nothing is left to say.
fn write_commit(mut out: impl Write, commit: u64, shape: Shape) -> io::Result<()> {
    let at = EPOCH_MS.saturating_add_unsigned((VERSION + commit) * 1_000);
    let info =
        json!({"commitInfo": {"timestamp": at, "operation": "WRITE", "operationParameters": {"mode": "Append"}}});
    writeln!(out, "{info}")?;
    let Some(nth) = commit.checked_sub(1) else { return out.flush() };
    let first = shape.adds + nth * ADDED_PER_COMMIT;
    for number in first..first + ADDED_PER_COMMIT {
        let file = File::new(number);
        let mut stats = String::new();
        file.write_stats(&mut stats).map_err(io::Error::other)?;
        let mut add = action(&file, shape)?;
        add.extend([("modificationTime".into(), file.modified.into()), ("stats".into(), stats.into())]);
        writeln!(out, "{}", json!({"add": add}))?;
    }
    for number in shape.removed(nth) {
        let mut remove = action(&File::new(number), shape)?;
        remove.extend([("deletionTimestamp".into(), at.into()), ("extendedFileMetadata".into(), true.into())]);
        writeln!(out, "{}", json!({"remove": remove}))?;
    }
    out.flush()
}

/// What an `add` and a `remove` have in common.
fn action(file: &File, shape: Shape) -> io::Result<serde_json::Map<String, Value>> {
    let (mut path, mut values) = (String::new(), String::new());
    file.write_path(shape.partitioned, &mut path).map_err(io::Error::other)?;
    file.write_partition_values(shape.partitioned, &mut values).map_err(io::Error::other)?;
    let values: Value = serde_json::from_str(&values)?;
    let members =
        [("path", path.into()), ("partitionValues", values), ("size", file.size.into()), ("dataChange", true.into())];
    Ok(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests;
