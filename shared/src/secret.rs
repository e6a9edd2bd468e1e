//! Secrets and signed URLs as types that mask themselves, so that no log line or error text can carry one by accident.
//! Reading the content takes a method named to be noticed.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A bearer token, key or password. `Debug` and `Display` show `***`.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself. For signing, hashing and writing a profile file; never for logs.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A hash of a bearer token, what a catalogue stores instead of the token: its SHA-256, or an HMAC under a key of the
/// keyring. Equality takes constant time.
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The plain SHA-256 of a presented token.
    pub fn of(token: &Secret) -> Self {
        Self(Sha256::digest(token.reveal().as_bytes()).into())
    }

    /// A hash that was made elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads the 64 hex digits that [`TokenHash::to_hex`] writes.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut out = [0; 32];
        hex::decode_to_slice(text, &mut out).ok()?;
        Some(Self(out))
    }

    /// 64 lower-case hex digits.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}

impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenHash {}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(***)")
    }
}

/// A presigned URL. `Display` and `Debug` end before the query string, which is the credential.
///
/// The buffer is meant to be reused from one file to the next.
#[derive(Clone, Default)]
pub struct SignedUrl(String);

impl SignedUrl {
    /// An empty buffer for a signer to fill.
    pub fn new() -> Self {
        Self::default()
    }

    /// The whole URL, for the recipient's answer only. Every character is plain ASCII that JSON need not escape.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The buffer itself, for signers.
    pub(crate) fn buffer(&mut self) -> &mut String {
        &mut self.0
    }
}

impl fmt::Debug for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let public = self.0.split('?').next().unwrap_or_default();
        write!(f, "{public}?***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows_through() {
        let token = Secret::new("topsecret");
        let mut url = SignedUrl::new();
        url.buffer().push_str("https://b/k?X-Amz-Signature=abc");
        let shown = format!("{token} {token:?} {:?} {url} {url:?}", TokenHash::of(&token));
        assert!(!shown.contains("topsecret") && !shown.contains("abc"), "{shown}");
    }

    #[test]
    fn hash_round_trips_through_hex() {
        let hash = TokenHash::of(&Secret::new("t"));
        assert_eq!(TokenHash::from_hex(&hash.to_hex()), Some(hash));
        assert_eq!(TokenHash::from_hex("zz"), None);
    }
}
