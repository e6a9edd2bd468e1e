//! `jsonPredicateHints`: a tree of operators as JSON (protocol, "JSON predicates for filtering"). One mistake anywhere and
//! the whole of it is not understood.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::text;
use super::tree::{Column, Comparison, Kind, Node, Operand, Value};
use crate::limits::{PREDICATE_BYTES_MAX, PREDICATE_DEPTH_MAX, PREDICATE_LEAVES_MAX};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Op<'a> {
    op: String,
    /// Each still text: a parser that goes down by itself would stop at a depth of its own.
    #[serde(borrow, default)]
    children: Option<Vec<&'a RawValue>>,
    name: Option<String>,
    value: Option<String>,
    value_type: Option<String>,
}

/// Reads a tree, or nothing when any part of it cannot be understood.
pub(super) fn parse(text: &str) -> Option<Node> {
    if text.len() > PREDICATE_BYTES_MAX {
        return None;
    }
    let node = node(text, PREDICATE_DEPTH_MAX)?;
    (node.leaves() <= PREDICATE_LEAVES_MAX).then_some(node)
}

/// `levels` may still follow, this one included.
fn node(text: &str, levels: usize) -> Option<Node> {
    let below = levels.checked_sub(1)?;
    let op: Op<'_> = serde_json::from_str(text).ok()?;
    let children = op.children.as_deref().unwrap_or_default();
    let comparison = match op.op.as_str() {
        "and" | "or" => {
            let nodes = children.iter().map(|child| node(child.get(), below)).collect::<Option<Vec<_>>>()?;
            let several = (nodes.len() >= 2).then_some(nodes)?;
            return Some(if op.op == "and" { Node::And(several) } else { Node::Or(several) });
        }
        "not" => {
            let [child] = children else { return None };
            return node(child.get(), below).map(Node::negated);
        }
        "isNull" => {
            let [child] = children else { return None };
            return leaf(child.get(), below).map(|(operand, _)| Node::IsNull(operand));
        }
        "column" | "literal" => {
            let (operand, kind) = leaf(text, levels)?;
            return (kind == Kind::Bool).then_some(operand)?.into_condition();
        }
        "equal" => Comparison::Equal,
        "lessThan" => Comparison::Less,
        "lessThanOrEqual" => Comparison::LessOrEqual,
        "greaterThan" => Comparison::Greater,
        "greaterThanOrEqual" => Comparison::GreaterOrEqual,
        _ => return None,
    };
    let [left, right] = children else { return None };
    let ((left, left_kind), (right, right_kind)) = (leaf(left.get(), below)?, leaf(right.get(), below)?);
    (left_kind == right_kind).then_some(Node::Compare(comparison, left, right))
}

fn leaf(text: &str, levels: usize) -> Option<(Operand, Kind)> {
    levels.checked_sub(1)?;
    let op: Op<'_> = serde_json::from_str(text).ok()?;
    if op.children.is_some_and(|children| !children.is_empty()) {
        return None;
    }
    let value_type = op.value_type?;
    // `int` and `long` are one kind here, as byte and short are: they compare exactly.
    let kind = match value_type.as_str() {
        "bool" => Kind::Bool,
        "int" | "long" => Kind::Int,
        "float" => Kind::Float,
        "double" => Kind::Double,
        "string" => Kind::String,
        "date" => Kind::Date,
        "timestamp" => Kind::Timestamp,
        _ => return None,
    };
    let operand = match op.op.as_str() {
        "column" => Operand::Column(Column { name: op.name?, kind: Some(kind), partition: false }),
        "literal" => Operand::Literal(literal(&op.value?, kind, &value_type)?),
        _ => return None,
    };
    Some((operand, kind))
}

