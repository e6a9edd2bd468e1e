//! The register of tables in a catalogue document.

use async_trait::async_trait;

use super::EmbeddedProviderCatalog;
use super::changes::{checked_location, is_table};
use super::records::{iso, moment, name};
use crate::catalog::document::RegisteredEntry;
use crate::catalog::event::Deed;
use crate::catalog::register::{Look, RegisteredTable, TableRegister};
use crate::catalog::write::WriteError;
use crate::model::name::TableName;

fn registered_text(name: &TableName) -> String {
    format!("registered table '{name}'")
}

fn record(entry: &RegisteredEntry) -> Result<RegisteredTable, WriteError> {
    Ok(RegisteredTable {
        name: name(&entry.name, "table", TableName::parse)?,
        location: entry.location.clone(),
        region: entry.region.clone(),
        role_arn: entry.role_arn.clone(),
        external_id: entry.external_id.clone(),
        comment: entry.comment.clone(),
        look: if entry.without_validation { Look::LeftOut } else { Look::Taken },
        created_at: moment(entry.created_at.as_ref(), "a table's registration")?,
    })
}

pub(super) fn entry(table: &RegisteredTable) -> RegisteredEntry {
    RegisteredEntry {
        name: table.name.as_str().to_owned(),
        location: table.location.clone(),
        region: table.region.clone(),
        role_arn: table.role_arn.clone(),
        external_id: table.external_id.clone(),
        comment: table.comment.clone(),
        without_validation: table.look == Look::LeftOut,
        created_at: iso(table.created_at),
    }
}

#[async_trait]
impl TableRegister for EmbeddedProviderCatalog {
    async fn registered_tables(&self) -> Result<Vec<RegisteredTable>, WriteError> {
        self.read(|document| {
            let mut tables = document.registered_tables.iter().map(record).collect::<Result<Vec<_>, _>>()?;
            tables.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(tables)
        })
        .await
    }

    async fn registered_table(&self, name: &TableName) -> Result<Option<RegisteredTable>, WriteError> {
        let name = name.clone();
        self.read(move |document| {
            document.registered_tables.iter().find(|entry| is_table(&entry.name, &name)).map(record).transpose()
        })
        .await
    }

    async fn register_table(&self, table: &RegisteredTable) -> Result<(), WriteError> {
        let table = table.clone();
        self.change(move |document| {
            checked_location(&table.location)?;
            if document.registered_tables.iter().any(|entry| is_table(&entry.name, &table.name)) {
                return Err(WriteError::Exists { what: registered_text(&table.name) });
            }
            document.registered_tables.push(entry(&table));
            Ok(Deed::register_table(&table))
        })
        .await
    }

    async fn unregister_table(&self, name: &TableName) -> Result<(), WriteError> {
        let name = name.clone();
        self.change(move |document| {
            let Some(before) = document.registered_tables.iter().find(|entry| is_table(&entry.name, &name)) else {
                return Err(WriteError::Missing { what: registered_text(&name) });
            };
            let deed = Deed::unregister_table(&record(before)?);
            document.registered_tables.retain(|entry| !is_table(&entry.name, &name));
            Ok(deed)
        })
        .await
    }
}
