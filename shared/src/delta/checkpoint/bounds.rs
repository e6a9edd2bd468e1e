//! What a footer says of all files of a row group at once, from the Parquet statistics of narrow columns. Statistics may be
//! missing, cut short, or ordered in a way that nobody tells; they count rows that are no files; and a column of which a
//! file has nothing says nothing of that file. Where it is not certain that they speak of every file, they say nothing.

use arrow_schema::{DataType, Schema, TimeUnit};
use chrono::{DateTime, Datelike};
use parquet::basic::{ColumnOrder, SortOrder};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use serde_json::{Map, Value, json};

use super::Shown;
use super::parsed::{is_certain, moment_text};
use crate::delta::choice::{Choice, Columns};
use crate::model::known::{Between, Known, KnownPartitions, ValueOrder};

/// The columns of a part that may tell of a choice.
pub(super) struct Footer<'a> {
    metadata: &'a ParquetMetaData,
    path: Option<usize>,
    /// Keys and values of the partition values' texts.
    map: Option<(usize, usize)>,
    /// Typed partition values, each with its name.
    typed: Vec<(&'a str, Leaf)>,
    /// Typed statistics of columns.
    data: Vec<Bounds<'a>>,
    /// Some files say that their bounds may be loose.
    tight: bool,
}

#[derive(Clone)]
struct Leaf {
    at: usize,
    kind: DataType,
}

struct Bounds<'a> {
    name: &'a str,
    min: Option<Leaf>,
    max: Option<Leaf>,
    nulls: Option<Leaf>,
}

impl<'a> Footer<'a> {
    pub(super) fn of(metadata: &'a ParquetMetaData, schema: &Schema, columns: &Columns<'a>) -> Self {
        let paths: Vec<Vec<&str>> = {
            let columns = metadata.file_metadata().schema_descr().columns().iter();
            columns.map(|column| column.path().parts().iter().map(String::as_str).collect()).collect()
        };
        let place = |wanted: &[&str]| paths.iter().position(|path| path.as_slice() == wanted);
        let leaf = |wanted: &[&str]| Some(Leaf { at: place(wanted)?, kind: kind_of(schema, wanted)?.clone() });
        let entries: Vec<usize> = {
            let is_entry = |path: &[&str]| matches!(path, ["add", "partitionValues", _, _]);
            paths.iter().enumerate().filter(|(_, path)| is_entry(path)).map(|(at, _)| at).collect()
        };
        let typed =
            columns.partitions.iter().filter_map(|&name| Some((name, leaf(&["add", "partitionValues_parsed", name])?)));
        let data = columns.data.iter().map(|&name| {
            let of = |member: &str| leaf(&["add", "stats_parsed", member, name]);
            Bounds { name, min: of("minValues"), max: of("maxValues"), nulls: of("nullCount") }
        });
        Self {
            metadata,
            path: place(&["add", "path"]),
            map: if let [keys, values] = entries[..] { Some((keys, values)) } else { None },
            typed: typed.collect(),
            data: data.collect(),
            tight: place(&["add", "stats_parsed", "tightBounds"]).is_none(),
        }
    }

    /// Whether a row group may hold a file that is wanted.
    pub(super) fn may_hold(&self, group: usize, shown: &Shown<'_>, choice: &dyn Choice) -> bool {
        let told = self.metadata.row_groups().get(group).and_then(|group| Told::of(self, group));
        let between = told.as_ref().map(Told::partitions).unwrap_or_default();
        let statistics = told.as_ref().and_then(|told| told.statistics(self.tight && !shown.vectors));
        let partitions = match between.as_slice() {
            [] => KnownPartitions::Unknown,
            between => KnownPartitions::Between(between),
        };
        choice.may_want(&Known { partitions, statistics: statistics.as_deref(), vectors: shown.vectors })
    }
}

/// A row group of which it is known how many files it holds.
struct Told<'a> {
    footer: &'a Footer<'a>,
    group: &'a RowGroupMetaData,
    /// Rows that are no files: every column of files is null there.
    others: u64,
}

impl<'a> Told<'a> {
    fn of(footer: &'a Footer<'a>, group: &'a RowGroupMetaData) -> Option<Self> {
        let others = group.columns().get(footer.path?)?.statistics()?.null_count_opt()?;
        (others <= group.num_rows().unsigned_abs()).then_some(Self { footer, group, others })
    }

    fn partitions(&self) -> Vec<Between> {
        let mut between = Vec::new();
        between.extend(self.only_column());
        for (name, leaf) in &self.footer.typed {
            let is_moment = matches!(leaf.kind, DataType::Timestamp(..));
            // The log's text is of whatever time zone.
            if !is_moment && let Some((least, greatest)) = self.typed(leaf) {
                let (least, greatest) = (text_of(least), text_of(greatest));
                let column = (*name).to_owned();
                between.push(Between { column, least, greatest, order: ValueOrder::Type, nulls: false });
            }
        }
        between
    }

    /// The texts of the one column whose values every file has, and no other.
    fn only_column(&self) -> Option<Between> {
        let (keys, values) = self.footer.map?;
        let (key, least_key, greatest_key) = self.texts(keys)?;
        let files = self.group.num_rows().unsigned_abs().checked_sub(self.others)?;
        let key_nulls = key.statistics()?.null_count_opt()?;
        let entries = key.num_values().unsigned_abs().checked_sub(key_nulls)?;
        if least_key != greatest_key || key_nulls != self.others || entries != files {
            return None;
        }
        let (value, least, greatest) = self.texts(values)?;
        let nulls = value.statistics()?.null_count_opt()? != key_nulls;
        let (column, order) = (least_key.to_owned(), ValueOrder::Text);
        Some(Between { column, least: least.to_owned(), greatest: greatest.to_owned(), order, nulls })
    }

