//! Bearer tokens that this server makes, behind a prefix that secret scanners recognise. Two forms:
//!
//! - **plain**: the prefix and 256 random bits, known by its SHA-256; the form of a server without a keyring.
//! - **self-checking**: the prefix and base64url of `key id:1 | token id:10 | secret:32 | tag:8`. The tag is an HMAC under
//!   a key of the keyring, so a mistyped or invented token is refused without asking any store. What a store keeps is
//!   another HMAC under the same key.
//!
//! The secret has 256 random bits, so a slow password hash would add nothing.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use sha2::{Digest, Sha256};

use super::keyring::{Key, KeyId};
use crate::entropy;
use crate::error::Error;
use crate::secret::{Secret, TokenHash};

/// What every token begins with.
pub const PREFIX: &str = "dss1_";

const KEY_ID_BYTES: usize = 1;
const ID_BYTES: usize = 10;
const SECRET_BYTES: usize = 32;
const TAG_BYTES: usize = 8;
const TOKEN_BYTES: usize = KEY_ID_BYTES + ID_BYTES + SECRET_BYTES + TAG_BYTES;

/// A multiple of three bytes becomes whole groups of four characters: no text but one decodes to a token.
const TOKEN_CHARS: usize = TOKEN_BYTES / 3 * 4;
const _: () = assert!(TOKEN_BYTES.is_multiple_of(3));

/// Bytes of a token's id that all tokens of one recipient may have in common.
const RECIPIENT_PART_BYTES: usize = 7;

/// Makes a plain token.
///
/// # Errors
/// When the operating system has no randomness.
pub fn generate() -> Result<Secret, Error> {
    Ok(Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(entropy::bytes::<32>()?))))
}

/// The public part of a self-checking token, unique to it. Shown as 20 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenId([u8; ID_BYTES]);

impl TokenId {
    /// A random id.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn random() -> Result<Self, Error> {
        Ok(Self(entropy::bytes()?))
    }

    /// A new id that begins with the part that all tokens of this recipient share, for a store that keeps a recipient's
    /// tokens together.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn of_recipient(recipient_id: &str) -> Result<Self, Error> {
        let mut id = entropy::bytes::<ID_BYTES>()?;
        let shared = recipient_bytes(recipient_id);
        for (byte, shared) in id.iter_mut().zip(shared) {
            *byte = shared;
        }
        Ok(Self(id))
    }

    /// Reads the hex digits that `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut id = [0; ID_BYTES];
        hex::decode_to_slice(text, &mut id).ok()?;
        Some(Self(id))
    }

    /// What ids made by [`TokenId::of_recipient`] for one recipient have in common: 14 lower-case hex digits.
    pub fn recipient_part(&self) -> String {
        hex::encode(self.0.first_chunk::<RECIPIENT_PART_BYTES>().map_or(&[][..], |part| part))
    }
}

/// The [`TokenId::recipient_part`] of a recipient's tokens.
pub fn recipient_part(recipient_id: &str) -> String {
    hex::encode(recipient_bytes(recipient_id).collect::<Vec<u8>>())
}

/// 56 bits, so that even among a million recipients two hardly share a part; who keeps tokens by it must still compare the
/// recipient's id.
fn recipient_bytes(recipient_id: &str) -> impl Iterator<Item = u8> {
    let digest = Sha256::new().chain_update("recipient").chain_update(recipient_id).finalize();
    digest.into_iter().take(RECIPIENT_PART_BYTES)
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A text with the shape of a self-checking token; whether it is one, [`Presented::checked`] knows.
pub struct Presented {
    key_id: KeyId,
    id: TokenId,
    secret: [u8; SECRET_BYTES],
    tag: [u8; TAG_BYTES],
}

impl Presented {
    /// Takes a text apart; nothing unless length and characters are a token's.
    pub fn parse(token: &Secret) -> Option<Self> {
        let text = token.reveal().strip_prefix(PREFIX)?;
        if text.len() != TOKEN_CHARS {
            return None;
        }
        let bytes: [u8; TOKEN_BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (key_id, rest) = bytes.split_first_chunk::<KEY_ID_BYTES>()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (secret, rest) = rest.split_first_chunk()?;
        let tag = rest.first_chunk()?;
        Some(Self { key_id: KeyId::new(u8::from_be_bytes(*key_id))?, id: TokenId(*id), secret: *secret, tag: *tag })
    }

    /// The key that it claims to be made with.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The token's id and hash, if it was made with this key. The tag is compared in constant time.
    pub fn checked(&self, key: &Key) -> Option<Checked> {
        if key.id() != self.key_id {
            return None;
        }
        tag_of(key, self.id, &self.secret).verify_truncated_left(&self.tag).ok()?;
        Some(Checked { key_id: self.key_id, id: self.id, hash: hash_of(key, self.id, &self.secret) })
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented(***)")
    }
}

/// A presented token that this server did make.
#[derive(Debug, Clone, Copy)]
pub struct Checked {
    /// The key it was made with.
    pub key_id: KeyId,
    /// Its public part.
    pub id: TokenId,
    /// What a store keeps of it.
    pub hash: TokenHash,
}

/// Makes a self-checking token with that id, and the hash that a store keeps.
///
/// # Errors
/// When the operating system has no randomness.
pub fn make(key: &Key, id: TokenId) -> Result<(Secret, TokenHash), Error> {
    let secret = entropy::bytes()?;
    Ok((assembled(key, id, &secret), hash_of(key, id, &secret)))
}

fn assembled(key: &Key, id: TokenId, secret: &[u8; SECRET_BYTES]) -> Secret {
    let tag = tag_of(key, id, secret).finalize().into_bytes();
    let mut bytes = Vec::with_capacity(TOKEN_BYTES);
    bytes.push(key.id().number());
    bytes.extend_from_slice(&id.0);
    bytes.extend_from_slice(secret);
    bytes.extend(tag.into_iter().take(TAG_BYTES));
    Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

fn tag_of(key: &Key, id: TokenId, secret: &[u8; SECRET_BYTES]) -> impl Mac {
    key.pepper().chain_update("tag").chain_update([key.id().number()]).chain_update(id.0).chain_update(secret)
}

fn hash_of(key: &Key, id: TokenId, secret: &[u8; SECRET_BYTES]) -> TokenHash {
    let mac = key.pepper().chain_update("tok").chain_update(id.0).chain_update(secret);
    TokenHash::from_bytes(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests;
