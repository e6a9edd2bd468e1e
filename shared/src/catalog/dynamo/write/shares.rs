//! Creating and deleting shares. A deletion first makes the share invisible, then removes what hangs on it, then the share
//! itself; broken off anywhere, it goes on where it stopped when it is repeated.

use super::transaction::{ACTIONS_MAX, Transaction, Verdict, number, text, when};
use super::{Attempt, DynamoProviderCatalog, FREE, SAME_LIVE_SHARE, being_deleted, settle, share_text};
use crate::catalog::event::Deed;
use crate::catalog::item::recipient::read_grant;
use crate::catalog::item::schema::read_schema;
use crate::catalog::item::share::{StoredShare, read_table, share_item};
use crate::catalog::item::{ACTIVE, DELETING, Lifecycle};
use crate::catalog::key::{self, Key};
use crate::catalog::write::{Deletion, ShareRecord, WriteError};
use crate::model::name::ShareName;

impl DynamoProviderCatalog {
    pub(super) async fn write_share(&self, share: &ShareRecord) -> Result<(), WriteError> {
        let what = || share_text(&share.name);
        let event = self.event_of(Deed::create_share(share)).await?;
        match Transaction::new(&self.rows).put(share_item(share)?, when(FREE)).with_event(event).write().await? {
            Verdict::Written => Ok(()),
            Verdict::Contended => Err(WriteError::Conflict { what: what() }),
            Verdict::Refused(_) => match self.stored_share(&share.name).await? {
                Some(stored) if stored.lifecycle != Lifecycle::Active => Err(being_deleted(&what())),
                Some(_) => Err(WriteError::Exists { what: what() }),
                None => Err(WriteError::Conflict { what: what() }),
            },
        }
    }

    pub(super) async fn write_share_comment(&self, name: &ShareName, comment: Option<&str>) -> Result<(), WriteError> {
        settle(|| share_text(name), || self.try_to_write_comment(name, comment)).await
    }

    async fn try_to_write_comment(&self, name: &ShareName, comment: Option<&str>) -> Result<Attempt, WriteError> {
        let share = self.live_share(name).await?.record;
        let live = match &share.comment {
            Some(was) => when(format!("{SAME_LIVE_SHARE} AND #comment = :was")).with(":was", text(was)),
            None => when(format!("{SAME_LIVE_SHARE} AND attribute_not_exists(#comment)")),
        };
        let live = live.with(":share", text(&share.id)).with(":active", text(ACTIVE));
        let transaction = Transaction::new(&self.rows);
        let transaction = match comment {
            Some(comment) => {
                let with = live.with(":comment", text(comment));
                transaction.update(&key::share_key(name)?, "SET #comment = :comment", with)
            }
            None => transaction.update(&key::share_key(name)?, "REMOVE #comment", live),
        };
        let event = self.event_of(Deed::comment_share(&share, comment)).await?;
        Ok(match transaction.with_event(event).write().await? {
            Verdict::Written => Attempt::Done,
            Verdict::Refused(_) | Verdict::Contended => Attempt::Again,
        })
    }

    pub(super) async fn drop_share(&self, name: &ShareName, deletion: Deletion) -> Result<(), WriteError> {
        let what = || share_text(name);
        settle(what, || self.hide_share(name, deletion)).await?;
        let Some(share) = self.stored_share(name).await? else { return Ok(()) };
        if share.lifecycle != Lifecycle::Deleting {
            return Ok(()); // finished by somebody else, and created anew
        }
        self.drop_rows_of_share(&share).await?;
        let gone = when("#shareId = :share AND #status = :deleting")
            .with(":share", text(&share.record.id))
            .with(":deleting", text(DELETING));
        match Transaction::new(&self.rows).delete(&key::share_key(name)?, gone).write().await? {
            Verdict::Contended => Err(WriteError::Conflict { what: what() }),
            // Refused: finished by somebody else.
            Verdict::Written | Verdict::Refused(_) => Ok(()),
        }
    }

    /// From here on no recipient sees the share.
    async fn hide_share(&self, name: &ShareName, deletion: Deletion) -> Result<Attempt, WriteError> {
        let Some(share) = self.stored_share(name).await? else {
            return Err(WriteError::Missing { what: share_text(name) });
        };
        if share.lifecycle == Lifecycle::Deleting {
            return Ok(Attempt::Done);
        }
        if deletion == Deletion::OnlyIfUnused && share.grants > 0 {
            let plural = if share.grants == 1 { "" } else { "s" };
            return Err(WriteError::InUse { what: share_text(name), by: format!("{} grant{plural}", share.grants) });
        }
        let mut hidden = when(match deletion {
            Deletion::OnlyIfUnused => format!("{SAME_LIVE_SHARE} AND #grants = :none"),
            Deletion::WithDependents => SAME_LIVE_SHARE.to_owned(),
        })
        .with(":share", text(&share.record.id))
        .with(":active", text(ACTIVE))
        .with(":deleting", text(DELETING));
        if deletion == Deletion::OnlyIfUnused {
            hidden = hidden.with(":none", number(0));
        }
        let transaction =
            Transaction::new(&self.rows).update(&key::share_key(name)?, "SET #status = :deleting", hidden);
        // What follows only clears away, and may be done by another operator.
        let event = self.event_of(Deed::delete_share(&share.record, share.grants)).await?;
        Ok(match transaction.with_event(event).write().await? {
            Verdict::Written => Attempt::Done,
            Verdict::Refused(_) | Verdict::Contended => Attempt::Again,
        })
    }

    /// Tables, schemas and grants, in batches. A row that meanwhile belongs to a new share of the name stays.
    async fn drop_rows_of_share(&self, share: &StoredShare) -> Result<(), WriteError> {
        let (name, id) = (&share.record.name, share.record.id.as_str());
        let mut keys = Vec::new();
        for row in self.rows.all(&key::tables_of(name)).await? {
            let table = read_table(&row)?;
            if table.share_id == id {
                keys.push(key::table_key(name, &table.record.schema, &table.record.name)?);
            }
        }
        for row in self.rows.all(&key::schemas_of(name)).await? {
            let schema = read_schema(&row)?;
            if schema.share_id == id {
                keys.push(key::schema_key(name, &schema.name)?);
            }
        }
        let grants = key::grants_on(name);
        for row in self.rows.indexed(grants.pk(), grants.sk()).await? {
            let grant = read_grant(&row)?;
            if grant.share_id == id {
                keys.push(key::grant_key(&grant.recipient_id, name)?);
            }
        }
        for batch in keys.chunks(ACTIONS_MAX) {
            self.drop_if_of_share(batch, id).await?;
        }
        Ok(())
    }

    async fn drop_if_of_share(&self, keys: &[Key], share_id: &str) -> Result<(), WriteError> {
        // A row that is gone already is as it should be.
        let own = || when("attribute_not_exists(#PK) OR #shareId = :share").with(":share", text(share_id));
        let mut together = Transaction::new(&self.rows);
        for key in keys {
            together = together.delete(key, own());
        }
        if together.write().await? == Verdict::Written {
            return Ok(());
        }
        // Some row of the batch is another's by now: one by one, that one stays.
        for key in keys {
            if Transaction::new(&self.rows).delete(key, own()).write().await? == Verdict::Contended {
                return Err(WriteError::Conflict { what: "the share".into() });
            }
        }
        Ok(())
    }
}
