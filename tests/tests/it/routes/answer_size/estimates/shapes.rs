//! Tables of many shapes, as common writers leave them and as few do.

use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use serde_json::{Value, json};
use tests::table_builder::{Manifest, TableBuilder, Typed, inline_vector};

use super::super::Chance;

/// Files of each.
pub(super) const FILES: usize = 600;

/// How many times what was known an answer may come to, as it is and compressed.
pub(super) const FACTORS: [u64; 2] = [3, 6];

/// A table of one shape.
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) write: fn(TableBuilder),
    /// Whether only the delta format tells of it.
    pub(super) delta_only: bool,
    /// How many times what was known an answer may come to.
    pub(super) factors: [u64; 2],
}

const fn shape(name: &'static str, write: fn(TableBuilder)) -> Shape {
    Shape { name, write, delta_only: false, factors: FACTORS }
}

const fn delta_only(name: &'static str, write: fn(TableBuilder)) -> Shape {
    Shape { delta_only: true, ..shape(name, write) }
}

/// A shape of which little is known: texts that not every answer tells, or that the checkpoint holds once for all files.
const fn obscure(name: &'static str, factors: [u64; 2], write: fn(TableBuilder)) -> Shape {
    Shape { factors, ..shape(name, write) }
}

/// Statistics as writers gather them: bounds of a number and a text, and counts.
fn stats(chance: &mut Chance) -> Value {
    let (low, name) = (chance.below(1_000_000_000), chance.hex(8));
    json!({
        "numRecords": chance.below(1_000_000),
        "minValues": {"id": low, "name": format!("a {name}")},
        "maxValues": {"id": low + chance.below(1_000_000), "name": format!("z {}", chance.hex(24))},
        "nullCount": {"id": chance.below(100), "name": 0},
    })
}

/// The version with so many files, each changed.
pub(super) fn fill(table: &mut TableBuilder, mut change: impl FnMut(&mut Chance, usize, &mut Value)) {
    let mut chance = Chance(7);
    let add = |number: usize| {
        let uuid = format!("{}-{}-{}", chance.hex(8), chance.hex(4), chance.hex(20));
        let mut add = table.add_entry(&format!("part-{number:05}-{uuid}-c000.snappy.parquet"), Some("a"), 1);
        add["add"]["size"] = (1_000_000 + chance.below(1_000_000_000)).into();
        add["add"]["stats"] = stats(&mut chance).to_string().into();
        change(&mut chance, number, &mut add["add"]);
        add
    };
    let adds = (0..FILES).map(add).collect();
    table.commit(adds);
}

/// The same, as a classic checkpoint.
pub(super) fn checkpointed(
    mut table: TableBuilder,
    change: impl FnMut(&mut Chance, usize, &mut Value),
) -> TableBuilder {
    fill(&mut table, change);
    table.checkpoint();
    table
}

/// Removes every so many-th file in a commit of its own.
fn without(mut table: TableBuilder, each: usize) {
    let removed = table.live_paths().iter().step_by(each).map(|path| table.remove(path)).collect();
    table.commit(removed);
}

pub(super) fn nothing(_: &mut Chance, _: usize, _: &mut Value) {}

