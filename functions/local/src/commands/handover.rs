//! The profile that a recipient is given: written once, for its owner only, never over a file that is there. The file is
//! taken before the token is made, so that no token is made that could not be handed over.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use shared::model::version::TimestampMs;
use shared::provider::tokens::IssuedToken;
use shared::wire::profile::Profile;

/// The ending of profile files.
const ENDING: &str = "share";
/// Names tried beside one that is taken.
const TRIES_MAX: usize = 1000;

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

    /// Takes the first file of `NAME.share`, `NAME-2.share`, … in a folder that is free.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub fn take_beside(folder: &Path, name: &str) -> Result<Self, String> {
        let path = |number: usize| match number {
            1 => folder.join(format!("{name}.{ENDING}")),
            number => folder.join(format!("{name}-{number}.{ENDING}")),
        };
        for number in 1..TRIES_MAX {
            match new_file(&path(number)) {
                Ok(file) => return Ok(Self { path: path(number), file: Some(file) }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(refused(&path(number), &error)),
            }
        }
        Err(format!("too many profiles of '{name}' are in {}; name a file with --profile", folder.display()))
    }

    /// The file of that name in a folder.
    pub fn path_in(folder: &Path, name: &str) -> PathBuf {
        folder.join(format!("{name}.{ENDING}"))
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
        let profile = Profile {
            share_credentials_version: 1,
            endpoint: endpoint.to_owned(),
            bearer_token: issued.token.reveal().to_owned(),
            expiration_time: Some(TimestampMs::to_iso(issued.expires_at)),
        };
        let text = serde_json::to_string_pretty(&profile).map_err(|error| lost(error.into()))?;
        let mut file = self.file.as_ref().ok_or_else(|| lost(io::ErrorKind::NotFound.into()))?;
        file.write_all(format!("{text}\n").as_bytes()).and_then(|()| file.sync_all()).map_err(lost)?;
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

    #[test]
    fn the_next_free_name_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let fill = || ProfileFile::take_beside(folder.path(), "a").unwrap().fill("https://e", &issued(), "a").unwrap();
        let names: Vec<_> = (0..3).map(|_| fill().file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["a.share", "a-2.share", "a-3.share"]);
        assert!(ProfileFile::take_beside(&folder.path().join("gone"), "a").unwrap_err().contains("cannot write"));
    }
}
