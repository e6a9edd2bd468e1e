//! Recipients: created with their first token, closed and opened again, deleted with everything they were given.

use super::links::{self, IssuedLink, LinkOffer};
use super::names::{self, nearest};
use super::tokens::{self, IssuedToken, Lifetime};
use super::{Provider, ProviderError, new_id, written};
use crate::catalog::rules;
use crate::catalog::write::{GrantRecord, RecipientRecord, Status, TokenRecord, WriteError};
use crate::model::name::RecipientName;
use crate::model::rule::RecipientRules;

/// A recipient with what it was given.
#[derive(Debug, Clone)]
pub struct RecipientDetail {
    /// The recipient.
    pub recipient: RecipientRecord,
    /// Its tokens, oldest first.
    pub tokens: Vec<TokenRecord>,
    /// The shares that it may read.
    pub grants: Vec<GrantRecord>,
}

/// A recipient that is to be created.
#[derive(Debug, Clone)]
pub struct NewRecipient {
    /// The provider's name for it.
    pub name: String,
    /// The provider's description.
    pub comment: Option<String>,
    /// How long its first token is good.
    pub lifetime: Lifetime,
    /// Its properties, and where it may come from.
    pub rules: RecipientRules,
}

impl NewRecipient {
    /// One without a comment or a rule.
    pub fn of(name: &str, lifetime: Lifetime) -> Self {
        Self { name: name.to_owned(), comment: None, lifetime, rules: RecipientRules::default() }
    }
}

/// Checks that a recipient of this name can be created, so that what must be prepared for it is not in vain.
///
/// # Errors
/// When the name is none or taken.
pub async fn check_new(provider: &Provider, name: &str) -> Result<RecipientName, ProviderError> {
    let name = names::recipient(name)?;
    match provider.catalog().recipient(&name).await? {
        Some(taken) if taken.status == Status::Disabled && provider.catalog().is_being_deleted(&name).await? => {
            Ok(name)
        }
        Some(taken) if provider.catalog().is_being_made(&taken).await? => Ok(name),
        Some(taken) => Err(exists(format!("recipient '{}'", taken.name), &taken.name)),
        None => Ok(name),
    }
}

/// Creates a recipient, who may read nothing yet, with a token for it.
///
/// # Errors
/// When the name is none or taken, or no token can be made.
pub async fn create(
    provider: &Provider,
    name: &str,
    comment: Option<&str>,
    lifetime: Lifetime,
) -> Result<(RecipientRecord, IssuedToken), ProviderError> {
    let new = NewRecipient { comment: comment.map(str::to_owned), ..NewRecipient::of(name, lifetime) };
    create_with(provider, new, None).await.map(|(recipient, issued, _)| (recipient, issued))
}

/// Creates a recipient that may have properties, or come from certain networks only, with a token for it, and with a link
/// that hands the token over if one is to be made. A deletion of one of that name that was broken off is finished first; one
/// of whom the same was said, and whose creation was broken off before it had a token, is finished itself.
///
/// # Errors
/// As [`create`], and when a rule is none or no link can be made.
pub async fn create_with(
    provider: &Provider,
    new: NewRecipient,
    offer: Option<&LinkOffer>,
) -> Result<(RecipientRecord, IssuedToken, Option<IssuedLink>), ProviderError> {
    let NewRecipient { name, comment, lifetime, rules } = new;
    let rules = checked(rules)?;
    let recipient = RecipientRecord {
        name: names::recipient(&name)?,
        id: new_id()?,
        comment,
        status: Status::Active,
        rules,
        created_at: Some(provider.now()),
    };
    let (issued, record) = tokens::issue(provider, &recipient.id, lifetime).await?;
    let link = links::issue_if_offered(provider, &recipient.id, &issued, offer).await?;
    let mut created = written(|| provider.catalog().create_recipient(&recipient, &record)).await;
    if matches!(created, Err(WriteError::BeingDeleted { .. })) {
        match written(|| provider.catalog().delete_recipient(&recipient.name)).await {
            Ok(()) | Err(WriteError::Missing { .. }) => {}
            Err(other) => return Err(other.into()),
        }
        created = written(|| provider.catalog().create_recipient(&recipient, &record)).await;
    }
    match created {
        Ok(()) => Ok((recipient, issued, link)),
        Err(WriteError::Exists { what }) => match begun_alike(provider, &recipient).await? {
            Some(begun) => finish(provider, begun, lifetime, offer).await,
            None => Err(exists(what, &recipient.name)),
        },
        Err(other) => Err(other.into()),
    }
}

/// A recipient of whom the same is said and whose creation was broken off.
async fn begun_alike(provider: &Provider, wanted: &RecipientRecord) -> Result<Option<RecipientRecord>, ProviderError> {
    let Some(there) = provider.catalog().recipient(&wanted.name).await? else { return Ok(None) };
    let is_alike = there.comment == wanted.comment && there.rules == wanted.rules;
    Ok(if is_alike && provider.catalog().is_being_made(&there).await? { Some(there) } else { None })
}

