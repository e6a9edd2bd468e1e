//! Activation codes: 192 random bits in lower-case hex, which survives every mail program's guess at where a link ends.
//! Two forms, as with tokens:
//!
//! - **plain**: the secret alone; the form of a server without a keyring.
//! - **self-checking**: `key id:1 | secret:24 | tag:8`. The tag is an HMAC under a key of the keyring, so that a mistyped
//!   or invented code is refused without asking any store.
//!
//! Known by the SHA-256 of the code; what the link hands over is sealed under a key derived from it.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::Contents;
use crate::auth::keyring::{Key, KeyId, Keyrings};
use crate::entropy;
use crate::error::Error;
use crate::seal::Sealer;
use crate::secret::Secret;

const SECRET_BYTES: usize = 24;
const TAG_BYTES: usize = 8;
const CHECKED_BYTES: usize = 1 + SECRET_BYTES + TAG_BYTES;

const TAG_LABEL: &str = "activation tag";
const SEAL_LABEL: &str = "spillway/1 activation sealing key";
const PLAIN_KEY: &[u8] = b"spillway/1 activation without a keyring";
const CONTEXT: &str = "activation";

/// Makes and reads codes.
#[derive(Clone)]
pub struct Codes(Kind);

#[derive(Clone)]
enum Kind {
    Plain,
    Checked(Arc<dyn Keyrings>),
}

impl Codes {
    /// Plain codes.
    pub const fn plain() -> Self {
        Self(Kind::Plain)
    }

    /// Self-checking codes under this keyring.
    pub fn under(keyrings: Arc<dyn Keyrings>) -> Self {
        Self(Kind::Checked(keyrings))
    }

    /// A code that nobody was sent yet.
    ///
    /// # Errors
    /// When the operating system has no randomness, or the keyring cannot be read.
    pub async fn make(&self) -> Result<Code, Error> {
        let secret = entropy::bytes::<SECRET_BYTES>()?;
        match &self.0 {
            Kind::Plain => Code::of(&secret, PLAIN_KEY),
            Kind::Checked(keyrings) => {
                let key = keyrings.current().await?;
                let mut bytes = vec![key.id().number()];
                bytes.extend_from_slice(&secret);
                bytes.extend(tag(&key, &secret).finalize().into_bytes().into_iter().take(TAG_BYTES));
                Code::of(&bytes, key.aead())
            }
        }
    }

    /// Reads a code; nothing for a text that is none of this server's.
    ///
    /// # Errors
    /// When the keyring cannot be read.
    pub async fn read(&self, text: &str) -> Result<Option<Code>, Error> {
        match &self.0 {
            Kind::Plain => {
                let Some(bytes) = decoded::<SECRET_BYTES>(text) else { return Ok(None) };
                Code::of(&bytes, PLAIN_KEY).map(Some)
            }
            Kind::Checked(keyrings) => {
                let Some(bytes) = decoded::<CHECKED_BYTES>(text) else { return Ok(None) };
                let Some(id) = bytes.first().copied().and_then(KeyId::new) else { return Ok(None) };
                let Some(key) = keyrings.with_key(id).await? else { return Ok(None) };
                if is_tagged(&key, &bytes) { Code::of(&bytes, key.aead()).map(Some) } else { Ok(None) }
            }
        }
    }
}

impl fmt::Debug for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Plain => "Codes(plain)",
            Kind::Checked(_) => "Codes(checked)",
        })
    }
}

fn decoded<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

fn tag(key: &Key, secret: &[u8]) -> impl Mac {
    key.pepper().chain_update(TAG_LABEL).chain_update([key.id().number()]).chain_update(secret)
}

/// Compared in constant time.
fn is_tagged(key: &Key, bytes: &[u8; CHECKED_BYTES]) -> bool {
    let Some((_, rest)) = bytes.split_first() else { return false };
    let Some((secret, tagged)) = rest.split_first_chunk::<SECRET_BYTES>() else { return false };
    tag(key, secret).verify_truncated_left(tagged).is_ok()
}

/// A code of this server's form, with what follows from it.
pub struct Code {
    text: Secret,
    hash: String,
    sealer: Sealer,
}

impl Code {
    fn of(bytes: &[u8], key: &[u8]) -> Result<Self, Error> {
        let mac = Hmac::<Sha256>::new_from_slice(key).map_err(|error| Error::internal("HMAC refused a key", error))?;
        let seal_key = mac.chain_update(SEAL_LABEL).chain_update(bytes).finalize().into_bytes();
        Ok(Self {
            text: Secret::new(hex::encode(bytes)),
            hash: hex::encode(Sha256::digest(bytes)),
            sealer: Sealer::new(&seal_key.into()),
        })
    }

    /// The code itself, for its recipient only.
    pub fn text(&self) -> &Secret {
        &self.text
    }

    /// What a catalogue knows it by: 64 lower-case hex digits.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Seals what the link hands over, bound to its recipient and token.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn seal(&self, recipient_id: &str, token_id: &str, contents: &Contents) -> Result<String, Error> {
        let payload =
            serde_json::to_vec(contents).map_err(|error| Error::internal("a link has no JSON form", error))?;
        self.sealer.seal(&[CONTEXT, recipient_id, token_id], &payload)
    }

    /// Opens what was sealed; nothing when it was changed, or belongs to another recipient or token.
    pub fn open(&self, recipient_id: &str, token_id: &str, sealed: &str) -> Option<Contents> {
        serde_json::from_slice(&self.sealer.open(&[CONTEXT, recipient_id, token_id], sealed)?).ok()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(***)")
    }
}
