//! Admin events as DynamoDB keeps them: read month by month, the newest first.

use async_trait::async_trait;

use super::DynamoProviderCatalog;
use crate::catalog::event::{ChangeLog, Changes};
use crate::catalog::item::event::read_event;
use crate::catalog::key;
use crate::catalog::write::WriteError;
use crate::limits::ADMIN_EVENTS_READ_MAX;
use crate::model::version::TimestampMs;

#[async_trait]
impl ChangeLog for DynamoProviderCatalog {
    async fn changes(&self, since: TimestampMs, until: TimestampMs) -> Result<Changes, WriteError> {
        let (floor, first) = (key::event_floor(since), key::month_of(since));
        let mut changes = Changes::default();
        let mut month = Some(key::month_of(until)).filter(|month| !first.is_empty() && *month >= first);
        while let Some(name) = month {
            let mut after = None;
            loop {
                let page = self.rows.latest(&key::events_of(&name), &floor, after.take()).await?;
                for row in &page.rows {
                    changes.events.push(read_event(row)?);
                }
                after = page.next;
                changes.cut_off = changes.events.len() > ADMIN_EVENTS_READ_MAX;
                if after.is_none() || changes.cut_off {
                    break;
                }
            }
            month = key::month_before(&name).filter(|before| !changes.cut_off && *before >= first);
        }
        changes.events.truncate(ADMIN_EVENTS_READ_MAX);
        changes.events.reverse();
        Ok(changes)
    }
}
