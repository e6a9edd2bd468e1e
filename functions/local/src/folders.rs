//! `spillway serve PATH`: every Delta table under a folder, as a catalogue. A table is a folder that holds `_delta_log`;
//! `PATH/<table>` is `local.default.<table>`, `PATH/<schema>/<table>` is `local.<schema>.<table>`. Names that the
//! protocol forbids are left out, with the reason.

use std::fs;
use std::path::{Path, PathBuf};

use shared::catalog::document::{CatalogDocument, SchemaEntry, ShareEntry, TableEntry};
use shared::model::name::{SchemaName, TableName};

use crate::stable_id::stable_id;

/// The share that holds everything.
pub const SHARE: &str = "local";
/// The schema of tables directly under the folder.
const DEFAULT_SCHEMA: &str = "default";

/// What was found under a folder.
#[derive(Debug)]
pub struct Found {
    /// The share, without recipients.
    pub document: CatalogDocument,
    /// Folders that hold tables but cannot be shared, each with the reason, as sentences.
    pub skipped: Vec<String>,
}

/// Looks for tables.
///
/// # Errors
/// When the folder cannot be read.
pub fn find(path: &Path) -> Result<Found, String> {
    let unreadable = |error: std::io::Error| format!("cannot read the folder {}: {error}", path.display());
    let root = fs::canonicalize(path).map_err(unreadable)?;
    let mut search = Search { schemas: Vec::new(), skipped: Vec::new() };
    if is_table(&root) {
        search.table(DEFAULT_SCHEMA, &root);
    } else {
        for folder in folders_in(&root).map_err(unreadable)? {
            if is_table(&folder) {
                search.table(DEFAULT_SCHEMA, &folder);
            } else {
                search.schema(&folder);
            }
        }
    }
    let share =
        ShareEntry { name: SHARE.into(), id: stable_id(&[SHARE]), schemas: search.schemas, ..Default::default() };
    let document = CatalogDocument { shares: vec![share], ..CatalogDocument::empty() };
    Ok(Found { document, skipped: search.skipped })
}

struct Search {
    schemas: Vec<SchemaEntry>,
    skipped: Vec<String>,
}

impl Search {
    fn schema(&mut self, folder: &Path) {
        let tables: Vec<PathBuf> = match folders_in(folder) {
            Ok(folders) => folders.into_iter().filter(|folder| is_table(folder)).collect(),
            Err(error) => return self.skip(folder, &error.to_string()),
        };
        if tables.is_empty() {
            return;
        }
        let Some(name) = name_of(folder) else { return self.skip(folder, "the name is not UTF-8") };
        if let Err(error) = SchemaName::parse(name) {
            return self.skip(folder, &format!("the name {error}"));
        }
        for table in tables {
            self.table(name, &table);
        }
    }

    fn table(&mut self, schema: &str, folder: &Path) {
        let Some((name, location)) = name_of(folder).zip(folder.to_str()) else {
            return self.skip(folder, "the name is not UTF-8");
        };
        let (parsed, parsed_schema) = match (TableName::parse(name), SchemaName::parse(schema)) {
            (Ok(table), Ok(schema)) => (table, schema),
            (Err(error), _) | (_, Err(error)) => return self.skip(folder, &format!("the name {error}")),
        };
        let entry = TableEntry {
            name: name.to_owned(),
            id: stable_id(&[SHARE, parsed_schema.folded(), parsed.folded()]),
            location: location.to_owned(),
            history_shared: true,
            ..Default::default()
        };
        let same_schema = |entry: &SchemaEntry| SchemaName::parse(&entry.name).is_ok_and(|name| name == parsed_schema);
        let at = self.schemas.iter().position(same_schema).unwrap_or_else(|| {
            self.schemas.push(SchemaEntry { name: schema.to_owned(), ..Default::default() });
            self.schemas.len() - 1
        });
        let Some(schema) = self.schemas.get_mut(at) else { return };
        if schema.tables.iter().any(|other| other.id == entry.id) {
            return self.skip(folder, "another table has this name, compared without case");
        }
        schema.tables.push(entry);
    }

    fn skip(&mut self, folder: &Path, reason: &str) {
        self.skipped.push(format!("{}: {reason}", folder.display()));
    }
}

fn is_table(folder: &Path) -> bool {
    folder.join("_delta_log").is_dir()
}

fn name_of(folder: &Path) -> Option<&str> {
    folder.file_name()?.to_str()
}

/// The folders in a folder, links followed, sorted.
fn folders_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}
