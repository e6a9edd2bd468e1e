//! What the catalogue alone tells of a recipient: its grants, why some of them give nothing, and the tables behind the
//! others. Only what was granted is asked for, so it costs what the recipient may read and not what there is.

use futures::{StreamExt, TryStreamExt};
use shared::catalog::located::found_id;
use shared::catalog::write::{GrantRecord, SchemaRecord, ShareRecord, TableRecord};
use shared::limits::CATALOG_LISTS_AT_ONCE;
use shared::model::name::TableName;
use shared::model::rule::Window;
use shared::model::version::TimestampMs;
use shared::provider::names::TableRef;
use shared::provider::{ProviderError, schemas, shares, tables};

use super::super::target::{Reading, Target};
use super::super::told;
use super::reading::Reader;
use super::reasons;
use crate::inspect::bucket::Role;
use crate::inspect::one_line;

/// What is behind a recipient's grants.
#[derive(Default)]
pub(super) struct Behind {
    /// The grants, each with why it gives nothing.
    pub(super) grants: Vec<(GrantRecord, Option<String>)>,
    /// The tables of those that are good, with when they are.
    pub(super) tables: Vec<(TableRecord, Window)>,
    /// What the operator should know.
    pub(super) notes: Vec<String>,
}

/// What is behind these grants, or behind those of one table's share that table alone.
///
/// # Errors
/// A sentence for the person at the terminal.
pub(super) async fn behind(
    (target, reader): (&Target, &Reader<'_>),
    grants: Vec<GrantRecord>,
    wanted: Option<&TableRef>,
    now: TimestampMs,
) -> Result<Behind, String> {
    let grants = grants.into_iter().filter(|grant| wanted.is_none_or(|name| name.share == grant.share));
    let looks = grants.map(|grant| one((target, reader), grant, wanted, now));
    let mut looks = futures::stream::iter(looks).buffered(CATALOG_LISTS_AT_ONCE);
    let mut all = Behind::default();
    while let Some(Behind { grants, tables, notes }) = looks.try_next().await? {
        all.grants.extend(grants);
        all.tables.extend(tables);
        all.notes.extend(notes);
    }
    Ok(all)
}

async fn one(
    (target, reader): (&Target, &Reader<'_>),
    grant: GrantRecord,
    wanted: Option<&TableRef>,
    now: TimestampMs,
) -> Result<Behind, String> {
    let provider = &target.provider;
    let share = shares::find(provider, &grant.share).await.map_err(told)?;
    let why = reasons::of_grant(&grant, share.as_ref(), now);
    let mut behind = Behind::default();
    if why.is_none()
        && let Some(share) = &share
    {
        let (records, notes) = of_share((target, reader), share, wanted).await?;
        behind.tables = records.into_iter().map(|record| (record, grant.window)).collect();
        behind.notes = notes;
    }
    behind.grants.push((grant, why));
    Ok(behind)
}

/// The tables of a share, those in the places of its schemas too where the server looks there itself.
async fn of_share(
    (target, reader): (&Target, &Reader<'_>),
    share: &ShareRecord,
    wanted: Option<&TableRef>,
) -> Result<(Vec<TableRecord>, Vec<String>), String> {
    let provider = &target.provider;
    let mut records = match wanted {
        None => tables::of_share(provider, share).await.map_err(told)?,
        Some(name) => match tables::show(provider, name).await {
            Ok(record) => vec![record],
            Err(missing @ ProviderError::Missing { .. }) => {
                let found = in_its_place((target, reader), share, name).await?;
                return found.map(|record| (vec![record], Vec::new())).ok_or_else(|| told(missing));
            }
            Err(other) => return Err(told(other)),
        },
    };
    let mut notes = Vec::new();
    if target.lists_places() && wanted.is_none() {
        for schema in schemas::of_share(provider, share).await.map_err(told)? {
            match found_in((target, reader), share, &schema, &records).await {
                Ok(found) => records.extend(found),
                Err(why) => notes.push(format!(
                    "schema '{}.{}' shares the tables in its place as well, which could not be looked at: {}",
                    schema.share,
                    schema.name,
                    one_line(&why)
                )),
            }
        }
        records.sort_by(|a, b| (a.schema.folded(), a.name.folded()).cmp(&(b.schema.folded(), b.name.folded())));
    }
    Ok((records, notes))
}

/// A table that no entry names, should it lie in the place of its schema.
async fn in_its_place(
    (target, reader): (&Target, &Reader<'_>),
    share: &ShareRecord,
    name: &TableRef,
) -> Result<Option<TableRecord>, String> {
    if !target.lists_places() {
        return Ok(None);
    }
    let places = schemas::of_share(&target.provider, share).await.map_err(told)?;
    let Some(schema) = places.into_iter().find(|schema| schema.name == name.schema) else { return Ok(None) };
    let found = found_in((target, reader), share, &schema, &[]).await?;
    Ok(found.into_iter().find(|record| record.name == name.table))
}

/// The tables in a schema's place that no entry of the schema names.
async fn found_in(
    (target, reader): (&Target, &Reader<'_>),
    share: &ShareRecord,
    schema: &SchemaRecord,
    named: &[TableRecord],
) -> Result<Vec<TableRecord>, String> {
    let role = schema.role_arn.clone().map(|arn| Role { arn, external_id: schema.external_id.clone() });
    let reading = Reading { auxiliary_locations: &[], region: schema.region.as_deref(), endpoint: None, role };
    let below = target.look_below(&target.recorded_place(&schema.location)?, reading).await?;
    let place = reader.locate(&schema.location)?;
    let is_named = |name: &TableName| named.iter().any(|table| table.schema == schema.name && table.name == *name);
    let mut found = Vec::new();
    for name in below.tables.into_iter().filter(|name| !is_named(name)) {
        let mut record = schemas::in_place(&target.provider, schema, &share.id, &name).map_err(told)?;
        // As the server finds it, for which a folder is a bucket.
        if let Some(table) = place.below(name.as_str()) {
            record.id = found_id(&share.id, &schema.name, &table);
        }
        found.push(record);
    }
    Ok(found)
}
