//! Sealing with the keys of a keyring: whatever process made a token, every other can open it, also after a new key has
//! become current. The key's number is in front of what was sealed.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Sealer, Sealing};
use crate::auth::keyring::{Key, KeyId, Keyrings};
use crate::error::Error;

/// Seals with the current key of a keyring and opens with any.
#[derive(Debug, Clone)]
pub struct KeyringSealing {
    keyrings: Arc<dyn Keyrings>,
}

impl KeyringSealing {
    /// Seals under this keyring.
    pub fn new(keyrings: Arc<dyn Keyrings>) -> Self {
        Self { keyrings }
    }
}

fn sealer(key: &Key) -> Sealer {
    Sealer::new(key.aead())
}

/// The context with the key's name in front, so that the number before the sealed bytes cannot be changed either.
fn bound<'a>(key: &'a str, context: &[&'a str]) -> Vec<&'a str> {
    [&[key], context].concat()
}

#[async_trait]
impl Sealing for KeyringSealing {
    async fn seal_bytes(&self, context: &[&str], payload: &[u8]) -> Result<Vec<u8>, Error> {
        let key = self.keyrings.current().await?;
        let sealed = sealer(&key).sealed(&bound(&key.id().to_string(), context), payload)?;
        let mut numbered = Vec::with_capacity(sealed.len() + 1);
        numbered.push(key.id().number());
        numbered.extend_from_slice(&sealed);
        Ok(numbered)
    }

    async fn open_bytes(&self, context: &[&str], sealed: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let Some((number, sealed)) = sealed.split_first() else {
            return Ok(None);
        };
        let Some(id) = KeyId::new(*number) else {
            return Ok(None);
        };
        let Some(key) = self.keyrings.with_key(id).await? else {
            return Ok(None);
        };
        Ok(sealer(&key).opened(&bound(&key.id().to_string(), context), sealed))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::*;
    use crate::auth::keyring::{FixedKeyring, Keyring};
    use crate::secret::Secret;

    /// Seals under a keyring whose keys have these numbers and letters, the first of them current.
    fn sealing(keys: &[(u8, char)]) -> KeyringSealing {
        let texts: String = keys.iter().map(|(id, c)| format!(r#","k{id}":"{}""#, c.to_string().repeat(40))).collect();
        let document = Secret::new(format!(r#"{{"current":"k{}"{texts}}}"#, keys[0].0));
        KeyringSealing::new(Arc::new(FixedKeyring::new(Keyring::parse(&document).unwrap())))
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn open(sealing: &KeyringSealing, context: &[&str], token: &str) -> Option<Vec<u8>> {
        block_on(sealing.open(context, token)).unwrap()
    }

    #[test]
    fn tokens_outlive_the_process_and_the_current_key_but_not_their_key() {
        let token = block_on(sealing(&[(1, 'a')]).seal(&["x"], b"payload")).unwrap();
        assert_eq!(open(&sealing(&[(1, 'a')]), &["x"], &token).unwrap(), b"payload");
        assert_eq!(open(&sealing(&[(2, 'b'), (1, 'a')]), &["x"], &token).unwrap(), b"payload");
        assert_eq!(open(&sealing(&[(2, 'b')]), &["x"], &token), None);
        assert_eq!(open(&sealing(&[(1, 'b')]), &["x"], &token), None);
    }

    #[test]
    fn the_same_text_under_another_number_does_not_open() {
        let token = block_on(sealing(&[(1, 'a')]).seal(&["x"], b"payload")).unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
        bytes[0] = 2;
        assert_eq!(open(&sealing(&[(1, 'a'), (2, 'a')]), &["x"], &URL_SAFE_NO_PAD.encode(bytes)), None);
    }

    proptest! {
        #[test]
        fn opens_only_where_it_belongs(
            payload in proptest::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            flip in 1u8..,
        ) {
            let sealing = sealing(&[(7, 'a'), (1, 'b')]);
            let token = block_on(sealing.seal(&["list-shares", "r1"], &payload)).unwrap();
            prop_assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            prop_assert_eq!(open(&sealing, &["list-shares", "r1"], &token), Some(payload));
            prop_assert_eq!(open(&sealing, &["list-shares", "r2"], &token), None);
            prop_assert_eq!(open(&sealing, &["list-sharesr", "1"], &token), None);
            prop_assert_eq!(open(&sealing, &["k7", "list-shares", "r1"], &token), None);
            let mut bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert_eq!(open(&sealing, &["list-shares", "r1"], &URL_SAFE_NO_PAD.encode(bytes)), None);
        }

        #[test]
        fn garbage_never_opens(token in "\\PC{0,80}") {
            prop_assert_eq!(open(&sealing(&[(1, 'a')]), &[], &token), None);
        }

        #[test]
        fn garbage_of_the_right_characters_never_opens(token in "AQ[A-Za-z0-9_-]{0,80}") {
            prop_assert_eq!(open(&sealing(&[(1, 'a')]), &[], &token), None);
        }
    }
}
