//! Grants. A grant carries the id of the share it is for; the share counts its grants, so that one with grants is not
//! deleted by mistake even while another operator is granting it.

use std::collections::HashSet;

use super::transaction::{Transaction, Verdict, When, number, text, when};
use super::{
    Attempt, DynamoProviderCatalog, FREE_OR_LEFT, LIVE_RECIPIENT, SAME_LIVE_SHARE, SAME_SHARE, recipient_text, settle,
    share_text,
};
use crate::catalog::dynamo::rows::Reading;
use crate::catalog::event::Deed;
use crate::catalog::item::recipient::{grant_item, read_grant};
use crate::catalog::item::share::read_share;
use crate::catalog::item::{ACTIVE, DELETING, EXPIRES, Lifecycle, NOT_BEFORE};
use crate::catalog::key::{self, Key};
use crate::catalog::rules;
use crate::catalog::write::{GrantRecord, WriteError};
use crate::model::name::{RecipientName, ShareName};
use crate::model::rule::Window;
use crate::model::version::TimestampMs;

fn grant_text(share: &ShareName, recipient: &RecipientName) -> String {
    format!("grant of {} to {}", share_text(share), recipient_text(recipient))
}

/// The grant is still there, for this very share and with this very window.
fn as_it_was(grant: &GrantRecord) -> When {
    let mut condition = SAME_SHARE.to_owned();
    let mut values = Vec::new();
    for (name, value, moment) in [(NOT_BEFORE, ":from", grant.window.from), (EXPIRES, ":until", grant.window.until)] {
        match moment {
            Some(moment) => {
                condition.push_str(&format!(" AND #{name} = {value}"));
                values.push((value, number(moment.millis())));
            }
            None => condition.push_str(&format!(" AND attribute_not_exists(#{name})")),
        }
    }
    let same = when(condition).with(":share", text(&grant.share_id));
    values.into_iter().fold(same, |same, (name, value)| same.with(name, value))
}

impl DynamoProviderCatalog {
    pub(super) async fn grants_on_share(&self, share: &ShareName) -> Result<Vec<GrantRecord>, WriteError> {
        let Some(stored) = self.stored_share(share).await? else { return Ok(Vec::new()) };
        let prefix = key::grants_on(share);
        let rows = self.rows.indexed(prefix.pk(), prefix.sk()).await?;
        let mut grants = rows.iter().map(read_grant).collect::<Result<Vec<_>, _>>()?;
        grants.retain(|grant| grant.share_id == stored.record.id);
        grants.sort_by(|a, b| a.recipient.cmp(&b.recipient));
        Ok(grants)
    }

    pub(super) async fn grants_to_recipient(&self, name: &RecipientName) -> Result<Vec<GrantRecord>, WriteError> {
        let Some(recipient) = self.stored_recipient(name).await? else { return Ok(Vec::new()) };
        let rows = self.rows.all(&key::grants_to(&recipient.record.id)?).await?;
        let mut grants = rows.iter().map(read_grant).collect::<Result<Vec<_>, _>>()?;
        let keys = grants.iter().map(|grant| key::share_key(&grant.share)).collect::<Result<Vec<Key>, _>>()?;
        let found = self.rows.batch(&keys, Reading::Consistent).await?;
        let mut live = HashSet::new();
        for row in keys.iter().filter_map(|key| found.get(key)) {
            let share = read_share(row)?;
            if share.lifecycle == Lifecycle::Active {
                live.insert(share.record.id);
            }
        }
        grants.retain(|grant| live.contains(&grant.share_id));
        Ok(grants)
    }

    pub(super) async fn write_grant(
        &self,
        share: &ShareName,
        recipient: &RecipientName,
        window: Window,
        at: TimestampMs,
    ) -> Result<(), WriteError> {
        rules::check_window(window).map_err(WriteError::Refused)?;
        settle(|| grant_text(share, recipient), || self.try_to_grant(share, recipient, window, at)).await
    }

