//! What is known of a file's columns, from its partition values and its statistics: a range that surely holds every value,
//! and whether there may be nulls.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::table::Found;
use super::text;
use super::tree::{Kind, Value};
use crate::model::file::{DataFile, Text};

/// Writers cut text in statistics after 32 characters; how they make up for it at the upper end is not known of all.
const TEXT_CUT_BYTES: usize = 32;
/// Statistics of moments are cut to milliseconds, by some writers to seconds.
const MOMENT_CUT_MICROS: i64 = 1_000;
pub(super) const MOMENT_CUT_TO_SECONDS_MICROS: i64 = 1_000_000;
/// Some clients cut the moments in predicates to milliseconds.
const LITERAL_CUT_MICROS: i64 = 999;
/// Partition values may tell moments in the time zone of whoever wrote them: at most so far from UTC.
const ZONE_MICROS_MAX: i64 = 18 * 60 * 60 * 1_000_000;
/// 1900-01-01 in days since 1970. Older dates in statistics may be of another calendar.
const CALENDAR_DAYS_MIN: i32 = -25_567;
const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
/// What Hive calls the folder of null.
pub(super) const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// What a column may hold in a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Range {
    /// No value is below.
    pub min: Option<Value>,
    /// No value is above.
    pub max: Option<Value>,
    /// There may be values.
    pub values: bool,
    /// There may be nulls.
    pub nulls: bool,
    /// There may be values that are not a number: above all others for some readers, incomparable for the rest.
    pub nan: bool,
}

impl Range {
    /// Nothing is known.
    pub(super) const ANY: Self = Self { min: None, max: None, values: true, nulls: true, nan: true };
    /// Nothing but nulls.
    pub(super) const NULL: Self = Self { min: None, max: None, values: false, nulls: true, nan: false };

    /// What a literal may stand for.
    pub(super) fn of_literal(value: Value) -> Self {
        match value {
            Value::Timestamp(at) => around(at, LITERAL_CUT_MICROS),
            value => Self::of(value),
        }
    }

    /// Exactly this.
    fn of(value: Value) -> Self {
        Self { min: Some(value.clone()), max: Some(value), values: true, nulls: false, nan: false }
    }
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Stats<'a> {
    #[serde(borrow)]
    num_records: Option<&'a RawValue>,
    min_values: Option<&'a RawValue>,
    max_values: Option<&'a RawValue>,
    null_count: Option<&'a RawValue>,
    tight_bounds: Option<&'a RawValue>,
}

type Values<'a> = HashMap<String, &'a RawValue>;

/// What these columns may hold in a file. Reads no more of the file than they need.
pub(super) fn ranges(columns: &[Found], file: &DataFile<'_>) -> Vec<Range> {
    let mut ranges = vec![Range::ANY; columns.len()];
    of_partitions(columns, file.partition_values, &mut ranges);
    let unescaped;
    let stats = match file.stats {
        Some(Text::Plain(text)) => text,
        Some(Text::JsonLiteral(text)) if columns.iter().any(|column| !column.partition) => {
            match serde_json::from_str::<String>(text) {
                Ok(text) => {
                    unescaped = text;
                    &unescaped
                }
                Err(_) => return ranges,
            }
        }
        _ => return ranges,
    };
    of_statistics(columns, stats, (file.deletion_vector.is_none(), 0), &mut ranges);
    ranges
}

/// Sets what the partition values of a file, a JSON object, say of its partition columns.
pub(super) fn of_partitions(columns: &[Found], values: &str, ranges: &mut [Range]) {
    if columns.iter().any(|column| column.partition)
        && let Ok(values) = serde_json::from_str::<HashMap<String, Option<String>>>(values)
    {
        for (column, range) in columns.iter().zip(ranges).filter(|(column, _)| column.partition) {
            if let Some(value) = values.get(&column.physical) {
                *range = of_partition(value.as_deref(), column.kind);
            }
        }
    }
}

/// Sets what statistics say of the other columns. They may count rows that deletion vectors take away, or not; moments may
/// have been cut by so much, or by what their text shows where that is more.
pub(super) fn of_statistics(
    columns: &[Found],
    stats: &str,
    (no_vector, cut_micros): (bool, i64),
    ranges: &mut [Range],
) {
    if columns.iter().all(|column| column.partition) {
        return;
    }
    let Ok(stats) = serde_json::from_str::<Stats<'_>>(stats) else { return };
    let stats = Parsed::new(&stats, no_vector, cut_micros);
    for (column, range) in columns.iter().zip(ranges).filter(|(column, _)| !column.partition) {
        *range = stats.range(column);
    }
}

pub(super) fn of_partition(value: Option<&str>, kind: Option<Kind>) -> Range {
    let text = match (value, kind) {
        (None, _) => return Range::NULL,
        // Null as Delta has it, but empty text to some readers.
        (Some(""), Some(Kind::String)) => return Range { nulls: true, ..Range::of(Value::String(String::new())) },
        (Some(""), _) => return Range::NULL,
        (Some(HIVE_NULL), _) => return Range::ANY,
        (Some(text), _) => text,
    };
    let value = match kind {
        None => None,
        Some(Kind::Bool) => text::boolean(text).map(Value::Bool),
        Some(Kind::Int) => text.parse().ok().map(Value::Int),
        Some(Kind::Float) => text.parse::<f32>().ok().map(|number| Value::Number(number.into())),
        Some(Kind::Double) => text.parse().ok().map(Value::Number),
        Some(Kind::String) => Some(Value::String(text.to_owned())),
        Some(Kind::Date) => text::date(text).map(Value::Date),
        Some(Kind::Timestamp) => match (text::moment(text), text::moment_somewhere(text)) {
            (Some(at), _) => Some(Value::Timestamp(at)),
            (None, Some(at)) => return around(at, ZONE_MICROS_MAX),
            (None, None) => None,
        },
    };
    // What cannot be read is null for some readers.
    value.filter(|value| !matches!(value, Value::Number(number) if number.is_nan())).map_or(Range::ANY, Range::of)
}

