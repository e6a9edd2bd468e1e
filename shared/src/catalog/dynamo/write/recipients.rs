//! Recipients and their tokens. A recipient's item names its tokens, so that none is missed when they are all to end; a
//! name's item keeps two recipients from having the same name.

use futures::stream::{StreamExt, TryStreamExt};

use super::transaction::{Transaction, Verdict, When, number, text, when};
use super::{Attempt, DynamoProviderCatalog, FREE, being_deleted, recipient_text, settle};
use crate::catalog::dynamo::rows::Reading;
use crate::catalog::event::Deed;
use crate::catalog::item::activation::activation_item;
use crate::catalog::item::recipient::{
    StoredRecipient, keys_of_tokens, read_grant, read_token, recipient_item, recipient_name_item, token_item, ttl_secs,
};
use crate::catalog::item::{DELETING, Lifecycle};
use crate::catalog::key;
use crate::catalog::rules;
use crate::catalog::write::{ActivationRecord, RecipientRecord, Status, TokenRecord, WriteError};
use crate::limits::TOKENS_PER_RECIPIENT_MAX;
use crate::model::name::RecipientName;
use crate::model::rule::RecipientRules;
use crate::model::version::TimestampMs;

/// Grants of a recipient that are taken back at the same time.
const GRANTS_AT_ONCE: usize = 8;

/// The recipient is as it was read, and its tokens with it.
fn unchanged(recipient: &StoredRecipient) -> When {
    when("#rev = :rev AND #status <> :deleting")
        .with(":rev", number(recipient.revision))
        .with(":deleting", text(DELETING))
}

/// Lets tokens end, those that end sooner excepted.
fn ending<'a>(
    mut transaction: Transaction<'a>,
    tokens: &[TokenRecord],
    at: TimestampMs,
) -> Result<Transaction<'a>, WriteError> {
    for token in tokens.iter().filter(|token| token.expires_at.is_none_or(|end| end > at)) {
        let there =
            when("attribute_exists(#PK)").with(":end", number(at.millis())).with(":ttl", number(ttl_secs(at.millis())));
        transaction = transaction.update(&key::token_key(&token.id)?, "SET #exp = :end, #ttl = :ttl", there);
    }
    Ok(transaction)
}

impl DynamoProviderCatalog {
    pub(super) async fn write_recipient(
        &self,
        recipient: &RecipientRecord,
        token: &TokenRecord,
    ) -> Result<(), WriteError> {
        if token.recipient_id != recipient.id {
            return Err(WriteError::Refused("the token belongs to another recipient".into()));
        }
        rules::check_recipient(&recipient.rules).map_err(WriteError::Refused)?;
        let stored = StoredRecipient {
            record: recipient.clone(),
            lifecycle: recipient.status.into(),
            token_ids: vec![token.id.clone()],
            revision: 1,
        };
        let verdict = Transaction::new(&self.rows)
            .put(recipient_name_item(recipient)?, when(FREE))
            .put(recipient_item(&stored)?, when(FREE))
            .put(token_item(token, &recipient.name)?, when(FREE))
            .with_event(self.event_of(Deed::create_recipient(recipient, token)).await?)
            .write()
            .await?;
        let what = recipient_text(&recipient.name);
        match verdict {
            Verdict::Written => Ok(()),
            _ if verdict.refused(0) => match self.stored_recipient(&recipient.name).await? {
                Some(other) if other.lifecycle == Lifecycle::Deleting => Err(being_deleted(&what)),
                _ => Err(WriteError::Exists { what }),
            },
            _ => Err(WriteError::Conflict { what }),
        }
    }

    pub(super) async fn write_recipient_status(&self, name: &RecipientName, status: Status) -> Result<(), WriteError> {
        settle(|| recipient_text(name), || self.try_to_write_status(name, status)).await
    }

