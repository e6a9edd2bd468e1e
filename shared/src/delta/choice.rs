//! Which files are wanted, told from little: from what the footer of a checkpoint says of many rows at once, and from the
//! narrow columns of a row. What is surely not wanted is then neither fetched nor decoded.

use std::fmt;

use crate::model::known::Known;

/// Tells files that are not wanted by what is known of them. It only spares reading: whoever takes the files judges each.
pub trait Choice: fmt::Debug + Send + Sync {
    /// The columns that it depends on.
    fn columns(&self) -> Columns<'_>;

    /// Whether a file of which this is known may be wanted, or one of several.
    fn may_want(&self, known: &Known<'_>) -> bool;
}

/// Columns by the names that the log has for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns<'a> {
    /// Partition columns.
    pub partitions: Vec<&'a str>,
    /// Columns of which statistics speak.
    pub data: Vec<&'a str>,
}

/// Files that both choices want.
#[derive(Debug)]
pub(super) struct Both<'a>(pub(super) &'a dyn Choice, pub(super) &'a dyn Choice);

impl Choice for Both<'_> {
    fn columns(&self) -> Columns<'_> {
        let Self(one, other) = self;
        let (mut columns, more) = (one.columns(), other.columns());
        columns.partitions.extend(more.partitions);
        columns.data.extend(more.data);
        columns
    }

    fn may_want(&self, known: &Known<'_>) -> bool {
        let Self(one, other) = self;
        one.may_want(known) && other.may_want(known)
    }
}