/// Gives a recipient whose creation was broken off its token. One that was noted before was handed to nobody, and ends.
async fn finish(
    provider: &Provider,
    begun: RecipientRecord,
    lifetime: Lifetime,
    offer: Option<&LinkOffer>,
) -> Result<(RecipientRecord, IssuedToken, Option<IssuedLink>), ProviderError> {
    let (issued, record) = tokens::issue(provider, &begun.id, lifetime).await?;
    let link = links::issue_if_offered(provider, &begun.id, &issued, offer).await?;
    match written(|| provider.catalog().rotate_token(&record, provider.now())).await {
        Ok(()) => Ok((begun, issued, link)),
        Err(WriteError::Missing { .. }) => Err(missing(provider, &begun.name).await),
        Err(other) => Err(other.into()),
    }
}

/// Every recipient, in the order of names.
///
/// # Errors
/// When the catalogue does not answer.
pub async fn list(provider: &Provider) -> Result<Vec<RecipientRecord>, ProviderError> {
    Ok(provider.catalog().recipients().await?)
}

/// A recipient with its tokens and grants.
///
/// # Errors
/// When there is none of that name.
pub async fn show(provider: &Provider, name: &str) -> Result<RecipientDetail, ProviderError> {
    let recipient = find(provider, &names::recipient(name)?).await?;
    let tokens = provider.catalog().tokens(&recipient.name).await?;
    let grants = provider.catalog().grants_to(&recipient.name).await?;
    Ok(RecipientDetail { recipient, tokens, grants })
}

/// Lets a recipient read again, or stops it. Returns the recipient as it was before.
///
/// # Errors
/// When there is none of that name.
pub async fn set_status(provider: &Provider, name: &str, status: Status) -> Result<RecipientRecord, ProviderError> {
    let before = find(provider, &names::recipient(name)?).await?;
    match written(|| provider.catalog().set_recipient_status(&before.name, status)).await {
        Ok(()) => Ok(before),
        Err(WriteError::Missing { .. }) => Err(missing(provider, &before.name).await),
        Err(other) => Err(other.into()),
    }
}

/// Puts these rules in the place of a recipient's. Returns the recipient as it was before.
///
/// # Errors
/// When there is none of that name, or a rule is none.
pub async fn set_rules(
    provider: &Provider,
    name: &str,
    rules: RecipientRules,
) -> Result<RecipientRecord, ProviderError> {
    let rules = checked(rules)?;
    let before = find(provider, &names::recipient(name)?).await?;
    match written(|| provider.catalog().set_recipient_rules(&before.name, &rules)).await {
        Ok(()) => Ok(before),
        Err(WriteError::Missing { .. }) => Err(missing(provider, &before.name).await),
        Err(other) => Err(other.into()),
    }
}

/// Checks what is to be said of a recipient.
///
/// # Errors
/// When a rule is none.
pub fn check_rules(rules: &RecipientRules) -> Result<(), ProviderError> {
    rules::check_recipient(rules).map_err(ProviderError::Invalid)
}

fn checked(mut rules: RecipientRules) -> Result<RecipientRules, ProviderError> {
    rules.access.networks.sort();
    rules.access.networks.dedup();
    check_rules(&rules)?;
    Ok(rules)
}

/// Deletes a recipient with its tokens and grants. Returns what was there.
///
/// # Errors
/// When there is none of that name.
pub async fn delete(provider: &Provider, name: &str) -> Result<RecipientDetail, ProviderError> {
    let before = show(provider, name).await?;
    match written(|| provider.catalog().delete_recipient(&before.recipient.name)).await {
        Ok(()) => Ok(before),
        Err(WriteError::Missing { .. }) => Err(missing(provider, &before.recipient.name).await),
        Err(other) => Err(other.into()),
    }
}

fn exists(what: String, name: &RecipientName) -> ProviderError {
    ProviderError::Exists { what, next: format!("give it another token with: spillway token rotate {name}") }
}

pub(super) async fn find(provider: &Provider, name: &RecipientName) -> Result<RecipientRecord, ProviderError> {
    match provider.catalog().recipient(name).await? {
        Some(recipient) => Ok(recipient),
        None => Err(missing(provider, name).await),
    }
}

/// That there is no recipient of that name, with the nearest one there is.
pub(super) async fn missing(provider: &Provider, name: &RecipientName) -> ProviderError {
    let what = format!("recipient '{name}'");
    match provider.catalog().recipients().await {
        Ok(recipients) => ProviderError::Missing {
            what,
            near: nearest(name.as_str(), recipients.iter().map(|recipient| recipient.name.as_str())),
            next: format!("create it with: spillway recipient create {name}"),
        },
        Err(error) => error.into(),
    }
}