    /// Typed statistics as the log's JSON, where any are known.
    fn statistics(&self, exact: bool) -> Option<String> {
        let (mut min, mut max, mut nulls) = (Map::new(), Map::new(), Map::new());
        for bounds in &self.footer.data {
            if let Some((least, _)) = bounds.min.as_ref().and_then(|leaf| self.typed(leaf)) {
                min.insert(bounds.name.to_owned(), least);
            }
            // A text may have been cut in some files; of those it is not known what is the greatest.
            let of_max = bounds.max.as_ref().filter(|leaf| !is_text(&leaf.kind));
            if let Some((_, greatest)) = of_max.and_then(|leaf| self.typed(leaf)) {
                max.insert(bounds.name.to_owned(), greatest);
            }
            let of_nulls = bounds.nulls.as_ref().filter(|_| exact);
            if let Some((_, most)) = of_nulls.and_then(|leaf| self.typed(leaf))
                && most == json!(0)
            {
                nulls.insert(bounds.name.to_owned(), most);
            }
        }
        let some = !(min.is_empty() && max.is_empty() && nulls.is_empty());
        some.then(|| json!({"minValues": min, "maxValues": max, "nullCount": nulls}).to_string())
    }

    /// The least and the greatest value of a column that every file has a value in.
    fn typed(&self, leaf: &Leaf) -> Option<(Value, Value)> {
        let chunk = self.group.columns().get(leaf.at)?;
        let statistics = chunk.statistics()?;
        if statistics.null_count_opt()? != self.others {
            return None;
        }
        let order = if is_text(&leaf.kind) { SortOrder::UNSIGNED } else { SortOrder::SIGNED };
        let both = |least: Option<Value>, greatest: Option<Value>| Some((least?, greatest?));
        match (self.ordered(leaf.at, order)?, &leaf.kind) {
            (Statistics::Int32(of), DataType::Int8 | DataType::Int16 | DataType::Int32) => {
                both(of.min_opt().map(|number| json!(number)), of.max_opt().map(|number| json!(number)))
            }
            (Statistics::Int64(of), DataType::Int64) => {
                both(of.min_opt().map(|number| json!(number)), of.max_opt().map(|number| json!(number)))
            }
            (Statistics::Int32(of), DataType::Date32) => both(date(of.min_opt()), date(of.max_opt())),
            (Statistics::Int64(of), DataType::Timestamp(unit, _)) => {
                both(moment(*unit, of.min_opt()), moment(*unit, of.max_opt()))
            }
            (Statistics::ByteArray(_), kind) if is_text(kind) => {
                let (_, least, greatest) = self.texts(leaf.at)?;
                Some((json!(least), json!(greatest)))
            }
            _ => None,
        }
    }

    /// The least and the greatest text of a column; either may be cut in a way that keeps every text between them.
    fn texts(&self, leaf: usize) -> Option<(&'a ColumnChunkMetaData, &'a str, &'a str)> {
        let chunk = self.group.columns().get(leaf)?;
        let Statistics::ByteArray(of) = self.ordered(leaf, SortOrder::UNSIGNED)? else { return None };
        let least = std::str::from_utf8(of.min_opt()?.data()).ok()?;
        let greatest = std::str::from_utf8(of.max_opt()?.data()).ok()?;
        (least <= greatest).then_some((chunk, least, greatest))
    }

    /// The statistics of a column, when its values were surely ordered so.
    fn ordered(&self, leaf: usize, order: SortOrder) -> Option<&'a Statistics> {
        let told = self.footer.metadata.file_metadata().column_orders()?.get(leaf)?;
        let statistics = self.group.columns().get(leaf)?.statistics()?;
        (*told == ColumnOrder::TYPE_DEFINED_ORDER(order) && !statistics.is_min_max_deprecated()).then_some(statistics)
    }
}

/// The Arrow type of the column at a path.
fn kind_of<'a>(schema: &'a Schema, path: &[&str]) -> Option<&'a DataType> {
    let (first, rest) = path.split_first()?;
    let mut kind = schema.field_with_name(first).ok()?.data_type();
    for name in rest {
        let DataType::Struct(fields) = kind else { return None };
        kind = fields.iter().find(|field| field.name() == name)?.data_type();
    }
    Some(kind)
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8)
}

/// As the log writes a partition value.
fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn date(days: Option<&i32>) -> Option<Value> {
    let day = DateTime::from_timestamp(i64::from(*days?) * 86_400, 0)?.date_naive();
    is_certain(day.year()).then(|| json!(day.format("%Y-%m-%d").to_string()))
}

fn moment(unit: TimeUnit, at: Option<&i64>) -> Option<Value> {
    let at = match unit {
        TimeUnit::Millisecond => DateTime::from_timestamp_millis(*at?)?,
        TimeUnit::Microsecond => DateTime::from_timestamp_micros(*at?)?,
        TimeUnit::Second | TimeUnit::Nanosecond => return None,
    };
    is_certain(at.year()).then(|| json!(moment_text(at, 'T', true)))
}

#[cfg(test)]
mod tests;
