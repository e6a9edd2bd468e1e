//! The actions of a commit as a range of versions needs them: what is removed and what was recorded as changed, in full,
//! and what kind of operation the commit was (Delta protocol, "Add File and Remove File", "Add CDC File").

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::delta::action::{Add, CommitInfo, DeletionVector, MetadataAction, ProtocolAction};
use crate::model::version::TimestampMs;

/// One line of a commit.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangeLine<'a> {
    #[serde(borrow, default)]
    pub add: Option<Add<'a>>,
    #[serde(borrow, default)]
    pub remove: Option<RemoveAction<'a>>,
    #[serde(borrow, default)]
    pub cdc: Option<CdcAction<'a>>,
    #[serde(default)]
    pub protocol: Option<ProtocolAction>,
    #[serde(default)]
    pub meta_data: Option<MetadataAction>,
    /// Read leniently: writers put into it what they like.
    #[serde(borrow, default)]
    pub commit_info: Option<&'a RawValue>,
}

/// A file that leaves the table, with all that a recipient is told of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RemoveAction<'a> {
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    #[serde(default)]
    pub deletion_timestamp: Option<i64>,
    #[serde(default = "yes")]
    pub data_change: bool,
    #[serde(default)]
    pub extended_file_metadata: Option<bool>,
    #[serde(borrow, default)]
    pub partition_values: Option<&'a RawValue>,
    #[serde(default)]
    pub size: Option<u64>,
    #[serde(borrow, default)]
    pub deletion_vector: Option<DeletionVector<'a>>,
    #[serde(default)]
    pub base_row_id: Option<i64>,
    #[serde(default)]
    pub default_row_commit_version: Option<i64>,
}

/// A file of recorded changes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CdcAction<'a> {
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    #[serde(borrow, default)]
    pub partition_values: Option<&'a RawValue>,
    pub size: u64,
    #[serde(borrow, default)]
    pub tags: Option<&'a RawValue>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    operation: String,
    #[serde(default)]
    operation_metrics: Option<BTreeMap<String, Value>>,
}

/// The time that a commit carries in its `commitInfo`, in tables that keep it there.
pub(super) fn time_carried(commit_info: &RawValue) -> Option<TimestampMs> {
    let info: CommitInfo = serde_json::from_str(commit_info.get()).ok()?;
    info.in_commit_timestamp.map(TimestampMs::new)
}

/// Whether a commit is a MERGE that says of itself that it changed no row. Its files are old rows, written anew.
pub(super) fn merged_nothing(commit_info: &RawValue) -> bool {
    let Ok(Operation { operation, operation_metrics: Some(metrics) }) = serde_json::from_str(commit_info.get()) else {
        return false;
    };
    let none = |name: &str| match metrics.get(name) {
        Some(Value::String(count)) => count == "0",
        Some(Value::Number(count)) => count.as_u64() == Some(0),
        _ => false,
    };
    operation == "MERGE"
        && ["numTargetRowsInserted", "numTargetRowsUpdated", "numTargetRowsDeleted"].into_iter().all(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_of_nothing_says_so_in_all_three_counts() {
        let says = |text: &str| merged_nothing(&serde_json::from_str::<Box<RawValue>>(text).unwrap());
        let counts = r#""numTargetRowsInserted":"0","numTargetRowsUpdated":"0","numTargetRowsDeleted""#;
        assert!(says(&format!(r#"{{"operation":"MERGE","operationMetrics":{{{counts}:"0"}}}}"#)));
        assert!(!says(&format!(r#"{{"operation":"MERGE","operationMetrics":{{{counts}:"1"}}}}"#)));
        assert!(!says(&format!(r#"{{"operation":"WRITE","operationMetrics":{{{counts}:"0"}}}}"#)));
        assert!(!says(r#"{"operation":"MERGE","operationMetrics":{"numTargetRowsDeleted":"0"}}"#));
        assert!(!says(r#"{"operation":"MERGE"}"#) && !says(r#"{"operation":5}"#) && !says("[]"));
    }
}
