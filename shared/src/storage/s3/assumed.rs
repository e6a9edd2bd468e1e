//! How a server on AWS reaches tables: with sessions of the roles that tables name, each confined to its table. The
//! process's own credentials never touch S3.

use std::sync::Arc;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_s3::Client;

use super::reach::{Clients, Place, Reaches, Signing};
use crate::bounded::Bounded;
use crate::credentials::{Bounds, Purpose, Sessions};
use crate::error::Error;
use crate::limits::{S3_CLIENTS_KEPT_MAX, URL_TTL_SESSION_SECS_MIN};
use crate::model::location::TableLocation;
use crate::model::recipient::Recipient;
use crate::model::securable::Table;

/// Reaches tables with sessions.
#[derive(Debug)]
pub struct AssumedReach {
    sessions: Arc<dyn Sessions>,
    clients: Clients,
    /// A table's client, and the access key id of the session that it was made for.
    kept: Bounded<TableLocation, (String, Client)>,
}

impl AssumedReach {
    /// Reaches tables with these sessions. Of `config` it takes region and HTTP client, never credentials; `endpoint`
    /// stands in for AWS, addressed in path style.
    pub fn shared(config: &SdkConfig, endpoint: Option<String>, sessions: Arc<dyn Sessions>) -> Arc<dyn Reaches> {
        let mut config = config.to_builder();
        config.set_credentials_provider(None);
        let clients = Clients::new(config.build(), endpoint);
        Arc::new(Self { sessions, clients, kept: Bounded::new(S3_CLIENTS_KEPT_MAX) })
    }
}

#[async_trait]
impl Reaches for AssumedReach {
    async fn client(&self, table: &TableLocation) -> Result<Client, Error> {
        let session = self.sessions.session(table, Purpose::Reader).await?;
        let key_id = session.keys.access_key_id.clone();
        if let Some((made_for, client)) = self.kept.get(table)
            && made_for == key_id
        {
            return Ok(client);
        }
        let client = self.clients.client_with(&self.clients.place(table), &session.keys);
        self.kept.insert(table, (key_id, client.clone()));
        Ok(client)
    }

    async fn signing(&self, table: &Table, to: &Recipient) -> Result<Signing, Error> {
        let bounds = Bounds { until: table.terms.window.until, networks: to.rules().access.of_urls() };
        let purpose = Purpose::Signer { recipient: to.id(), table: &table.id, bounds };
        let session = self.sessions.session(&table.location, purpose).await?;
        let Place { region, endpoint, .. } = self.clients.place(&table.location);
        Ok(Signing {
            region,
            endpoint,
            keys: session.keys,
            ends: Some(session.ends),
            least_secs: URL_TTL_SESSION_SECS_MIN,
        })
    }
}
