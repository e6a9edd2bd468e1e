//! The law of this engine: a file with a row that fulfils a predicate is never ruled out, and one that is called fulfilled by
//! all its rows is. Random files and random predicates in both written forms, against a reader that goes row by row.

use std::cell::Cell as Counter;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value as Json, json};

use super::*;
use crate::model::area::ObjectKey;
use crate::model::file::{DataFile, DeletionVector, Mark, Text, VectorStorage};
use crate::model::known::{Between, Known, KnownPartitions, ValueOrder};
use reader::{READERS, Reader};
use samples::{COLUMNS, Cell, File};

mod reader;
mod samples;
mod trees;

fn physical(name: &str) -> String {
    format!("col-{name}")
}

fn metadata() -> Metadata {
    let fields = COLUMNS.iter().map(|column| {
        let about = json!({"delta.columnMapping.physicalName": physical(column.name)});
        json!({"name": column.name, "type": column.kind.declared(), "nullable": true, "metadata": about})
    });
    let fields: Vec<Json> = fields.collect();
    Metadata {
        id: String::new(),
        name: None,
        description: None,
        format_provider: "parquet".into(),
        format_options: Vec::new(),
        schema_string: json!({"type": "struct", "fields": fields}).to_string(),
        partition_columns: COLUMNS.iter().filter(|column| column.partition).map(|column| column.name.into()).collect(),
        configuration: vec![("delta.columnMapping.mode".into(), "name".into())],
        created_time: None,
    }
}

fn partition_values(file: &File) -> Json {
    let mut values = Map::new();
    for (at, column) in COLUMNS.iter().enumerate().filter(|(_, column)| column.partition) {
        let text = file.partition(at).as_partition_value(file.zone_hours);
        values.insert(physical(column.name), text.map_or(Json::Null, Json::String));
    }
    Json::Object(values)
}

/// Statistics as a writer makes them: over all rows that the file was written with, text and moments cut.
fn stats(file: &File) -> Option<String> {
    let (mut min, mut max, mut nulls) = (Map::new(), Map::new(), Map::new());
    for (at, column) in COLUMNS.iter().enumerate().filter(|(_, column)| !column.partition) {
        let cells = || file.rows.iter().chain(&file.deleted).map(move |row| &row[at]);
        let bounds = Cell::bounds(cells().filter(|cell| **cell != Cell::Null));
        if let Some((low, high)) = bounds {
            if file.left_out[at] & 1 == 0 {
                min.insert(physical(column.name), low.as_stat(file.cut_to_seconds));
            }
            if file.left_out[at] & 2 == 0 {
                max.insert(physical(column.name), high.as_stat(file.cut_to_seconds));
            }
        }
        if file.left_out[at] & 4 == 0 {
            nulls.insert(physical(column.name), json!(cells().filter(|cell| **cell == Cell::Null).count()));
        }
    }
    let mut stats = json!({
        "numRecords": file.rows.len() + file.deleted.len(), "minValues": min, "maxValues": max, "nullCount": nulls,
    });
    if file.loose {
        stats["tightBounds"] = json!(false);
    }
    (!file.no_stats).then(|| stats.to_string())
}

/// Bounds of partition values over several files, as the log's texts and as values of their types.
fn bounds(files: &[File]) -> [Vec<Between>; 2] {
    let partitions = || COLUMNS.iter().enumerate().filter(|(_, column)| column.partition);
    let between = |name: &str, bounds: Option<(String, String)>, order, nulls| {
        let (least, greatest) = bounds?;
        Some(Between { column: physical(name), least, greatest, order, nulls })
    };
    let by_text = partitions().filter_map(|(at, column)| {
        let texts = || files.iter().filter_map(|file| file.partition(at).as_partition_value(file.zone_hours));
        let nulls = files.iter().any(|file| *file.partition(at) == Cell::Null);
        between(column.name, texts().min().zip(texts().max()), ValueOrder::Text, nulls)
    });
    let by_type = partitions().filter_map(|(at, column)| {
        let ordered = matches!(column.kind, samples::Type::Long | samples::Type::Text | samples::Type::Date);
        let cells = files.iter().map(|file| file.partition(at));
        if !ordered || cells.clone().any(|cell| *cell == Cell::Null) {
            return None;
        }
        let (low, high) = Cell::bounds(cells)?;
        between(column.name, low.as_partition_value(None).zip(high.as_partition_value(None)), ValueOrder::Type, false)
    });
    [by_text.collect(), by_type.collect()]
}

/// Whether it is known of all of these files that none is wanted, from what is known of them together or of each.
fn are_ruled_out(filter: &Filter, files: &[File]) -> bool {
    let together = bounds(files).iter().any(|bounds| {
        let partitions = KnownPartitions::Between(bounds);
        !filter.may_hold(&Known { partitions, statistics: None, vectors: true })
    });
    let each = |file: &File| {
        let (values, stats) = (partition_values(file).to_string(), stats(file));
        let known = |partitions, statistics| {
            let vectors = !file.deleted.is_empty();
            !filter.may_hold(&Known { partitions, statistics, vectors })
        };
        known(KnownPartitions::Same(&values), None)
            || known(KnownPartitions::Unknown, stats.as_deref())
            || known(KnownPartitions::Same(&values), stats.as_deref())
    };
    together || files.iter().all(each)
}

