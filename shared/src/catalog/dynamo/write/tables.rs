//! Adding and removing tables. A schema is an item of its own that counts its tables: it comes with the first one and goes
//! with the last, unless it has a place.

use super::transaction::{Transaction, Verdict, number, text, when};
use super::{
    Attempt, DynamoProviderCatalog, FREE_OR_LEFT, SAME_LIVE_SHARE, SAME_SHARE, settle, share_text, table_text,
};
use crate::catalog::dynamo::rows::Reading;
use crate::catalog::event::Deed;
use crate::catalog::item::schema::{StoredSchema, read_schema, schema_item};
use crate::catalog::item::share::{read_share, read_table, table_item};
use crate::catalog::item::{ACTIVE, Item};
use crate::catalog::key;
use crate::catalog::write::{TableRecord, WriteError};
use crate::catalog::{auxiliary, reach, rules};
use crate::model::location::TableLocation;
use crate::model::name::{SchemaName, ShareName, TableName};

impl DynamoProviderCatalog {
    pub(super) async fn write_table(&self, table: &TableRecord) -> Result<(), WriteError> {
        TableLocation::parse(&table.location)
            .map_err(|error| WriteError::Refused(format!("the location {error}, for functions read from S3 only")))?;
        reach::of(table).map_err(WriteError::Refused)?;
        auxiliary::check(&table.location, &table.auxiliary_locations).map_err(WriteError::Refused)?;
        rules::check_partitions(&table.partitions).map_err(WriteError::Refused)?;
        let what = || table_text(&table.share, &table.schema, &table.name);
        settle(what, || self.try_to_write_table(table)).await
    }

    async fn try_to_write_table(&self, table: &TableRecord) -> Result<Attempt, WriteError> {
        let schema_key = key::schema_key(&table.share, &table.schema)?;
        let (share, row) = self.live_share_and(&table.share, &schema_key).await?;
        let share = share.record;
        let schema = own_schema(row.as_ref(), &share.id)?;
        // One schema and one share have one spelling, that of the first table and of the share.
        let mut table = TableRecord { share: share.name.clone(), ..table.clone() };
        if let Some(schema) = &schema {
            table.schema = schema.name.clone();
        }
        let live = when(SAME_LIVE_SHARE).with(":share", text(&share.id)).with(":active", text(ACTIVE));
        let left = || when(FREE_OR_LEFT).with(":share", text(&share.id));
        let transaction = Transaction::new(&self.rows).check(&key::share_key(&share.name)?, live);
        let transaction = match schema {
            Some(_) => {
                let same = when(SAME_SHARE).with(":share", text(&share.id)).with(":one", number(1));
                transaction.update(&schema_key, "SET #tables = #tables + :one", same)
            }
            None => transaction.put(schema_item(&table, &share.id)?, left()),
        };
        let event = self.event_of(Deed::add_table(&table)).await?;
        let verdict = transaction.put(table_item(&table, &share.id)?, left()).with_event(event).write().await?;
        match verdict {
            Verdict::Written => Ok(Attempt::Done),
            _ if verdict.refused(2) => {
                Err(WriteError::Exists { what: table_text(&table.share, &table.schema, &table.name) })
            }
            _ => Ok(Attempt::Again),
        }
    }

    pub(super) async fn drop_table(
        &self,
        share: &ShareName,
        schema: &SchemaName,
        name: &TableName,
    ) -> Result<(), WriteError> {
        settle(|| table_text(share, schema, name), || self.try_to_drop_table(share, schema, name)).await
    }

    async fn try_to_drop_table(
        &self,
        share: &ShareName,
        schema: &SchemaName,
        name: &TableName,
    ) -> Result<Attempt, WriteError> {
        let (share_key, schema_key) = (key::share_key(share)?, key::schema_key(share, schema)?);
        let table_key = key::table_key(share, schema, name)?;
        let keys = [share_key.clone(), schema_key.clone(), table_key.clone()];
        let found = self.rows.batch(&keys, Reading::Consistent).await?;
        let Some(stored) = found.get(&share_key) else {
            return Err(WriteError::Missing { what: share_text(share) });
        };
        let share_id = read_share(stored)?.record.id;
        let table = found.get(&table_key).map(read_table).transpose()?.filter(|table| table.share_id == share_id);
        let Some(table) = table else {
            return Err(WriteError::Missing { what: table_text(share, schema, name) });
        };
        let same = when("#tableId = :table").with(":table", text(&table.record.id));
        let mut transaction = Transaction::new(&self.rows).delete(&table_key, same);
        if let Some(stored) = own_schema(found.get(&schema_key), &share_id)? {
            let last = stored.tables <= 1 && stored.place.is_none();
            let placeless = if last { " AND attribute_not_exists(#location)" } else { "" };
            let counted = when(format!("{SAME_SHARE} AND #tables = :tables{placeless}"))
                .with(":share", text(&share_id))
                .with(":tables", number(stored.tables));
            transaction = if last {
                transaction.delete(&schema_key, counted)
            } else {
                transaction.update(&schema_key, "SET #tables = #tables - :one", counted.with(":one", number(1)))
            };
        }
        let event = self.event_of(Deed::remove_table(&table.record)).await?;
        Ok(match transaction.with_event(event).write().await? {
            Verdict::Written => Attempt::Done,
            Verdict::Refused(_) | Verdict::Contended => Attempt::Again,
        })
    }

    /// The schema, unless another share of the name left it.
    pub(super) async fn own_schema(
        &self,
        share: &ShareName,
        schema: &SchemaName,
        share_id: &str,
    ) -> Result<Option<StoredSchema>, WriteError> {
        let row = self.rows.get(&key::schema_key(share, schema)?, Reading::Consistent).await?;
        own_schema(row.as_ref(), share_id)
    }
}

/// The schema in a row, unless another share of the name left it.
fn own_schema(row: Option<&Item>, share_id: &str) -> Result<Option<StoredSchema>, WriteError> {
    let stored = row.map(read_schema).transpose()?;
    Ok(stored.filter(|stored| stored.share_id == share_id))
}
