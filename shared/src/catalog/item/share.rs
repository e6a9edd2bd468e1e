//! Items of shares and tables.

use super::registered::{LOOK, look_if_any, look_text};
use super::{Builder, COMMENT, CREATED, DISPLAY, Fields, Item, ItemError, Lifecycle, SHARE_ID, STATUS, primary_key};
use crate::catalog::key::{self, Entity, KeyError};
use crate::catalog::write::{Origin, ShareRecord, TableRecord};
use crate::catalog::{auxiliary, reach, rules};
use crate::model::location::TableLocation;
use crate::model::name::{SchemaName, ShareName, TableName};
use crate::model::rule::{PartitionRule, Terms, Window};
use crate::model::securable::{History, Share, Table};
use crate::model::version::Version;

/// Attribute of a share: how many grants are on it.
pub const GRANTS: &str = "grants";
/// Attribute of a table: its id.
pub const TABLE_ID: &str = "tableId";
/// Attribute of a table: the share's name as it was spelt.
pub const SHARE_NAME: &str = "shareName";
/// Attribute of a table: the schema's name as it was spelt.
pub const SCHEMA_NAME: &str = "schemaName";
/// Attribute of a table, and of a schema that has a place: `s3://bucket/prefix`.
pub const LOCATION: &str = "location";
/// Attribute of a table: where else its log may name files, a set of `s3://bucket/prefix`; not there for none.
pub const AUXILIARY_LOCATIONS: &str = "auxiliaryLocations";
/// Attribute of a table: the bucket's region.
pub const REGION: &str = "region";
/// Attribute of a table: which endpoint.
pub const ENDPOINT: &str = "endpoint";
/// Attribute of a table: the role that reads it.
pub const ROLE_ARN: &str = "roleArn";
/// Attribute of a table: the role's external id.
pub const EXTERNAL_ID: &str = "externalId";
/// Attribute of a table: what of its history is shared, `LATEST` or `SHARED`.
pub const HISTORY: &str = "history";
/// Attribute of a table: the oldest version that is shared.
pub const START_VERSION: &str = "startVersion";
/// Attribute of a table: its partition rules as JSON; not there for none.
pub const PARTITIONS: &str = "partitions";

/// Attribute of a table that was only seen in the place of its schema: [`FOUND`].
pub const ORIGIN: &str = "origin";

/// It was seen, and named by nobody.
pub const FOUND: &str = "found";

const LATEST: &str = "latest";
const SHARED: &str = "shared";

/// A share's item with what only the catalogue itself needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredShare {
    /// The share.
    pub record: ShareRecord,
    /// Where in its life it is.
    pub lifecycle: Lifecycle,
    /// How many grants are on it.
    pub grants: u64,
}

impl StoredShare {
    /// As a recipient sees it whose grant is good at these times.
    pub fn into_share(self, granted: Window) -> Share {
        let ShareRecord { name, id, comment, .. } = self.record;
        Share { name, id, comment, until: granted.until }
    }
}

/// A new share's item.
///
/// # Errors
/// When it has no key.
pub fn share_item(share: &ShareRecord) -> Result<Item, KeyError> {
    Ok(Builder::new(&key::share_key(&share.name)?)
        .indexed(&key::share_index_key(&share.name)?)
        .text(DISPLAY, share.name.as_str())
        .text(SHARE_ID, &share.id)
        .text(STATUS, Lifecycle::Active.as_str())
        .text_if_any(COMMENT, share.comment.as_deref())
        .moment_if_any(CREATED, share.created_at)
        .number(GRANTS, 0)
        .build())
}

/// Reads a share's item.
///
/// # Errors
/// When it is none that this program knows.
pub fn read_share(item: &Item) -> Result<StoredShare, ItemError> {
    let fields = Fields::of("share", item)?;
    let name = ShareName::parse(fields.text(DISPLAY)?).map_err(|_| fields.bad(DISPLAY))?;
    at(item, &fields, &Entity::Share { share: name.folded() })?;
    Ok(StoredShare {
        record: ShareRecord {
            name,
            id: fields.text(SHARE_ID)?.to_owned(),
            comment: fields.owned_if_any(COMMENT)?,
            created_at: fields.moment_if_any(CREATED)?,
        },
        lifecycle: fields.lifecycle()?,
        grants: fields.number(GRANTS)?,
    })
}

/// A table's item with what only the catalogue itself needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTable {
    /// The table.
    pub record: TableRecord,
    /// The share's id.
    pub share_id: String,
}

impl StoredTable {
    /// As a recipient of the share sees it; nothing when it is left over from another share of that name.
    ///
    /// # Errors
    /// When the place it lies at cannot be reached by this program.
    pub fn into_table(self, share: &Share) -> Result<Option<Table>, ItemError> {
        let Self { record, share_id } = self;
        if share_id != share.id {
            return Ok(None);
        }
        let bad = |name| ItemError::Attribute { kind: "table", name };
        let reach = reach::of(&record).map_err(|_| bad(ENDPOINT))?;
        let locate = |text: &str| TableLocation::parse(text).map_err(|error| error.to_string());
        let location = TableLocation::parse(&record.location).map_err(|_| bad(LOCATION))?.reached_by(reach);
        let location = auxiliary::located((location, &record.location), &record.auxiliary_locations, &locate)
            .map_err(|_| bad(AUXILIARY_LOCATIONS))?;
        Ok(Some(Table {
            share: share.name.clone(),
            share_id,
            schema: record.schema,
            name: record.name,
            id: record.id,
            location,
            history: record.history,
            terms: Terms { partitions: record.partitions, ..Terms::default() },
        }))
    }
}

