//! Random files and predicates, small enough to meet each other often, with the values that are hard.

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

    fn in_json(self) -> &'static str {
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

    fn value(self) -> impl Strategy<Value = Cell> {
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

    fn in_json(&self) -> String {
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

    fn in_sql(&self) -> String {
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Equal,
    Unequal,
    Same,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

const OPS: [(Op, &str, &str); 7] = [
    (Op::Equal, "=", "equal"),
    (Op::Unequal, "<>", ""),
    (Op::Same, "<=>", ""),
    (Op::Less, "<", "lessThan"),
    (Op::LessOrEqual, "<=", "lessThanOrEqual"),
    (Op::Greater, ">", "greaterThan"),
    (Op::GreaterOrEqual, ">=", "greaterThanOrEqual"),
];

#[derive(Debug, Clone)]
pub(super) enum Operand {
    /// By place.
    Column(usize),
    Literal(Type, Cell),
}

#[derive(Debug, Clone)]
pub(super) enum Tree {
    And(Vec<Tree>),
    Or(Vec<Tree>),
    Not(Box<Tree>),
    Compare(Op, Operand, Operand),
    IsNull(usize),
    In(usize, Vec<Operand>),
    Between(usize, Operand, Operand),
    Flag(usize),
    Constant(bool),
}

fn place() -> impl Strategy<Value = usize> {
    0..COLUMNS.len()
}

fn literal(at: usize) -> impl Strategy<Value = Operand> {
    let kind = COLUMNS[at].kind;
    kind.value().prop_map(move |cell| Operand::Literal(kind, cell))
}

fn same_type(at: usize) -> impl Strategy<Value = Operand> {
    let alike: Vec<usize> = (0..COLUMNS.len()).filter(|&other| COLUMNS[other].kind == COLUMNS[at].kind).collect();
    prop::sample::select(alike).prop_map(Operand::Column)
}

pub(super) fn tree() -> impl Strategy<Value = Tree> {
    let op = || prop::sample::select(OPS.map(|(op, ..)| op).to_vec());
    let compare = (op(), place(), any::<bool>()).prop_flat_map(|(op, at, flipped)| {
        prop_oneof![6 => literal(at).boxed(), 1 => same_type(at).boxed()].prop_map(move |other| {
            let column = Operand::Column(at);
            if flipped { Tree::Compare(op, other, column) } else { Tree::Compare(op, column, other) }
        })
    });
    let list = place()
        .prop_flat_map(|at| prop::collection::vec(literal(at), 2..4).prop_map(move |operands| Tree::In(at, operands)));
    let between = place()
        .prop_flat_map(|at| (literal(at), literal(at)).prop_map(move |(low, high)| Tree::Between(at, low, high)));
    let leaf = prop_oneof![
        12 => compare,
        2 => place().prop_map(Tree::IsNull),
        1 => list,
        1 => between,
        1 => prop::sample::select(vec![0_usize, 8]).prop_map(Tree::Flag),
        1 => any::<bool>().prop_map(Tree::Constant),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        let several = || prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            several().prop_map(Tree::And),
            several().prop_map(Tree::Or),
            inner.clone().prop_map(|tree| Tree::Not(Box::new(tree))),
        ]
    })
}

impl Operand {
    fn kind(&self) -> Type {
        match self {
            Self::Column(at) => COLUMNS[*at].kind,
            Self::Literal(kind, _) => *kind,
        }
    }

    fn sql(&self) -> String {
        match self {
            Self::Column(at) if COLUMNS[*at].partition => format!("partitionValues.`{}`", COLUMNS[*at].name),
            Self::Column(at) => COLUMNS[*at].name.to_owned(),
            Self::Literal(_, cell) => cell.in_sql(),
        }
    }

    fn json(&self) -> Json {
        let kind = self.kind().in_json();
        match self {
            Self::Column(at) => json!({"op": "column", "name": COLUMNS[*at].name.to_uppercase(), "valueType": kind}),
            Self::Literal(_, cell) => json!({"op": "literal", "value": cell.in_json(), "valueType": kind}),
        }
    }
}

impl Tree {
    pub(super) fn sql(&self) -> String {
        let joined = |trees: &[Self], word: &str| {
            let trees: Vec<String> = trees.iter().map(|tree| format!("({})", tree.sql())).collect();
            trees.join(word)
        };
        let name = |at: &usize| Operand::Column(*at).sql();
        match self {
            Self::And(trees) => joined(trees, " AND "),
            Self::Or(trees) => joined(trees, " or "),
            Self::Not(tree) => match tree.as_ref() {
                Self::IsNull(at) => format!("{} IS NOT NULL", name(at)),
                Self::In(at, operands) => Self::In(*at, operands.clone())
                    .sql()
                    .replace(&format!("{} IN", name(at)), &format!("{} NOT IN", name(at))),
                tree => format!("NOT ({})", tree.sql()),
            },
            Self::Compare(op, left, right) => {
                let symbol = OPS.iter().find(|(known, ..)| known == op).unwrap().1;
                format!("{} {symbol} {}", left.sql(), right.sql())
            }
            Self::IsNull(at) => format!("{} IS NULL", name(at)),
            Self::In(at, operands) => {
                let operands: Vec<String> = operands.iter().map(Operand::sql).collect();
                format!("{} IN ({})", name(at), operands.join(", "))
            }
            Self::Between(at, low, high) => format!("{} BETWEEN {} AND {}", name(at), low.sql(), high.sql()),
            Self::Flag(at) => name(at),
            Self::Constant(constant) => constant.to_string(),
        }
    }

    pub(super) fn json(&self) -> Json {
        let op = |op: &str, children: Vec<Json>| json!({"op": op, "children": children});
        let not = |tree: Json| op("not", vec![tree]);
        match self {
            Self::And(trees) => op("and", trees.iter().map(Self::json).collect()),
            Self::Or(trees) => op("or", trees.iter().map(Self::json).collect()),
            Self::Not(tree) => not(tree.json()),
            Self::Compare(Op::Unequal, left, right) => not(op("equal", vec![left.json(), right.json()])),
            Self::Compare(Op::Same, left, right) => {
                let null = |side: &Operand| op("isNull", vec![side.json()]);
                let equal = op("equal", vec![left.json(), right.json()]);
                let values = op("and", vec![not(null(left)), not(null(right)), equal]);
                op("or", vec![op("and", vec![null(left), null(right)]), values])
            }
            Self::Compare(comparison, left, right) => {
                let name = OPS.iter().find(|(known, ..)| known == comparison).unwrap().2;
                op(name, vec![left.json(), right.json()])
            }
            Self::IsNull(at) => op("isNull", vec![Operand::Column(*at).json()]),
            Self::In(at, operands) => {
                let equal = |one: &Operand| op("equal", vec![Operand::Column(*at).json(), one.json()]);
                op("or", operands.iter().map(equal).collect())
            }
            Self::Between(at, low, high) => {
                let column = Operand::Column(*at).json();
                let low = op("lessThanOrEqual", vec![low.json(), column.clone()]);
                op("and", vec![low, op("lessThanOrEqual", vec![column, high.json()])])
            }
            Self::Flag(at) => Operand::Column(*at).json(),
            Self::Constant(_) => Operand::Literal(Type::Bool, Cell::Bool(matches!(self, Self::Constant(true)))).json(),
        }
    }
}
