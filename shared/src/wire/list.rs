//! The JSON of the list and get routes. Always one line, `items` always there, every item with the same keys, and no
//! `nextPageToken` key on the last page (clients loop on an empty one).

use serde::Serialize;

use crate::error::Error;
use crate::model::securable::{Schema, Share, Table};

/// A share as the protocol shows it.
#[derive(Debug, Serialize)]
pub struct ShareItem {
    name: String,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

impl From<Share> for ShareItem {
    fn from(share: Share) -> Self {
        Self { name: share.name.to_string(), id: share.id, comment: share.comment }
    }
}

/// A schema as the protocol shows it.
#[derive(Debug, Serialize)]
pub struct SchemaItem {
    name: String,
    share: String,
}

impl From<Schema> for SchemaItem {
    fn from(schema: Schema) -> Self {
        Self { name: schema.name.to_string(), share: schema.share.to_string() }
    }
}

/// A table as the protocol shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TableItem {
    name: String,
    schema: String,
    share: String,
    share_id: String,
    id: String,
}

impl From<Table> for TableItem {
    fn from(table: Table) -> Self {
        Self {
            name: table.name.to_string(),
            schema: table.schema.to_string(),
            share: table.share.to_string(),
            share_id: table.share_id,
            id: table.id,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListBody<'a, T> {
    items: &'a [T],
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<&'a str>,
}

#[derive(Serialize)]
struct ShareBody {
    share: ShareItem,
}

/// A page of a list.
///
/// # Errors
/// Never in practice; serialisation is fallible by type.
pub fn list_body<T: Serialize>(items: &[T], next_page_token: Option<&str>) -> Result<Vec<u8>, Error> {
    to_json(&ListBody { items, next_page_token })
}

/// The answer of Get Share.
///
/// # Errors
/// Never in practice; serialisation is fallible by type.
pub fn share_body(share: Share) -> Result<Vec<u8>, Error> {
    to_json(&ShareBody { share: share.into() })
}

/// How many bytes an item takes in a list.
///
/// # Errors
/// Never in practice; serialisation is fallible by type.
pub fn item_bytes<T: Serialize>(item: &T) -> Result<usize, Error> {
    Ok(to_json(item)?.len() + 1)
}

fn to_json<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|cause| Error::internal("an answer could not be written as JSON", cause))
}
