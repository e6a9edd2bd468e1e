//! Which partitions of a table a recipient is bound to: partition columns that must have given values. Where predicates
//! allow too much rather than too little, this allows nothing that is not certain: what is not understood is an error.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};

use super::facts::HIVE_NULL;
use super::table::Table;
use super::text;
use super::tree::{Column, Kind, Value};
use crate::model::known::Between;
use crate::model::rule::{PartitionRule, PartitionValue, RuleValue};
use crate::model::table_state::Metadata;

/// Values of partition columns, bound to a version of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Partitions(Vec<Wanted>);

#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    /// The column's name in partition values.
    physical: String,
    kind: Kind,
    value: Value,
}

/// Why rules do not fit a table. `Display` is a sentence for the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// The table is not partitioned by this column.
    NoPartition {
        /// As the rule has it.
        column: String,
        /// What it is partitioned by.
        partitioned_by: Vec<String>,
    },
    /// Values of the column's type are not compared here.
    Type {
        /// As the rule has it.
        column: String,
    },
    /// What is asked for is no value of the column's type.
    Value {
        /// As the rule has it.
        column: String,
        /// The values that it has.
        of: &'static str,
    },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPartition { column, partitioned_by } if partitioned_by.is_empty() => {
                write!(f, "a partition rule is on column '{column}', but the table has no partitions")
            }
            Self::NoPartition { column, partitioned_by } => write!(
                f,
                "a partition rule is on column '{column}', but the table is partitioned by {}",
                partitioned_by.join(", ")
            ),
            Self::Type { column } => write!(
                f,
                "a partition rule is on column '{column}', whose type has values that can be written in several ways; rules can \
                 be on columns of whole numbers, text, dates and booleans"
            ),
            Self::Value { column, of } => {
                write!(f, "a partition rule is on column '{column}', which has {of}, and asks for another value")
            }
        }
    }
}

impl std::error::Error for Misfit {}

/// A partition value that is missing, twice there, or no value of its column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

/// Checks that rules fit a table; which values properties have is seen later.
///
/// # Errors
/// When one does not fit.
pub fn check(rules: &[PartitionRule], metadata: &Metadata) -> Result<(), Misfit> {
    let table = Table::new(metadata);
    for rule in rules {
        let (_, kind) = found(&table, &rule.column, metadata)?;
        if let RuleValue::Fixed(text) = &rule.value {
            value(kind, text).ok_or_else(|| no_value(&rule.column, kind))?;
        }
    }
    Ok(())
}

impl Partitions {
    /// Binds values to a version of a table.
    ///
    /// # Errors
    /// When the table is not partitioned so, or cannot have such a value.
    pub fn bind(values: &[PartitionValue<'_>], metadata: &Metadata) -> Result<Self, Misfit> {
        let table = Table::new(metadata);
        let wanted = |wanted: &PartitionValue<'_>| {
            let (physical, kind) = found(&table, wanted.column, metadata)?;
            let value = value(kind, wanted.value).ok_or_else(|| no_value(wanted.column, kind))?;
            Ok(Wanted { physical, kind, value })
        };
        values.iter().map(wanted).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a file with these partition values, a JSON object, is in the partitions.
    ///
    /// # Errors
    /// When a value that matters cannot be read.
    pub fn holds(&self, partition_values: &str) -> Result<bool, Unreadable> {
        let mut json = serde_json::Deserializer::from_str(partition_values);
        let holds = Values(&self.0).deserialize(&mut json).map_err(|_| Unreadable)?;
        json.end().map_err(|_| Unreadable)?;
        Ok(holds)
    }
}

/// Of files that are not yet read, and of many at once.
impl Partitions {
    /// The columns whose values matter, by their names in partition values.
    pub fn columns(&self) -> Vec<&str> {
        self.0.iter().map(|wanted| wanted.physical.as_str()).collect()
    }

    /// Whether a file whose values lie between these may be in the partitions, or may have one that cannot be read: every
    /// text is a value of a column of text, and of no other column.
    pub fn may_hold(&self, bounds: &[Between]) -> bool {
        let rules_out = |wanted: &Wanted, between: &Between| match &wanted.value {
            Value::String(text) => !(&between.least..=&between.greatest).contains(&text),
            _ => false,
        };
        let is_out = |wanted: &Wanted| {
            bounds.iter().any(|between| between.column == wanted.physical && rules_out(wanted, between))
        };
        // As long as one of the others may be unreadable, nothing is certain.
        !(self.0.iter().all(|wanted| wanted.kind == Kind::String) && self.0.iter().any(is_out))
    }
}

/// The partition column's physical name and type.
fn found(table: &Table<'_>, column: &str, metadata: &Metadata) -> Result<(String, Kind), Misfit> {
    let asked = Column { name: column.to_owned(), kind: None, partition: false };
    match table.find(&asked) {
        Some(found) if found.partition => match found.kind {
            Some(kind @ (Kind::Bool | Kind::Int | Kind::String | Kind::Date)) => Ok((found.physical, kind)),
            _ => Err(Misfit::Type { column: column.to_owned() }),
        },
        _ => Err(Misfit::NoPartition { column: column.to_owned(), partitioned_by: metadata.partition_columns.clone() }),
    }
}

/// A value of that type; none that a column of another type has, and not null.
fn value(kind: Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::Bool => text::boolean(text).map(Value::Bool),
        Kind::Int => text.parse().ok().map(Value::Int),
        Kind::String => Some(Value::String(text.to_owned())),
        Kind::Date => text::date(text).map(Value::Date),
        Kind::Float | Kind::Double | Kind::Timestamp => None,
    }
}