    async fn try_to_write_status(&self, name: &RecipientName, status: Status) -> Result<Attempt, WriteError> {
        let recipient = self.live_recipient(name).await?;
        let live =
            unchanged(&recipient).with(":status", text(Lifecycle::from(status).as_str())).with(":one", number(1));
        let change = "SET #status = :status, #rev = #rev + :one";
        let transaction = Transaction::new(&self.rows).update(&key::recipient_key(&recipient.record.id)?, change, live);
        let event = self.event_of(Deed::set_status(&recipient.record, status)).await?;
        Ok(match transaction.with_event(event).write().await? {
            Verdict::Written => Attempt::Done,
            Verdict::Refused(_) | Verdict::Contended => Attempt::Again,
        })
    }

    pub(super) async fn write_recipient_rules(
        &self,
        name: &RecipientName,
        rules: &RecipientRules,
    ) -> Result<(), WriteError> {
        rules::check_recipient(rules).map_err(WriteError::Refused)?;
        settle(|| recipient_text(name), || self.try_to_write_rules(name, rules)).await
    }

    async fn try_to_write_rules(&self, name: &RecipientName, rules: &RecipientRules) -> Result<Attempt, WriteError> {
        let stored = self.live_recipient(name).await?;
        let same = when("#rev = :rev AND #status <> :deleting")
            .with(":rev", number(stored.revision))
            .with(":deleting", text(DELETING));
        let event = self.event_of(Deed::set_rules(&stored.record, rules)).await?;
        let record = RecipientRecord { rules: rules.clone(), ..stored.record.clone() };
        let changed = StoredRecipient { record, revision: stored.revision + 1, ..stored };
        let transaction = Transaction::new(&self.rows).put(recipient_item(&changed)?, same).with_event(event);
        Ok(match transaction.write().await? {
            Verdict::Written => Attempt::Done,
            Verdict::Refused(_) | Verdict::Contended => Attempt::Again,
        })
    }

    /// Every token that is still in the catalogue, oldest first.
    pub(super) async fn tokens_of(&self, recipient: &StoredRecipient) -> Result<Vec<TokenRecord>, WriteError> {
        let keys = keys_of_tokens(recipient)?;
        let found = self.rows.batch(&keys, Reading::Consistent).await?;
        let rows = keys.iter().filter_map(|key| found.get(key));
        let mut tokens = rows.map(read_token).collect::<Result<Vec<_>, _>>()?;
        tokens.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(tokens)
    }

    pub(super) async fn write_token(&self, token: &TokenRecord, others_end_at: TimestampMs) -> Result<(), WriteError> {
        settle(|| "the recipient's tokens".into(), || self.try_to_write_token(token, others_end_at)).await
    }

    async fn try_to_write_token(&self, token: &TokenRecord, others_end_at: TimestampMs) -> Result<Attempt, WriteError> {
        let Some(recipient) = self.stored_recipient_of(&token.recipient_id).await? else {
            return Err(WriteError::Missing { what: "recipient of that id".into() });
        };
        if recipient.lifecycle == Lifecycle::Deleting {
            return Err(being_deleted(&recipient_text(&recipient.record.name)));
        }
        let others = self.tokens_of(&recipient).await?;
        if others.iter().any(|other| other.id == token.id) {
            return Err(WriteError::Exists { what: "a token of that id".into() });
        }
        if others.len() >= TOKENS_PER_RECIPIENT_MAX {
            return Err(WriteError::Refused(format!(
                "{} has {} tokens, and no recipient may have more; delete it and create it anew",
                recipient_text(&recipient.record.name),
                others.len()
            )));
        }
        // The item is written whole: tokens that DynamoDB has removed are forgotten on the way.
        let mut token_ids: Vec<String> = others.iter().map(|other| other.id.clone()).collect();
        token_ids.push(token.id.clone());
        let changed = StoredRecipient { token_ids, revision: recipient.revision + 1, ..recipient.clone() };
        let transaction = Transaction::new(&self.rows)
            .put(recipient_item(&changed)?, unchanged(&recipient))
            .put(token_item(token, &recipient.record.name)?, when(FREE));
        let event = self.event_of(Deed::rotate_token(&recipient.record, &others, token, others_end_at)).await?;
        let verdict = ending(transaction, &others, others_end_at)?.with_event(event).write().await?;
        match verdict {
            Verdict::Written => Ok(Attempt::Done),
            _ if verdict.refused(1) => Err(WriteError::Exists { what: "a token of that id".into() }),
            _ => Ok(Attempt::Again),
        }
    }

