//! A predicate as both of its written forms end up: over columns by name, not yet bound to a table.

use std::cmp::Ordering;

/// A condition on a row: true, false or null, as in SQL.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// True when all are.
    And(Vec<Node>),
    /// True when one is.
    Or(Vec<Node>),
    /// True when the other is false.
    Not(Box<Node>),
    /// Two values compared.
    Compare(Comparison, Operand, Operand),
    /// Whether a value is null.
    IsNull(Operand),
    /// Always the same.
    Constant(bool),
    /// Not understood: any row may fulfil it or not.
    Unknown,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<=>`: never null, and true for two nulls.
    SameOrBothNull,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A column.
    Column(Column),
    /// A value.
    Literal(Value),
    /// Text in double quotes: a string, unless a column is called so.
    Quoted(String),
    /// `NULL`.
    Null,
    /// Not understood: any value, or null.
    Unknown,
}

/// A column as a predicate names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The logical name, in any case.
    pub name: String,
    /// The type that the predicate takes it to have, when it says so.
    pub kind: Option<Kind>,
    /// Named as `partitionValues.name`: only a partition column can be meant.
    pub partition: bool,
}

/// The types that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `boolean`
    Bool,
    /// `byte`, `short`, `integer` and `long`: they compare with each other exactly.
    Int,
    /// `float`
    Float,
    /// `double`
    Double,
    /// `string`
    String,
    /// `date`
    Date,
    /// `timestamp`
    Timestamp,
}

/// A value that is not null.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// Any integer.
    Int(i64),
    /// A `float` or a `double`, which holds every `float`. Not a number only in what was never bound.
    Number(f64),
    /// Text, ordered by its bytes in UTF-8.
    String(String),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
}

impl Node {
    /// The comparisons, null checks and constants in it: what one file costs.
    pub fn leaves(&self) -> usize {
        match self {
            Self::And(nodes) | Self::Or(nodes) => nodes.iter().map(Self::leaves).sum(),
            Self::Not(node) => node.leaves(),
            _ => 1,
        }
    }

    /// The other truth value.
    #[must_use]
    pub fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }
}

impl Operand {
    /// A value that stands where a condition is expected, such as a column of booleans.
    pub fn into_condition(self) -> Option<Node> {
        match self {
            Self::Literal(Value::Bool(constant)) => Some(Node::Constant(constant)),
            Self::Column(_) | Self::Unknown => {
                Some(Node::Compare(Comparison::Equal, self, Self::Literal(Value::Bool(true))))
            }
            Self::Null => Some(Node::Compare(Comparison::Equal, Self::Null, Self::Null)),
            Self::Literal(_) | Self::Quoted(_) => None,
        }
    }
}

impl Value {
    /// This value where a column of that type is compared with it, when the comparison is exact.
    pub fn fit(self, kind: Kind) -> Option<Self> {
        /// Whole numbers up to these are floats and doubles as well.
        const EXACT: [u64; 2] = [1 << 24, 1 << 53];
        #[expect(clippy::cast_precision_loss, reason = "checked to be within the exact range")]
        let whole = |number: i64, most: u64| (number.unsigned_abs() <= most).then_some(Self::Number(number as f64));
        match (self, kind) {
            (value @ Self::Bool(_), Kind::Bool)
            | (value @ Self::Int(_), Kind::Int)
            | (value @ Self::String(_), Kind::String)
            | (value @ Self::Date(_), Kind::Date)
            | (value @ Self::Timestamp(_), Kind::Timestamp) => Some(value),
            (Self::Int(number), Kind::Float) => whole(number, EXACT[0]),
            (Self::Int(number), Kind::Double) => whole(number, EXACT[1]),
            // Others would be rounded by one reader and not by the next.
            (Self::Number(number), Kind::Float) if is_float(number) => Some(Self::Number(number)),
            (Self::Number(number), Kind::Double) if !number.is_nan() => Some(Self::Number(number)),
            _ => None,
        }
    }
}

impl PartialOrd for Value {
    /// Nothing between different types.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.partial_cmp(b),
            (Self::Int(a), Self::Int(b)) | (Self::Timestamp(a), Self::Timestamp(b)) => a.partial_cmp(b),
            (Self::Number(a), Self::Number(b)) => a.partial_cmp(b),
            (Self::String(a), Self::String(b)) => a.partial_cmp(b),
            (Self::Date(a), Self::Date(b)) => a.partial_cmp(b),
            _ => None,
        }
    }
}

fn is_float(number: f64) -> bool {
    #[expect(clippy::cast_possible_truncation, reason = "whether it loses anything is the question")]
    let narrow = number as f32;
    f64::from(narrow) == number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_fits_where_comparing_is_exact() {
        for (value, kind) in [
            (Value::Bool(true), Kind::Bool),
            (Value::Int(i64::MAX), Kind::Int),
            (Value::Int(1 << 24), Kind::Float),
            (Value::Number(0.5), Kind::Float),
            (Value::Number(f64::INFINITY), Kind::Float),
            (Value::Number(0.1), Kind::Double),
            (Value::Date(1), Kind::Date),
        ] {
            assert!(value.clone().fit(kind).is_some(), "{value:?} {kind:?}");
        }
        for (value, kind) in [
            (Value::Bool(true), Kind::String),
            (Value::Int((1 << 24) + 1), Kind::Float),
            (Value::Int(i64::MIN), Kind::Double),
            (Value::Number(0.1), Kind::Float),
            (Value::Number(f64::NAN), Kind::Double),
            (Value::Number(2.0), Kind::Int),
            (Value::String("2021-01-01".into()), Kind::Date),
            (Value::Date(1), Kind::Timestamp),
        ] {
            assert_eq!(value.clone().fit(kind), None, "{value:?} {kind:?}");
        }
    }

    #[test]
    fn zeros_are_equal_and_text_goes_by_bytes() {
        assert_eq!(Value::Number(-0.0).partial_cmp(&Value::Number(0.0)), Some(Ordering::Equal));
        assert!(Value::String("Z".into()) < Value::String("a".into()));
        assert!(Value::String("\u{ffff}".into()) < Value::String("\u{10000}".into()));
        assert_eq!(Value::Int(1).partial_cmp(&Value::Number(1.0)), None);
    }
}
