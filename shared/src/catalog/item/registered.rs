//! Items of registered tables.

use super::share::{EXTERNAL_ID, LOCATION, REGION, ROLE_ARN};
use super::{Builder, COMMENT, CREATED, DISPLAY, Fields, Item, ItemError, primary_key};
use crate::catalog::key::{self, Entity, KeyError};
use crate::catalog::register::{Look, RegisteredTable};
use crate::model::name::TableName;

/// Attribute of a table and a registered table: whether it was looked at, [`TAKEN`] or [`LEFT_OUT`].
pub const LOOK: &str = "look";

/// It was looked at before it was written down.
pub const TAKEN: &str = "taken";
/// It was not.
pub const LEFT_OUT: &str = "leftOut";

/// The attribute's value.
pub(super) fn look_text(look: Look) -> &'static str {
    match look {
        Look::Taken => TAKEN,
        Look::LeftOut => LEFT_OUT,
    }
}

/// What the attribute says; nothing where it is not there.
pub(super) fn look_if_any(fields: &Fields<'_>) -> Result<Option<Look>, ItemError> {
    match fields.text_if_any(LOOK)? {
        None => Ok(None),
        Some(TAKEN) => Ok(Some(Look::Taken)),
        Some(LEFT_OUT) => Ok(Some(Look::LeftOut)),
        Some(_) => Err(fields.bad(LOOK)),
    }
}

/// A registered table's item.
///
/// # Errors
/// When it has no key.
pub fn registered_item(table: &RegisteredTable) -> Result<Item, KeyError> {
    Ok(Builder::new(&key::registered_key(&table.name)?)
        .indexed(&key::registered_index_key(&table.name)?)
        .text(DISPLAY, table.name.as_str())
        .text(LOCATION, &table.location)
        .text_if_any(REGION, table.region.as_deref())
        .text_if_any(ROLE_ARN, table.role_arn.as_deref())
        .text_if_any(EXTERNAL_ID, table.external_id.as_deref())
        .text_if_any(COMMENT, table.comment.as_deref())
        .text(LOOK, look_text(table.look))
        .moment_if_any(CREATED, table.created_at)
        .build())
}

/// Reads a registered table's item.
///
/// # Errors
/// When it is none that this program knows.
pub fn read_registered(item: &Item) -> Result<RegisteredTable, ItemError> {
    let fields = Fields::of("registered table", item)?;
    let name = TableName::parse(fields.text(DISPLAY)?).map_err(|_| fields.bad(DISPLAY))?;
    let (pk, sk) = primary_key(item)?;
    match Entity::of(pk, sk) {
        Some(Entity::Registered { table }) if table == name.folded() => {}
        _ => return Err(fields.bad(key::PK)),
    }
    Ok(RegisteredTable {
        name,
        location: fields.text(LOCATION)?.to_owned(),
        region: fields.owned_if_any(REGION)?,
        role_arn: fields.owned_if_any(ROLE_ARN)?,
        external_id: fields.owned_if_any(EXTERNAL_ID)?,
        comment: fields.owned_if_any(COMMENT)?,
        look: look_if_any(&fields)?.ok_or_else(|| fields.bad(LOOK))?,
        created_at: fields.moment_if_any(CREATED)?,
    })
}