    async fn try_to_grant(
        &self,
        share: &ShareName,
        recipient: &RecipientName,
        window: Window,
        at: TimestampMs,
    ) -> Result<Attempt, WriteError> {
        let (share, name) = self.live_share_and(share, &key::recipient_name_key(recipient)?).await?;
        let (share, recipient) = (share.record, self.live_recipient_named(recipient, name.as_ref()).await?.record);
        let grant = GrantRecord {
            share: share.name.clone(),
            share_id: share.id.clone(),
            recipient: recipient.name.clone(),
            recipient_id: recipient.id.clone(),
            window,
            granted_at: Some(at),
        };
        let live =
            when(SAME_LIVE_SHARE).with(":share", text(&share.id)).with(":active", text(ACTIVE)).with(":one", number(1));
        let verdict = Transaction::new(&self.rows)
            .update(&key::share_key(&share.name)?, "SET #grants = #grants + :one", live)
            .check(&key::recipient_key(&recipient.id)?, when(LIVE_RECIPIENT).with(":deleting", text(DELETING)))
            .put(grant_item(&grant)?, when(FREE_OR_LEFT).with(":share", text(&share.id)))
            .with_event(self.event_of(Deed::grant(&grant)).await?)
            .write()
            .await?;
        match verdict {
            Verdict::Written => Ok(Attempt::Done),
            _ if verdict.refused(2) => Err(WriteError::Exists { what: grant_text(&share.name, &recipient.name) }),
            _ => Ok(Attempt::Again),
        }
    }

    pub(super) async fn write_grant_window(
        &self,
        share: &ShareName,
        recipient: &RecipientName,
        window: Window,
    ) -> Result<(), WriteError> {
        rules::check_window(window).map_err(WriteError::Refused)?;
        settle(|| grant_text(share, recipient), || self.try_to_write_window(share, recipient, window)).await
    }

    async fn try_to_write_window(
        &self,
        share: &ShareName,
        recipient: &RecipientName,
        window: Window,
    ) -> Result<Attempt, WriteError> {
        let share = self.live_share(share).await?.record;
        let recipient = self.live_recipient(recipient).await?.record;
        let row = self.rows.get(&key::grant_key(&recipient.id, &share.name)?, Reading::Consistent).await?;
        let grant = row.as_ref().map(read_grant).transpose()?.filter(|grant| grant.share_id == share.id);
        let Some(grant) = grant else {
            return Err(WriteError::Missing { what: grant_text(&share.name, &recipient.name) });
        };
        if grant.window == window {
            return Ok(Attempt::Done);
        }
        let (still, event) = (as_it_was(&grant), self.event_of(Deed::set_window(&grant, window)).await?);
        let changed = GrantRecord { window, ..grant };
        let transaction = Transaction::new(&self.rows).put(grant_item(&changed)?, still);
        Ok(match transaction.with_event(event).write().await? {
            Verdict::Written => Attempt::Done,
            Verdict::Refused(_) | Verdict::Contended => Attempt::Again,
        })
    }

    pub(super) async fn drop_grant(&self, share: &ShareName, recipient: &RecipientName) -> Result<(), WriteError> {
        let Some(stored) = self.stored_share(share).await? else {
            return Err(WriteError::Missing { what: share_text(share) });
        };
        let Some(to) = self.stored_recipient(recipient).await? else {
            return Err(WriteError::Missing { what: recipient_text(recipient) });
        };
        let key = key::grant_key(&to.record.id, share)?;
        let row = self.rows.get(&key, Reading::Consistent).await?;
        let grant = row.as_ref().map(read_grant).transpose()?.filter(|grant| grant.share_id == stored.record.id);
        match grant {
            Some(grant) => self.take_back(&grant, Some(Deed::revoke(&grant))).await,
            None => Err(WriteError::Missing { what: grant_text(share, recipient) }),
        }
    }

    /// Removes a grant and counts it off its share, if that is still there. One that is gone already is no mistake. Without
    /// a deed it is part of a larger one.
    pub(super) async fn take_back(&self, grant: &GrantRecord, deed: Option<Deed>) -> Result<(), WriteError> {
        let what = || grant_text(&grant.share, &grant.recipient);
        settle(what, || self.try_to_take_back(grant, deed.clone())).await
    }

    async fn try_to_take_back(&self, grant: &GrantRecord, deed: Option<Deed>) -> Result<Attempt, WriteError> {
        let event = match deed {
            Some(deed) => self.event_of(deed).await?,
            None => None,
        };
        let same = || when(SAME_SHARE).with(":share", text(&grant.share_id));
        let key = key::grant_key(&grant.recipient_id, &grant.share)?;
        let transaction = Transaction::new(&self.rows).delete(&key, same());
        let share = self.stored_share(&grant.share).await?;
        let counted = share.is_some_and(|share| share.record.id == grant.share_id);
        let transaction = if counted {
            let change = "SET #grants = #grants - :one";
            transaction.update(&key::share_key(&grant.share)?, change, same().with(":one", number(1)))
        } else {
            transaction
        };
        let verdict = transaction.with_event(event).write().await?;
        Ok(match verdict {
            Verdict::Written => Attempt::Done,
            _ if verdict.refused(0) => Attempt::Done,
            _ => Attempt::Again,
        })
    }
}
