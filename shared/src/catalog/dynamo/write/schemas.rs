//! The places of schemas. A place is a part of the schema's item, which stays while it has a place or a table.

use super::transaction::{Transaction, Verdict, number, text, when};
use super::{Attempt, DynamoProviderCatalog, FREE_OR_LEFT, SAME_LIVE_SHARE, SAME_SHARE, settle, share_text};
use crate::catalog::event::Deed;
use crate::catalog::item::ACTIVE;
use crate::catalog::item::schema::{located_item, unlocated_item};
use crate::catalog::key;
use crate::catalog::reach;
use crate::catalog::write::{SchemaRecord, WriteError};
use crate::model::location::TableLocation;
use crate::model::name::{SchemaName, ShareName};

fn place_text(share: &ShareName, schema: &SchemaName) -> String {
    format!("place of schema '{share}.{schema}'")
}

impl DynamoProviderCatalog {
    pub(super) async fn write_place(&self, schema: &SchemaRecord) -> Result<(), WriteError> {
        TableLocation::parse(&schema.location)
            .map_err(|error| WriteError::Refused(format!("the location {error}, for functions read from S3 only")))?;
        let SchemaRecord { region, role_arn, external_id, .. } = schema;
        reach::from_parts(region.as_deref(), None, role_arn.as_deref(), external_id.as_deref())
            .map_err(WriteError::Refused)?;
        settle(|| place_text(&schema.share, &schema.name), || self.try_to_write_place(schema)).await
    }

    async fn try_to_write_place(&self, schema: &SchemaRecord) -> Result<Attempt, WriteError> {
        let share = self.live_share(&schema.share).await?.record;
        let mut schema = SchemaRecord { share: share.name.clone(), ..schema.clone() };
        let (tables, free) = match self.own_schema(&share.name, &schema.name, &share.id).await? {
            Some(stored) if stored.place.is_some() => {
                return Err(WriteError::Exists { what: place_text(&share.name, &stored.name) });
            }
            Some(stored) => {
                schema.name = stored.name;
                let unchanged = when(format!("{SAME_SHARE} AND #tables = :tables AND attribute_not_exists(#location)"));
                (stored.tables, unchanged.with(":share", text(&share.id)).with(":tables", number(stored.tables)))
            }
            None => (0, when(FREE_OR_LEFT).with(":share", text(&share.id))),
        };
        let live = when(SAME_LIVE_SHARE).with(":share", text(&share.id)).with(":active", text(ACTIVE));
        let transaction = Transaction::new(&self.rows)
            .check(&key::share_key(&share.name)?, live)
            .put(located_item(&schema, &share.id, tables)?, free);
        let event = self.event_of(Deed::locate_schema(&schema)).await?;
        Ok(match transaction.with_event(event).write().await? {
            Verdict::Written => Attempt::Done,
            Verdict::Refused(_) | Verdict::Contended => Attempt::Again,
        })
    }

    pub(super) async fn drop_place(&self, share: &ShareName, schema: &SchemaName) -> Result<(), WriteError> {
        settle(|| place_text(share, schema), || self.try_to_drop_place(share, schema)).await
    }

    async fn try_to_drop_place(&self, share: &ShareName, schema: &SchemaName) -> Result<Attempt, WriteError> {
        let Some(stored) = self.stored_share(share).await? else {
            return Err(WriteError::Missing { what: share_text(share) });
        };
        let share_id = stored.record.id;
        let own = self.own_schema(share, schema, &share_id).await?;
        let before = own.clone().and_then(|own| own.into_record(&stored.record.name));
        let (Some(own), Some(before)) = (own, before) else {
            return Err(WriteError::Missing { what: place_text(share, schema) });
        };
        let unchanged = when(format!("{SAME_SHARE} AND #tables = :tables AND attribute_exists(#location)"))
            .with(":share", text(&share_id))
            .with(":tables", number(own.tables));
        let transaction = Transaction::new(&self.rows);
        let transaction = match own.tables {
            0 => transaction.delete(&key::schema_key(share, schema)?, unchanged),
            tables => transaction.put(unlocated_item(&stored.record.name, &own.name, &share_id, tables)?, unchanged),
        };
        let event = self.event_of(Deed::unlocate_schema(&before)).await?;
        Ok(match transaction.with_event(event).write().await? {
            Verdict::Written => Attempt::Done,
            Verdict::Refused(_) | Verdict::Contended => Attempt::Again,
        })
    }
}
