//! What is taken for a Delta table with a place of its own, and what is said of all else.

use super::*;

fn table(json: &str) -> GlueTable {
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_delta_table_says_so_and_lies_on_s3() {
    for (json, location) in [
        (r#"{"Parameters":{"table_type":"DELTA"},"StorageDescriptor":{"Location":"s3://b/a/t/"}}"#, "s3://b/a/t"),
        (
            r#"{"Parameters":{"spark.sql.sources.provider":"delta","EXTERNAL":"TRUE"},"StorageDescriptor":{"Location":"s3a://b/t"}}"#,
            "s3://b/t",
        ),
        (r#"{"Parameters":{"table_type":"delta"},"StorageDescriptor":{"Location":"s3n://b"}}"#, "s3://b"),
    ] {
        assert_eq!(table(json).delta_location().as_deref(), Ok(location), "{json}");
    }
}

#[test]
fn what_cannot_be_shared_says_why_and_what_to_do() {
    for (json, part) in [
        ("{}", "is no Delta table"),
        (
            r#"{"Parameters":{"classification":"parquet"},"StorageDescriptor":{"Location":"s3://b/t"}}"#,
            "is no Delta table",
        ),
        (r#"{"Parameters":{"table_type":"ICEBERG"},"StorageDescriptor":{"Location":"s3://b/t"}}"#, "is no Delta table"),
        (r#"{"Parameters":{"table_type":"DELTA"}}"#, "must begin with s3://"),
        (
            r#"{"Parameters":{"table_type":"DELTA"},"StorageDescriptor":{"Location":"hdfs://h/t"}}"#,
            "must begin with s3://",
        ),
        (
            r#"{"Parameters":{},"StorageDescriptor":{"Location":"s3://b/t/_symlink_format_manifest/"}}"#,
            "LOCATION 's3://b/t'",
        ),
        (
            r#"{"Parameters":{"table_type":"DELTA"},"StorageDescriptor":{"Location":"s3://b/t","InputFormat":"org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat"}}"#,
            "a symlink manifest",
        ),
        (
            r#"{"Parameters":{"spark.sql.sources.provider":"delta"},"StorageDescriptor":{"Location":"s3://w/d.db/t-__PLACEHOLDER__","SerdeInfo":{"Parameters":{"path":"s3://b/t"}}}}"#,
            "LOCATION 's3://b/t'",
        ),
        (
            r#"{"TargetTable":{"CatalogId":"1","DatabaseName":"far","Name":"t"},"Parameters":{"table_type":"DELTA"}}"#,
            "a link to the table 'glue.far.t'",
        ),
    ] {
        let why = table(json).delta_location().unwrap_err();
        assert!(why.contains(part), "{json}: {why}");
    }
}