/// A table's item.
///
/// # Errors
/// When it has no key.
pub fn table_item(table: &TableRecord, share_id: &str) -> Result<Item, KeyError> {
    let index = key::table_index_key(&table.location, &table.share, &table.schema, &table.name)?;
    let item = Builder::new(&key::table_key(&table.share, &table.schema, &table.name)?)
        .indexed(&index)
        .text(DISPLAY, table.name.as_str())
        .text(SHARE_NAME, table.share.as_str())
        .text(SCHEMA_NAME, table.schema.as_str())
        .text(SHARE_ID, share_id)
        .text(TABLE_ID, &table.id)
        .text(LOCATION, &table.location)
        .texts(AUXILIARY_LOCATIONS, table.auxiliary_locations.iter().cloned())
        .text_if_any(REGION, table.region.as_deref())
        .text_if_any(ENDPOINT, table.endpoint.as_deref())
        .text_if_any(ROLE_ARN, table.role_arn.as_deref())
        .text_if_any(EXTERNAL_ID, table.external_id.as_deref())
        .text_if_any(COMMENT, table.comment.as_deref())
        .text_if_any(LOOK, table.look.map(look_text))
        .moment_if_any(CREATED, table.created_at);
    let item = match table.origin {
        Origin::Named => item,
        Origin::Found => item.text(ORIGIN, FOUND),
    };
    Ok(with_partitions(with_history(item, table.history), &table.partitions).build())
}

pub(super) fn with_history(item: Builder, history: History) -> Builder {
    match history {
        History::NotShared => item.text(HISTORY, LATEST),
        History::SharedFrom(version) => item.text(HISTORY, SHARED).number(START_VERSION, version.number()),
    }
}

pub(super) fn read_history(fields: &Fields<'_>) -> Result<History, ItemError> {
    match fields.text(HISTORY)? {
        LATEST => Ok(History::NotShared),
        SHARED => Ok(History::SharedFrom(Version::new(fields.number(START_VERSION)?))),
        _ => Err(fields.bad(HISTORY)),
    }
}

/// Rules that cannot be written as JSON do not exist: they are texts.
fn with_partitions(item: Builder, partitions: &[PartitionRule]) -> Builder {
    if partitions.is_empty() {
        return item;
    }
    let entries = serde_json::to_string(&rules::partition_entries(partitions)).unwrap_or_default();
    item.text(PARTITIONS, &entries).ruled()
}

fn read_partitions(fields: &Fields<'_>) -> Result<Vec<PartitionRule>, ItemError> {
    let Some(text) = fields.text_if_any(PARTITIONS)? else {
        fields.check_ruled(false, PARTITIONS)?;
        return Ok(Vec::new());
    };
    let entries: Vec<rules::PartitionEntry> = serde_json::from_str(text).map_err(|_| fields.bad(PARTITIONS))?;
    match rules::partition_rules(&entries) {
        Ok(rules) if !rules.is_empty() => Ok(rules),
        _ => Err(fields.bad(PARTITIONS)),
    }
}

/// Reads a table's item.
///
/// # Errors
/// When it is none that this program knows.
pub fn read_table(item: &Item) -> Result<StoredTable, ItemError> {
    let fields = Fields::of_ruled("table", item)?;
    let share = ShareName::parse(fields.text(SHARE_NAME)?).map_err(|_| fields.bad(SHARE_NAME))?;
    let schema = SchemaName::parse(fields.text(SCHEMA_NAME)?).map_err(|_| fields.bad(SCHEMA_NAME))?;
    let name = TableName::parse(fields.text(DISPLAY)?).map_err(|_| fields.bad(DISPLAY))?;
    let named = Entity::Table { share: share.folded(), schema: schema.folded(), table: name.folded() };
    at(item, &fields, &named)?;
    let origin = match fields.text_if_any(ORIGIN)? {
        None => Origin::Named,
        Some(FOUND) => Origin::Found,
        Some(_) => return Err(fields.bad(ORIGIN)),
    };
    // A set has no order of its own.
    let mut auxiliary_locations = fields.texts(AUXILIARY_LOCATIONS)?;
    auxiliary_locations.sort();
    let record = TableRecord {
        share,
        schema,
        name,
        id: fields.text(TABLE_ID)?.to_owned(),
        location: fields.text(LOCATION)?.to_owned(),
        auxiliary_locations,
        region: fields.owned_if_any(REGION)?,
        endpoint: fields.owned_if_any(ENDPOINT)?,
        role_arn: fields.owned_if_any(ROLE_ARN)?,
        external_id: fields.owned_if_any(EXTERNAL_ID)?,
        history: read_history(&fields)?,
        partitions: read_partitions(&fields)?,
        comment: fields.owned_if_any(COMMENT)?,
        look: look_if_any(&fields)?,
        origin,
        created_at: fields.moment_if_any(CREATED)?,
    };
    Ok(StoredTable { record, share_id: fields.text(SHARE_ID)?.to_owned() })
}

/// An item is read only where its names say it is: one copied to another key is nobody's.
fn at(item: &Item, fields: &Fields<'_>, named: &Entity<'_>) -> Result<(), ItemError> {
    let (pk, sk) = primary_key(item)?;
    if Entity::of(pk, sk).as_ref() == Some(named) { Ok(()) } else { Err(fields.bad(key::SK)) }
}
