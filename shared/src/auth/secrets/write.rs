//! What a provider's program writes into recipients' secrets. Each change is one version that becomes current only if the
//! version that it was made from still is, so two operators cannot lose each other's change. Repeating a change that
//! has been made does nothing.

use super::document::{Document, Previous, StatusText, Token};
use super::{CURRENT, PENDING, PREVIOUS, SecretTokenStore, code_of, failure, is_missing};
use crate::auth::keyring::KeyId;
use crate::auth::token::{self, TokenId};
use crate::catalog::rules::RecipientRulesEntry;
use crate::catalog::write::{RecipientRecord, Status, TokenRecord, WriteError};
use crate::error::Error;
use crate::model::rule::RecipientRules;
use crate::model::version::TimestampMs;

/// Days in which a deleted secret can be brought back, the fewest that Secrets Manager offers.
const RECOVERY_DAYS: i64 = 7;

impl SecretTokenStore {
    /// Gives a recipient a token: its first, or a new one. The token before it then ends at `previous_ends_at`, if it does not
    /// end sooner; without that moment it ends at once. The token must be made for this recipient
    /// ([`KeyringMint::for_recipient`](crate::auth::mint::KeyringMint::for_recipient)).
    ///
    /// # Errors
    /// When the token does not belong here, somebody else wrote at the same moment, or Secrets Manager does not answer.
    pub async fn put_token(
        &self,
        recipient: &RecipientRecord,
        token: &TokenRecord,
        previous_ends_at: Option<TimestampMs>,
    ) -> Result<(), WriteError> {
        let part = token::recipient_part(&recipient.id);
        let key = token.key_id.and_then(KeyId::new);
        let (Some(key), true) = (key, TokenId::parse(&token.id).is_some_and(|id| id.recipient_part() == part)) else {
            return Err(WriteError::Refused(
                "the token was not made for this recipient with a key of the keyring".into(),
            ));
        };
        let token = Token {
            id: token.id.clone(),
            key: key.to_string(),
            hash: token.hash.clone(),
            not_before: token.not_before.map(TimestampMs::to_iso),
            expires_at: token.expires_at.map(TimestampMs::to_iso),
            status: token.status.into(),
        };
        let name = self.name(&part);
        let new =
            |token, previous| Document::new(&recipient.id, recipient.name.as_str(), recipient.status, token, previous);
        let Some((current, version)) = self.version(&name, CURRENT).await.map_err(unavailable)? else {
            let rules = RecipientRulesEntry::from(&recipient.rules);
            return self.create(&name, &Document { rules, ..new(token, None) }).await;
        };
        own(&current, &recipient.id)?;
        // Where a secret is, it alone knows the rules: the catalogue's copy may be a moment behind.
        let new = |token, previous| Document { rules: current.rules.clone(), ..new(token, previous) };
        if current.token.id == token.id {
            if current.token.hash != token.hash {
                return Err(WriteError::Exists { what: format!("token '{}'", token.id) });
            }
            let next = new(token, current.previous.clone());
            return self.amend(&name, &current, &version, &next).await;
        }
        let previous =
            previous_ends_at.map(|ends_at| Previous { token_id: current.token.id.clone(), ends_at: ends_at.to_iso() });
        self.replace(&name, &version, &new(token, previous)).await
    }

    /// Whether a recipient has a secret.
    ///
    /// # Errors
    /// When Secrets Manager does not answer.
    pub async fn holds(&self, recipient_id: &str) -> Result<bool, WriteError> {
        let name = self.name(&token::recipient_part(recipient_id));
        Ok(self.version(&name, CURRENT).await.map_err(unavailable)?.is_some())
    }

    /// Lets no token of a recipient in.
    ///
    /// # Errors
    /// When the recipient has no secret, somebody else wrote at the same moment, or Secrets Manager does not answer.
    pub async fn disable(&self, recipient_id: &str) -> Result<(), WriteError> {
        self.set_status(recipient_id, Status::Disabled).await
    }

    /// Lets a recipient's tokens in again.
    ///
    /// # Errors
    /// When the recipient has no secret, somebody else wrote at the same moment, or Secrets Manager does not answer.
    pub async fn enable(&self, recipient_id: &str) -> Result<(), WriteError> {
        self.set_status(recipient_id, Status::Active).await
    }

    /// Lets a recipient's token end at that moment, if it does not end sooner, and any token before it at once.
    ///
    /// # Errors
    /// When the recipient has no secret, somebody else wrote at the same moment, or Secrets Manager does not answer.
    pub async fn end_tokens(&self, recipient_id: &str, at: TimestampMs) -> Result<(), WriteError> {
        let name = self.name(&token::recipient_part(recipient_id));
        let Some((current, version)) = self.version(&name, CURRENT).await.map_err(unavailable)? else {
            return Err(WriteError::Missing { what: "secret of this recipient".into() });
        };
        own(&current, recipient_id)?;
        let ends = current.token.expires_at.as_deref().and_then(TimestampMs::parse).map_or(at, |end| end.min(at));
        let token = Token { expires_at: Some(ends.to_iso()), ..current.token.clone() };
        let next = Document { token, previous: None, ..current.clone() };
        if current == next { Ok(()) } else { self.replace(&name, &version, &next).await }
    }

