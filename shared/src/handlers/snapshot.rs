//! What the table routes share: finding the table, checking that the asked version may be read, and settling a snapshot
//! and its format before the first byte.

use super::Call;
use super::scope::scope_of;
use crate::catalog::FindTable;
use crate::delta::scope::ScopedSnapshot;
use crate::delta::{At, DeltaLog, Scope, Wants};
use crate::error::Error;
use crate::model::capability::{Capabilities, ResponseFormat};
use crate::model::securable::{History, Table};
use crate::model::shorten;
use crate::model::table_state::Selected;
use crate::model::version::{TimestampMs, Version};
use crate::wire::action::{Head, write_head};
use crate::wire::request::Selector;

/// The table that a path names, and what of it the caller may read.
pub(super) async fn find_table(catalog: &dyn FindTable, call: &Call) -> Result<(Table, Scope), Error> {
    let (share, schema, table) = (call.params.get("share"), call.params.get("schema"), call.params.get("table"));
    let table = catalog.find_table(&call.recipient, share, schema, table).await?;
    call.notes.table(&table.id);
    let scope = scope_of(&table.terms.partitions, call.recipient.rules())?;
    Ok((table, scope))
}

/// The caller's capabilities.
pub(super) fn capabilities(call: &Call) -> Result<Capabilities, Error> {
    Capabilities::parse(call.header("delta-sharing-capabilities"))
}

/// The first version that may be read, when the history is shared at all.
pub(super) fn shared_since(table: &Table) -> Result<Version, Error> {
    match table.history {
        History::SharedFrom(version) => Ok(version),
        History::NotShared => Err(Error::InvalidParameter(format!(
            "Reading table by version or timestamp is not supported because history sharing is not enabled on table: {}",
            table.full_name()
        ))),
    }
}

/// A moment, once it is known that the caller may ask by time.
pub(super) fn moment(parameter: &str, text: &str) -> Result<TimestampMs, Error> {
    TimestampMs::parse(text).ok_or_else(|| {
        let which = if parameter == "startingTimestamp" { String::new() } else { format!(" (parameter {parameter})") };
        Error::InvalidParameter(format!(
            "Invalid startingTimestamp{which}: '{}'. Use ISO 8601 with an offset, such as 2026-01-31T00:00:00Z; in a URL \
             write the plus sign of an offset as %2B.",
            shorten(text)
        ))
    })
}

/// A snapshot that may be answered, in the format that the caller and the table agree on.
pub(super) struct Settled {
    pub snapshot: ScopedSnapshot,
    pub format: ResponseFormat,
}

/// Reads what stands before the files of the asked version, after every check that needs no reading.
pub(super) async fn settle(
    delta: &DeltaLog,
    (table, scope): (&Table, &Scope),
    selector: &Selector,
    capabilities: &Capabilities,
) -> Result<Settled, Error> {
    settle_at(delta, (table, scope), (asked_version(table, selector)?, Wants::Head), capabilities).await
}

/// The version that a caller asks for, once it is known that it may be asked for.
pub(super) fn asked_version(table: &Table, selector: &Selector) -> Result<At, Error> {
    Ok(match selector {
        Selector::Latest => At::Latest,
        Selector::Version(version) => {
            since(*version, shared_since(table)?)?;
            At::Version(*version)
        }
        Selector::Timestamp(text) => {
            shared_since(table)?;
            At::Timestamp(moment("timestamp", text)?)
        }
        Selector::Range { .. } => return Err(Error::defect("a range is no snapshot")),
    })
}

/// Reads a version.
pub(super) async fn settle_at(
    delta: &DeltaLog,
    (table, scope): (&Table, &Scope),
    (at, wants): (At, Wants),
    capabilities: &Capabilities,
) -> Result<Settled, Error> {
    let snapshot = delta.scoped_snapshot(&table.location, (at, wants), scope).await?;
    if let Selected::Named(version) = snapshot.selected {
        since(version, shared_since(table)?)?;
    }
    let format = capabilities.choose(&snapshot.needs)?;
    Ok(Settled { snapshot, format })
}

fn since(version: Version, first: Version) -> Result<(), Error> {
    if version >= first {
        return Ok(());
    }
    Err(Error::InvalidParameter(format!("You can only query table data since version {first}.")))
}

impl Settled {
    /// The first two lines.
    pub(super) fn head(&self, table: &Table) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        let head = Head {
            protocol: &self.snapshot.protocol,
            metadata: &self.snapshot.metadata,
            selected: self.snapshot.selected,
            totals: self.snapshot.totals,
            history_shared: table.history != History::NotShared,
        };
        write_head(head, self.format, &mut out)?;
        Ok(out)
    }
}
