//! How a new token gets to its recipient: as a link that gives the profile once, which is what is done when nothing else
//! is said; as a profile file; or as a profile on the terminal. A file is written once, for its owner only, never over a
//! file that is there, and it is taken before the token is made, so that no token is made that could not be handed over.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use shared::model::version::TimestampMs;
use shared::provider::links::{IssuedLink, LinkLifetime, LinkOffer};
use shared::provider::tokens::{IssuedToken, Lifetime};
use shared::wire::profile::Profile;

use super::answer::{facts, moment};

/// Options of every command that makes a token.
#[derive(Debug, Clone, Args)]
pub struct HandoverArgs {
    /// How long the token is good [default: 365 days]
    #[arg(long, value_name = "TIME", value_parser = super::lifetime)]
    lifetime: Option<Lifetime>,
    /// How long the link can be used [default: 72 hours]
    #[arg(long, value_name = "TIME", value_parser = super::link_lifetime, conflicts_with_all = ["profile", "print_profile"])]
    link_lifetime: Option<LinkLifetime>,
    /// Write the profile to this file instead of making a link
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Print the profile, and nothing else, instead of making a link
    #[arg(long, conflicts_with = "profile")]
    print_profile: bool,
}

/// The way that a token will go.
#[derive(Debug)]
pub enum Way {
    /// By a link.
    Link(LinkOffer),
    /// In a file.
    File(ProfileFile),
    /// On the terminal.
    Terminal,
}

/// What a token was handed over as.
#[derive(Debug)]
pub enum Handed {
    /// A link to send.
    Link(IssuedLink),
    /// A file to send.
    File(PathBuf),
    /// The profile.
    Terminal(Profile),
}

impl HandoverArgs {
    /// How long the token is good.
    pub fn lifetime(&self) -> Lifetime {
        self.lifetime.unwrap_or_default()
    }

    /// The way that was chosen, with the file taken where it is one.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub fn way(&self, endpoint: &str) -> Result<Way, String> {
        Ok(match (&self.profile, self.print_profile) {
            (Some(path), _) => Way::File(ProfileFile::take(path)?),
            (None, true) => Way::Terminal,
            (None, false) => Way::Link(LinkOffer::to(endpoint, self.link_lifetime.unwrap_or_default())),
        })
    }
}

impl Way {
    /// What is to be made beside the token.
    pub fn offer(&self) -> Option<&LinkOffer> {
        match self {
            Self::Link(offer) => Some(offer),
            Self::File(_) | Self::Terminal => None,
        }
    }

    /// Hands a token over.
    ///
    /// # Errors
    /// When it could not be; the token is good all the same, and lost.
    pub fn hand_over(
        self,
        endpoint: &str,
        issued: &IssuedToken,
        link: Option<IssuedLink>,
        recipient: &str,
    ) -> Result<Handed, String> {
        match self {
            Self::Link(_) => link.map(Handed::Link).ok_or_else(|| {
                format!("the token was made without a link; make another with: spillway token rotate {recipient}")
            }),
            Self::File(file) => file.fill(endpoint, issued, recipient).map(Handed::File),
            Self::Terminal => Ok(Handed::Terminal(profile(endpoint, issued))),
        }
    }
}

impl Handed {
    /// What was made, one fact a line, with what else there is to say in the same columns.
    pub fn facts(&self, issued: &IssuedToken, endpoint: &str, more: &[(&str, Option<String>)]) -> String {
        let (link, until, file) = match self {
            Self::Link(link) => (Some(link.url.reveal().to_owned()), Some(moment(link.expires_at)), None),
            Self::File(path) => (None, None, Some(path.display().to_string())),
            Self::Terminal(_) => (None, None, None),
        };
        let made = [
            ("link", link),
            ("to be used until", until),
            ("profile", file),
            ("token good until", Some(moment(issued.expires_at))),
            ("endpoint", Some(endpoint.to_owned())),
        ];
        facts(&[&made, more].concat())
    }

