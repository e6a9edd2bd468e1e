//! Readers that know a predicate's truth for a row, as SQL has it. They differ where real ones do.

use std::cmp::Ordering;

use super::samples::{COLUMNS, Cell};
use super::trees::{Op, Operand, Tree};

#[derive(Debug)]
pub(super) struct Reader {
    /// What is not a number is above all numbers and equal to itself; otherwise no comparison with it is true but `<>`.
    nan_on_top: bool,
    /// A literal beside a float is read as a float, and not both as doubles.
    pub floats_as_floats: bool,
    /// An empty partition value of text is null.
    empty_is_null: bool,
}

const fn reader(nan_on_top: bool, floats_as_floats: bool, empty_is_null: bool) -> Reader {
    Reader { nan_on_top, floats_as_floats, empty_is_null }
}

pub(super) const READERS: [Reader; 5] = [
    reader(true, true, true),
    reader(true, false, true),
    reader(false, true, true),
    reader(false, false, false),
    reader(false, true, false),
];

impl Reader {
    pub(super) fn truth(&self, tree: &Tree, row: &[Cell]) -> Option<bool> {
        match tree {
            Tree::And(trees) => self.all(trees, row),
            Tree::Or(trees) => {
                let truths: Vec<_> = trees.iter().map(|tree| self.truth(tree, row)).collect();
                match truths {
                    _ if truths.contains(&Some(true)) => Some(true),
                    _ if truths.contains(&None) => None,
                    _ => Some(false),
                }
            }
            Tree::Not(tree) => self.truth(tree, row).map(|truth| !truth),
            Tree::Compare(op, left, right) => self.compare(*op, left, right, row),
            Tree::IsNull(at) => Some(self.cell(&Operand::Column(*at), row) == Cell::Null),
            Tree::In(at, operands) => {
                let equal = |one: &Operand| Tree::Compare(Op::Equal, Operand::Column(*at), one.clone());
                self.truth(&Tree::Or(operands.iter().map(equal).collect()), row)
            }
            Tree::Between(at, low, high) => {
                let low = Tree::Compare(Op::GreaterOrEqual, Operand::Column(*at), low.clone());
                self.all(&[low, Tree::Compare(Op::LessOrEqual, Operand::Column(*at), high.clone())], row)
            }
            Tree::Flag(at) => match &row[*at] {
                Cell::Bool(truth) => Some(*truth),
                _ => None,
            },
            Tree::Constant(truth) => Some(*truth),
        }
    }

    fn all(&self, trees: &[Tree], row: &[Cell]) -> Option<bool> {
        let truths: Vec<_> = trees.iter().map(|tree| self.truth(tree, row)).collect();
        match truths {
            _ if truths.contains(&Some(false)) => Some(false),
            _ if truths.contains(&None) => None,
            _ => Some(true),
        }
    }

    fn cell(&self, operand: &Operand, row: &[Cell]) -> Cell {
        match operand {
            Operand::Column(at) => match &row[*at] {
                Cell::Text(text) if text.is_empty() && COLUMNS[*at].partition && self.empty_is_null => Cell::Null,
                cell => cell.clone(),
            },
            // The number that is written, as the wider type.
            Operand::Literal(_, Cell::Float(number)) if !self.floats_as_floats => {
                Cell::Double(number.to_string().parse().unwrap())
            }
            Operand::Literal(_, cell) => cell.clone(),
        }
    }

    fn compare(&self, op: Op, left: &Operand, right: &Operand, row: &[Cell]) -> Option<bool> {
        let (left, right) = (self.cell(left, row), self.cell(right, row));
        if left == Cell::Null || right == Cell::Null {
            return (op == Op::Same).then_some(left == Cell::Null && right == Cell::Null);
        }
        let order = self.order(&left, &right);
        let is = |wanted: fn(Ordering) -> bool| order.is_some_and(wanted);
        Some(match op {
            Op::Equal | Op::Same => is(Ordering::is_eq),
            Op::Unequal => !is(Ordering::is_eq),
            Op::Less => is(Ordering::is_lt),
            Op::LessOrEqual => is(Ordering::is_le),
            Op::Greater => is(Ordering::is_gt),
            Op::GreaterOrEqual => is(Ordering::is_ge),
        })
    }

    fn order(&self, left: &Cell, right: &Cell) -> Option<Ordering> {
        let wide = |cell: &Cell| match cell {
            Cell::Float(number) => f64::from(*number),
            Cell::Double(number) => *number,
            other => panic!("{other:?}"),
        };
        match (left, right) {
            (Cell::Bool(left), Cell::Bool(right)) => Some(left.cmp(right)),
            (Cell::Int(left), Cell::Int(right)) | (Cell::Micros(left), Cell::Micros(right)) => Some(left.cmp(right)),
            (Cell::Text(left), Cell::Text(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
            (Cell::Date(left), Cell::Date(right)) => Some(left.cmp(right)),
            _ => match (wide(left), wide(right)) {
                (left, right) if self.nan_on_top && left.is_nan() | right.is_nan() => {
                    Some(left.is_nan().cmp(&right.is_nan()))
                }
                (left, right) => left.partial_cmp(&right),
            },
        }
    }
}
