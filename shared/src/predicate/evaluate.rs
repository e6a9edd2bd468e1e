//! A predicate over one file: which of true, false and null it may be for the rows in it. Every step allows too much
//! rather than too little, so that a file is ruled out only when no row of it can fulfil the predicate.

use std::cmp::Ordering;

use super::facts::{Range, ranges};
use super::known;
use super::table::{Found, Table};
use super::tree::{Comparison, Node, Operand, Value};
use crate::model::file::DataFile;
use crate::model::known::Known;
use crate::model::table_state::Metadata;

/// What a predicate may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outcome {
    yes: bool,
    no: bool,
    null: bool,
}

impl Outcome {
    const ANY: Self = Self { yes: true, no: true, null: true };
    const YES: Self = Self { yes: true, no: false, null: false };
    const NO: Self = Self { yes: false, no: true, null: false };

    fn and(self, other: Self) -> Self {
        Self {
            yes: self.yes && other.yes,
            no: self.no || other.no,
            null: (self.null && (other.null || other.yes)) || (other.null && self.yes),
        }
    }

    fn not(self) -> Self {
        Self { yes: self.no, no: self.yes, null: self.null }
    }

    fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }
}

/// How many of a file's rows fulfil a predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// None, for certain.
    None,
    /// Any number of them.
    Some,
    /// All, for certain.
    All,
}

/// A predicate bound to a table.
#[derive(Debug)]
pub struct Filter {
    root: Bound,
    columns: Vec<Found>,
}

/// A condition over columns by their place.
#[derive(Debug)]
enum Bound {
    And(Vec<Bound>),
    Or(Vec<Bound>),
    Not(Box<Bound>),
    Compare(Comparison, Side, Side),
    IsNull(Side),
    Constant(bool),
    Unknown,
}

#[derive(Debug)]
enum Side {
    Column(usize),
    Fixed(Range),
}

impl Filter {
    /// Binds a predicate to a version of a table.
    pub fn new(node: Node, metadata: &Metadata) -> Self {
        let mut binder = Binder { table: Table::new(metadata), columns: Vec::new() };
        let root = binder.node(node);
        Self { root, columns: binder.columns }
    }

    /// How many of a file's rows fulfil the predicate. Reads nothing of the file when that depends on no column.
    pub fn judge(&self, file: &DataFile<'_>) -> Verdict {
        let ranges = if self.columns.is_empty() { Vec::new() } else { ranges(&self.columns, file) };
        match self.root.outcome(&ranges) {
            Outcome { yes: false, .. } => Verdict::None,
            Outcome { yes: true, no: false, null: false } => Verdict::All,
            _ => Verdict::Some,
        }
    }
}

/// Of many files at once, and of files that are not yet read.
impl Filter {
    /// The columns that it depends on, by their names in the log: partition columns or the others.
    pub fn columns(&self, partition: bool) -> impl Iterator<Item = &str> {
        self.columns.iter().filter(move |column| column.partition == partition).map(|column| column.physical.as_str())
    }

    /// Whether a row may fulfil the predicate in any of the files of which this is known. Where not, [`Filter::judge`] says
    /// so of each of them.
    pub fn may_hold(&self, known: &Known<'_>) -> bool {
        let ranges = if self.columns.is_empty() { Vec::new() } else { known::ranges(&self.columns, known) };
        self.root.outcome(&ranges).yes
    }
}

struct Binder<'a> {
    table: Table<'a>,
    columns: Vec<Found>,
}

