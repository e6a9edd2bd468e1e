//! Random files, small enough to meet each other often, with the values that are hard.

use chrono::{DateTime, NaiveDate, TimeDelta};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Bool,
    Byte,
    Long,
    Float,
    Double,
    Text,
    Date,
    Timestamp,
}

#[derive(Debug)]
pub(super) struct Column {
    pub name: &'static str,
    pub kind: Type,
    pub partition: bool,
}

const fn column(name: &'static str, kind: Type, partition: bool) -> Column {
    Column { name, kind, partition }
}

pub(super) const COLUMNS: [Column; 15] = [
    column("flag", Type::Bool, false),
    column("tiny", Type::Byte, false),
    column("n", Type::Long, false),
    column("f", Type::Float, false),
    column("d", Type::Double, false),
    column("s", Type::Text, false),
    column("date", Type::Date, false),
    column("t", Type::Timestamp, false),
    column("p flag", Type::Bool, true),
    column("p_n", Type::Long, true),
    column("p_f", Type::Float, true),
    column("p_d", Type::Double, true),
    column("p_s", Type::Text, true),
    column("p_date", Type::Date, true),
    column("p_t", Type::Timestamp, true),
];

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Float(f32),
    Double(f64),
    Text(String),
    Date(NaiveDate),
    Micros(i64),
}

impl Type {
    pub(super) fn declared(self) -> &'static str {
        ["boolean", "byte", "long", "float", "double", "string", "date", "timestamp"][self as usize]
    }

    pub(super) fn in_json(self) -> &'static str {
        ["bool", "int", "long", "float", "double", "string", "date", "timestamp"][self as usize]
    }

    fn pool(self) -> Vec<Cell> {
        let long = "x".repeat(32);
        match self {
            Self::Bool => vec![Cell::Bool(false), Cell::Bool(true)],
            Self::Byte => [-128, -1, 0, 1, 5, 127].map(Cell::Int).to_vec(),
            Self::Long => [i64::MIN, -1, 0, 1, 5, (1 << 53) + 1, i64::MAX].map(Cell::Int).to_vec(),
            Self::Float => [f32::NAN, f32::NEG_INFINITY, -0.0, 0.0, 0.1, 0.7, 1.5, 16_777_216.0, f32::MAX]
                .map(Cell::Float)
                .to_vec(),
            Self::Double => [f64::NAN, f64::NEG_INFINITY, f64::INFINITY, -0.0, 0.0, 0.1, 0.7, 1.5, 5e-324]
                .map(Cell::Double)
                .to_vec(),
            Self::Text => {
                ["", "a", "A", "ab", "\u{e9}", "\u{ffff}", "\u{10ffff}", &long, &format!("{long}a"), &"x".repeat(40)]
                    .map(|text| Cell::Text(text.into()))
                    .to_vec()
            }
            Self::Date => [(1582, 1, 1), (1970, 1, 1), (2021, 1, 1), (2021, 1, 2), (2024, 2, 29), (9999, 12, 31)]
                .map(|(year, month, day)| Cell::Date(NaiveDate::from_ymd_opt(year, month, day).unwrap()))
                .to_vec(),
            Self::Timestamp => {
                let base = 1_609_459_200_000_000;
                [-1, 0, 1, 999, 1000, 1001, 999_999, 1_000_000, 40_000_000_000, 86_400_000_000]
                    .map(|after| Cell::Micros(base + after))
                    .into_iter()
                    .chain([Cell::Micros(-1), Cell::Micros(-5_000_000_000_000_000)])
                    .collect()
            }
        }
    }

    pub(super) fn value(self) -> impl Strategy<Value = Cell> {
        prop::sample::select(self.pool())
    }

    fn cell(self) -> impl Strategy<Value = Cell> {
        prop_oneof![1 => Just(Cell::Null), 5 => self.value()]
    }
}

fn moment(micros: i64) -> DateTime<chrono::Utc> {
    DateTime::from_timestamp_micros(micros).unwrap()
}

