//! Links in the catalogue's DynamoDB table: the link's item, then those of its token and recipient in one request. Read
//! consistently throughout, for a link is opened seldom and often seconds after it was made.
//!
//! Being first is a condition on the one write. The SDK repeats a write whose answer was lost, and the repetition is
//! refused; so each attempt carries a mark of its own, and who finds the own mark in the item was first.

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;

use super::{Links, StoredLink, TokenTimes};
use crate::catalog::dynamo::failure::Failed;
use crate::catalog::dynamo::rows::{Reading, RowStore, attributes};
use crate::catalog::item::activation::{EXPIRES, SEALED, USED_AT, USED_BY, read_activation};
use crate::catalog::item::recipient::{read_recipient, read_token};
use crate::catalog::key;
use crate::catalog::write::Status;
use crate::entropy;
use crate::error::Error;
use crate::model::version::TimestampMs;

/// Links in a table.
#[derive(Debug, Clone)]
pub struct DynamoLinks {
    rows: RowStore,
}

impl DynamoLinks {
    /// Links of the catalogue in this table.
    pub fn new(client: Client, table_name: impl Into<String>) -> Self {
        Self { rows: RowStore { client, table_name: table_name.into() } }
    }

    /// Whether the link is used and bears this mark.
    async fn is_marked(&self, key: &key::Key, mark: &str) -> Result<bool, Error> {
        let row = self.rows.get(key, Reading::Consistent).await?;
        let found = row.as_ref().and_then(|row| row.get(USED_BY)).and_then(|value| value.as_s().ok());
        Ok(found.is_some_and(|found| found == mark))
    }
}

fn no_key(error: key::KeyError) -> Error {
    Error::internal("a link's item names something that has no key", error)
}

#[async_trait]
impl Links for DynamoLinks {
    async fn find(&self, code_hash: &str) -> Result<Option<StoredLink>, Error> {
        let Ok(key) = key::activation_key(code_hash) else { return Ok(None) };
        let Some(row) = self.rows.get(&key, Reading::Consistent).await? else { return Ok(None) };
        let (link, used_at) = read_activation(&row)?;
        let token_key = key::token_key(&link.token_id).map_err(no_key)?;
        let recipient_key = key::recipient_key(&link.recipient_id).map_err(no_key)?;
        let found = self.rows.batch(&[token_key.clone(), recipient_key.clone()], Reading::Consistent).await?;
        let recipient = found.get(&recipient_key).map(read_recipient).transpose()?;
        let token = found.get(&token_key).map(read_token).transpose()?;
        let usable = recipient.as_ref().is_some_and(|recipient| recipient.status == Status::Active);
        let token =
            token.filter(|token| usable && token.status == Status::Active && token.recipient_id == link.recipient_id);
        Ok(Some(StoredLink {
            rules: recipient.as_ref().map(|recipient| recipient.rules.clone()).unwrap_or_default(),
            recipient_name: recipient.map(|recipient| recipient.name.as_str().to_owned()).unwrap_or_default(),
            recipient_id: link.recipient_id,
            token_id: link.token_id,
            sealed: link.sealed,
            expires_at: link.expires_at,
            used_at,
            token: token.map(|token| TokenTimes { expires_at: token.expires_at }),
        }))
    }

    async fn use_up(&self, code_hash: &str, now: TimestampMs) -> Result<bool, Error> {
        let Ok(key) = key::activation_key(code_hash) else { return Ok(false) };
        let mark = hex::encode(entropy::bytes::<16>()?);
        let answer = self
            .rows
            .client
            .update_item()
            .table_name(&self.rows.table_name)
            .set_key(Some(attributes(&key)))
            .condition_expression("attribute_exists(#pk) AND attribute_not_exists(#used) AND #exp > :now")
            .update_expression("SET #used = :now, #by = :mark REMOVE #sealed")
            .expression_attribute_names("#pk", key::PK)
            .expression_attribute_names("#used", USED_AT)
            .expression_attribute_names("#by", USED_BY)
            .expression_attribute_names("#exp", EXPIRES)
            .expression_attribute_names("#sealed", SEALED)
            .expression_attribute_values(":now", AttributeValue::N(now.millis().to_string()))
            .expression_attribute_values(":mark", AttributeValue::S(mark.clone()))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(error)
                if matches!(error.as_service_error(), Some(UpdateItemError::ConditionalCheckFailedException(_))) =>
            {
                self.is_marked(&key, &mark).await
            }
            Err(error) => Err(Failed::new("UpdateItem", &error).into()),
        }
    }
}
