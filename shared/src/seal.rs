//! Sealing: a payload that only this server can read and that nobody can change, bound to the place it was made for. As a
//! token it is text in base64url without padding, so that clients may put it into a URL as it is.

use std::fmt;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};

use crate::entropy;
use crate::error::Error;

pub mod keyring;

const NONCE_BYTES: usize = 24;

/// Seals and opens.
#[async_trait]
pub trait Sealing: fmt::Debug + Send + Sync {
    /// Seals a payload for one place. `context` names the place; opening needs the same one.
    ///
    /// # Errors
    /// When the operating system has no randomness, or the key cannot be read.
    async fn seal_bytes(&self, context: &[&str], payload: &[u8]) -> Result<Vec<u8>, Error>;

    /// Opens what was sealed; nothing when it is forged, damaged, or was made elsewhere or for another place.
    ///
    /// # Errors
    /// When the key cannot be read.
    async fn open_bytes(&self, context: &[&str], sealed: &[u8]) -> Result<Option<Vec<u8>>, Error>;

    /// Seals a payload as a token.
    ///
    /// # Errors
    /// As [`Sealing::seal_bytes`].
    async fn seal(&self, context: &[&str], payload: &[u8]) -> Result<String, Error> {
        Ok(URL_SAFE_NO_PAD.encode(self.seal_bytes(context, payload).await?))
    }

    /// Opens a token.
    ///
    /// # Errors
    /// As [`Sealing::open_bytes`].
    async fn open(&self, context: &[&str], token: &str) -> Result<Option<Vec<u8>>, Error> {
        match URL_SAFE_NO_PAD.decode(token) {
            Ok(sealed) => self.open_bytes(context, &sealed).await,
            Err(_) => Ok(None),
        }
    }
}

/// Seals and opens tokens with one key.
#[derive(Clone)]
pub struct Sealer {
    cipher: XChaCha20Poly1305,
}

impl Sealer {
    /// A sealer with this key. Every process that may be handed another's token needs the same key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(Key::from_slice(key)) }
    }

    /// A sealer whose tokens end with this process.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn for_this_process() -> Result<Self, Error> {
        Ok(Self::new(&entropy::bytes()?))
    }

    /// Seals a payload for one place. `context` names the place; opening needs the same one.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn seal(&self, context: &[&str], payload: &[u8]) -> Result<String, Error> {
        Ok(URL_SAFE_NO_PAD.encode(self.sealed(context, payload)?))
    }

    /// Opens a token; nothing when it is forged, damaged, or was made elsewhere or for another place.
    pub fn open(&self, context: &[&str], token: &str) -> Option<Vec<u8>> {
        self.opened(context, &URL_SAFE_NO_PAD.decode(token).ok()?)
    }

    fn sealed(&self, context: &[&str], payload: &[u8]) -> Result<Vec<u8>, Error> {
        let nonce: [u8; NONCE_BYTES] = entropy::bytes()?;
        let aad = canonical(context);
        let sealed = self
            .cipher
            .encrypt(XNonce::from_slice(&nonce), Payload { msg: payload, aad: &aad })
            .map_err(|_| Error::defect("a token could not be sealed"))?;
        let mut token = nonce.to_vec();
        token.extend_from_slice(&sealed);
        Ok(token)
    }

    fn opened(&self, context: &[&str], bytes: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let aad = canonical(context);
        self.cipher.decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: &aad }).ok()
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(***)")
    }
}

#[async_trait]
impl Sealing for Sealer {
    async fn seal_bytes(&self, context: &[&str], payload: &[u8]) -> Result<Vec<u8>, Error> {
        self.sealed(context, payload)
    }

    async fn open_bytes(&self, context: &[&str], sealed: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.opened(context, sealed))
    }
}

/// The context with every part's length in front, so that no two contexts look alike.
fn canonical(context: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in context {
        out.extend_from_slice(&(part.len() as u64).to_be_bytes());
        out.extend_from_slice(part.as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn opens_only_where_it_belongs(payload in proptest::collection::vec(any::<u8>(), 0..200), flip in any::<prop::sample::Index>()) {
            let sealer = Sealer::new(&[7; 32]);
            let token = sealer.seal(&["list-shares", "r1"], &payload).unwrap();
            prop_assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            let opened = sealer.open(&["list-shares", "r1"], &token);
            prop_assert_eq!(opened.as_ref(), Some(&payload));
            prop_assert_eq!(sealer.open(&["list-shares", "r2"], &token), None);
            prop_assert_eq!(sealer.open(&["list-sharesr", "1"], &token), None);
            prop_assert_eq!(Sealer::new(&[8; 32]).open(&["list-shares", "r1"], &token), None);
            let mut bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
            let at = flip.index(bytes.len());
            bytes[at] ^= 1;
            prop_assert_eq!(sealer.open(&["list-shares", "r1"], &URL_SAFE_NO_PAD.encode(bytes)), None);
        }

        #[test]
        fn garbage_never_opens(token in "\\PC{0,80}") {
            prop_assert_eq!(Sealer::new(&[7; 32]).open(&[], &token), None);
        }
    }
}
