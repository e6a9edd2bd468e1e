//! A look at a place that holds tables: which folders directly below it are tables, and which cannot be shared.

use std::path::Path;

use aws_sdk_s3::Client;
use futures::{StreamExt, TryStreamExt};
use shared::catalog::located::told_apart;
use shared::limits::{FETCHES_IN_FLIGHT_MAX, SCHEMA_FOLDERS_MAX};
use shared::model::location::TableLocation;
use shared::model::name::TableName;
use shared::storage::s3::folders::folders_below;

use super::{Kind, Reading, Target};
use crate::inspect::bucket::reason;
use crate::locations::Place;

/// What a look at a place gave.
#[derive(Debug, Default)]
pub struct Below {
    /// The tables there, in the order of lists.
    pub tables: Vec<TableName>,
    /// What is left out, and why.
    pub skipped: Vec<String>,
    /// The bucket's region, when it is another than the server's.
    pub region: Option<String>,
    /// What the operator should know.
    pub note: Option<String>,
}

impl Target {
    /// Whether the server of this catalogue lists what lies in a schema's place by itself. On AWS what was noted is listed.
    pub fn lists_places(&self) -> bool {
        matches!(self.kind(), Kind::Local { .. })
    }

    /// Looks which tables lie directly below a place.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub async fn look_below(&self, place: &Place, new: Reading<'_>) -> Result<Below, String> {
        match place {
            Place::Folder(folder) => Ok(sorted(folders_in(folder)?, Below::default())),
            Place::Bucket(location) => {
                let reached = self.reached(location.clone(), new).await?;
                let tables = tables_below(&reached.bucket.client(), location).await?;
                Ok(sorted(tables, Below { region: reached.region, note: reached.note, ..Below::default() }))
            }
        }
    }
}

const IS_A_TABLE: &str = "is a Delta table itself, and not a place that holds tables; add it as a table";

/// The names of the folders of this machine that are tables.
fn folders_in(folder: &Path) -> Result<Vec<String>, String> {
    let shown = folder.display();
    let is_table = |folder: &Path| folder.join("_delta_log").is_dir();
    if is_table(folder) {
        return Err(format!("{shown} {IS_A_TABLE}"));
    }
    let unreadable = |error: std::io::Error| format!("cannot read the folder {shown}: {error}");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if is_table(&path) {
            names.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    if names.len() > SCHEMA_FOLDERS_MAX {
        return Err(format!("{shown} holds more than {SCHEMA_FOLDERS_MAX} tables; spread them over several schemas"));
    }
    Ok(names)
}

/// The names of the folders of a bucket that are tables.
async fn tables_below(client: &Client, place: &TableLocation) -> Result<Vec<String>, String> {
    let shown = format!("s3://{}/{}", place.bucket(), place.prefix());
    if has_log(client, place).await.map_err(|why| format!("{shown} cannot be listed: {why}"))? {
        return Err(format!("{shown} {IS_A_TABLE}"));
    }
    let folders = folders_below(client, place).await;
    let folders = folders.map_err(|error| format!("{shown} cannot be listed: {}", shared::error::chain(&error)))?;
    let looks = folders.into_iter().filter_map(|folder| Some((place.below(&folder)?, folder)));
    let looks = looks.map(|(table, folder)| async move { Ok(has_log(client, &table).await?.then_some(folder)) });
    let looks = futures::stream::iter(looks).buffer_unordered(FETCHES_IN_FLIGHT_MAX);
    let names = looks.try_filter_map(|name| async { Ok(name) }).try_collect::<Vec<_>>().await;
    names.map_err(|why: String| format!("a folder at {shown} cannot be listed: {why}"))
}

async fn has_log(client: &Client, table: &TableLocation) -> Result<bool, String> {
    let request = client.list_objects_v2().bucket(table.bucket()).prefix(table.log_key("")).max_keys(1);
    let page = request.send().await.map_err(|error| reason(&error))?;
    Ok(!page.contents().is_empty())
}

/// Sorts what can be shared from what cannot.
fn sorted(folders: Vec<String>, mut below: Below) -> Below {
    (below.tables, below.skipped) = told_apart(folders);
    below.skipped.sort();
    below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_told_from_other_folders_and_from_each_other() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["orders", "Cars", "a b", "Twin", "twin", "no-table"] {
            let log = folder.path().join(name).join("_delta_log");
            std::fs::create_dir_all(if name == "no-table" { log.parent().unwrap() } else { &log }).unwrap();
        }
        let below = sorted(folders_in(folder.path()).unwrap(), Below::default());
        let names: Vec<&str> = below.tables.iter().map(TableName::as_str).collect();
        assert_eq!(names, ["Cars", "orders"]);
        assert_eq!(
            below.skipped,
            ["'Twin', 'twin': one name, compared without case", "'a b': the name contains a space"]
        );
        let table = folders_in(&folder.path().join("orders")).unwrap_err();
        assert!(table.contains("is a Delta table itself"), "{table}");
        assert!(folders_in(&folder.path().join("none")).unwrap_err().contains("cannot read the folder"));
    }
}
