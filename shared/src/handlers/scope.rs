//! Which part of a table a caller may read, by the table's partition rules and the caller's properties. Whoever cannot be
//! told a part for certain reads nothing.

use std::fmt;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use crate::delta::Scope;
use crate::delta::choice::{Choice, Columns};
use crate::delta::scope::PartOfTable;
use crate::error::Error;
use crate::model::known::{Known, KnownPartitions};
use crate::model::recipient::Recipient;
use crate::model::rule::{PartitionRule, PartitionValue, RecipientRules};
use crate::model::securable::Table;
use crate::model::table_state::Metadata;
use crate::predicate::partitions::Partitions;

/// What of a table with these partition rules a recipient may read.
///
/// # Errors
/// [`Error::RuleUnmet`] when the recipient lacks a property that a rule asks for.
pub fn scope_of(partitions: &[PartitionRule], to: &RecipientRules) -> Result<Scope, Error> {
    let values = values_of(partitions, to)?;
    if values.is_empty() {
        return Ok(Scope::Whole);
    }
    let values = values.iter().map(|of| (of.column.to_owned(), of.value.to_owned())).collect();
    Ok(Scope::Part(Arc::new(Part { values, bound: OnceLock::new() })))
}

/// What tells one part of a table from another; nothing for the whole. Pages of one answer are of one part.
///
/// # Errors
/// As [`scope_of`].
pub(super) fn fingerprint(table: &Table, to: &Recipient) -> Result<String, Error> {
    let values = values_of(&table.terms.partitions, to.rules())?;
    if values.is_empty() {
        return Ok(String::new());
    }
    let mut digest = Sha256::new();
    for PartitionValue { column, value } in values {
        for text in [column, value] {
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text);
        }
    }
    Ok(hex::encode(digest.finalize()))
}

fn values_of<'a>(partitions: &'a [PartitionRule], to: &'a RecipientRules) -> Result<Vec<PartitionValue<'a>>, Error> {
    to.partition_values(partitions).map_err(|key| {
        Error::RuleUnmet(
            format!("the recipient has no property '{key}', which the table's partition rule asks for").into(),
        )
    })
}

/// The partitions with given values.
struct Part {
    /// Columns and values.
    values: Vec<(String, String)>,
    /// What they come to under the metadata that was met.
    bound: OnceLock<Partitions>,
}

impl PartOfTable for Part {
    fn meet(&self, metadata: &Metadata) -> Result<(), Error> {
        let values: Vec<_> = self.values.iter().map(|(column, value)| PartitionValue { column, value }).collect();
        let met = Partitions::bind(&values, metadata).map_err(|misfit| Error::RuleUnmet(misfit.into()))?;
        if *self.bound.get_or_init(|| met.clone()) == met {
            return Ok(());
        }
        let changed = "the table's partition columns were changed within the range that is asked for";
        Err(Error::RuleUnmet(changed.into()))
    }

    fn holds(&self, partition_values: &str) -> Result<bool, Error> {
        let bound = self.bound.get().ok_or(Error::defect("a part was asked for before its table was met"))?;
        bound.holds(partition_values).map_err(|_| {
            Error::BadTable(
                "The table's log is damaged: a file has no readable value in a partition column. Ask the share provider to \
                 repair the table."
                    .into(),
            )
        })
    }
}

impl Choice for Part {
    fn columns(&self) -> Columns<'_> {
        Columns { partitions: self.bound.get().map(Partitions::columns).unwrap_or_default(), data: Vec::new() }
    }

    fn may_want(&self, known: &Known<'_>) -> bool {
        match (self.bound.get(), known.partitions) {
            (None, _) | (_, KnownPartitions::Unknown) => true,
            (Some(bound), KnownPartitions::Same(values)) => bound.holds(values) != Ok(false),
            (Some(bound), KnownPartitions::Between(bounds)) => bound.may_hold(bounds),
        }
    }
}

/// Without the values.
impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").finish_non_exhaustive()
    }
}
