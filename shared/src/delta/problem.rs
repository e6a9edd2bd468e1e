//! Why a file cannot be handed on. It is told only to whoever may know of the file, so it is kept until somebody asks, and
//! lines that cannot be read tell, where they can, at least whose files they speak of.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;

/// Why a file cannot be handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// It needs something that this server refuses.
    Unsupported(String),
    /// The log is damaged.
    Damaged(String),
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Unsupported(text) => Self::Unsupported(text),
            Problem::Damaged(text) => Self::BadTable(text),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Unsupported(text) => Self::Unsupported(text),
            other => Self::Damaged(other.public()),
        }
    }
}

/// What a line of a commit tells that is about a file and cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable<'a> {
    /// The file's partition values.
    pub(super) partition_values: &'a str,
    /// It is a file of recorded changes.
    pub(super) is_recorded: bool,
}

/// Strict, so that nothing but one file is spoken of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileLine<'a> {
    #[serde(borrow, default)]
    add: Option<OfPartition<'a>>,
    #[serde(borrow, default)]
    remove: Option<OfPartition<'a>>,
    #[serde(borrow, default)]
    cdc: Option<OfPartition<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfPartition<'a> {
    #[serde(borrow)]
    partition_values: &'a RawValue,
}

impl<'a> Unreadable<'a> {
    /// Nothing where it cannot be told that the line speaks of one file and of which partition it is.
    pub(super) fn of(line: &'a [u8]) -> Option<Self> {
        // By itself serde would take an array for a struct as well.
        let is_object = line.trim_ascii_start().first() == Some(&b'{');
        let FileLine { add, remove, cdc } = serde_json::from_slice(line).ok().filter(|_| is_object)?;
        let (file, is_recorded) = match (add, remove, cdc) {
            (Some(file), None, None) | (None, Some(file), None) => (file, false),
            (None, None, Some(file)) => (file, true),
            _ => return None,
        };
        Some(Self { partition_values: file.partition_values.get(), is_recorded })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(line: &str) -> Option<(&str, bool)> {
        Unreadable::of(line.as_bytes()).map(|told| (told.partition_values, told.is_recorded))
    }

    #[test]
    fn one_file_tells_whose_it_is() {
        assert_eq!(
            values(r#"{"add":{"path":5,"partitionValues":{"p":"b"},"size":-1}}"#),
            Some((r#"{"p":"b"}"#, false))
        );
        assert_eq!(values(r#"{"remove":{"partitionValues":{}}}"#), Some(("{}", false)));
        assert_eq!(values(r#"{"cdc":{"partitionValues":{"p":null}}}"#), Some((r#"{"p":null}"#, true)));
    }

    #[test]
    fn what_may_speak_of_anything_else_is_nobodys() {
        for line in [
            r#"{"add":{"partitionValues":{"p":"b"}}"#,
            r#"{"add":{"path":"x"}}"#,
            r#"{"add":{"partitionValues":{}},"remove":{"partitionValues":{}}}"#,
            r#"{"add":{"partitionValues":{}},"add":{"partitionValues":{}}}"#,
            r#"{"add":{"partitionValues":{},"partitionValues":{}}}"#,
            r#"{"add":{"partitionValues":{}},"metaData":{}}"#,
            r#"[{"partitionValues":{}},null,null]"#,
            "{}",
        ] {
            assert_eq!(values(line), None, "{line}");
        }
    }
}