pub(super) fn reader_features(table: TableBuilder, names: &[&str]) -> TableBuilder {
    let protocol =
        json!({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": names, "writerFeatures": names});
    table.protocol(protocol)
}

pub(super) fn vector(number: usize, one_file: bool) -> Value {
    let file = if one_file { 0 } else { number };
    json!({"storageType": "u", "pathOrInlineDv": format!("ab{file:05}0123456789abc"), "offset": 1 + 50 * number,
        "sizeInBytes": 40, "cardinality": 7})
}

pub(super) const SHAPES: [Shape; 27] = [
    shape("statistics as text", |table| drop(checkpointed(table, nothing))),
    shape("statistics typed only", |table| drop(checkpointed(table.checkpoint_typed(Typed::Only), nothing))),
    shape("statistics both ways", |table| drop(checkpointed(table.checkpoint_typed(Typed::Also), nothing))),
    shape("no statistics", |table| {
        drop(checkpointed(table, |_, _, add| drop(add.as_object_mut().unwrap().remove("stats"))));
    }),
    shape("checkpoint as it is", |table| {
        drop(checkpointed(table.checkpoint_compression(Compression::UNCOMPRESSED), nothing));
    }),
    shape("checkpoint in zstd", |table| {
        drop(checkpointed(table.checkpoint_compression(Compression::ZSTD(ZstdLevel::default())), nothing));
    }),
    shape("checkpoint in gzip", |table| {
        drop(checkpointed(table.checkpoint_compression(Compression::GZIP(GzipLevel::default())), nothing));
    }),
    shape("parts", |mut table| {
        fill(&mut table, nothing);
        table.checkpoint_parts(3);
    }),
    shape("row groups", |table| drop(checkpointed(table.checkpoint_row_group(50), nothing))),
    shape("sidecars of JSON", |table| {
        let mut table = reader_features(table, &["v2Checkpoint"]);
        fill(&mut table, nothing);
        table.checkpoint_v2(Manifest::Json, 3);
    }),
    shape("sidecars of Parquet", |table| {
        let mut table = reader_features(table, &["v2Checkpoint"]);
        fill(&mut table, nothing);
        table.checkpoint_v2(Manifest::Parquet, 2);
    }),
    shape("a manifest with files", |table| {
        let mut table = reader_features(table, &["v2Checkpoint"]);
        fill(&mut table, nothing);
        table.checkpoint_v2(Manifest::Json, 0);
    }),
    shape("commits only", |mut table| fill(&mut table, nothing)),
    shape("long partition values", |table| {
        drop(checkpointed(table, |chance, number, add| {
            let value = format!("{} {}", chance.hex(100), "é".repeat(50));
            add["path"] = format!("p={}/{number}", value.replace(' ', "%20")).into();
            add["partitionValues"] = json!({"p": value});
        }));
    }),
    shape("one long partition value", |table| {
        drop(checkpointed(table, |_, _, add| add["partitionValues"] = json!({"p": "long ".repeat(100)})));
    }),
    shape("absolute paths", |mut table| {
        let root = format!("file://{}", table.path().display());
        fill(&mut table, |_, _, add| add["path"] = format!("{root}/{}", add["path"].as_str().unwrap()).into());
        table.checkpoint();
    }),
    shape("escaped paths", |table| {
        drop(checkpointed(table, |_, number, add| {
            let escaped: String = format!("{number:040}").bytes().map(|byte| format!("%{byte:02x}")).collect();
            add["path"] = escaped.into();
        }));
    }),
    obscure("long tags", [3, 15], |table| {
        drop(checkpointed(table, |chance, _, add| add["tags"] = json!({"k": chance.hex(1000)})));
    }),
    shape("a few files removed", |table| without(checkpointed(table, nothing), 300)),
    shape("most files removed", |table| {
        let mut table = checkpointed(table, nothing);
        let removed = table.live_paths().iter().skip(30).map(|path| table.remove(path)).collect();
        table.commit(removed);
    }),
    shape("the longest removed", |table| {
        let mut table = checkpointed(table, |chance, number, add| {
            let long = if number % 60 == 0 { chance.hex(15_000) } else { String::new() };
            add["path"] = format!("{}{number}", if long.is_empty() { "b" } else { "a" }).into();
            add["stats"] = json!({"numRecords": 1, "maxValues": {"name": long}}).to_string().into();
        });
        let long = table.live_paths().into_iter().filter(|path| path.starts_with('a'));
        let removed = long.map(|path| table.remove(&path)).collect();
        table.commit(removed);
    }),
    obscure("all alike", [6, 6], |table| {
        drop(checkpointed(table, |_, number, add| {
            add["path"] = format!("{number:05}").into();
            add["size"] = 1.into();
            add["stats"] = json!({"numRecords": 1, "maxValues": {"name": "alike ".repeat(300)}}).to_string().into();
        }));
    }),
    shape("bits", |table| {
        drop(checkpointed(table, |chance, number, add| {
            add["path"] = format!("{number:05}").into();
            add["size"] = 1.into();
            let counts: Value = (0..60).map(|at| (format!("column_{at}"), chance.below(2))).collect();
            add["stats"] = json!({"numRecords": 1, "nullCount": counts}).to_string().into();
        }));
    }),
    shape("digits", |table| {
        drop(checkpointed(table, |chance, _, add| {
            let low: Value = (0..30).map(|at| (format!("c{at}"), chance.below(1_000_000_000_000))).collect();
            add["stats"] = json!({"numRecords": 1, "minValues": low}).to_string().into();
        }));
    }),
    shape("short bits", |table| {
        drop(checkpointed(table, |chance, number, add| {
            add["path"] = format!("{number:05}").into();
            add["size"] = 1.into();
            let counts: Value = (0..99).map(|at| (format!("{at}"), chance.below(2))).collect();
            add["stats"] = json!({"numRecords": 1, "nullCount": counts}).to_string().into();
        }));
    }),
    delta_only("vectors in one file, some in the log", |table| {
        let table = reader_features(table, &["deletionVectors"]);
        let vectors = |_: &mut Chance, number: usize, add: &mut Value| {
            add["deletionVector"] =
                if number.is_multiple_of(3) { inline_vector(&[1, 2]) } else { vector(number, true) };
        };
        drop(checkpointed(table, vectors));
    }),
    delta_only("vectors in files, under other names", |table| {
        let mapped = |name: &str, id: u64| {
            let of = json!({"delta.columnMapping.id": id, "delta.columnMapping.physicalName": format!("col-{name}")});
            json!({"name": name, "type": "string", "nullable": true, "metadata": of})
        };
        let schema = json!({"type": "struct", "fields": [mapped("id", 1), mapped("name", 2), mapped("p", 3)]});
        let mapping = json!({"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "3"});
        let table = reader_features(table, &["deletionVectors", "columnMapping"]).metadata(|metadata| {
            metadata["schemaString"] = schema.to_string().into();
            metadata["configuration"] = mapping;
        });
        let change = |_: &mut Chance, number: usize, add: &mut Value| {
            add["partitionValues"] = json!({"col-p": "a"});
            add["deletionVector"] = vector(number, false);
        };
        drop(checkpointed(table, change));
    }),
];
