//! The tables: which shapes are measured, and where their logs are kept from run to run.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use benches::log;
use benches::shape::{Checkpoint, MAKER_VERSION, Shape, Stats};
use serde_json::{Value, json};
use shared::clock::Clock;

use crate::report::{megabytes, thousands};

/// The size at which every shape is measured, or the largest one below it.
const ALL_SHAPES_AT: u64 = 100_000;
/// From this size on a few shapes are measured beside the usual one.
const SOME_SHAPES_FROM: u64 = 1_000_000;
/// Rows of each part or sidecar, where there are several.
const ROWS_PER_PART: u64 = 200_000;

/// A table that was written.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its name, also that of its folder.
    pub(crate) name: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// What it is like.
    pub(crate) shape: Shape,
    /// Files that its newest version holds.
    pub(crate) files: u64,
    /// Bytes of its log.
    pub(crate) log_bytes: u64,
}

impl Table {
    /// Whether it is of the usual shape for its size.
    pub(crate) fn is_usual(&self) -> bool {
        self.shape == Shape::usual(self.shape.adds)
    }

    /// What a report says of it.
    pub(crate) fn json(&self) -> Value {
        let Shape { adds, checkpoint, stats, partitioned, sorted, tail } = self.shape;
        json!({
            "name": self.name,
            "files": self.files,
            "logBytes": self.log_bytes,
            "addsInCheckpoint": adds,
            "checkpoint": format!("{checkpoint:?}"),
            "statistics": format!("{stats:?}"),
            "partitioned": partitioned,
            "sorted": sorted,
            "commitsAfterCheckpoint": tail,
        })
    }
}

/// What is measured of tables with these many `add` actions: the usual table of each size, every shape of one, and a few
/// of the large ones.
pub(crate) fn shapes(sizes: &[u64]) -> Vec<Shape> {
    let shaped = sizes.iter().copied().filter(|&adds| adds <= ALL_SHAPES_AT).max();
    let mut all = Vec::new();
    for &adds in sizes {
        let usual = Shape::usual(adds);
        let several = if Some(adds) == shaped { 10 } else { adds.div_ceil(ROWS_PER_PART) };
        let parts = Shape { checkpoint: Checkpoint::Parts(several), ..usual };
        let sidecars = Shape { checkpoint: Checkpoint::Sidecars(several), ..usual };
        let typed = Shape { stats: Stats::Typed, ..usual };
        let sorted = Shape { sorted: true, ..usual };
        all.push(usual);
        if Some(adds) == shaped {
            all.extend([
                parts,
                sidecars,
                typed,
                Shape { stats: Stats::Both, ..usual },
                Shape { stats: Stats::Typed, ..sidecars },
                Shape { partitioned: false, ..usual },
                Shape { tail: 0, ..usual },
                Shape { tail: 100, ..usual },
                sorted,
            ]);
        } else if adds >= SOME_SHAPES_FROM {
            all.extend([parts, sidecars, typed, sorted]);
        }
    }
    all
}

/// The tables of these shapes, written into `kept` where they are not there from an earlier run.
///
/// # Errors
/// When the file system refuses.
pub(crate) fn make(kept: &Path, shapes: &[Shape], clock: &dyn Clock) -> Result<Vec<Table>, String> {
    // Another maker writes other bytes: its tables are others, whatever their names.
    let kept = kept.join(format!("v{MAKER_VERSION}"));
    fs::create_dir_all(&kept).map_err(|error| format!("cannot make {}: {error}", kept.display()))?;
    println!("Tables (a log and no data files), kept in {}", kept.display());
    let (mut tables, mut spent) = (Vec::new(), Duration::ZERO);
    for &shape in shapes {
        let (name, start) = (shape.name(), clock.uptime());
        let folder = kept.join(&name);
        let there = folder.is_dir();
        if !there {
            log::write(&folder, shape)?;
            spent += clock.uptime() - start;
        }
        let log_bytes = folder_bytes(&folder.join("_delta_log"))
            .map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
        let files = shape.files();
        let made = if there { "kept" } else { "made" };
        println!("  {name:<24}{:>12} files, log {:>8} MB, {made}", thousands(files), megabytes(log_bytes));
        tables.push(Table { folder, name, shape, files, log_bytes });
    }
    if !spent.is_zero() {
        println!("  made in {:.1} s", spent.as_secs_f64());
    }
    Ok(tables)
}

fn folder_bytes(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let (path, metadata) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
        bytes += if metadata.is_dir() { folder_bytes(&path)? } else { metadata.len() };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_size_has_its_usual_table_and_names_are_told_apart() {
        let all = shapes(&[1_000, 100_000, 1_000_000, 10_000_000]);
        let names: HashSet<String> = all.iter().map(Shape::name).collect();
        assert_eq!(names.len(), all.len());
        for name in ["f1k", "f100k", "f1m", "f10m", "f100k_v2x10", "f100k_tail100", "f1m_parts5", "f10m_parts50"] {
            assert!(names.contains(name), "{name} is not among {names:?}");
        }
        assert!(!names.contains("f1k_typed"));
    }
}
