//! What is taken for a Delta table with a place of its own, and what is said of all else.

use super::*;

/// A table whose writer says one thing of it, at a place.
fn table(said: Option<(&str, &str)>, location: Option<&str>) -> GlueTable {
    let parameters = said.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    GlueTable { parameters, location: location.map(str::to_owned), ..GlueTable::default() }
}

const DELTA: Option<(&str, &str)> = Some(("table_type", "DELTA"));

#[test]
fn a_delta_table_says_so_and_lies_on_s3() {
    for (said, location, own) in [
        (("table_type", "DELTA"), "s3://b/a/t/", "s3://b/a/t"),
        (("spark.sql.sources.provider", "delta"), "s3a://b/t", "s3://b/t"),
        (("table_type", "delta"), "s3n://b", "s3://b"),
    ] {
        assert_eq!(table(Some(said), Some(location)).delta_location().as_deref(), Ok(own), "{said:?} {location}");
    }
}

#[test]
fn what_cannot_be_shared_says_why_and_what_to_do() {
    let symlinks = Some("org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat".to_owned());
    let spark = Some(("spark.sql.sources.provider", "delta"));
    for (table, part) in [
        (table(None, None), "is no Delta table"),
        (table(Some(("classification", "parquet")), Some("s3://b/t")), "is no Delta table"),
        (table(Some(("table_type", "ICEBERG")), Some("s3://b/t")), "is no Delta table"),
        (table(DELTA, None), "must begin with s3://"),
        (table(DELTA, Some("hdfs://h/t")), "must begin with s3://"),
        (table(None, Some("s3://b/t/_symlink_format_manifest/")), "LOCATION 's3://b/t'"),
        (GlueTable { input_format: symlinks, ..table(DELTA, Some("s3://b/t")) }, "a symlink manifest"),
        (
            GlueTable { path: Some("s3://b/t".into()), ..table(spark, Some("s3://w/d.db/t-__PLACEHOLDER__")) },
            "LOCATION 's3://b/t'",
        ),
        (
            GlueTable { target_table: Some(GlueName::new("far", "t")), ..table(DELTA, None) },
            "a link to the table 'glue.far.t'",
        ),
    ] {
        let why = table.delta_location().unwrap_err();
        assert!(why.contains(part), "{table:?}: {why}");
    }
}