    /// What to do with it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Link(_) => {
                "Send the link to the recipient: it gives the profile once, to whoever opens it first and presses the \
                 button.\n"
            }
            Self::File(_) | Self::Terminal(_) => {
                "The profile is the credential: send it where only the recipient can read it, then delete it here.\n"
            }
        }
    }

    /// The same for scripts: `link` or `profile`, whichever was made.
    pub fn json(&self) -> (&'static str, Value) {
        match self {
            Self::Link(link) => ("link", json!({"url": link.url.reveal(), "expiresAt": link.expires_at.to_iso()})),
            Self::File(path) => ("profile", json!(path)),
            Self::Terminal(profile) => ("profile", json!(profile)),
        }
    }

    /// The text of an answer, which is the profile alone where that was asked for.
    ///
    /// # Errors
    /// Never in practice; JSON is fallible by type.
    pub fn told(&self, text: String) -> Result<String, String> {
        match self {
            Self::Terminal(profile) => profile.to_text().map_err(|error| error.to_string()),
            Self::Link(_) | Self::File(_) => Ok(text),
        }
    }
}

fn profile(endpoint: &str, issued: &IssuedToken) -> Profile {
    Profile {
        share_credentials_version: 1,
        endpoint: endpoint.to_owned(),
        bearer_token: issued.token.reveal().to_owned(),
        expiration_time: Some(TimestampMs::to_iso(issued.expires_at)),
    }
}

/// A file that is taken, to be filled or given back.
#[derive(Debug)]
pub struct ProfileFile {
    path: PathBuf,
    file: Option<File>,
}

impl ProfileFile {
    /// Takes a file.
    ///
    /// # Errors
    /// A sentence for the person at the terminal, also when there is such a file.
    pub fn take(path: &Path) -> Result<Self, String> {
        let path = std::path::absolute(path).map_err(|error| refused(path, &error))?;
        match new_file(&path) {
            Ok(file) => Ok(Self { path, file: Some(file) }),
            Err(error) => Err(refused(&path, &error)),
        }
    }

    /// Fills the file; it stays from then on.
    ///
    /// # Errors
    /// When it cannot be written. The token is good all the same, and lost.
    pub fn fill(mut self, endpoint: &str, issued: &IssuedToken, recipient: &str) -> Result<PathBuf, String> {
        let lost = |error: io::Error| {
            format!(
                "the token was made, but its profile {} could not be written ({error}); make another with: spillway \
                 token rotate {recipient}",
                self.path.display()
            )
        };
        let text = profile(endpoint, issued).to_text().map_err(|error| lost(io::Error::other(error)))?;
        let mut file = self.file.as_ref().ok_or_else(|| lost(io::ErrorKind::NotFound.into()))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(lost)?;
        self.file = None;
        Ok(std::mem::take(&mut self.path))
    }
}

impl Drop for ProfileFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // The failure that led here is the one to tell.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn refused(path: &Path, error: &io::Error) -> String {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            format!("{shown} is there already and is not overwritten; name another file with --profile")
        }
        _ => format!("cannot write the profile {shown}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use shared::secret::Secret;

    use super::*;

    fn issued() -> IssuedToken {
        let expires_at = TimestampMs::new(1_767_225_600_000);
        IssuedToken { id: "i".into(), token: Secret::new("secret token"), expires_at }
    }

    #[test]
    fn a_profile_is_for_its_owner_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.share");
        let written = ProfileFile::take(&path).unwrap().fill("https://e", &issued(), "a").unwrap();
        assert_eq!(written, path);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let profile: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(
            profile,
            serde_json::json!({
                "shareCredentialsVersion": 1, "endpoint": "https://e", "bearerToken": "secret token",
                "expirationTime": "2026-01-01T00:00:00.000Z",
            })
        );
        assert!(ProfileFile::take(&path).unwrap_err().contains("not overwritten"));
        assert_eq!(std::fs::read(&path).unwrap().len() as u64, std::fs::metadata(&path).unwrap().len());
    }

    #[test]
    fn a_file_that_was_not_filled_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.share");
        drop(ProfileFile::take(&path).unwrap());
        assert!(!path.exists());
    }
}
