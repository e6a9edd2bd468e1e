//! Items of schemas: how many tables each has, and the place that it shares, if any.

use super::share::{EXTERNAL_ID, LOCATION, REGION, ROLE_ARN, read_history, with_history};
use super::{Builder, CREATED, DISPLAY, Fields, Item, ItemError, SHARE_ID, primary_key};
use crate::catalog::key::{self, Entity, KeyError};
use crate::catalog::located::LocatedSchema;
use crate::catalog::reach;
use crate::catalog::write::{SchemaRecord, TableRecord};
use crate::model::location::TableLocation;
use crate::model::name::{SchemaName, ShareName};
use crate::model::rule::Window;
use crate::model::securable::{History, Schema, Share};
use crate::model::version::TimestampMs;

/// Attribute of a schema: how many tables it has.
pub const TABLES: &str = "tables";

/// A schema's item with what only the catalogue itself needs.
#[derive(Debug, Clone)]
pub struct StoredSchema {
    /// Its name.
    pub name: SchemaName,
    /// The share's id.
    pub share_id: String,
    /// How many tables it has.
    pub tables: u64,
    /// Its place, if it has one.
    pub place: Option<StoredPlace>,
}

/// The place of a schema.
#[derive(Debug, Clone)]
pub struct StoredPlace {
    /// `s3://bucket/prefix`.
    pub location: String,
    /// The bucket's region.
    pub region: Option<String>,
    /// The role that reads it.
    pub role_arn: Option<String>,
    /// The role's external id.
    pub external_id: Option<String>,
    /// What of its tables' histories is shared.
    pub history: History,
    /// When it was added.
    pub created_at: Option<TimestampMs>,
}

impl StoredSchema {
    /// As its provider sees it; nothing when it has no place.
    pub fn into_record(self, share: &ShareName) -> Option<SchemaRecord> {
        let StoredPlace { location, region, role_arn, external_id, history, created_at } = self.place?;
        let (share, name) = (share.clone(), self.name);
        Some(SchemaRecord { share, name, location, region, role_arn, external_id, history, created_at })
    }

    /// As a recipient of the share sees it; nothing when it has no place, or is left over from another share of that name.
    ///
    /// # Errors
    /// When the place cannot be reached by this program.
    pub fn into_located(self, share: &Share, window: Window) -> Result<Option<LocatedSchema>, ItemError> {
        let Some(place) = self.place.filter(|_| self.share_id == share.id) else { return Ok(None) };
        let bad = |name| ItemError::Attribute { kind: "schema", name };
        let reach =
            reach::from_parts(place.region.as_deref(), None, place.role_arn.as_deref(), place.external_id.as_deref())
                .map_err(|_| bad(EXTERNAL_ID))?;
        let location = TableLocation::parse(&place.location).map_err(|_| bad(LOCATION))?.reached_by(reach);
        Ok(Some(LocatedSchema {
            share: share.name.clone(),
            share_id: self.share_id,
            name: self.name,
            location,
            history: place.history,
            window,
        }))
    }

    /// As a recipient of the share sees it; nothing when it is left over from another share of that name.
    pub fn into_schema(self, share: &Share) -> Option<Schema> {
        (self.share_id == share.id).then(|| Schema { share: share.name.clone(), name: self.name })
    }
}

/// The item of a schema with its first table.
///
/// # Errors
/// When it has no key.
pub fn schema_item(table: &TableRecord, share_id: &str) -> Result<Item, KeyError> {
    Ok(plain_schema(&table.share, &table.schema, share_id, 1)?.build())
}

/// The item of a schema that has so many tables and no place.
///
/// # Errors
/// When it has no key.
pub fn unlocated_item(share: &ShareName, schema: &SchemaName, share_id: &str, tables: u64) -> Result<Item, KeyError> {
    Ok(plain_schema(share, schema, share_id, tables)?.build())
}

/// The item of a schema with a place and so many tables.
///
/// # Errors
/// When it has no key.
pub fn located_item(schema: &SchemaRecord, share_id: &str, tables: u64) -> Result<Item, KeyError> {
    let item = plain_schema(&schema.share, &schema.name, share_id, tables)?
        .text(LOCATION, &schema.location)
        .text_if_any(REGION, schema.region.as_deref())
        .text_if_any(ROLE_ARN, schema.role_arn.as_deref())
        .text_if_any(EXTERNAL_ID, schema.external_id.as_deref())
        .moment_if_any(CREATED, schema.created_at);
    Ok(with_history(item, schema.history).build())
}

fn plain_schema(share: &ShareName, schema: &SchemaName, share_id: &str, tables: u64) -> Result<Builder, KeyError> {
    Ok(Builder::new(&key::schema_key(share, schema)?)
        .text(DISPLAY, schema.as_str())
        .text(SHARE_ID, share_id)
        .number(TABLES, tables))
}

fn read_place(fields: &Fields<'_>) -> Result<Option<StoredPlace>, ItemError> {
    let Some(location) = fields.owned_if_any(LOCATION)? else { return Ok(None) };
    Ok(Some(StoredPlace {
        location,
        region: fields.owned_if_any(REGION)?,
        role_arn: fields.owned_if_any(ROLE_ARN)?,
        external_id: fields.owned_if_any(EXTERNAL_ID)?,
        history: read_history(fields)?,
        created_at: fields.moment_if_any(CREATED)?,
    }))
}

/// Reads a schema's item.
///
/// # Errors
/// When it is none that this program knows.
pub fn read_schema(item: &Item) -> Result<StoredSchema, ItemError> {
    let fields = Fields::of("schema", item)?;
    let name = SchemaName::parse(fields.text(DISPLAY)?).map_err(|_| fields.bad(DISPLAY))?;
    let (pk, sk) = primary_key(item)?;
    match Entity::of(pk, sk) {
        Some(Entity::Schema { schema, .. }) if schema == name.folded() => {}
        _ => return Err(fields.bad(key::SK)),
    }
    Ok(StoredSchema {
        name,
        share_id: fields.text(SHARE_ID)?.to_owned(),
        tables: fields.number(TABLES)?,
        place: read_place(&fields)?,
    })
}