impl Cell {
    /// The least and the greatest as writers find them: past what is not a number, text by its bytes.
    pub(super) fn bounds<'a>(cells: impl Iterator<Item = &'a Self> + Clone) -> Option<(&'a Self, &'a Self)> {
        let is_number = |cell: &&Self| {
            !matches!(cell, Self::Float(x) if x.is_nan()) && !matches!(cell, Self::Double(x) if x.is_nan())
        };
        let order = |a: &&Self, b: &&Self| match (a, b) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) | (Self::Micros(a), Self::Micros(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b).unwrap(),
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(b).unwrap(),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Date(a), Self::Date(b)) => a.cmp(b),
            other => panic!("{other:?}"),
        };
        let cells = cells.filter(is_number);
        Some((cells.clone().min_by(order)?, cells.max_by(order)?))
    }

    pub(super) fn as_stat(&self, cut_to_seconds: bool) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => json!(value),
            Self::Int(value) => json!(value),
            Self::Float(value) if value.is_finite() => serde_json::from_str(&format!("{value:?}")).unwrap(),
            Self::Double(value) if value.is_finite() => json!(value),
            Self::Float(value) => json!(value.to_string()),
            Self::Double(value) => json!(value.to_string()),
            Self::Text(value) => json!(value.chars().take(32).collect::<String>()),
            Self::Date(value) => json!(value.to_string()),
            Self::Micros(value) if cut_to_seconds => json!(moment(*value).format("%Y-%m-%dT%H:%M:%SZ").to_string()),
            Self::Micros(value) => json!(moment(*value).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()),
        }
    }

    /// Moments in the zone of a writer, or in UTC and marked so.
    pub(super) fn as_partition_value(&self, zone_hours: Option<i64>) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Micros(value) => match zone_hours {
                None => moment(*value).format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
                Some(hours) => (moment(*value) + TimeDelta::hours(hours)).format("%Y-%m-%d %H:%M:%S%.6f").to_string(),
            },
            other => other.in_json(),
        })
    }

    pub(super) fn in_json(&self) -> String {
        match self {
            Self::Null => panic!("no literal is null"),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Double(value) => value.to_string(),
            Self::Text(value) => value.clone(),
            Self::Date(value) => value.to_string(),
            // Cut, as clients do.
            Self::Micros(value) => moment(*value).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        }
    }

    pub(super) fn in_sql(&self) -> String {
        let number = |value: f64, text: String| {
            if value.is_finite() { text } else { format!("CAST('{text}' AS DOUBLE)") }
        };
        match self {
            Self::Float(value) => number(f64::from(*value), format!("{value:?}")),
            Self::Double(value) => number(*value, format!("{value:?}")),
            Self::Text(value) => format!("'{value}'"),
            Self::Date(value) => format!("DATE '{value}'"),
            Self::Micros(value) => format!("TIMESTAMP '{}'", moment(*value).format("%Y-%m-%dT%H:%M:%S%.6fZ")),
            other => other.in_json(),
        }
    }
}

pub(super) type Row = Vec<Cell>;

#[derive(Debug, Clone)]
pub(super) struct File {
    partitions: Row,
    pub rows: Vec<Row>,
    pub deleted: Vec<Row>,
    /// Per column: 1 no minimum, 2 no maximum, 4 no count of nulls.
    pub left_out: Vec<u8>,
    pub no_stats: bool,
    pub loose: bool,
    pub cut_to_seconds: bool,
    pub zone_hours: Option<i64>,
}

impl File {
    pub(super) fn partition(&self, at: usize) -> &Cell {
        &self.partitions[at]
    }

    /// A row with its partition values.
    pub(super) fn whole(&self, row: &Row) -> Row {
        let places = COLUMNS.iter().zip(row).zip(&self.partitions);
        places.map(|((column, data), partition)| if column.partition { partition } else { data }.clone()).collect()
    }
}

fn row() -> impl Strategy<Value = Row> {
    COLUMNS.iter().map(|column| column.kind.cell().boxed()).collect::<Vec<_>>()
}

pub(super) fn file() -> impl Strategy<Value = File> {
    let rows = || prop::collection::vec(row(), 0..4);
    let deleted = prop_oneof![3 => Just(Vec::new()).boxed(), 1 => rows().boxed()];
    let left_out = prop::collection::vec(prop_oneof![3 => Just(0_u8), 1 => 0_u8..8], COLUMNS.len());
    let rare = || prop::bool::weighted(0.1);
    (row(), rows(), deleted, left_out, rare(), rare(), rare(), prop::option::of(-12_i64..15)).prop_map(
        |(partitions, rows, deleted, left_out, no_stats, loose, cut_to_seconds, zone_hours)| File {
            partitions,
            rows,
            deleted,
            left_out,
            no_stats,
            loose,
            cut_to_seconds,
            zone_hours,
        },
    )
}
