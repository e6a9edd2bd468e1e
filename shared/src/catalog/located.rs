//! Schemas that share a place: every table in a folder directly below it is theirs, those that come later too. The
//! catalogue knows the place and not what lies there; finding that out is for who can reach it.
//!
//! A table that the catalogue names wins over one of that name in the place.

use std::collections::BTreeMap;

use async_trait::async_trait;
use uuid::Uuid;

use crate::error::Error;
use crate::model::location::TableLocation;
use crate::model::name::{SchemaName, ShareName, TableName};
use crate::model::recipient::Recipient;
use crate::model::rule::{Terms, Window};
use crate::model::securable::{History, Table};
use crate::model::shorten;

/// The name space of the ids of tables that were found.
const SPACE: Uuid = Uuid::from_u128(0x2d3f_8a64_0e7c_4f6b_b1c9_57ac_93e2_6d15);

/// A schema with a place, as one recipient sees it.
#[derive(Debug, Clone)]
pub struct LocatedSchema {
    /// The share it belongs to.
    pub share: ShareName,
    /// The share's id.
    pub share_id: String,
    /// Its name.
    pub name: SchemaName,
    /// The place.
    pub location: TableLocation,
    /// What of its tables' histories recipients may read.
    pub history: History,
    /// When the grant is good.
    pub window: Window,
}

impl LocatedSchema {
    /// The table in the folder of that very name, whether it is there or not; nothing when it is no name of a folder.
    pub fn table(&self, name: TableName) -> Option<Table> {
        let location = self.location.below(name.as_str())?;
        Some(Table {
            share: self.share.clone(),
            share_id: self.share_id.clone(),
            schema: self.name.clone(),
            id: found_id(&self.share_id, &self.name, &location),
            name,
            location,
            history: self.history,
            terms: Terms { window: self.window, ..Terms::default() },
        })
    }
}

/// The id of a table that was found. It follows from the share, the schema and the place, so that whoever finds the table
/// gives it the same one. A table that is deleted and written anew in the same place keeps it; another place, another
/// spelling of the folder or another share means another id.
pub fn found_id(share_id: &str, schema: &SchemaName, location: &TableLocation) -> String {
    // No name holds a slash, and no bucket.
    let text = format!("{share_id}/{}/{}/{}", schema.folded(), location.bucket(), location.prefix());
    Uuid::new_v5(&SPACE, text.as_bytes()).to_string()
}

/// The folders of a place that can be tables, each under a name that is nobody else's; and in words what is left out, for
/// names that the protocol forbids, or that are one name when case does not count.
pub fn told_apart(folders: Vec<String>) -> (Vec<TableName>, Vec<String>) {
    let mut by_name: BTreeMap<String, Vec<TableName>> = BTreeMap::new();
    let (mut names, mut left_out) = (Vec::new(), Vec::new());
    for folder in folders {
        match TableName::parse(&folder) {
            Ok(name) => by_name.entry(name.folded().to_owned()).or_default().push(name),
            Err(why) => left_out.push(format!("'{}': the name {why}", shorten(&folder))),
        }
    }
    for alike in by_name.into_values() {
        match <[TableName; 1]>::try_from(alike) {
            Ok([name]) => names.push(name),
            Err(alike) => {
                let mut alike: Vec<String> = alike.iter().map(|name| format!("'{}'", shorten(name.as_str()))).collect();
                alike.sort();
                left_out.push(format!("{}: one name, compared without case", alike.join(", ")));
            }
        }
    }
    (names, left_out)
}

/// Finds a schema's place.
#[async_trait]
pub trait FindLocatedSchema: Send + Sync {
    /// The schema of that name, compared without case; nothing when it has no place, does not exist or was not granted.
    ///
    /// # Errors
    /// When the catalogue does not answer.
    async fn located_schema(&self, to: &Recipient, share: &str, schema: &str) -> Result<Option<LocatedSchema>, Error>;
}

/// Lists the schemas of a share that have a place.
#[async_trait]
pub trait ListLocatedSchemas: Send + Sync {
    /// All of them, in the order of names.
    ///
    /// # Errors
    /// [`Error::ShareNotFound`].
    async fn located_schemas(&self, to: &Recipient, share: &str) -> Result<Vec<LocatedSchema>, Error>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_one_name_are_nobodys() {
        let folders = ["Orders", "x.y", "orders", "cars", "a b", "ORDERS", "Straße", "STRASSE", "Bikes"];
        let (names, left_out) = told_apart(folders.map(str::to_owned).to_vec());
        assert_eq!(names.iter().map(TableName::as_str).collect::<Vec<_>>(), ["Bikes", "cars"]);
        let expected = [
            "'x.y': the name contains a full stop",
            "'a b': the name contains a space",
            "'ORDERS', 'Orders', 'orders': one name, compared without case",
            "'STRASSE', 'Straße': one name, compared without case",
        ];
        assert_eq!(left_out, expected);
    }

    #[test]
    fn ids_follow_from_share_schema_and_place() {
        let schema = |name| SchemaName::parse(name).unwrap();
        let place = |prefix| TableLocation::new("b", prefix);
        let id = found_id("s-1", &schema("eu"), &place("eu/t"));
        assert!(Uuid::try_parse(&id).is_ok());
        assert_eq!(found_id("s-1", &schema("EU"), &place("/eu/t/")), id);
        for other in [
            found_id("s-2", &schema("eu"), &place("eu/t")),
            found_id("s-1", &schema("us"), &place("eu/t")),
            found_id("s-1", &schema("eu"), &place("eu/T")),
            found_id("s-1", &schema("eu"), &TableLocation::new("c", "eu/t")),
        ] {
            assert_ne!(other, id);
        }
    }
}