fn judge(filter: &Filter, file: &File) -> Verdict {
    let (values, stats) = (partition_values(file).to_string(), stats(file));
    let escaped = stats.as_ref().map(|stats| json!(stats).to_string());
    let stats = stats.as_deref().map(Text::Plain);
    let vector = DeletionVector {
        storage: VectorStorage::Inline("x"),
        offset: None,
        size_in_bytes: 1,
        cardinality: file.deleted.len() as i64,
    };
    let plain = DataFile {
        mark: Mark::default(),
        path: "x",
        object: ObjectKey::in_table("x"),
        partition_values: &values,
        size: 1,
        modification_time: 0,
        data_change: true,
        stats,
        tags: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
        deletion_vector: (!file.deleted.is_empty()).then_some(vector),
    };
    let verdict = filter.judge(&plain);
    let escaped = escaped.as_deref().map(Text::JsonLiteral);
    assert_eq!(filter.judge(&DataFile { stats: escaped, ..plain }), verdict, "in either form of the statistics");
    verdict
}

#[test]
fn soundness() {
    let metadata = metadata();
    let (hopeless, ruled_out, full, covered) = (Counter::new(0), Counter::new(0), Counter::new(0), Counter::new(0));
    let (unwanted, unread) = (Counter::new(0), Counter::new(0));
    let up = |counter: &Counter<u32>| counter.set(counter.get() + 1);
    // More with PROPTEST_CASES.
    let cases = Config::default().cases.max(1500);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let strategy = (trees::tree(), prop::collection::vec(samples::file(), 1..6));
    runner
        .run(&strategy, |(tree, files)| {
            let (sql, tree_json) = (tree.sql(), tree.json().to_string());
            // Both parse as a whole: what follows is about something.
            prop_assert!(json::parse(&tree_json).is_some(), "{}", tree_json);
            let parsed = sql::parse(std::slice::from_ref(&sql));
            prop_assert!(matches!(&parsed, Some(Node::And(nodes)) if !nodes.contains(&Node::Unknown)), "{}", sql);
            let forms = [
                (filter(std::slice::from_ref(&sql), None, &metadata).unwrap(), false),
                (filter(&[], Some(&tree_json), &metadata).unwrap(), true),
            ];
            for (filter, _) in &forms {
                let none = |files: &[File]| files.iter().all(|file| judge(filter, file) == Verdict::None);
                for few in [&files[..], &files[..1]] {
                    prop_assert!(
                        none(few) || !are_ruled_out(filter, few),
                        "a file is left unread that is not ruled out\n{}\n{:?}",
                        sql,
                        few
                    );
                    [none(few), none(few) && are_ruled_out(filter, few)]
                        .into_iter()
                        .zip([&unwanted, &unread])
                        .filter(|(counts, _)| *counts)
                        .for_each(|(_, counter)| up(counter));
                }
            }
            for file in &files {
                for (filter, is_json) in &forms {
                    let verdict = judge(filter, file);
                    let readers = || READERS.iter().filter(|reader| !is_json || reader.floats_as_floats);
                    let truths = |reader: &Reader| -> Vec<Option<bool>> {
                        file.rows.iter().map(|row| reader.truth(&tree, &file.whole(row))).collect()
                    };
                    let any = readers().any(|reader| truths(reader).contains(&Some(true)));
                    let all = readers().all(|reader| truths(reader).iter().all(|truth| *truth == Some(true)));
                    prop_assert!(
                        !(any && verdict == Verdict::None),
                        "a row is lost\n{}\n{}\n{:?}\n{}\n{:?}",
                        sql,
                        tree_json,
                        file,
                        partition_values(file),
                        stats(file)
                    );
                    prop_assert!(
                        all || verdict != Verdict::All,
                        "not all rows fulfil it\n{}\n{}\n{:?}\n{:?}",
                        sql,
                        tree_json,
                        file,
                        stats(file)
                    );
                    if !file.rows.is_empty() {
                        [!any, verdict == Verdict::None, all, verdict == Verdict::All]
                            .into_iter()
                            .zip([&hopeless, &ruled_out, &full, &covered])
                            .filter(|(counts, _)| *counts)
                            .for_each(|(_, counter)| up(counter));
                    }
                }
            }
            Ok(())
        })
        .unwrap();
    let share = |part: &Counter<u32>, whole: &Counter<u32>| f64::from(part.get()) / f64::from(whole.get());
    // It would hold if every file were kept.
    assert!(share(&ruled_out, &hopeless) > 0.3, "ruled out {} of {}", ruled_out.get(), hopeless.get());
    assert!(share(&unread, &unwanted) > 0.9, "unread {} of {}", unread.get(), unwanted.get());
    assert!(share(&covered, &full) > 0.1, "covered {} of {}", covered.get(), full.get());
}
