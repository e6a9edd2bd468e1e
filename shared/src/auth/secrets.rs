//! Tokens in AWS Secrets Manager: each recipient has a secret of its own, for providers who want access and audit by
//! recipient there.
//!
//! The secret's name is a prefix and the part of the token's id that all tokens of a recipient have in common, so a
//! presented token leads to its secret in one `GetSecretValue`. The version of the stage `AWSCURRENT` holds the token's hash
//! and the recipient's status. A rotation writes a new version; while a rotated token has its grace, the new version
//! names it and the moment of its end, and its hash is in the version of the stage `AWSPREVIOUS`. A second rotation
//! within the grace ends the first token at once.
//!
//! Secrets Manager has no consistent reading: a change may show a few seconds late.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};

use self::document::Document;
use super::stored::{StoredToken, TokenStore};
use super::token::TokenId;
use crate::error::Error;

mod document;
mod write;

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";
const PREVIOUS: &str = "AWSPREVIOUS";

/// Finds tokens in secrets, and for the provider's program writes them there.
#[derive(Debug, Clone)]
pub struct SecretTokenStore {
    client: Client,
    name_prefix: String,
    encryption_key: Option<String>,
}

impl SecretTokenStore {
    /// Secrets whose names begin with this prefix, such as `spillway/recipients/`. Nothing else may use it.
    pub fn new(client: Client, name_prefix: impl Into<String>) -> Self {
        Self { client, name_prefix: name_prefix.into(), encryption_key: None }
    }

    /// New secrets are encrypted with this KMS key and not with the account's own.
    #[must_use]
    pub fn encrypted_with(self, kms_key_id: impl Into<String>) -> Self {
        Self { encryption_key: Some(kms_key_id.into()), ..self }
    }

    fn name(&self, recipient_part: &str) -> String {
        format!("{}{recipient_part}", self.name_prefix)
    }

    /// A version of a secret and its id; `None` when there is no such secret or stage, or it is being deleted.
    async fn version(&self, name: &str, stage: &str) -> Result<Option<(Document, String)>, Error> {
        let answer = match self.client.get_secret_value().secret_id(name).version_stage(stage).send().await {
            Ok(answer) => answer,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(failure("GetSecretValue", &error)),
        };
        let text = answer.secret_string().ok_or_else(|| Error::defect("a recipient's secret is not text"))?;
        Ok(Some((Document::parse(text)?, answer.version_id().unwrap_or_default().to_owned())))
    }
}

#[async_trait]
impl TokenStore for SecretTokenStore {
    async fn find(&self, token_id: &str, _consistent: bool) -> Result<Option<StoredToken>, Error> {
        let Some(id) = TokenId::parse(token_id) else {
            return Ok(None);
        };
        let name = self.name(&id.recipient_part());
        let Some((current, _)) = self.version(&name, CURRENT).await? else {
            return Ok(None);
        };
        if current.token.id == token_id {
            return current.stored().map(Some);
        }
        if current.previous.as_ref().is_none_or(|previous| previous.token_id != token_id) {
            return Ok(None);
        }
        match self.version(&name, PREVIOUS).await? {
            Some((before, _)) => current.stored_previous(&before),
            None => Ok(None),
        }
    }
}

/// A failure of Secrets Manager, as the log may know it: its own messages name ARNs.
#[derive(Debug)]
struct Failed {
    operation: &'static str,
    code: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets Manager {} failed: {}", self.operation, self.code)
    }
}

impl std::error::Error for Failed {}

fn code_of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> &str {
    error.code().unwrap_or_default()
}

/// No such secret or stage, or a secret that is waiting to be deleted.
fn is_missing<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    matches!(code_of(error), "ResourceNotFoundException" | "InvalidRequestException")
}

/// A failure to trying again may help against, or one that only the provider can end.
pub(super) fn failure<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> Error {
    let (code, passing) = match error {
        SdkError::ServiceError(answer) => {
            let code = answer.err().code().unwrap_or("an answer without a code");
            (code, matches!(code, "ThrottlingException" | "InternalServiceError" | "InternalServiceErrorException"))
        }
        SdkError::TimeoutError(_) => ("timed out", true),
        SdkError::DispatchFailure(cause) if cause.is_io() => ("no connection", true),
        SdkError::DispatchFailure(cause) if cause.is_timeout() => ("connecting timed out", true),
        SdkError::DispatchFailure(_) => ("the request could not be sent (are there AWS credentials?)", false),
        SdkError::ConstructionFailure(_) => ("the request could not be built", false),
        _ => ("an answer that is not Secrets Manager's", true),
    };
    let cause = Failed { operation, code: code.to_owned() };
    if passing {
        Error::StorageUnavailable(Box::new(cause))
    } else {
        Error::internal("the secret store cannot be used", cause)
    }
}