impl Binder<'_> {
    fn node(&mut self, node: Node) -> Bound {
        match node {
            Node::And(nodes) => Bound::And(nodes.into_iter().map(|node| self.node(node)).collect()),
            Node::Or(nodes) => Bound::Or(nodes.into_iter().map(|node| self.node(node)).collect()),
            Node::Not(node) => Bound::Not(Box::new(self.node(*node))),
            Node::Compare(comparison, left, right) => self.compare(comparison, left, right),
            Node::IsNull(operand) => match self.resolve(operand) {
                Resolved::Column(found) => Bound::IsNull(self.column(found)),
                Resolved::Literal(_) => Bound::Constant(false),
                Resolved::Null => Bound::Constant(true),
                Resolved::Unknown => Bound::Unknown,
            },
            Node::Constant(constant) => Bound::Constant(constant),
            Node::Unknown => Bound::Unknown,
        }
    }

    fn compare(&mut self, comparison: Comparison, left: Operand, right: Operand) -> Bound {
        let fixed = |value| Side::Fixed(Range::of_literal(value));
        let (left, right) = match (self.resolve(left), self.resolve(right)) {
            (Resolved::Column(left), Resolved::Column(right)) if left.kind.is_some() && left.kind == right.kind => {
                (self.column(left), self.column(right))
            }
            (Resolved::Column(found), Resolved::Literal(value)) => {
                let Some(value) = found.kind.and_then(|kind| value.fit(kind)) else { return Bound::Unknown };
                (self.column(found), fixed(value))
            }
            (Resolved::Literal(value), Resolved::Column(found)) => {
                let Some(value) = found.kind.and_then(|kind| value.fit(kind)) else { return Bound::Unknown };
                (fixed(value), self.column(found))
            }
            (Resolved::Literal(left), Resolved::Literal(right)) if left.partial_cmp(&right).is_some() => {
                (fixed(left), fixed(right))
            }
            (Resolved::Column(found), Resolved::Null) => (self.column(found), Side::Fixed(Range::NULL)),
            (Resolved::Null, Resolved::Column(found)) => (Side::Fixed(Range::NULL), self.column(found)),
            (Resolved::Null, Resolved::Null) => (Side::Fixed(Range::NULL), Side::Fixed(Range::NULL)),
            _ => return Bound::Unknown,
        };
        Bound::Compare(comparison, left, right)
    }

    fn resolve(&self, operand: Operand) -> Resolved {
        match operand {
            Operand::Column(column) => self.table.find(&column).map_or(Resolved::Unknown, Resolved::Column),
            Operand::Literal(value) => Resolved::Literal(value),
            Operand::Quoted(text) if !self.table.has(&text) => Resolved::Literal(Value::String(text)),
            Operand::Null => Resolved::Null,
            Operand::Quoted(_) | Operand::Unknown => Resolved::Unknown,
        }
    }

    fn column(&mut self, found: Found) -> Side {
        let at = self.columns.iter().position(|known| *known == found).unwrap_or_else(|| {
            self.columns.push(found);
            self.columns.len() - 1
        });
        Side::Column(at)
    }
}

enum Resolved {
    Column(Found),
    Literal(Value),
    Null,
    Unknown,
}

impl Bound {
    fn outcome(&self, ranges: &[Range]) -> Outcome {
        match self {
            Self::And(nodes) => nodes.iter().fold(Outcome::YES, |all, node| all.and(node.outcome(ranges))),
            Self::Or(nodes) => nodes.iter().fold(Outcome::NO, |all, node| all.or(node.outcome(ranges))),
            Self::Not(node) => node.outcome(ranges).not(),
            Self::Compare(comparison, left, right) => compare(*comparison, left.range(ranges), right.range(ranges)),
            Self::IsNull(side) => {
                let range = side.range(ranges);
                Outcome { yes: range.nulls, no: range.values, null: false }
            }
            Self::Constant(true) => Outcome::YES,
            Self::Constant(false) => Outcome::NO,
            Self::Unknown => Outcome::ANY,
        }
    }
}

impl Side {
    fn range<'a>(&'a self, ranges: &'a [Range]) -> &'a Range {
        match self {
            Self::Column(at) => ranges.get(*at).unwrap_or(&Range::ANY),
            Self::Fixed(range) => range,
        }
    }
}

fn compare(comparison: Comparison, left: &Range, right: &Range) -> Outcome {
    let (yes, no) = match comparison {
        Comparison::Equal | Comparison::SameOrBothNull => {
            let apart =
                certain(&left.max, &right.min, Ordering::is_lt) || certain(&right.max, &left.min, Ordering::is_lt);
            let same =
                certain(&left.max, &right.min, Ordering::is_le) && certain(&right.max, &left.min, Ordering::is_le);
            (!apart, !same)
        }
        Comparison::Less => less(left, right),
        Comparison::Greater => less(right, left),
        Comparison::LessOrEqual => swapped(less(right, left)),
        Comparison::GreaterOrEqual => swapped(less(left, right)),
    };
    let both = left.values && right.values;
    let nan = left.nan || right.nan;
    if comparison == Comparison::SameOrBothNull {
        let one = (left.nulls && right.values) || (left.values && right.nulls);
        let (yes, no) = ((both && yes) || (left.nulls && right.nulls), (both && (no || nan)) || one);
        return Outcome { yes, no, null: false };
    }
    // With a value that is not a number, no comparison is true for some readers.
    Outcome { yes: both && yes, no: both && (no || nan), null: left.nulls || right.nulls }
}

/// Whether a value of the one range may be less than one of the other, and whether it may not be.
fn less(left: &Range, right: &Range) -> (bool, bool) {
    (!certain(&right.max, &left.min, Ordering::is_le), !certain(&left.max, &right.min, Ordering::is_lt))
}

fn swapped((yes, no): (bool, bool)) -> (bool, bool) {
    (no, yes)
}

/// Whether two bounds are both known and surely in this order.
fn certain(left: &Option<Value>, right: &Option<Value>, order: fn(Ordering) -> bool) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => left.partial_cmp(right).is_some_and(order),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
