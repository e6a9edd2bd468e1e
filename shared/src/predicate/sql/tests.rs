//! What is understood of SQL, and what is not.

use super::*;

fn column(name: &str) -> Operand {
    Operand::Column(Column { name: name.into(), kind: None, partition: false })
}

fn text(value: &str) -> Operand {
    Operand::Literal(Value::String(value.into()))
}

fn int(value: i64) -> Operand {
    Operand::Literal(Value::Int(value))
}

fn equal(left: Operand, right: Operand) -> Node {
    Node::Compare(Comparison::Equal, left, right)
}

#[test]
fn the_grammar_of_the_protocol_and_a_little_more() {
    let a_is_5 = || equal(column("a"), int(5));
    let b = || Node::IsNull(column("b"));
    for (sql, node) in [
        ("a = 5", a_is_5()),
        ("a==5", a_is_5()),
        ("5=a", equal(int(5), column("a"))),
        (" ( a ) = ( 5 ) ", a_is_5()),
        ("a <> 5", a_is_5().negated()),
        ("a != -5", equal(column("a"), int(-5)).negated()),
        ("a <=> null", Node::Compare(Comparison::SameOrBothNull, column("a"), Operand::Null)),
        ("5 < a", Node::Compare(Comparison::Less, int(5), column("a"))),
        ("a>=1.5e1", Node::Compare(Comparison::GreaterOrEqual, column("a"), Operand::Literal(Value::Number(15.0)))),
        ("b IS NULL", b()),
        ("b is not NULL", b().negated()),
        ("NOT b IS NULL", b().negated()),
        ("a = 5 OR a = 5 AND NOT b IS NULL", Node::Or(vec![a_is_5(), Node::And(vec![a_is_5(), b().negated()])])),
        ("(a = 5 OR b IS NULL) AND a = 5", Node::And(vec![Node::Or(vec![a_is_5(), b()]), a_is_5()])),
        ("s IN ('x', 'y')", Node::Or(vec![equal(column("s"), text("x")), equal(column("s"), text("y"))])),
        ("a not in (5)", Node::Or(vec![a_is_5()]).negated()),
        (
            "a BETWEEN 1 AND 5 AND b IS NULL",
            Node::And(vec![
                Node::And(vec![
                    Node::Compare(Comparison::GreaterOrEqual, column("a"), int(1)),
                    Node::Compare(Comparison::LessOrEqual, column("a"), int(5)),
                ]),
                b(),
            ]),
        ),
        ("`a b.c` = 'ü -- x'", equal(column("a b.c"), text("ü -- x"))),
        ("s = \"it's\"", equal(column("s"), Operand::Quoted("it's".into()))),
        ("date = DATE '1970-01-02'", equal(column("date"), Operand::Literal(Value::Date(1)))),
        ("t = timestamp '1970-01-01T00:00:01Z'", equal(column("t"), Operand::Literal(Value::Timestamp(1_000_000)))),
        ("flag", equal(column("flag"), Operand::Literal(Value::Bool(true)))),
        ("NOT flag", equal(column("flag"), Operand::Literal(Value::Bool(true))).negated()),
        ("flag = FALSE", equal(column("flag"), Operand::Literal(Value::Bool(false)))),
        ("true", Node::Constant(true)),
        (
            "partitionValues.`col` = 'x'",
            equal(Operand::Column(Column { name: "col".into(), kind: None, partition: true }), text("x")),
        ),
        // The rest is understood as far as it can be.
        ("(CAST(partitionValues.region AS STRING) IS NULL)", Node::IsNull(Operand::Unknown)),
        ("upper(concat(s, ')')) = 'X' AND a = 5", Node::And(vec![equal(Operand::Unknown, text("X")), a_is_5()])),
        ("x.y = 5", equal(Operand::Unknown, int(5))),
        ("t = TIMESTAMP '1970-01-01 00:00:01'", equal(column("t"), Operand::Unknown)),
        ("a = 99999999999999999999", equal(column("a"), Operand::Unknown)),
        ("a = 0.1234567890123456", equal(column("a"), Operand::Unknown)),
    ] {
        assert_eq!(one(sql), Some(node), "{sql}");
    }
}

#[test]
fn a_hint_outside_of_the_grammar_is_not_understood_as_a_whole() {
    for sql in [
        "a",
        "5",
        "'x'",
        "a = ",
        "= 5",
        "a = 5 AND",
        "a = 5 b = 6",
        "a = 5;",
        "a = 0 + 1",
        "a - 1 = 5",
        "a -1 = 5",
        "a = 5 -- b",
        "a = 5 /* b */",
        "(a = 5",
        "a = 5)",
        "a = b = c",
        "(a = 5) = true",
        "(a = 5) IS NULL",
        "a IN ()",
        "a IN (5",
        "a IN (SELECT 5)",
        "a NOT 5",
        "a LIKE 'x%'",
        "a IS TRUE",
        "a IS DISTINCT FROM 5",
        "NOT",
        "a BETWEEN 1",
        "a = 5L",
        "a = 1.2.3",
        "a = 1e",
        "s = 'it''s'",
        r"s = 'it\'s'",
        "s = 'a' 'b'",
        "s = 'a",
        "s = r'a'",
        "CASE WHEN a = 5 THEN true END",
        "a.b.c = 5",
        "a[0] = 5",
        "!flag",
        "s COLLATE x = 'a'",
        "partitionValues.f(x) = 5",
        "f(a = 5",
    ] {
        // A column alone is a condition only if it holds booleans; that is for the table to say.
        assert_eq!(one(sql).is_none(), sql != "a", "{sql}");
    }
}

#[test]
fn every_hint_counts_and_what_is_not_understood_is_known_to_be_missing() {
    let parse = |hints: &[&str]| super::parse(&hints.iter().map(|hint| (*hint).to_owned()).collect::<Vec<_>>());
    let known = Node::IsNull(column("b"));
    assert_eq!((parse(&[]), parse(&["", " "])), (None, None));
    assert_eq!(parse(&["b IS NULL", ""]), Some(Node::And(vec![known.clone()])));
    assert_eq!(parse(&["a + 1 = 2", "b IS NULL"]), Some(Node::And(vec![known, Node::Unknown])));
}

#[test]
fn depth_size_and_leaves_are_bounded() {
    let nested = |levels: usize| format!("{}a = 5{}", "(".repeat(levels), ")".repeat(levels));
    assert!(one(&nested(PREDICATE_DEPTH_MAX)).is_some());
    assert_eq!(one(&nested(PREDICATE_DEPTH_MAX + 1)), None);
    assert_eq!(one(&"(".repeat(100_000)), None);
    assert_eq!(one(&"NOT ".repeat(100_000)), None);
    let unknown = Some(Node::And(vec![Node::Unknown]));
    assert_eq!(parse(&[format!("s = '{}'", "x".repeat(PREDICATE_BYTES_MAX))]), unknown);
    let list = |leaves: usize| vec![format!("a IN (5{})", ",5".repeat(leaves - 1))];
    assert_ne!(parse(&list(PREDICATE_LEAVES_MAX)), unknown);
    assert_eq!(parse(&list(PREDICATE_LEAVES_MAX + 1)), unknown);
    // Together they are one predicate.
    let halves = [list(PREDICATE_LEAVES_MAX / 2 + 1), list(PREDICATE_LEAVES_MAX / 2 + 1)].concat();
    assert!(matches!(parse(&halves), Some(Node::And(nodes)) if nodes.len() == 2 && nodes[1] == Node::Unknown));
}