fn around(at: i64, micros: i64) -> Range {
    let bound = |at: Option<i64>| at.map(Value::Timestamp);
    Range {
        min: bound(at.checked_sub(micros)),
        max: bound(at.checked_add(micros)),
        values: true,
        nulls: false,
        nan: false,
    }
}

/// A file's statistics, one step further.
struct Parsed<'a> {
    rows: Option<u64>,
    min: Values<'a>,
    max: Values<'a>,
    nulls: HashMap<String, &'a RawValue>,
    /// Nulls were counted over the rows that the file still has.
    exact: bool,
    /// What moments may differ by, whatever their text shows.
    cut_micros: i64,
}

impl<'a> Parsed<'a> {
    fn new(stats: &Stats<'a>, no_vector: bool, cut_micros: i64) -> Self {
        let values = |raw: Option<&'a RawValue>| {
            raw.and_then(|raw| serde_json::from_str::<Values<'a>>(raw.get()).ok()).unwrap_or_default()
        };
        Self {
            rows: stats.num_records.and_then(|raw| raw.get().parse().ok()),
            min: values(stats.min_values),
            max: values(stats.max_values),
            nulls: values(stats.null_count),
            exact: no_vector && stats.tight_bounds.is_none_or(|tight| tight.get() == "true"),
            cut_micros,
        }
    }

    fn range(&self, column: &Found) -> Range {
        let name = column.physical.as_str();
        let nulls: Option<u64> = self.nulls.get(name).and_then(|raw| raw.get().parse().ok()).filter(|_| self.exact);
        let (values, nulls) = match (nulls, self.rows) {
            (Some(nulls), Some(rows)) if nulls > rows => (true, true),
            (Some(nulls), Some(rows)) => (nulls < rows || rows == 0, nulls > 0),
            (Some(nulls), None) => (true, nulls > 0),
            (None, _) => (true, true),
        };
        let Some(kind) = column.kind else { return Range { values, nulls, ..Range::ANY } };
        let min = self.min.get(name).and_then(|raw| lower(kind, raw.get(), self.cut_micros));
        let max = self.max.get(name).and_then(|raw| upper(kind, raw.get(), self.cut_micros));
        let nan = matches!(kind, Kind::Float | Kind::Double);
        match (&min, &max) {
            // Not to be trusted.
            (Some(low), Some(high)) if low > high => Range { values, nulls, ..Range::ANY },
            _ => Range { min, max, values, nulls, nan },
        }
    }
}

fn lower(kind: Kind, raw: &str, cut_micros: i64) -> Option<Value> {
    match kind {
        Kind::Float => {
            // The text is of a float: as a double it may lie above it.
            let number = number(raw)?.parse::<f32>().ok().filter(|number| number.is_finite())?;
            Some(Value::Number(number.next_down().into()))
        }
        Kind::Double => {
            let number = number(raw)?.parse::<f64>().ok().filter(|number| number.is_finite())?;
            Some(Value::Number(number.next_down()))
        }
        Kind::Timestamp => {
            let (at, cut) = moment(raw)?;
            at.checked_sub(cut.max(cut_micros)).map(Value::Timestamp)
        }
        _ => plain(kind, raw),
    }
}

fn upper(kind: Kind, raw: &str, cut_micros: i64) -> Option<Value> {
    match kind {
        // Not a number is above all, and not always counted.
        Kind::Float | Kind::Double => None,
        Kind::Timestamp => {
            let (at, cut) = moment(raw)?;
            at.checked_add(cut.max(cut_micros)).map(Value::Timestamp)
        }
        _ => plain(kind, raw).filter(|value| !matches!(value, Value::String(text) if text.len() >= TEXT_CUT_BYTES)),
    }
}

fn plain(kind: Kind, raw: &str) -> Option<Value> {
    match kind {
        Kind::Bool => serde_json::from_str(raw).ok().map(Value::Bool),
        Kind::Int => serde_json::from_str(raw).ok().map(Value::Int),
        Kind::String => serde_json::from_str(raw).ok().map(Value::String),
        Kind::Date => {
            let text: String = serde_json::from_str(raw).ok()?;
            text::date(&text).filter(|&day| day >= CALENDAR_DAYS_MIN).map(Value::Date)
        }
        Kind::Float | Kind::Double | Kind::Timestamp => None,
    }
}

/// A number and not, say, the text of one.
fn number(raw: &str) -> Option<&str> {
    raw.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then_some(raw)
}

/// A moment, and by how much the true one may differ.
fn moment(raw: &str) -> Option<(i64, i64)> {
    let text: String = serde_json::from_str(raw).ok()?;
    let at = text::moment(&text).filter(|&at| at >= i64::from(CALENDAR_DAYS_MIN) * DAY_MICROS)?;
    Some((at, if text.contains('.') { MOMENT_CUT_MICROS } else { MOMENT_CUT_TO_SECONDS_MICROS }))
}
