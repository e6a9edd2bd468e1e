//! New tokens: the port through which a provider's program makes them, whatever store checks them later.

use std::sync::Arc;

use async_trait::async_trait;

use super::keyring::Keyrings;
use super::token::{self, TokenId};
use crate::error::Error;
use crate::secret::{Secret, TokenHash};

/// A new token and what a catalogue keeps of it.
#[derive(Debug)]
pub struct MintedToken {
    /// The token itself, for its recipient only.
    pub token: Secret,
    /// Its public part; unique.
    pub id: String,
    /// Its hash, in lower-case hex.
    pub hash: String,
    /// Which key of the keyring made the hash; none for a plain SHA-256.
    pub key_id: Option<u8>,
}

/// Makes tokens.
#[async_trait]
pub trait MintTokens: Send + Sync {
    /// A token that nobody has been given yet.
    ///
    /// # Errors
    /// When the operating system has no randomness, or the keyring cannot be read.
    async fn mint(&self) -> Result<MintedToken, Error>;
}

/// Makes self-checking tokens with the current key of a keyring.
#[derive(Debug, Clone)]
pub struct KeyringMint {
    keyrings: Arc<dyn Keyrings>,
    recipient_id: Option<String>,
}

impl KeyringMint {
    /// Tokens under this keyring.
    pub fn new(keyrings: Arc<dyn Keyrings>) -> Self {
        Self { keyrings, recipient_id: None }
    }

    /// The same for one recipient, whose tokens then have the first part of their ids in common. A store that keeps a
    /// recipient's tokens together finds them by it; any other store takes them too.
    #[must_use]
    pub fn for_recipient(&self, recipient_id: impl Into<String>) -> Self {
        Self { keyrings: Arc::clone(&self.keyrings), recipient_id: Some(recipient_id.into()) }
    }
}

#[async_trait]
impl MintTokens for KeyringMint {
    async fn mint(&self) -> Result<MintedToken, Error> {
        let key = self.keyrings.current().await?;
        let id = match &self.recipient_id {
            Some(recipient_id) => TokenId::of_recipient(recipient_id)?,
            None => TokenId::random()?,
        };
        let (token, hash) = token::make(&key, id)?;
        Ok(MintedToken { token, id: id.to_string(), hash: hash.to_hex(), key_id: Some(key.id().number()) })
    }
}

/// Hex digits of a plain token's hash that serve as its id: 64 bits, far more than one server's tokens need to differ.
const PLAIN_ID_CHARS: usize = 16;

/// Makes plain tokens, for a server without a keyring.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainMint;

#[async_trait]
impl MintTokens for PlainMint {
    async fn mint(&self) -> Result<MintedToken, Error> {
        let token = token::generate()?;
        let hash = TokenHash::of(&token).to_hex();
        Ok(MintedToken { token, id: hash.chars().take(PLAIN_ID_CHARS).collect(), hash, key_id: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::keyring::{FixedKeyring, Keyring};
    use crate::auth::token::Presented;

    fn keyring(current: &str) -> Arc<FixedKeyring> {
        let text = "x".repeat(40);
        let document = format!(r#"{{"current":"{current}","k1":"{text}","k2":"{text}"}}"#);
        Arc::new(FixedKeyring::new(Keyring::parse(&Secret::new(document)).unwrap()))
    }

    #[tokio::test]
    async fn tokens_are_made_with_the_current_key_and_their_hash_is_what_checking_gives() {
        for (current, number) in [("k1", 1), ("k2", 2)] {
            let keyrings = keyring(current);
            let minted = KeyringMint::new(keyrings.clone()).mint().await.unwrap();
            let checked = Presented::parse(&minted.token).unwrap().checked(&keyrings.current().await.unwrap()).unwrap();
            assert_eq!(minted.key_id, Some(number));
            assert_eq!((minted.id, minted.hash), (checked.id.to_string(), checked.hash.to_hex()));
        }
    }

    #[tokio::test]
    async fn tokens_for_one_recipient_are_different_with_a_common_part() {
        let mint = KeyringMint::new(keyring("k1"));
        let (a, b) = (mint.for_recipient("r1").mint().await.unwrap(), mint.for_recipient("r1").mint().await.unwrap());
        let part = |minted: &MintedToken| TokenId::parse(&minted.id).unwrap().recipient_part();
        assert_eq!(part(&a), part(&b));
        assert_ne!(part(&a), part(&mint.mint().await.unwrap()));
        assert_ne!(a.token.reveal(), b.token.reveal());
    }

    #[tokio::test]
    async fn a_plain_token_is_known_by_its_sha_256() {
        let minted = PlainMint.mint().await.unwrap();
        assert_eq!(minted.hash, TokenHash::of(&minted.token).to_hex());
        assert_eq!(minted.id, minted.hash[..16]);
        assert_eq!(minted.key_id, None);
        assert!(minted.token.reveal().starts_with(token::PREFIX));
    }
}
