//! Profile files for the recipients of this machine, beside a header file for `curl`. A token is kept from one start to
//! the next, so that a client that is already connected stays so.

use std::path::{Path, PathBuf};

use shared::auth::token;
use shared::catalog::document::TokenEntry;
use shared::catalog::file;
use shared::secret::{Secret, TokenHash};
use shared::wire::profile::Profile;

use crate::content::ProfileOf;
use crate::state::StateFolder;

/// The ending of profile files.
const PROFILE_ENDING: &str = "share";

/// Where a profile and its header file are.
#[derive(Debug, Clone)]
pub struct ProfileFiles {
    /// The profile.
    pub profile: PathBuf,
    /// The `Authorization` header, for `curl -H @file`; none when no token is asked for.
    pub header: Option<PathBuf>,
    /// The server's certificate, when it was made at start-up.
    pub certificate: Option<PathBuf>,
}

/// The paths of the profile of that name.
pub fn profile_path(state: &StateFolder, name: &str) -> PathBuf {
    state.path().join(format!("{name}.{PROFILE_ENDING}"))
}

/// The token of a profile that an earlier start wrote, if it is one of ours.
pub fn kept_token(profile: &Path) -> Option<Secret> {
    let profile: Profile = serde_json::from_slice(&std::fs::read(profile).ok()?).ok()?;
    profile.bearer_token.starts_with(token::PREFIX).then(|| Secret::new(profile.bearer_token))
}

/// The kept token, or a new one.
///
/// # Errors
/// When the operating system has no randomness.
pub fn token_for(profile: &Path) -> Result<Secret, String> {
    match kept_token(profile) {
        Some(token) => Ok(token),
        None => token::generate().map_err(|error| error.to_string()),
    }
}

/// The token of a recipient of the state folder's catalogue: the kept one while the catalogue still knows its hash, or
/// a new one that is added to the catalogue. `None` when the catalogue has no such recipient.
///
/// # Errors
/// A sentence for the person at the terminal.
pub fn catalogued_token(state: &StateFolder, recipient: &str) -> Result<Option<Secret>, String> {
    let path = state.catalogue();
    let document = file::read(&path)?;
    let Some(entry) = document.recipients.iter().find(|entry| entry.name == recipient) else {
        return Ok(None);
    };
    let profile = profile_path(state, recipient);
    if let Some(token) = kept_token(&profile) {
        let hash = TokenHash::of(&token).to_hex();
        if entry.tokens.iter().any(|known| known.sha256 == hash) {
            return Ok(Some(token));
        }
    }
    let token = token::generate().map_err(|error| error.to_string())?;
    file::change(&path, |document| {
        let entry = document.recipients.iter_mut().find(|entry| entry.name == recipient)?;
        entry.tokens.push(TokenEntry { sha256: TokenHash::of(&token).to_hex(), ..Default::default() });
        Some(())
    })
    .map(|added| added.map(|()| token))
}

/// Writes a profile, for its owner only, and what `curl` needs beside it: a header file when there is a token to send, the
/// certificate when it is one that no client knows.
///
/// # Errors
/// A sentence for the person at the terminal.
pub fn write(
    state: &StateFolder,
    of: &ProfileOf,
    endpoint: &str,
    certificate: Option<&str>,
) -> Result<ProfileFiles, String> {
    let ProfileOf { name, token } = of;
    let profile = Profile {
        share_credentials_version: 1,
        endpoint: endpoint.to_owned(),
        // Clients refuse a profile without a token; a server that asks for none takes any.
        bearer_token: token.as_ref().map_or("none", Secret::reveal).to_owned(),
        expiration_time: None,
    };
    let write = |ending: &str, content: &str| {
        let path = state.path().join(format!("{name}.{ending}"));
        file::write_private(&path, content.as_bytes())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
            .map(|()| path)
    };
    let header = token.as_ref().map(|token| write("header", &format!("Authorization: Bearer {}\n", token.reveal())));
    let certificate = certificate.map(|pem| write("pem", pem));
    let profile = serde_json::to_string_pretty(&profile).map_err(|error| error.to_string())?;
    Ok(ProfileFiles {
        header: header.transpose()?,
        certificate: certificate.transpose()?,
        profile: write(PROFILE_ENDING, &format!("{profile}\n"))?,
    })
}
