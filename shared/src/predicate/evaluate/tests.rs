//! Which files a predicate rules out: the simple cases, and those in which ruling out would lose rows.

use serde_json::json;

use super::*;
use crate::model::area::ObjectKey;
use crate::model::file::{DeletionVector, Mark, Text, VectorStorage};
use crate::predicate::tree::{Column, Kind};
use Verdict::{All, None, Some};

/// The columns `a` (long), `f` (float), `d` (double), `s` (string), `t` (timestamp), `day` (date), `c` (char), `k` (collated),
/// `n` (decimal), `w` (a double that was a float), and the partition columns `p` (string), `i` (integer), `at` (timestamp).
fn metadata() -> Metadata {
    let field = |name: &str, kind: &str, about: serde_json::Value| json!({"name": name, "type": kind, "nullable": true, "metadata": about});
    let fields = [
        field("a", "long", json!({})),
        field("f", "float", json!({})),
        field("d", "double", json!({})),
        field("s", "string", json!({})),
        field("t", "timestamp", json!({})),
        field("day", "date", json!({})),
        field("c", "string", json!({"__CHAR_VARCHAR_TYPE_STRING": "char(5)"})),
        field("v", "string", json!({"__CHAR_VARCHAR_TYPE_STRING": "varchar(5)"})),
        field("k", "string", json!({"__COLLATIONS": {"k": "spark.UTF8_LCASE"}})),
        field("n", "decimal(5,2)", json!({})),
        field("w", "double", json!({"delta.typeChanges": [{"fromType": "float", "toType": "double"}]})),
        field("p", "string", json!({})),
        field("i", "integer", json!({})),
        field("at", "timestamp", json!({})),
        field("Twice", "long", json!({})),
        field("twice", "long", json!({})),
    ];
    Metadata {
        id: String::new(),
        name: Option::None,
        description: Option::None,
        format_provider: "parquet".into(),
        format_options: Vec::new(),
        schema_string: json!({"type": "struct", "fields": fields}).to_string(),
        partition_columns: vec!["p".into(), "i".into(), "at".into()],
        configuration: Vec::new(),
        created_time: Option::None,
    }
}

fn file<'a>(partition_values: &'a str, stats: &'a str) -> DataFile<'a> {
    DataFile {
        mark: Mark::default(),
        path: "x",
        object: ObjectKey::in_table("x"),
        partition_values,
        size: 1,
        modification_time: 0,
        data_change: true,
        stats: Option::Some(stats).filter(|stats| !stats.is_empty()).map(Text::Plain),
        tags: Option::None,
        base_row_id: Option::None,
        default_row_commit_version: Option::None,
        clustering_provider: Option::None,
        deletion_vector: Option::None,
    }
}

fn column(name: &str) -> Operand {
    Operand::Column(Column { name: name.into(), kind: Option::None, partition: false })
}

fn compare(comparison: Comparison, name: &str, value: Value) -> Node {
    Node::Compare(comparison, column(name), Operand::Literal(value))
}