fn literal(text: &str, kind: Kind, value_type: &str) -> Option<Value> {
    Some(match kind {
        Kind::Bool => Value::Bool(text::boolean(text)?),
        Kind::Int if value_type == "int" => Value::Int(text.parse::<i32>().ok()?.into()),
        Kind::Int => Value::Int(text.parse().ok()?),
        Kind::Float => Value::Number(text.parse::<f32>().ok()?.into()),
        Kind::Double => Value::Number(text.parse().ok()?),
        Kind::String => Value::String(text.to_owned()),
        Kind::Date => Value::Date(text::date(text)?),
        Kind::Timestamp => Value::Timestamp(text::moment(text)?),
    })
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    fn column(name: &str, kind: &str) -> String {
        format!(r#"{{"op":"column","name":"{name}","valueType":"{kind}"}}"#)
    }

    fn value(value: &str, kind: &str) -> String {
        format!(r#"{{"op":"literal","value":"{value}","valueType":"{kind}"}}"#)
    }

    fn op(name: &str, children: &[String]) -> String {
        format!(r#"{{"op":"{name}","children":[{}]}}"#, children.join(","))
    }

    fn equal(kind: &str, text: &str) -> String {
        op("equal", &[column("a", kind), value(text, kind)])
    }

    #[test]
    fn every_operator_and_type() {
        let a = Operand::Column(Column { name: "a".into(), kind: Some(Kind::Int), partition: false });
        let five = Operand::Literal(Value::Int(5));
        for (name, comparison) in [
            ("equal", Comparison::Equal),
            ("lessThan", Comparison::Less),
            ("lessThanOrEqual", Comparison::LessOrEqual),
            ("greaterThan", Comparison::Greater),
            ("greaterThanOrEqual", Comparison::GreaterOrEqual),
        ] {
            let (text, tree) = (op(name, &[value("5", "long"), column("a", "int")]), (five.clone(), a.clone()));
            assert_eq!(parse(&text), Some(Node::Compare(comparison, tree.0, tree.1)), "the order stays: {text}");
        }
        for (kind, text, wanted) in [
            ("bool", "True", Value::Bool(true)),
            ("int", "-5", Value::Int(-5)),
            ("long", "9223372036854775807", Value::Int(i64::MAX)),
            ("float", "0.1", Value::Number(f64::from(0.1_f32))),
            ("double", "0.1", Value::Number(0.1)),
            ("string", "", Value::String(String::new())),
            ("date", "1970-01-02", Value::Date(1)),
            ("timestamp", "1970-01-01T01:00:00.5+01:00", Value::Timestamp(500_000)),
        ] {
            match parse(&equal(kind, text)) {
                Some(Node::Compare(_, _, Operand::Literal(found))) => assert_eq!(found, wanted),
                other => panic!("{kind}: {other:?}"),
            }
        }
        let is_null = op("isNull", &[column("a", "int")]);
        assert_eq!(parse(&is_null), Some(Node::IsNull(a)));
        let both = op("and", &[op("not", from_ref(&is_null)), op("or", &[is_null.clone(), column("b", "bool")])]);
        assert!(matches!(parse(&both), Some(Node::And(nodes)) if nodes.len() == 2));
        assert_eq!(parse(&value("false", "bool")), Some(Node::Constant(false)));
    }

    #[test]
    fn one_mistake_and_nothing_is_understood() {
        let good = equal("int", "5");
        for bad in [
            String::new(),
            "bad-predicates".into(),
            "[]".into(),
            format!("{good} x"),
            op("AND", &[good.clone(), good.clone()]),
            op("and", from_ref(&good)),
            op("and", &[good.clone(), op("in", &[])]),
            op("and", &[good.clone(), column("a", "int")]),
            op("not", &[good.clone(), good.clone()]),
            op("not", &[]),
            op("isNull", from_ref(&good)),
            op("equal", &[column("a", "int")]),
            op("equal", &[column("a", "int"), value("5", "string")]),
            op("equal", &[good.clone(), good.clone()]),
            op("and", &[good, equal("date", "2021-1-1")]),
            equal("decimal", "5"),
            equal("int", "3000000000"),
            equal("int", "5.0"),
            equal("bool", "yes"),
            equal("date", "2021-01-01T00:00:00Z"),
            equal("timestamp", "2021-01-01 00:00:00"),
            r#"{"op":"column","valueType":"bool"}"#.into(),
            r#"{"op":"literal","value":5,"valueType":"int"}"#.into(),
            r#"{"op":"literal","value":"true"}"#.into(),
        ] {
            assert_eq!(parse(&bad), None, "{bad}");
        }
    }

    #[test]
    fn depth_size_and_leaves_are_bounded() {
        // A comparison with its leaves takes two levels.
        let deep = |levels: usize| (2..levels).fold(equal("int", "5"), |inner, _| op("not", &[inner]));
        assert!(parse(&deep(PREDICATE_DEPTH_MAX)).is_some());
        assert_eq!(parse(&deep(PREDICATE_DEPTH_MAX + 1)), None);
        assert_eq!(parse(&r#"{"op":"not","children":["#.repeat(30_000)), None);
        assert!(parse(&equal("string", &"x".repeat(PREDICATE_BYTES_MAX / 2))).is_some());
        assert_eq!(parse(&equal("string", &"x".repeat(PREDICATE_BYTES_MAX))), None);
        let wide = |leaves: usize| op("or", &vec![value("true", "bool"); leaves]);
        assert!(parse(&wide(PREDICATE_LEAVES_MAX)).is_some());
        assert_eq!(parse(&wide(PREDICATE_LEAVES_MAX + 1)), None);
    }
}