    pub(super) async fn write_activation(&self, link: &ActivationRecord) -> Result<(), WriteError> {
        let event = self.event_of(Deed::make_link(link)).await?;
        match Transaction::new(&self.rows).put(activation_item(link)?, when(FREE)).with_event(event).write().await? {
            Verdict::Written => Ok(()),
            Verdict::Refused(_) => Err(WriteError::Exists { what: "a link of that code".into() }),
            Verdict::Contended => Err(WriteError::Conflict { what: "the link".into() }),
        }
    }

    pub(super) async fn write_token_ends(&self, name: &RecipientName, at: TimestampMs) -> Result<(), WriteError> {
        settle(|| recipient_text(name), || self.try_to_write_token_ends(name, at)).await
    }

    async fn try_to_write_token_ends(&self, name: &RecipientName, at: TimestampMs) -> Result<Attempt, WriteError> {
        let recipient = self.live_recipient(name).await?;
        let tokens = self.tokens_of(&recipient).await?;
        let token_ids = tokens.iter().map(|token| token.id.clone()).collect();
        let changed = StoredRecipient { token_ids, revision: recipient.revision + 1, ..recipient.clone() };
        let transaction = Transaction::new(&self.rows).put(recipient_item(&changed)?, unchanged(&recipient));
        let event = self.event_of(Deed::end_tokens(&recipient.record, &tokens, at)).await?;
        Ok(match ending(transaction, &tokens, at)?.with_event(event).write().await? {
            Verdict::Written => Attempt::Done,
            Verdict::Refused(_) | Verdict::Contended => Attempt::Again,
        })
    }

    pub(super) async fn drop_recipient(&self, name: &RecipientName) -> Result<(), WriteError> {
        let Some(recipient) = self.stored_recipient(name).await? else {
            return Err(WriteError::Missing { what: recipient_text(name) });
        };
        let conflict = || WriteError::Conflict { what: recipient_text(name) };
        let recipient_key = key::recipient_key(&recipient.record.id)?;
        let there = when("attribute_exists(#PK)").with(":deleting", text(DELETING)).with(":one", number(1));
        let hidden =
            Transaction::new(&self.rows).update(&recipient_key, "SET #status = :deleting, #rev = #rev + :one", there);
        // A deletion that is finished by repeating it was recorded when it began.
        let event = match recipient.lifecycle {
            Lifecycle::Deleting => None,
            _ => self.event_of(Deed::delete_recipient(&recipient.record)).await?,
        };
        // From here on no token of it is good and nothing can be added to it.
        match hidden.with_event(event).write().await? {
            Verdict::Written => {}
            Verdict::Refused(_) => return Ok(()), // finished by somebody else
            Verdict::Contended => return Err(conflict()),
        }
        let Some(recipient) = self.stored_recipient_of(&recipient.record.id).await? else { return Ok(()) };
        let grants = self.rows.all(&key::grants_to(&recipient.record.id)?).await?;
        let grants = grants.iter().map(read_grant).collect::<Result<Vec<_>, _>>()?;
        futures::stream::iter(grants)
            .map(|grant| async move { self.take_back(&grant, None).await })
            .buffer_unordered(GRANTS_AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        let mut tokens = Transaction::new(&self.rows);
        for key in keys_of_tokens(&recipient)? {
            let own = when("attribute_not_exists(#PK) OR #recipientId = :recipient");
            tokens = tokens.delete(&key, own.with(":recipient", text(&recipient.record.id)));
        }
        let own_name = when("#recipientId = :recipient").with(":recipient", text(&recipient.record.id));
        let gone = tokens
            .delete(&recipient_key, when("#status = :deleting").with(":deleting", text(DELETING)))
            .delete(&key::recipient_name_key(name)?, own_name);
        match gone.write().await? {
            Verdict::Written => Ok(()),
            Verdict::Refused(_) if self.stored_recipient_of(&recipient.record.id).await?.is_none() => Ok(()),
            Verdict::Refused(_) | Verdict::Contended => Err(conflict()),
        }
    }
}