fn equal(name: &str, value: Value) -> Node {
    compare(Comparison::Equal, name, value)
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn judged(node: &Node, file: &DataFile<'_>) -> Verdict {
    Filter::new(node.clone(), &metadata()).judge(file)
}

/// A file whose column `name` has these bounds, and no nulls in its ten rows.
fn bounded(node: &Node, name: &str, min: serde_json::Value, max: serde_json::Value) -> Verdict {
    let stats = json!({
        "numRecords": 10, "minValues": {name: min}, "maxValues": {name: max}, "nullCount": {name: 0},
    });
    judged(node, &file("{}", &stats.to_string()))
}

#[test]
fn bounds_rule_out_or_cover() {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    for (comparison, value, verdict) in [
        (Equal, 1, None),
        (Equal, 2, Some),
        (Equal, 11, None),
        (Less, 2, None),
        (Less, 3, Some),
        (Less, 11, All),
        (LessOrEqual, 1, None),
        (LessOrEqual, 2, Some),
        (LessOrEqual, 10, All),
        (Greater, 10, None),
        (Greater, 9, Some),
        (Greater, 1, All),
        (GreaterOrEqual, 11, None),
        (GreaterOrEqual, 10, Some),
        (GreaterOrEqual, 2, All),
    ] {
        let node = compare(comparison, "A", Value::Int(value));
        assert_eq!(bounded(&node, "a", json!(2), json!(10)), verdict, "{node:?}");
        let opposite = [(None, All), (Some, Some), (All, None)].into_iter().find(|(from, _)| *from == verdict);
        assert_eq!(bounded(&node.negated(), "a", json!(2), json!(10)), opposite.unwrap().1);
    }
    assert_eq!(bounded(&equal("a", Value::Int(5)), "a", json!(5), json!(5)), All);
    assert_eq!(bounded(&equal("a", Value::Int(5)).negated(), "a", json!(5), json!(5)), None);
}

/// The reference server leaves these files out.
#[test]
fn what_the_reference_loses_is_kept() {
    let two_to_ten = |node: &Node| bounded(node, "a", json!(2), json!(10));
    assert_eq!(two_to_ten(&compare(Comparison::GreaterOrEqual, "a", Value::Int(7)).negated()), Some);
    assert_eq!(two_to_ten(&equal("a", Value::Int(5)).negated()), Some);
    // 5 < a, and not a < 5.
    let flipped = Node::Compare(Comparison::Less, Operand::Literal(Value::Int(5)), column("a"));
    assert_eq!(bounded(&flipped, "a", json!(10), json!(20)), All);
    assert_eq!(bounded(&flipped, "a", json!(1), json!(5)), None);
    let is_null = Node::IsNull(column("a"));
    let with_nulls = file("{}", r#"{"numRecords":3,"minValues":{"a":1},"maxValues":{"a":2},"nullCount":{"a":1}}"#);
    assert_eq!((judged(&is_null, &with_nulls), judged(&is_null.clone().negated(), &with_nulls)), (Some, Some));
    assert_eq!(judged(&is_null.clone().negated(), &file("{}", r#"{"numRecords":3}"#)), Some);
    // A partition value that is null is not a text.
    for null in [r#"{"i":null}"#, r#"{"i":""}"#] {
        let is_null = Node::IsNull(column("i"));
        assert_eq!(judged(&is_null, &file(null, "")), All, "{null}");
        assert_eq!(judged(&equal("i", Value::Int(1)), &file(null, "")), None, "{null}");
        assert_eq!(judged(&equal("i", Value::Int(1)).negated(), &file(null, "")), None, "{null}");
    }
}

#[test]
fn nulls_count_only_where_the_count_is_exact() {
    let (is_null, is_5) = (Node::IsNull(column("a")), equal("a", Value::Int(5)));
    let judge = |nulls: &str| {
        let stats = format!(r#"{{"numRecords":3,"nullCount":{{"a":{nulls}}}}}"#);
        (judged(&is_null, &file("{}", &stats)), judged(&is_5, &file("{}", &stats)))
    };
    assert_eq!(judge("0"), (None, Some));
    assert_eq!(judge("1"), (Some, Some));
    assert_eq!(judge("3"), (All, None));
    for unclear in ["4", "-1", "1.5", "null", "{}", r#""0""#] {
        assert_eq!(judge(unclear), (Some, Some), "{unclear}");
    }
    for loose in ["false", "null1", "0"] {
        let stats =
            format!(r#"{{"numRecords":3,"nullCount":{{"a":3}},"tightBounds":{}}}"#, loose.replace("null1", "\"true\""));
        assert_eq!(judged(&is_5, &file("{}", &stats)), Some, "{loose}");
    }
    let mut deleted = file("{}", r#"{"numRecords":3,"nullCount":{"a":0},"minValues":{"a":6}}"#);
    deleted.deletion_vector = Option::Some(DeletionVector {
        storage: VectorStorage::Inline("x"),
        offset: Option::None,
        size_in_bytes: 1,
        cardinality: 1,
    });
    assert_eq!(judged(&is_null, &deleted), Some);
    assert_eq!(judged(&is_5, &deleted), None, "bounds hold all the same");
    assert_eq!(judged(&is_5, &file("{}", r#"{"numRecords":0,"nullCount":{"a":0}}"#)), Some);
}

#[test]
fn text_may_be_cut() {
    let long = "x".repeat(32);
    let beyond = compare(Comparison::Greater, "s", text(&format!("{long}zzz")));
    assert_eq!(bounded(&beyond, "s", json!("a"), json!(long)), Some);
    assert_eq!(bounded(&beyond, "s", json!("a"), json!(&long[..31])), None);
    let below = compare(Comparison::Less, "s", text("x"));
    assert_eq!(bounded(&below, "s", json!(long), json!("y")), None, "a cut text still lies below");
    assert_eq!(bounded(&equal("v", text("a")), "v", json!("b"), json!("c")), None);
    for unordered in ["c", "k", "n"] {
        assert_eq!(bounded(&equal(unordered, text("a")), unordered, json!("b"), json!("c")), Some, "{unordered}");
    }
}

#[test]
fn numbers_may_be_none_and_floats_are_rounded() {
    let above = |name: &str| compare(Comparison::Greater, name, Value::Number(100.0));
    let below = |name: &str, value: f64| compare(Comparison::Less, name, Value::Number(value));
    for name in ["f", "d"] {
        assert_eq!(bounded(&above(name), name, json!(1.0), json!(2.0)), Some, "a NaN is above");
        assert_eq!(bounded(&above(name).negated(), name, json!(101.0), json!(102.0)), Some, "a NaN is not above");
        assert_eq!(bounded(&below(name, 0.5), name, json!(1.0), json!(2.0)), None);
        assert_eq!(bounded(&equal(name, Value::Number(f64::NAN)), name, json!(1.0), json!(2.0)), Some);
        assert_eq!(bounded(&equal(name, Value::Number(-0.0)), name, json!(0.0), json!(2.0)), Some);
        assert_eq!(bounded(&below(name, 0.5), name, json!("NaN"), json!("NaN")), Some);
    }
    // 0.7 as a float lies below 0.7 as a double.
    let seven = f64::from(0.7_f32);
    assert!(seven < 0.7);
    assert_eq!(bounded(&equal("f", Value::Number(seven)), "f", json!(0.7), json!(0.7)), Some);
    assert_eq!(bounded(&equal("w", Value::Number(seven)), "w", json!(0.7), json!(0.7)), Some);
    assert_eq!(bounded(&below("f", 0.1), "f", json!(5.0), json!(6.0)), Some, "0.1 is no float");
    assert_eq!(bounded(&compare(Comparison::Less, "d", Value::Int(0)), "d", json!(5), json!(6)), None);
}

#[test]
fn moments_may_be_cut_and_lie_anywhere() {
    let (lower, upper) = (json!("2021-01-01T00:00:00.000Z"), json!("2021-01-01T00:00:01.123Z"));
    let micros = |text: &str| Value::Timestamp(crate::predicate::text::moment(text).unwrap());
    for (value, verdict) in [
        ("2021-01-01T00:00:01.123999Z", Some),
        ("2021-01-01T00:00:01.126Z", None),
        ("2020-12-31T16:00:01.123-08:00", Some),
        ("2020-12-31T23:59:59Z", None),
    ] {
        assert_eq!(bounded(&equal("t", micros(value)), "t", lower.clone(), upper.clone()), verdict, "{value}");
    }
    let second = json!("2021-01-01T00:00:01Z");
    assert_eq!(bounded(&equal("t", micros("2021-01-01T00:00:01.9Z")), "t", lower.clone(), second), Some);
    for unread in ["2021-01-01T00:00:00", "2021-01-01 00:00:00", "1883-01-01T00:00:00.000Z"] {
        assert_eq!(bounded(&equal("t", micros("2000-01-01T00:00:00Z")), "t", json!(unread), json!(unread)), Some);
    }
    let at = |value: &str, noon: &str| judged(&equal("at", micros(noon)), &file(&json!({"at": value}).to_string(), ""));
    assert_eq!(at("2021-01-02 12:00:00", "2021-01-02T02:00:00Z"), Some);
    assert_eq!(at("2021-01-02 12:00:00.5", "2021-01-01T02:00:00Z"), None);
    assert_eq!(at("2021-01-02T12:00:00.000001Z", "2021-01-02T12:00:01Z"), None);
    assert_eq!(at("2021-01-02T12:00:00.000001Z", "2021-01-02T12:00:00.000Z"), Some);

    let day = |value: &str| Value::Date(crate::predicate::text::date(value).unwrap());
    assert_eq!(bounded(&equal("day", day("2021-01-05")), "day", json!("2021-01-01"), json!("2021-01-04")), None);
    assert_eq!(bounded(&equal("day", day("2021-01-05")), "day", json!("1582-01-01"), json!("1582-01-04")), Some);
}

#[test]
fn partition_values_are_known_exactly() {
    for (values, is_a, is_five) in [
        (r#"{"p":"a","i":"5"}"#, All, All),
        (r#"{"p":"A","i":"05"}"#, None, All),
        (r#"{"p":"a ","i":"-5"}"#, None, None),
        (r#"{"i":"x"}"#, Some, Some),
        (r#"{"p":"__HIVE_DEFAULT_PARTITION__","i":"5.0"}"#, Some, Some),
        (r#"{"p":1}"#, Some, Some),
        ("", Some, Some),
    ] {
        assert_eq!(judged(&equal("P", text("a")), &file(values, "")), is_a, "{values}");
        assert_eq!(judged(&equal("i", Value::Int(5)), &file(values, "")), is_five, "{values}");
    }
    // Empty text is null, but not for every reader.
    let empty = file(r#"{"p":""}"#, "");
    assert_eq!(judged(&equal("p", text("")), &empty), Some);
    assert_eq!(judged(&Node::IsNull(column("p")), &empty), Some);
    assert_eq!(judged(&equal("p", text("a")), &empty), None);
}

#[test]
fn columns_and_types_that_are_not_certain_rule_nothing_out() {
    let typed = |name: &str, kind: Kind, partition: bool| {
        let column = Operand::Column(Column { name: name.into(), kind: Option::Some(kind), partition });
        Node::Compare(Comparison::Equal, column, Operand::Literal(Value::Int(1)))
    };
    assert_eq!(bounded(&typed("a", Kind::Int, false), "a", json!(5), json!(6)), None);
    for node in [
        typed("a", Kind::String, false),
        typed("a", Kind::Int, true),
        equal("missing", Value::Int(1)),
        equal("twice", Value::Int(1)),
        equal("a.b", Value::Int(1)),
        equal("a", text("1")),
        equal("a", Value::Number(1.0)),
        equal("day", text("2021-01-01")),
        Node::Compare(Comparison::Equal, column("a"), Operand::Unknown),
        Node::IsNull(Operand::Unknown),
        Node::Unknown,
    ] {
        let stats = r#"{"numRecords":1,"minValues":{"a":5,"twice":5,"missing":5,"day":"2022-01-01"},
            "maxValues":{"a":6,"twice":6,"missing":6,"day":"2022-01-01"},"nullCount":{"a":0,"twice":0}}"#;
        assert_eq!(judged(&node, &file("{}", stats)), Some, "{node:?}");
        assert_eq!(judged(&node.clone().negated(), &file("{}", stats)), Some, "{node:?}");
    }
    assert_eq!(bounded(&equal("a", Value::Int(1)), "a", json!(6), json!(5)), Some, "bounds the wrong way round");
    assert_eq!(bounded(&equal("a", Value::Int(1)), "a", json!("5"), json!(6.5)), Some);
    for damaged in ["", "null", "[]", "{", r#"{"minValues":[5]}"#, r#"{"minValues":{"a":5}"#] {
        assert_eq!(judged(&equal("a", Value::Int(1)), &file("{}", damaged)), Some, "{damaged}");
    }
    assert_eq!(judged(&equal("a", Value::Int(1)), &file("{}", r#"{"minValues":{"a":5}}"#)), None);
}

#[test]
fn an_unknown_part_leaves_the_rest_to_decide() {
    let none = equal("a", Value::Int(1));
    for (node, verdict) in [
        (Node::And(vec![Node::Unknown, none.clone()]), None),
        (Node::Or(vec![Node::Unknown, none.clone()]), Some),
        (Node::Or(vec![Node::Unknown, none.negated()]), All),
        (Node::Constant(true), All),
        (Node::Constant(false), None),
        (Node::Compare(Comparison::Equal, column("a"), Operand::Null), None),
        (Node::Compare(Comparison::SameOrBothNull, column("a"), Operand::Null), None),
        (Node::Compare(Comparison::SameOrBothNull, Operand::Null, Operand::Null), All),
        (Node::Compare(Comparison::SameOrBothNull, column("a"), Operand::Literal(Value::Int(5))), Some),
        (Node::Compare(Comparison::Equal, column("a"), Operand::Quoted("5".into())), Some),
        (Node::Compare(Comparison::Less, column("a"), column("a")), Some),
    ] {
        assert_eq!(bounded(&node, "a", json!(5), json!(6)), verdict, "{node:?}");
    }
}

#[test]
fn mapped_columns_go_by_their_physical_names() {
    let mut metadata = metadata();
    metadata.schema_string = json!({"type": "struct", "fields": [
        {"name": "A", "type": "long", "nullable": true, "metadata": {"delta.columnMapping.physicalName": "col-1"}},
        {"name": "p", "type": "string", "nullable": true, "metadata": {"delta.columnMapping.physicalName": "col-2"}},
    ]})
    .to_string();
    let judge = |metadata: &Metadata, node: Node| {
        let stats = r#"{"minValues":{"col-1":5,"A":1},"maxValues":{"col-1":6,"A":1}}"#;
        Filter::new(node, metadata).judge(&file(r#"{"col-2":"x","p":"a"}"#, stats))
    };
    let (is_1, is_a) = (equal("a", Value::Int(1)), equal("p", text("a")));
    assert_eq!(
        (judge(&metadata, is_1.clone()), judge(&metadata, is_a.clone())),
        (Some, Some),
        "which name is not clear"
    );
    metadata.configuration = vec![("delta.columnMapping.mode".into(), "name".into())];
    assert_eq!((judge(&metadata, is_1), judge(&metadata, is_a)), (None, None));
    assert_eq!(judge(&metadata, equal("col-2", text("a"))), Some);
}
