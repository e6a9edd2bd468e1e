//! The state in force while a range is gone through: what its readers must know, whether changes were recorded throughout,
//! and every schema that the answer will tell of.

use std::collections::BTreeSet;

use super::commit::Findings;
use super::{Kind, Range};
use crate::delta::features::reader_needs;
use crate::delta::schema::SchemaFacts;
use crate::error::Error;
use crate::model::capability::Need;
use crate::model::table_state::{Metadata, Protocol, Totals};
use crate::model::version::Version;

/// The state in force while a range is gone through.
pub(super) struct RangeState {
    kind: Kind,
    start: Version,
    end: Version,
    protocol: Protocol,
    pub(super) metadata: Metadata,
    schema: SchemaFacts,
    pub(super) schemas: BTreeSet<String>,
    pub(super) needs: Vec<Need>,
}

impl RangeState {
    pub(super) fn new(range: &Range, protocol: Protocol, metadata: Metadata) -> Result<Self, Error> {
        let schema = SchemaFacts::of(&metadata.schema_string)?;
        let &Range { start, end, kind, .. } = range;
        let mut state =
            Self { kind, start, end, protocol, metadata, schema, schemas: BTreeSet::new(), needs: Vec::new() };
        state.check_recorded(start)?;
        state.need(0)?;
        Ok(state)
    }

    pub(super) fn take(&mut self, version: Version, findings: Findings) -> Result<(), Error> {
        let Findings { protocol, metadata, with_vectors, .. } = findings;
        let changed = protocol.is_some() || metadata.is_some();
        if let Some(protocol) = protocol {
            self.protocol = protocol;
        }
        if let Some(metadata) = metadata {
            self.schema = SchemaFacts::of(&metadata.schema_string)?;
            self.metadata = metadata;
            self.check_recorded(version)?;
            if version > self.start {
                self.schemas.insert(self.metadata.schema_string.clone());
            }
        }
        if changed || with_vectors > 0 { self.need(with_vectors) } else { Ok(()) }
    }

    fn check_recorded(&self, version: Version) -> Result<(), Error> {
        if self.kind == Kind::Files || self.metadata.is_on("delta.enableChangeDataFeed") {
            return Ok(());
        }
        Err(Error::InvalidParameter(format!(
            "Error getting change data for range [{}, {}] as change data was not recorded for version [{version}]",
            self.start, self.end
        )))
    }

    fn need(&mut self, with_vectors: u64) -> Result<(), Error> {
        let totals = Totals { with_vectors, ..Totals::default() };
        let needs = reader_needs(&self.protocol, &self.metadata, &self.schema, totals)?;
        add_needs(&mut self.needs, &needs);
        Ok(())
    }
}

pub(super) fn add_needs(needs: &mut Vec<Need>, more: &[Need]) {
    for need in more {
        if !needs.contains(need) {
            needs.push(*need);
        }
    }
}
