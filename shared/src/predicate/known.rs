//! What columns may hold in files of which little is known yet, several at once as a rule: ranges that are no narrower than
//! those of any of the files.

use super::facts::{HIVE_NULL, MOMENT_CUT_TO_SECONDS_MICROS, Range, of_partition, of_partitions, of_statistics};
use super::table::Found;
use super::tree::Kind;
use crate::model::known::{Between, Known, KnownPartitions, ValueOrder};

/// What these columns may hold in any of the files.
pub(super) fn ranges(columns: &[Found], known: &Known<'_>) -> Vec<Range> {
    let mut ranges = vec![Range::ANY; columns.len()];
    match known.partitions {
        KnownPartitions::Unknown => {}
        KnownPartitions::Same(values) => of_partitions(columns, values, &mut ranges),
        KnownPartitions::Between(bounds) => {
            for (column, range) in columns.iter().zip(&mut ranges).filter(|(column, _)| column.partition) {
                if let Some(bounds) = bounds.iter().find(|bounds| bounds.column == column.physical) {
                    *range = between(bounds, column.kind);
                }
            }
        }
    }
    if let Some(statistics) = known.statistics {
        of_statistics(columns, statistics, (!known.vectors, MOMENT_CUT_TO_SECONDS_MICROS), &mut ranges);
    }
    ranges
}

/// What a partition column may hold whose values lie between two.
fn between(bounds: &Between, kind: Option<Kind>) -> Range {
    let Between { least, greatest, order, nulls, .. } = bounds;
    let one = least == greatest;
    let ordered = match (kind, order) {
        (Some(Kind::String), _) => one || !(least.as_str()..=greatest.as_str()).contains(&HIVE_NULL),
        // Between two of them may be what nobody can read.
        (Some(Kind::Int | Kind::Date), ValueOrder::Type) => true,
        _ => one,
    };
    if !ordered {
        return Range::ANY;
    }
    let (low, high) = (of_partition(Some(least), kind), of_partition(Some(greatest), kind));
    let is_read = |range: &Range| !range.values || (range.min.is_some() && range.max.is_some());
    match (is_read(&low) && is_read(&high), one) {
        (true, true) => Range { nulls: low.nulls || *nulls, ..low },
        (true, false) if low.values && high.values => {
            // Empty text, which may be null, is the least of all texts.
            let (min, max) = (low.min, high.max);
            let in_order = matches!((&min, &max), (Some(low), Some(high)) if low <= high);
            let nulls = low.nulls || high.nulls || *nulls;
            if in_order { Range { min, max, values: true, nulls, nan: false } } else { Range::ANY }
        }
        _ => Range::ANY,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Value;
    use super::*;

    fn bounds(least: &str, greatest: &str, order: ValueOrder, nulls: bool) -> Between {
        Between { column: "p".into(), least: least.into(), greatest: greatest.into(), order, nulls }
    }

    #[test]
    fn texts_are_between_texts() {
        let text = |text: &str| Some(Value::String(text.into()));
        for nulls in [false, true] {
            let range = between(&bounds("a", "c", ValueOrder::Text, nulls), Some(Kind::String));
            assert_eq!(range, Range { min: text("a"), max: text("c"), values: true, nulls, nan: false });
        }
        let empty = between(&bounds("", "C", ValueOrder::Text, false), Some(Kind::String));
        assert_eq!(empty, Range { min: text(""), max: text("C"), values: true, nulls: true, nan: false });
        // What Hive calls null is any value to some readers.
        for (least, greatest) in [("A", "a"), (HIVE_NULL, "a"), ("A", HIVE_NULL), (HIVE_NULL, HIVE_NULL), ("b", "a")] {
            let range = between(&bounds(least, greatest, ValueOrder::Text, false), Some(Kind::String));
            assert_eq!(range, Range::ANY, "{least} {greatest}");
        }
    }

    #[test]
    fn what_was_ordered_as_text_says_nothing_of_other_types() {
        for (kind, one, other) in
            [(Kind::Int, "1", "3"), (Kind::Date, "2026-01-01", "2026-01-03"), (Kind::Bool, "false", "true")]
        {
            assert_eq!(between(&bounds(one, other, ValueOrder::Text, false), Some(kind)), Range::ANY);
            let same = between(&bounds(one, one, ValueOrder::Text, true), Some(kind));
            assert_eq!(same, Range { nulls: true, ..of_partition(Some(one), Some(kind)) });
            let typed = between(&bounds(one, other, ValueOrder::Type, false), Some(kind));
            assert_eq!(typed != Range::ANY, kind != Kind::Bool, "{kind:?}");
        }
        for (least, greatest) in [("x", "x"), ("1", "x"), ("3", "1"), ("", "1")] {
            let range = between(&bounds(least, greatest, ValueOrder::Type, false), Some(Kind::Int));
            let null = least == greatest && least.is_empty();
            assert_eq!(range, if null { Range::NULL } else { Range::ANY }, "{least} {greatest}");
        }
        assert_eq!(between(&bounds("a", "a", ValueOrder::Text, false), None), Range::ANY);
    }
}
