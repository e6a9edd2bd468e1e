//! Tokens: made for a recipient, each with an end, and exchanged for another without a gap.

use super::links::{self, IssuedLink, LinkOffer};
use super::{Provider, ProviderError, counted, names, recipients, written};
use crate::catalog::write::{RecipientRecord, Status, TokenRecord, WriteError};
use crate::limits::{
    TOKEN_GRACE_SECS_MAX, TOKEN_LIFETIME_SECS_DEFAULT, TOKEN_LIFETIME_SECS_MAX, TOKEN_LIFETIME_SECS_MIN,
};
use crate::model::version::TimestampMs;
use crate::secret::Secret;

/// How long a new token is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime(i64);

impl Default for Lifetime {
    fn default() -> Self {
        Self(TOKEN_LIFETIME_SECS_DEFAULT)
    }
}

impl Lifetime {
    /// A lifetime of so many seconds.
    ///
    /// # Errors
    /// When it is shorter or longer than a token may live.
    pub fn of_secs(secs: u64) -> Result<Self, ProviderError> {
        let allowed = TOKEN_LIFETIME_SECS_MIN..=TOKEN_LIFETIME_SECS_MAX;
        i64::try_from(secs).ok().filter(|secs| allowed.contains(secs)).map(Self).ok_or_else(|| {
            ProviderError::Invalid(format!(
                "a token lives between {} and {}; choose a lifetime such as '90 days'",
                counted_secs(TOKEN_LIFETIME_SECS_MIN),
                counted_secs(TOKEN_LIFETIME_SECS_MAX)
            ))
        })
    }
}

/// How long other tokens stay good after a new one was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grace(i64);

impl Grace {
    /// A grace time of so many seconds; none at all with 0.
    ///
    /// # Errors
    /// When it is longer than two tokens may be good side by side.
    pub fn of_secs(secs: u64) -> Result<Self, ProviderError> {
        i64::try_from(secs).ok().filter(|secs| *secs <= TOKEN_GRACE_SECS_MAX).map(Self).ok_or_else(|| {
            ProviderError::Invalid(format!(
                "old tokens stay good for {} at most; choose a grace time such as '24 hours'",
                counted_secs(TOKEN_GRACE_SECS_MAX)
            ))
        })
    }
}

/// A new token, to be handed to its recipient once.
#[derive(Debug, Clone)]
pub struct IssuedToken {
    /// Its public part.
    pub id: String,
    /// The token itself.
    pub token: Secret,
    /// When it ends.
    pub expires_at: TimestampMs,
}

/// What a rotation did.
#[derive(Debug, Clone)]
pub struct Rotated {
    /// Whose token.
    pub recipient: RecipientRecord,
    /// The new token.
    pub issued: IssuedToken,
    /// When the others end at the latest.
    pub others_end_at: TimestampMs,
    /// How many others there are that were good until now.
    pub others: usize,
}

/// Gives a recipient a new token and lets its others end after a grace time.
///
/// # Errors
/// When there is no such recipient, or no token can be made.
pub async fn rotate(
    provider: &Provider,
    recipient: &str,
    lifetime: Lifetime,
    grace: Grace,
) -> Result<Rotated, ProviderError> {
    rotate_offering(provider, recipient, lifetime, grace, None).await.map(|(rotated, _)| rotated)
}

/// The same, with a link that hands the new token over, if one is to be made.
///
/// # Errors
/// When there is no such recipient, or no token or link can be made.
pub async fn rotate_offering(
    provider: &Provider,
    recipient: &str,
    lifetime: Lifetime,
    grace: Grace,
    offer: Option<&LinkOffer>,
) -> Result<(Rotated, Option<IssuedLink>), ProviderError> {
    let recipient = recipients::find(provider, &names::recipient(recipient)?).await?;
    let now = provider.now();
    let others = good_tokens(provider, &recipient).await?;
    let (issued, record) = issue(provider, &recipient.id, lifetime).await?;
    let link = links::issue_if_offered(provider, &recipient.id, &issued, offer).await?;
    let others_end_at = now.plus_secs(grace.0);
    match written(|| provider.catalog().rotate_token(&record, others_end_at)).await {
        Ok(()) => Ok((Rotated { recipient, issued, others_end_at, others }, link)),
        Err(WriteError::Missing { .. }) => Err(recipients::missing(provider, &recipient.name).await),
        Err(other) => Err(other.into()),
    }
}

/// What ending all tokens did.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Whose tokens.
    pub recipient: RecipientRecord,
    /// How many there are that were good until now.
    pub tokens: usize,
}

/// Lets every token of a recipient end at this moment.
///
/// # Errors
/// When there is no such recipient.
pub async fn revoke_all(provider: &Provider, recipient: &str) -> Result<Ended, ProviderError> {
    let recipient = recipients::find(provider, &names::recipient(recipient)?).await?;
    let tokens = good_tokens(provider, &recipient).await?;
    match written(|| provider.catalog().end_tokens(&recipient.name, provider.now())).await {
        Ok(()) => Ok(Ended { recipient, tokens }),
        Err(WriteError::Missing { .. }) => Err(recipients::missing(provider, &recipient.name).await),
        Err(other) => Err(other.into()),
    }
}

/// How many tokens of a recipient are good at this moment.
async fn good_tokens(provider: &Provider, recipient: &RecipientRecord) -> Result<usize, ProviderError> {
    let now = provider.now();
    let good = |token: &&TokenRecord| token.status == Status::Active && token.expires_at.is_none_or(|end| now < end);
    Ok(provider.catalog().tokens(&recipient.name).await?.iter().filter(good).count())
}

/// Makes a token for a recipient, and what the catalogue keeps of it.
pub(super) async fn issue(
    provider: &Provider,
    recipient_id: &str,
    lifetime: Lifetime,
) -> Result<(IssuedToken, TokenRecord), ProviderError> {
    let minted = provider.minted(recipient_id).await?;
    let now = provider.now();
    let expires_at = now.plus_secs(lifetime.0);
    let record = TokenRecord {
        id: minted.id.clone(),
        recipient_id: recipient_id.to_owned(),
        hash: minted.hash,
        key_id: minted.key_id,
        not_before: None,
        expires_at: Some(expires_at),
        status: Status::Active,
        created_at: Some(now),
    };
    Ok((IssuedToken { id: minted.id, token: minted.token, expires_at }, record))
}

/// `1 minute`, `3650 days`: bounds in the largest unit that divides them.
pub(super) fn counted_secs(secs: i64) -> String {
    const UNITS: [(i64, &str); 3] = [(24 * 60 * 60, "day"), (60 * 60, "hour"), (60, "minute")];
    for (unit, name) in UNITS {
        if secs >= unit && secs % unit == 0 {
            return counted(usize::try_from(secs / unit).unwrap_or_default(), name);
        }
    }
    counted(usize::try_from(secs).unwrap_or_default(), "second")
}
