//! Random predicates over the columns of the samples, and both of their written forms.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::samples::{COLUMNS, Cell, Type};

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
