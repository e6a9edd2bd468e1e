//! Activation links: a new token as its recipient is sent it, opened once and in time.

use super::tokens::{IssuedToken, counted_secs};
use super::{Provider, ProviderError, unavailable, written};
use crate::auth::activation::Contents;
use crate::catalog::write::ActivationRecord;
use crate::limits::{LINK_LIFETIME_SECS_DEFAULT, LINK_LIFETIME_SECS_MAX, LINK_LIFETIME_SECS_MIN};
use crate::model::version::TimestampMs;
use crate::secret::Secret;

/// The path of links below the endpoint.
const PATH: &str = "/activate/";

/// What a link is to be.
#[derive(Debug, Clone)]
pub struct LinkOffer {
    endpoint: String,
    lifetime_secs: i64,
}

/// How long a link can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkLifetime(i64);

impl Default for LinkLifetime {
    fn default() -> Self {
        Self(LINK_LIFETIME_SECS_DEFAULT)
    }
}

impl LinkLifetime {
    /// A lifetime of so many seconds.
    ///
    /// # Errors
    /// When it is shorter or longer than a link may be open.
    pub fn of_secs(secs: u64) -> Result<Self, ProviderError> {
        let allowed = LINK_LIFETIME_SECS_MIN..=LINK_LIFETIME_SECS_MAX;
        i64::try_from(secs).ok().filter(|secs| allowed.contains(secs)).map(Self).ok_or_else(|| {
            ProviderError::Invalid(format!(
                "a link can be used for {} to {}; choose a time such as '72 hours'",
                counted_secs(LINK_LIFETIME_SECS_MIN),
                counted_secs(LINK_LIFETIME_SECS_MAX)
            ))
        })
    }
}

impl LinkOffer {
    /// A link to the server at this endpoint, which is where the profile leads too.
    pub fn to(endpoint: impl Into<String>, lifetime: LinkLifetime) -> Self {
        Self { endpoint: endpoint.into(), lifetime_secs: lifetime.0 }
    }
}

/// A new link, to be sent to its recipient.
#[derive(Debug, Clone)]
pub struct IssuedLink {
    /// The whole URL, which is as good as the token until it was used.
    pub url: Secret,
    /// When it ends.
    pub expires_at: TimestampMs,
}

/// Makes a link if one is to be made.
pub(super) async fn issue_if_offered(
    provider: &Provider,
    recipient_id: &str,
    token: &IssuedToken,
    offer: Option<&LinkOffer>,
) -> Result<Option<IssuedLink>, ProviderError> {
    match offer {
        Some(offer) => issue(provider, recipient_id, token, offer).await.map(Some),
        None => Ok(None),
    }
}

/// Makes a link that hands this token over, and puts it into the catalogue. It hands nothing over before the token is
/// there too, so whatever stops the program in between leaves nothing that works.
async fn issue(
    provider: &Provider,
    recipient_id: &str,
    token: &IssuedToken,
    offer: &LinkOffer,
) -> Result<IssuedLink, ProviderError> {
    let not_made = |error| unavailable("no link can be made", error);
    let code = provider.codes.make().await.map_err(not_made)?;
    let contents = Contents { token: token.token.reveal().to_owned(), endpoint: offer.endpoint.clone() };
    let sealed = code.seal(recipient_id, &token.id, &contents).map_err(not_made)?;
    let now = provider.now();
    // A link that outlives its token would hand over nothing of use.
    let expires_at = now.plus_secs(offer.lifetime_secs).min(token.expires_at);
    let record = ActivationRecord {
        hash: code.hash().to_owned(),
        recipient_id: recipient_id.to_owned(),
        token_id: token.id.clone(),
        sealed: Some(sealed),
        expires_at,
        created_at: Some(now),
    };
    written(|| provider.catalog().add_activation(&record)).await?;
    Ok(IssuedLink { url: Secret::new(format!("{}{PATH}{}", offer.endpoint, code.text().reveal())), expires_at })
}
