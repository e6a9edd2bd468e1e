//! The register of tables in DynamoDB: one item a table, which nothing hangs on.

use async_trait::async_trait;

use super::transaction::{Transaction, Verdict, when};
use super::{DynamoProviderCatalog, FREE};
use crate::catalog::dynamo::rows::Reading;
use crate::catalog::event::Deed;
use crate::catalog::item::registered::{read_registered, registered_item};
use crate::catalog::key;
use crate::catalog::register::{RegisteredTable, TableRegister};
use crate::catalog::write::WriteError;
use crate::model::location::TableLocation;
use crate::model::name::TableName;

fn registered_text(name: &TableName) -> String {
    format!("registered table '{name}'")
}

#[async_trait]
impl TableRegister for DynamoProviderCatalog {
    async fn registered_tables(&self) -> Result<Vec<RegisteredTable>, WriteError> {
        let rows = self.rows.indexed(key::REGISTERED, "").await?;
        Ok(rows.iter().map(read_registered).collect::<Result<_, _>>()?)
    }

    async fn registered_table(&self, name: &TableName) -> Result<Option<RegisteredTable>, WriteError> {
        let row = self.rows.get(&key::registered_key(name)?, Reading::Consistent).await?;
        Ok(row.as_ref().map(read_registered).transpose()?)
    }

    async fn register_table(&self, table: &RegisteredTable) -> Result<(), WriteError> {
        TableLocation::parse(&table.location)
            .map_err(|error| WriteError::Refused(format!("the location {error}, for functions read from S3 only")))?;
        let what = || registered_text(&table.name);
        let event = self.event_of(Deed::register_table(table)).await?;
        let transaction = Transaction::new(&self.rows).put(registered_item(table)?, when(FREE)).with_event(event);
        match transaction.write().await? {
            Verdict::Written => Ok(()),
            Verdict::Refused(_) => Err(WriteError::Exists { what: what() }),
            Verdict::Contended => Err(WriteError::Conflict { what: what() }),
        }
    }

    async fn unregister_table(&self, name: &TableName) -> Result<(), WriteError> {
        let Some(before) = self.registered_table(name).await? else {
            return Err(WriteError::Missing { what: registered_text(name) });
        };
        let there = when("attribute_exists(#PK)");
        let transaction = Transaction::new(&self.rows).delete(&key::registered_key(name)?, there);
        let event = self.event_of(Deed::unregister_table(&before)).await?;
        match transaction.with_event(event).write().await? {
            Verdict::Written => Ok(()),
            Verdict::Refused(_) => Err(WriteError::Missing { what: registered_text(name) }),
            Verdict::Contended => Err(WriteError::Conflict { what: registered_text(name) }),
        }
    }
}
