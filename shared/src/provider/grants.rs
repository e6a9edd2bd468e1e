//! Grants: a recipient may read every table of a share, those added later too.

use super::{Provider, ProviderError, names, recipients, shares, written};
use crate::catalog::rules;
use crate::catalog::write::{RecipientRecord, ShareRecord, WriteError};
use crate::model::name::{RecipientName, ShareName};
use crate::model::rule::Window;

/// Both ends of a grant.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The share.
    pub share: ShareRecord,
    /// Who may read it.
    pub recipient: RecipientRecord,
}

/// A grant whose time was said.
#[derive(Debug, Clone)]
pub struct Timed {
    /// Both ends.
    pub ends: Granted,
    /// When it was good before; nothing where there was no grant.
    pub before: Option<Window>,
}

/// Lets a recipient read a share.
///
/// # Errors
/// When there is no such share or recipient, or it may read it already.
pub async fn grant(provider: &Provider, share: &str, recipient: &str) -> Result<Granted, ProviderError> {
    grant_within(provider, share, recipient, Window::default()).await
}

/// Lets a recipient read a share from one moment to another; each of them may be left open.
///
/// # Errors
/// As [`grant`], and when the window has no moment in it or is over already.
pub async fn grant_within(
    provider: &Provider,
    share: &str,
    recipient: &str,
    window: Window,
) -> Result<Granted, ProviderError> {
    check(provider, window)?;
    let ends = ends(provider, share, recipient).await?;
    made(provider, &ends, window).await?;
    Ok(ends)
}

/// Lets a recipient read a share from one moment to another; a grant that is there gets this window in the place of its
/// own.
///
/// # Errors
/// As [`grant_within`], but not when there is a grant already.
pub async fn grant_or_change(
    provider: &Provider,
    share: &str,
    recipient: &str,
    window: Window,
) -> Result<Timed, ProviderError> {
    check(provider, window)?;
    let ends = ends(provider, share, recipient).await?;
    match made(provider, &ends, window).await {
        Ok(()) => return Ok(Timed { ends, before: None }),
        Err(ProviderError::Exists { .. }) => {}
        Err(other) => return Err(other),
    }
    let (share, recipient) = (&ends.share.name, &ends.recipient.name);
    let before = window_of(provider, &ends).await?;
    match written(|| provider.catalog().set_grant_window(share, recipient, window)).await {
        Ok(()) => Ok(Timed { before: Some(before.unwrap_or(window)), ends }),
        // Taken back since it was seen: whoever did that meant it.
        Err(WriteError::Missing { what }) => Err(gone(provider, what, share, recipient).await),
        Err(other) => Err(other.into()),
    }
}

/// When a grant is good; nothing where there is none.
///
/// # Errors
/// When there is no such share or recipient.
pub async fn window(provider: &Provider, share: &str, recipient: &str) -> Result<Option<Window>, ProviderError> {
    window_of(provider, &ends(provider, share, recipient).await?).await
}

async fn window_of(provider: &Provider, ends: &Granted) -> Result<Option<Window>, ProviderError> {
    let grants = provider.catalog().grants_to(&ends.recipient.name).await?;
    Ok(grants.iter().find(|grant| grant.share_id == ends.share.id).map(|grant| grant.window))
}

fn check(provider: &Provider, window: Window) -> Result<(), ProviderError> {
    rules::check_window(window).map_err(ProviderError::Invalid)?;
    if let Some(until) = window.until.filter(|until| *until <= provider.now()) {
        return Err(ProviderError::Invalid(format!(
            "a grant cannot end at {until}, which is over; name a later moment"
        )));
    }
    Ok(())
}

async fn made(provider: &Provider, ends: &Granted, window: Window) -> Result<(), ProviderError> {
    let (share, recipient) = (&ends.share.name, &ends.recipient.name);
    match written(|| provider.catalog().grant(share, recipient, window, provider.now())).await {
        Ok(()) => Ok(()),
        Err(WriteError::Exists { .. }) => Err(ProviderError::Exists {
            what: format!("the grant of share '{share}' to recipient '{recipient}'"),
            next: "nothing needs to be done".into(),
        }),
        Err(WriteError::Missing { what }) => Err(gone(provider, what, share, recipient).await),
        Err(other) => Err(other.into()),
    }
}

/// Takes a grant back.
///
/// # Errors
/// When there is no such share, recipient or grant.
pub async fn revoke(provider: &Provider, share: &str, recipient: &str) -> Result<Granted, ProviderError> {
    let ends = ends(provider, share, recipient).await?;
    let (share, recipient) = (&ends.share.name, &ends.recipient.name);
    match written(|| provider.catalog().revoke(share, recipient)).await {
        Ok(()) => Ok(ends),
        Err(WriteError::Missing { .. }) => Err(ProviderError::Missing {
            what: format!("grant of share '{share}' to recipient '{recipient}'"),
            near: None,
            next: format!("see what it may read with: spillway recipient show {recipient}"),
        }),
        Err(other) => Err(other.into()),
    }
}

async fn ends(provider: &Provider, share: &str, recipient: &str) -> Result<Granted, ProviderError> {
    let (share, recipient) = (names::share(share)?, names::recipient(recipient)?);
    let Some(share) = provider.catalog().share(&share).await? else {
        return Err(shares::missing(provider, &share).await);
    };
    let recipient = recipients::find(provider, &recipient).await?;
    Ok(Granted { share, recipient })
}

/// Something that was there a moment ago and is not any more.
async fn gone(provider: &Provider, what: String, share: &ShareName, recipient: &RecipientName) -> ProviderError {
    match (provider.catalog().share(share).await, provider.catalog().recipient(recipient).await) {
        (Ok(None), _) => shares::missing(provider, share).await,
        (_, Ok(None)) => recipients::missing(provider, recipient).await,
        (Err(error), _) | (_, Err(error)) => error.into(),
        (Ok(Some(_)), Ok(Some(_))) => ProviderError::Conflict { what },
    }
}