    /// Puts these rules in the place of a recipient's.
    ///
    /// # Errors
    /// When the recipient has no secret, somebody else wrote at the same moment, or Secrets Manager does not answer.
    pub async fn set_rules(&self, recipient_id: &str, rules: &RecipientRules) -> Result<(), WriteError> {
        self.change(recipient_id, |current| Document { rules: rules.into(), ..current }).await
    }

    /// Deletes a recipient's secret; its tokens are no longer good. Fine when there is none.
    ///
    /// # Errors
    /// When the secret is another recipient's, or Secrets Manager does not answer.
    pub async fn delete(&self, recipient_id: &str) -> Result<(), WriteError> {
        let name = self.name(&token::recipient_part(recipient_id));
        let Some((current, _)) = self.version(&name, CURRENT).await.map_err(unavailable)? else {
            return Ok(());
        };
        own(&current, recipient_id)?;
        match self.client.delete_secret().secret_id(&name).recovery_window_in_days(RECOVERY_DAYS).send().await {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(unavailable(failure("DeleteSecret", &error))),
        }
    }

    async fn set_status(&self, recipient_id: &str, status: Status) -> Result<(), WriteError> {
        let status = StatusText::from(status);
        self.change(recipient_id, |current| Document { recipient_status: status, ..current }).await
    }

    async fn change(&self, recipient_id: &str, next: impl FnOnce(Document) -> Document) -> Result<(), WriteError> {
        let name = self.name(&token::recipient_part(recipient_id));
        let Some((current, version)) = self.version(&name, CURRENT).await.map_err(unavailable)? else {
            return Err(WriteError::Missing { what: "secret of this recipient".into() });
        };
        own(&current, recipient_id)?;
        let next = next(current.clone());
        self.amend(&name, &current, &version, &next).await
    }

    async fn create(&self, name: &str, document: &Document) -> Result<(), WriteError> {
        let created = self
            .client
            .create_secret()
            .name(name)
            .description("The hash of a share recipient's token. Written by spillway.")
            .set_kms_key_id(self.encryption_key.clone())
            .secret_string(text_of(document)?)
            .send()
            .await;
        match created {
            Ok(_) => Ok(()),
            Err(error) if code_of(&error) == "ResourceExistsException" => Err(conflict()),
            Err(error) if code_of(&error) == "InvalidRequestException" => Err(WriteError::Refused(
                "the recipient's secret is waiting to be deleted; restore it, or make a new recipient".into(),
            )),
            Err(error) => Err(unavailable(failure("CreateSecret", &error))),
        }
    }

    /// Makes a version with another token current. What was current becomes the previous one.
    async fn replace(&self, name: &str, version: &str, document: &Document) -> Result<(), WriteError> {
        let put = self.client.put_secret_value().secret_id(name).secret_string(text_of(document)?);
        let put = put.version_stages(PENDING).send().await;
        let put = put.map_err(|error| unavailable(failure("PutSecretValue", &error)))?;
        self.move_stage(CURRENT, name, version, put.version_id().unwrap_or_default()).await
    }

    /// Makes a version with the same token current. A rotated token keeps its grace: its version stays the previous one.
    /// For a moment it is not, and should that moment last, the token with grace is refused, never let in wrongly.
    async fn amend(&self, name: &str, current: &Document, version: &str, next: &Document) -> Result<(), WriteError> {
        if current == next {
            return Ok(());
        }
        let before = match current.previous {
            Some(_) => self.version(name, PREVIOUS).await.map_err(unavailable)?,
            None => None,
        };
        self.replace(name, version, next).await?;
        match before {
            Some((_, before)) => self.move_stage(PREVIOUS, name, version, &before).await,
            None => Ok(()),
        }
    }

    async fn move_stage(&self, stage: &str, name: &str, from: &str, to: &str) -> Result<(), WriteError> {
        let moved = self
            .client
            .update_secret_version_stage()
            .secret_id(name)
            .version_stage(stage)
            .remove_from_version_id(from)
            .move_to_version_id(to)
            .send()
            .await;
        match moved {
            Ok(_) => Ok(()),
            Err(error) if matches!(code_of(&error), "InvalidParameterException" | "ResourceNotFoundException") => {
                Err(conflict())
            }
            Err(error) => Err(unavailable(failure("UpdateSecretVersionStage", &error))),
        }
    }
}

/// Two recipients may share the part of the id that names the secret, however unlikely.
fn own(current: &Document, recipient_id: &str) -> Result<(), WriteError> {
    if current.recipient_id == recipient_id {
        return Ok(());
    }
    Err(WriteError::Refused("the secret of that name is another recipient's; make this recipient anew".into()))
}

fn text_of(document: &Document) -> Result<String, WriteError> {
    document.to_json().map_err(|error| WriteError::Unavailable(Box::new(error)))
}

fn conflict() -> WriteError {
    WriteError::Conflict { what: "the recipient's secret".into() }
}

fn unavailable(error: Error) -> WriteError {
    WriteError::Unavailable(Box::new(error))
}
