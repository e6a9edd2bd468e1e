//! Tokens in the catalogue's DynamoDB table: the token's item, then that of its recipient, whose status is nowhere else.
//! Two `GetItem`, and only one for a token that nobody was given.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;

use super::keyring::KeyId;
use super::stored::{StoredToken, TokenStore};
use crate::catalog::item::recipient::{read_recipient, read_token};
use crate::catalog::item::{Item, ItemError};
use crate::catalog::key::{self, Key};
use crate::catalog::write::{RecipientRecord, Status, TokenRecord};
use crate::error::Error;
use crate::secret::TokenHash;

/// Finds tokens in a table.
#[derive(Debug, Clone)]
pub struct DynamoTokenStore {
    client: Client,
    table_name: String,
}

impl DynamoTokenStore {
    /// Tokens in the table of that name.
    pub fn new(client: Client, table_name: impl Into<String>) -> Self {
        Self { client, table_name: table_name.into() }
    }

    async fn item(&self, key: &Key, consistent: bool) -> Result<Option<Item>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table_name)
            .key(key::PK, AttributeValue::S(key.pk().to_owned()))
            .key(key::SK, AttributeValue::S(key.sk().to_owned()))
            .consistent_read(consistent)
            .send()
            .await;
        Ok(answer.map_err(|error| failure("GetItem", &error))?.item)
    }
}

#[async_trait]
impl TokenStore for DynamoTokenStore {
    async fn find(&self, token_id: &str, consistent: bool) -> Result<Option<StoredToken>, Error> {
        let Ok(key) = key::token_key(token_id) else {
            return Ok(None);
        };
        let Some(item) = self.item(&key, consistent).await? else {
            return Ok(None);
        };
        let token = read_token(&item).map_err(unreadable)?;
        let key = key::recipient_key(&token.recipient_id)
            .map_err(|error| Error::internal("a token's item names no recipient", error))?;
        let Some(item) = self.item(&key, consistent).await? else {
            return Ok(None);
        };
        stored(token, read_recipient(&item).map_err(unreadable)?).map(Some)
    }
}

fn stored(token: TokenRecord, recipient: RecipientRecord) -> Result<StoredToken, Error> {
    let key_id = token.key_id.and_then(KeyId::new);
    Ok(StoredToken {
        hash: TokenHash::from_hex(&token.hash)
            .ok_or_else(|| Error::defect("a token's item holds a hash that cannot be read"))?,
        key_id: key_id.ok_or_else(|| Error::defect("a token's item names no key of the keyring"))?,
        not_before: token.not_before,
        expires_at: token.expires_at,
        active: token.status == Status::Active,
        recipient_id: recipient.id,
        recipient_name: recipient.name.as_str().to_owned(),
        recipient_active: recipient.status == Status::Active,
        rules: recipient.rules,
    })
}

fn unreadable(error: ItemError) -> Error {
    Error::internal("the catalogue's table holds an item that cannot be read", error)
}

/// A failure of DynamoDB, as the log may know it: its own messages name ARNs.
#[derive(Debug)]
struct Failed {
    operation: &'static str,
    code: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamoDB {} failed: {}", self.operation, self.code)
    }
}

impl std::error::Error for Failed {}

/// Failures that pass, which DynamoDB asks clients to try again.
const PASSING: [&str; 6] = [
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
];

fn failure<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> Error {
    let (code, passing) = match error {
        SdkError::ServiceError(answer) => {
            let code = answer.err().code().unwrap_or("an answer without a code");
            (code, PASSING.contains(&code))
        }
        SdkError::TimeoutError(_) => ("timed out", true),
        SdkError::DispatchFailure(cause) if cause.is_io() => ("no connection", true),
        SdkError::DispatchFailure(cause) if cause.is_timeout() => ("connecting timed out", true),
        SdkError::DispatchFailure(_) => ("the request could not be sent (are there AWS credentials?)", false),
        SdkError::ConstructionFailure(_) => ("the request could not be built", false),
        _ => ("an answer that is not DynamoDB's", true),
    };
    let cause = Failed { operation, code: code.to_owned() };
    if passing {
        Error::StorageUnavailable(Box::new(cause))
    } else {
        Error::internal("the token store cannot be used", cause)
    }
}
