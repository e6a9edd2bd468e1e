//! The keyring in one secret of AWS Secrets Manager.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;

use super::cached::{CachedKeyring, ReadKeyring};
use super::{Key, KeyId, Keyring, Keyrings};
use crate::auth::secrets::failure;
use crate::clock::Clock;
use crate::error::Error;
use crate::secret::Secret;

/// Reads the keyring's secret, seldom.
#[derive(Debug)]
pub struct KeyringSecret(CachedKeyring);

impl KeyringSecret {
    /// The keyring in the secret of that name or ARN. Nothing is read before the first key is asked for; asking for
    /// [`Keyrings::current`] while a function starts reads it early.
    pub fn new(client: Client, secret_id: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self(CachedKeyring::new(Source { client, secret_id: secret_id.into() }, clock))
    }
}

#[async_trait]
impl Keyrings for KeyringSecret {
    async fn current(&self) -> Result<Key, Error> {
        self.0.current().await
    }

    async fn with_key(&self, id: KeyId) -> Result<Option<Key>, Error> {
        self.0.with_key(id).await
    }
}

#[derive(Debug)]
struct Source {
    client: Client,
    secret_id: String,
}

#[async_trait]
impl ReadKeyring for Source {
    async fn read(&self) -> Result<Keyring, Error> {
        // The stage is named: a rotation under way keeps its unfinished keyring in another one.
        let answer = self.client.get_secret_value().secret_id(&self.secret_id).version_stage("AWSCURRENT").send().await;
        let answer = answer.map_err(|error| failure("GetSecretValue", &error))?;
        let text = answer.secret_string().ok_or_else(|| Error::defect("the keyring's secret is not text"))?;
        Keyring::parse(&Secret::new(text))
    }
}
