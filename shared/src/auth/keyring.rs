//! The keyring: numbered keys for checking tokens and for sealing page tokens, kept outside the catalogue so that who
//! copies the catalogue can neither check nor make a token. New things are made with the current key; older keys stay
//! until nothing made with them is in use.
//!
//! Its document is JSON in one of two forms, which may be mixed:
//!
//! - `{"current": "k2", "keys": {"k1": {"pepper": "…", "aead": "…"}, "k2": {…}}}`
//! - `{"current": "k1", "k1": "…"}`, the form that a secret store can generate; the text stands for both of a key's.
//!
//! Keys are derived from the texts, not equal to them, so `"k1": "x"` and `"k1": {"pepper": "x", "aead": "x"}` are the
//! same key, and a generated keyring may be rewritten in the first form without ending any token.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU8;
use std::sync::Arc;

use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

use crate::error::Error;
use crate::limits::KEYRING_TEXT_CHARS_MIN;
use crate::secret::Secret;

pub mod cached;
#[cfg(feature = "secrets")]
pub mod secret;

const PEPPER_LABEL: &str = "spillway/1 token pepper";
const AEAD_LABEL: &str = "spillway/1 sealing key";

/// The number of a key, 1 to 255; `k1` to `k255` in the keyring's document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(NonZeroU8);

impl KeyId {
    /// The key of that number; there is none of number zero.
    pub const fn new(number: u8) -> Option<Self> {
        match NonZeroU8::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Reads what `Display` writes, and nothing else: no sign, no leading zero.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(text.strip_prefix('k')?.parse().ok()?);
        (id.to_string() == text).then_some(id)
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self.0.get()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{}", self.0)
    }
}

/// One key of the keyring: really two, derived apart, so that neither use weakens the other.
#[derive(Clone)]
pub struct Key {
    id: KeyId,
    pepper: Hmac<Sha256>,
    aead: [u8; 32],
}

impl Key {
    /// Derives a key from its two secret texts.
    ///
    /// # Errors
    /// Never in practice; HMAC is fallible by type.
    pub fn derived(id: KeyId, pepper: &Secret, aead: &Secret) -> Result<Self, Error> {
        let pepper = derive(pepper, PEPPER_LABEL)?;
        Ok(Self { id, pepper: new_mac(&pepper)?, aead: derive(aead, AEAD_LABEL)? })
    }

    /// Its number.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// A new HMAC under its pepper, for token tags and hashes.
    pub(super) fn pepper(&self) -> Hmac<Sha256> {
        self.pepper.clone()
    }

    /// The key for sealing.
    pub(crate) fn aead(&self) -> &[u8; 32] {
        &self.aead
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, ***)", self.id)
    }
}

fn new_mac(key: &[u8]) -> Result<Hmac<Sha256>, Error> {
    Hmac::new_from_slice(key).map_err(|source| Error::internal("HMAC refused a key", source))
}

fn derive(text: &Secret, label: &str) -> Result<[u8; 32], Error> {
    Ok(new_mac(text.reveal().as_bytes())?.chain_update(label).finalize().into_bytes().into())
}

/// Why a document is no keyring. Names what is wrong, never what the document holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyringError {
    /// Not JSON, or not of either form.
    Malformed {
        /// Where reading stopped.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// A field that is neither `current`, `keys` nor the name of a key.
    NoKeyName,
    /// The same key in both forms.
    Twice(KeyId),
    /// A text that is too short to derive a key from.
    TooShort(KeyId),
    /// `current` names no key that is there.
    NoCurrent,
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { line, column } => write!(
                f,
                "the keyring is not JSON of a known form (line {line}, column {column}): \
                 expected {{\"current\": \"k1\", \"keys\": {{\"k1\": {{\"pepper\": …, \"aead\": …}}}}}}"
            ),
            Self::NoKeyName => f.write_str("the keyring has a field that is no key's name; keys are named k1 to k255"),
            Self::Twice(id) => write!(f, "the keyring holds {id} twice"),
            Self::TooShort(id) => {
                write!(f, "the keyring's {id} is shorter than {KEYRING_TEXT_CHARS_MIN} characters")
            }
            Self::NoCurrent => f.write_str("the keyring's 'current' names no key that it holds"),
        }
    }
}

impl std::error::Error for KeyringError {}

#[derive(Deserialize)]
struct Document {
    current: String,
    #[serde(default)]
    keys: BTreeMap<String, Texts>,
    #[serde(flatten)]
    generated: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts {
    pepper: String,
    aead: String,
}

/// Every key, and which one is current.
#[derive(Clone)]
pub struct Keyring {
    current: Key,
    keys: BTreeMap<KeyId, Key>,
}

impl Keyring {
    /// Reads a keyring's document.
    ///
    /// # Errors
    /// A [`KeyringError`] as the cause, for the log.
    pub fn parse(document: &Secret) -> Result<Self, Error> {
        let refused = |why: KeyringError| Error::internal("the keyring cannot be used", why);
        // A parser's own message may quote the text, which is secret.
        let document: Document = serde_json::from_str(document.reveal())
            .map_err(|error| refused(KeyringError::Malformed { line: error.line(), column: error.column() }))?;
        let generated =
            document.generated.into_iter().map(|(name, text)| (name, Texts { pepper: text.clone(), aead: text }));
        let mut keys = BTreeMap::new();
        for (name, texts) in document.keys.into_iter().chain(generated) {
            let id = KeyId::parse(&name).ok_or_else(|| refused(KeyringError::NoKeyName))?;
            if [&texts.pepper, &texts.aead].iter().any(|text| text.chars().count() < KEYRING_TEXT_CHARS_MIN) {
                return Err(refused(KeyringError::TooShort(id)));
            }
            let key = Key::derived(id, &Secret::new(texts.pepper), &Secret::new(texts.aead))?;
            if keys.insert(id, key).is_some() {
                return Err(refused(KeyringError::Twice(id)));
            }
        }
        let current = KeyId::parse(&document.current).and_then(|id| keys.get(&id)).cloned();
        let current = current.ok_or_else(|| refused(KeyringError::NoCurrent))?;
        Ok(Self { current, keys })
    }

    /// The key that new things are made with.
    pub fn current(&self) -> &Key {
        &self.current
    }

    /// The key of that number.
    pub fn key(&self, id: KeyId) -> Option<&Key> {
        self.keys.get(&id)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("current", &self.current.id).field("keys", &self.keys.len()).finish()
    }
}

/// Where keys come from.
#[async_trait]
pub trait Keyrings: fmt::Debug + Send + Sync {
    /// The key that new things are made with.
    ///
    /// # Errors
    /// When the keyring cannot be read.
    async fn current(&self) -> Result<Key, Error>;

    /// The key that something presented claims to be made with; `None` when there is no such key. A key that was added
    /// moments ago is found.
    ///
    /// # Errors
    /// When the keyring cannot be read.
    async fn with_key(&self, id: KeyId) -> Result<Option<Key>, Error>;
}

/// A keyring that stays as it is: for tests, and for a server whose keyring is a file.
#[derive(Debug, Clone)]
pub struct FixedKeyring(Arc<Keyring>);

impl FixedKeyring {
    /// Always this keyring.
    pub fn new(keyring: Keyring) -> Self {
        Self(Arc::new(keyring))
    }
}

#[async_trait]
impl Keyrings for FixedKeyring {
    async fn current(&self) -> Result<Key, Error> {
        Ok(self.0.current().clone())
    }

    async fn with_key(&self, id: KeyId) -> Result<Option<Key>, Error> {
        Ok(self.0.key(id).cloned())
    }
}

#[cfg(test)]
mod tests;
