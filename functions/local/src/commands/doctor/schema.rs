//! One schema that shares a place: whether the place can be looked at, and whether all that lies there is listed.

use shared::catalog::write::SchemaRecord;
use shared::model::name::TableName;
use shared::provider::{counted, tables};

use super::super::target::{Reading, Target};
use super::super::told;
use super::{Checks, Outcome};
use crate::inspect::bucket::Role;

/// Notes what lies in the schema's place, and what of it recipients do not see listed.
pub(super) async fn look_at(schema: &SchemaRecord, target: &Target, checks: &mut Checks) {
    let name = format!("{}.{}", schema.share, schema.name);
    checks.note(format!("{name}: place"), seen(schema, &name, target).await.unwrap_or_else(Outcome::Failed));
}

async fn seen(schema: &SchemaRecord, name: &str, target: &Target) -> Result<Outcome, String> {
    let place = target.recorded_place(&schema.location)?;
    let role = schema.role_arn.clone().map(|arn| Role { arn, external_id: schema.external_id.clone() });
    let reading = Reading { auxiliary_locations: &[], region: schema.region.as_deref(), endpoint: None, role };
    let below = target.look_below(&place, reading).await?;
    let mut text = counted(below.tables.len(), "table");
    if !below.skipped.is_empty() {
        text.push_str(&format!("; left out: {}", below.skipped.join(", ")));
    }
    if target.lists_places() {
        return Ok(Outcome::Well(text));
    }
    let listed = tables::list(&target.provider, Some(schema.share.as_str())).await.map_err(told)?;
    let is_listed = |name: &TableName| listed.iter().any(|table| table.schema == schema.name && table.name == *name);
    let unlisted = below.tables.iter().filter(|name| !is_listed(name)).count();
    if unlisted == 0 {
        return Ok(Outcome::Well(text));
    }
    let next = target.line(&format!("schema refresh {name}"));
    Ok(Outcome::Failed(format!(
        "{text}; {unlisted} of them can be read and are not listed yet; list them with: {next}"
    )))
}