fn no_value(column: &str, kind: Kind) -> Misfit {
    let of = match kind {
        Kind::Bool => "the values true and false",
        Kind::Int => "whole numbers",
        Kind::Date => "dates such as 2026-01-31",
        _ => "text",
    };
    Misfit::Value { column: column.to_owned(), of }
}

/// Null, in the forms that writers have for it.
fn is_null(text: Option<&str>) -> bool {
    matches!(text, None | Some("" | HIVE_NULL))
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Word<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads the values that matter and says whether they are the wanted ones.
struct Values<'a>(&'a [Wanted]);

impl<'de> DeserializeSeed<'de> for Values<'_> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("partition values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut holds: Vec<Option<bool>> = vec![None; self.0.len()];
        while let Some(Word(name)) = map.next_key::<Word<'de>>()? {
            let at = self.0.iter().position(|wanted| wanted.physical == name);
            let Some((wanted, held)) = at.and_then(|at| self.0.get(at).zip(holds.get_mut(at))) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let found = map.next_value::<Option<Word<'de>>>()?;
            let found = found.as_ref().map(|Word(text)| text.as_ref());
            let same = if is_null(found) {
                false
            } else {
                let found = found.and_then(|text| value(wanted.kind, text));
                found.ok_or_else(|| A::Error::custom("a value of another type"))? == wanted.value
            };
            if held.replace(same).is_some() {
                return Err(A::Error::custom("a value that is there twice"));
            }
        }
        let all: Option<Vec<bool>> = holds.into_iter().collect();
        all.map(|all| all.into_iter().all(|held| held)).ok_or_else(|| A::Error::custom("a value that is not there"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::known::ValueOrder;

    fn metadata(mapping: bool) -> Metadata {
        let field = |name: &str, kind: &str| {
            let about =
                if mapping { json!({"delta.columnMapping.physicalName": format!("col-{name}")}) } else { json!({}) };
            json!({"name": name, "type": kind, "nullable": true, "metadata": about})
        };
        let kinds = [("Region", "string"), ("n", "integer"), ("day", "date"), ("ok", "boolean")];
        let others = [("at", "timestamp"), ("d", "decimal(9,2)"), ("x", "double"), ("bytes", "binary")];
        let mut fields: Vec<_> = kinds.iter().chain(&others).map(|(name, kind)| field(name, kind)).collect();
        fields.push(field("data", "string"));
        Metadata {
            id: "m".into(),
            name: None,
            description: None,
            format_provider: "parquet".into(),
            format_options: vec![],
            schema_string: json!({"type": "struct", "fields": fields}).to_string(),
            partition_columns: kinds.iter().chain(&others).map(|(name, _)| (*name).to_owned()).collect(),
            configuration: if mapping { vec![("delta.columnMapping.mode".into(), "name".into())] } else { vec![] },
            created_time: None,
        }
    }

    fn bind(values: &[(&str, &str)], mapping: bool) -> Result<Partitions, Misfit> {
        let values: Vec<_> = values.iter().map(|&(column, value)| PartitionValue { column, value }).collect();
        Partitions::bind(&values, &metadata(mapping))
    }

    #[test]
    fn values_are_compared_by_type() {
        for (column, wanted, same, other) in [
            ("region", "EU", "EU", "eu"),
            ("REGION", "EU", "EU", "EU "),
            ("region", "1", "1", "01"),
            ("n", "7", "007", "8"),
            ("n", "-0", "0", "-1"),
            ("day", "2026-01-31", "2026-01-31", "2026-02-01"),
            ("ok", "TRUE", "true", "false"),
        ] {
            let name = metadata(false)
                .partition_columns
                .iter()
                .find(|name| name.eq_ignore_ascii_case(column))
                .unwrap()
                .clone();
            let partitions = bind(&[(column, wanted)], false).unwrap();
            let holds = |value: &str| partitions.holds(&json!({&name: value, "other": "x"}).to_string());
            assert_eq!((holds(same), holds(other)), (Ok(true), Ok(false)), "{column} {wanted}");
            for nothing in [json!(null), json!(""), json!(HIVE_NULL)] {
                assert_eq!(partitions.holds(&json!({&name: nothing}).to_string()), Ok(false), "null equals nothing");
            }
        }
    }

    #[test]
    fn a_file_is_in_when_every_column_says_so() {
        let partitions = bind(&[("region", "EU"), ("n", "1")], false).unwrap();
        for (region, n, holds) in [("EU", "1", true), ("EU", "2", false), ("US", "1", false)] {
            assert_eq!(partitions.holds(&json!({"n": n, "Region": region}).to_string()), Ok(holds));
        }
        assert_eq!(Partitions(vec![]).holds("{}"), Ok(true));
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let region = bind(&[("region", "EU")], false).unwrap();
        let bad = [
            "{}",
            "",
            "[]",
            "null",
            r#"{"Region":5}"#,
            r#"{"region":"EU"}"#,
            r#"{"Region":"EU","Region":"EU"}"#,
            r#"{"Region":"EU""#,
            r#"{"Region":"EU"}{}"#,
            r#"{"Region":["EU"]}"#,
        ];
        for bad in bad {
            assert_eq!(region.holds(bad), Err(Unreadable), "{bad}");
        }
        for (column, wanted, bad) in [("n", "1", "one"), ("day", "2026-01-31", "2026-1-31"), ("ok", "true", "1")] {
            let partitions = bind(&[(column, wanted)], false).unwrap();
            assert_eq!(partitions.holds(&json!({column: bad}).to_string()), Err(Unreadable), "{column}");
        }
        assert_eq!(region.holds(r#"{"\u0052egion":"\u0045U"}"#), Ok(true));
    }

    #[test]
    fn what_is_certainly_outside_of_bounds_is_only_text() {
        let between = |column: &str, least: &str, greatest: &str| Between {
            column: column.into(),
            least: least.into(),
            greatest: greatest.into(),
            order: ValueOrder::Text,
            nulls: true,
        };
        let may_hold = |wanted: &[(&str, &str)], bounds: &[Between]| bind(wanted, false).unwrap().may_hold(bounds);
        for (least, greatest, may) in [("EU", "EU", true), ("A", "Z", true), ("F", "Z", false), ("A", "E", false)] {
            assert_eq!(may_hold(&[("region", "EU")], &[between("Region", least, greatest)]), may, "{least} {greatest}");
            assert!(may_hold(&[("region", "EU")], &[between("n", least, greatest)]));
        }
        assert!(may_hold(&[("n", "1")], &[between("n", "2", "2")]), "a number may be written in any way");
        assert!(may_hold(&[("n", "1"), ("region", "EU")], &[between("Region", "F", "Z")]));
        assert!(may_hold(&[("region", "EU")], &[]));
        assert_eq!(bind(&[("n", "1"), ("region", "EU")], true).unwrap().columns(), ["col-n", "col-Region"]);
    }

    #[test]
    fn mapped_columns_are_known_by_their_physical_names() {
        let region = bind(&[("region", "EU")], true).unwrap();
        assert_eq!(region.holds(r#"{"col-Region":"EU"}"#), Ok(true));
        assert_eq!(region.holds(r#"{"col-Region":"US","Region":"EU"}"#), Ok(false));
        assert_eq!(region.holds(r#"{"Region":"EU"}"#), Err(Unreadable));
    }

    #[test]
    fn rules_that_do_not_fit_are_refused_with_a_reason() {
        let rule = |column: &str, value| PartitionRule { column: column.into(), value };
        let fixed = |value: &str| RuleValue::Fixed(value.into());
        for (column, value, why) in [
            ("data", "x", "partitioned by Region, n, day"),
            ("none", "x", "partitioned by"),
            ("at", "2026-01-31 00:00:00", "several ways"),
            ("d", "1.00", "several ways"),
            ("x", "1.5", "several ways"),
            ("bytes", "x", "several ways"),
            ("n", "one", "whole numbers"),
            ("n", "", "whole numbers"),
            ("day", "31.1.2026", "dates such as"),
            ("ok", "yes", "true and false"),
        ] {
            let misfit = bind(&[(column, value)], false).unwrap_err();
            assert!(misfit.to_string().contains(why), "{misfit}");
            assert_eq!(check(&[rule(column, fixed(value))], &metadata(false)), Err(misfit));
        }
        let property = |column| check(&[rule(column, RuleValue::Property("p".into()))], &metadata(false));
        assert!(property("n").is_ok() && property("data").is_err() && property("at").is_err());
        let bare = Metadata { partition_columns: vec![], ..metadata(false) };
        assert!(check(&[rule("n", fixed("1"))], &bare).unwrap_err().to_string().contains("no partitions"));
    }
}
