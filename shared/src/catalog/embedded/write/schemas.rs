//! The places of schemas in a catalogue document.

use super::changes::{checked_location, is_schema, share_of};
use super::records::{place_entry, schema_record};
use crate::catalog::document::{CatalogDocument, SchemaEntry, ShareEntry};
use crate::catalog::event::Deed;
use crate::catalog::reach;
use crate::catalog::write::{SchemaRecord, WriteError};
use crate::model::name::{SchemaName, ShareName};

fn schema_text(share: &ShareName, schema: &SchemaName) -> String {
    format!("place of schema '{share}.{schema}'")
}

pub(super) fn schemas_of(share: &ShareEntry) -> Result<Vec<SchemaRecord>, WriteError> {
    let located = share.schemas.iter().filter_map(|schema| Some((schema, schema.place.as_ref()?)));
    let records = located.map(|(schema, place)| schema_record(&share.name, &schema.name, place));
    let mut schemas = records.collect::<Result<Vec<_>, _>>()?;
    schemas.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(schemas)
}

pub(super) fn locate_schema(document: &mut CatalogDocument, schema: &SchemaRecord) -> Result<Deed, WriteError> {
    let SchemaRecord { region, role_arn, external_id, .. } = schema;
    reach::from_parts(region.as_deref(), None, role_arn.as_deref(), external_id.as_deref())
        .map_err(WriteError::Refused)?;
    checked_location(&schema.location)?;
    let share = share_of(document, &schema.share)?;
    let place = Some(place_entry(schema));
    match share.schemas.iter_mut().find(|entry| is_schema(entry, &schema.name)) {
        None => {
            share.schemas.push(SchemaEntry { name: schema.name.as_str().to_owned(), place, ..SchemaEntry::default() })
        }
        Some(entry) if entry.place.is_some() => {
            return Err(WriteError::Exists { what: schema_text(&schema.share, &schema.name) });
        }
        Some(entry) => entry.place = place,
    }
    Ok(Deed::locate_schema(schema))
}

pub(super) fn unlocate_schema(
    document: &mut CatalogDocument,
    share: &ShareName,
    schema: &SchemaName,
) -> Result<Deed, WriteError> {
    let entry = share_of(document, share)?;
    let own = entry.schemas.iter_mut().find(|own| is_schema(own, schema));
    let Some((own, place)) = own.and_then(|own| own.place.clone().map(|place| (own, place))) else {
        return Err(WriteError::Missing { what: schema_text(share, schema) });
    };
    let deed = Deed::unlocate_schema(&schema_record(&entry.name, &own.name, &place)?);
    own.place = None;
    entry.schemas.retain(|own| !own.tables.is_empty() || !is_schema(own, schema));
    Ok(deed)
}
