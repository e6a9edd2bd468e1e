//! The state folder: the catalogue file, and the sample tables as its first content. Whatever a provider has put into
//! the catalogue is never overwritten.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use shared::catalog::document::{CatalogDocument, RecipientEntry, SchemaEntry, ShareEntry, TableEntry};
use shared::catalog::file;

use crate::demo;
use crate::stable_id::stable_id;

/// The name of the recipient that the sample tables are granted to, and of its profile.
pub const DEMO_RECIPIENT: &str = "demo";

/// A state folder.
#[derive(Debug, Clone)]
pub struct StateFolder {
    folder: PathBuf,
}

impl StateFolder {
    /// Makes the folder, for its owner only, unless it is there.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub fn open(folder: &Path) -> Result<Self, String> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .and_then(|()| fs::canonicalize(folder))
            .map(|folder| Self { folder })
            .map_err(|error| format!("cannot use the state folder {}: {error}", folder.display()))
    }

    /// The folder, absolute.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// The catalogue file.
    pub fn catalogue(&self) -> PathBuf {
        self.folder.join("catalogue.json")
    }

    /// Remembers where the server of this folder's catalogue is, for the profiles that are written later.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub fn note_endpoint(&self, endpoint: &str) -> Result<(), String> {
        let path = self.endpoint_file();
        file::write_private(&path, format!("{endpoint}\n").as_bytes())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// Where the server of this folder's catalogue was last; nothing before its first start.
    pub fn noted_endpoint(&self) -> Option<String> {
        let text = fs::read_to_string(self.endpoint_file()).ok()?;
        Some(text.trim().to_owned()).filter(|endpoint| !endpoint.is_empty())
    }

    fn endpoint_file(&self) -> PathBuf {
        self.folder.join("endpoint")
    }

    /// Writes the sample tables and a catalogue with them, where there is no catalogue yet. True when it did.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub async fn fill_if_new(&self) -> Result<bool, String> {
        let catalogue = self.catalogue();
        if catalogue.exists() {
            return Ok(false);
        }
        demo::write_tables(&self.samples()).await?;
        // Whoever began one meanwhile keeps it.
        file::begin(&catalogue, &demo_catalogue())
    }

    /// Removes the sample tables and their catalogue, so that they are written anew.
    ///
    /// # Errors
    /// When the catalogue holds anything that is not the demo's, or a file cannot be removed.
    pub fn reset(&self) -> Result<(), String> {
        let catalogue = self.catalogue();
        file::remove(&catalogue, |document| match is_demo(document) {
            true => Ok(()),
            false => Err(format!(
                "{} holds shares or recipients of your own; --reset only rebuilds the sample data. Choose another folder \
                 with --state, or remove the file yourself",
                catalogue.display()
            )),
        })?;
        let samples = self.samples();
        if samples.exists() {
            fs::remove_dir_all(&samples).map_err(|error| format!("cannot remove {}: {error}", samples.display()))?;
        }
        Ok(())
    }

    fn samples(&self) -> PathBuf {
        self.folder.join("demo")
    }
}

/// Whether a catalogue holds nothing but the sample tables and their recipient.
pub fn is_demo(document: &CatalogDocument) -> bool {
    let own = demo_catalogue();
    let recipients_are_ours =
        document.recipients.iter().all(|recipient| own.recipients.iter().any(|ours| ours.id == recipient.id));
    document.shares == own.shares && recipients_are_ours && document.registered_tables.is_empty()
}

fn demo_catalogue() -> CatalogDocument {
    let share = |name: &str, table: &str, history_shared| ShareEntry {
        name: name.into(),
        id: stable_id(&["demo", name]),
        comment: Some("Sample data, invented by Spillway".into()),
        schemas: vec![SchemaEntry {
            name: "default".into(),
            tables: vec![TableEntry {
                name: table.into(),
                id: stable_id(&["demo", name, "default", table]),
                location: format!("demo/{table}"),
                history_shared,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let shares = vec![share("delta_sharing", "owid-covid-data", true), share("share1", "cars", false)];
    let recipients = vec![RecipientEntry {
        name: DEMO_RECIPIENT.into(),
        id: stable_id(&["demo recipient"]),
        grants: shares.iter().map(|share| share.id.clone()).collect(),
        ..Default::default()
    }];
    CatalogDocument { shares, recipients, ..CatalogDocument::empty() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open(folder.path()).unwrap();
        assert_eq!(state.noted_endpoint(), None);
        state.note_endpoint("http://127.0.0.1:8080/delta-sharing").unwrap();
        assert_eq!(state.noted_endpoint().as_deref(), Some("http://127.0.0.1:8080/delta-sharing"));
    }

    #[test]
    fn a_catalogue_with_content_of_its_own_is_not_the_demo() {
        let mut document = demo_catalogue();
        assert!(is_demo(&document));
        document.shares[0].schemas[0].tables[0].name = "other".into();
        assert!(!is_demo(&document));
        let mut document = demo_catalogue();
        document.recipients[0].id = "another".into();
        assert!(!is_demo(&document));
    }
}
