//! What an answer about a table would tell, read from its log as the server reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use shared::catalog::write::TableRecord;
use shared::catalog::{auxiliary, reach};
use shared::delta::{At, DeltaLog, Scope, Wants};
use shared::error::{Error, chain};
use shared::model::capability::Capabilities;
use shared::model::location::TableLocation;
use shared::model::recipient::Recipient;
use shared::model::securable::Table;
use shared::model::table_state::Totals;
use shared::model::version::Version;
use shared::provider::counted;
use shared::storage::s3::reach::Signing;
use shared::storage::s3::{Reaches, S3LogStore};

use super::super::answer::full_name;
use super::super::target::{Kind, Reading, Target};
use crate::embedded_s3::{EmbeddedS3, Roots};
use crate::inspect::bucket::Role;
use crate::inspect::one_line;
use crate::locations::Locator;
use crate::server;

/// How long one table may take.
const READ_WITHIN: Duration = Duration::from_secs(60);

/// What of a table an answer would tell.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) version: Version,
    pub(super) totals: Totals,
    /// Whether the parquet format can express it.
    pub(super) parquet: bool,
    /// What a reader must know.
    pub(super) features: Vec<&'static str>,
}

/// Why there would be no answer.
#[derive(Debug)]
pub(super) struct Unread {
    /// What the recipient would read; unknown when it was not the server's way that failed.
    pub(super) answer: Option<String>,
    /// What is behind it, for the operator.
    pub(super) why: String,
}

impl From<Error> for Unread {
    fn from(error: Error) -> Self {
        let why = match &error {
            Error::RuleUnmet(cause) => cause.to_string(),
            _ => chain(&error),
        };
        Self { answer: Some(error.public()), why: one_line(&why) }
    }
}

impl From<String> for Unread {
    fn from(why: String) -> Self {
        Self { answer: None, why: one_line(&why) }
    }
}

/// Reads tables of one catalogue.
pub(super) struct Reader<'a> {
    target: &'a Target,
    /// What a local server would be made of.
    local: Option<LocalStores>,
    /// What the operator should know, and of which tables.
    notes: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

struct LocalStores {
    locator: Locator,
    delta: DeltaLog,
    embedded_s3: EmbeddedS3,
}

impl<'a> Reader<'a> {
    /// Makes ready what tables are read with.
    pub(super) async fn open(target: &'a Target) -> Result<Self, String> {
        let local = match target.kind() {
            Kind::Aws(_) => None,
            Kind::Local { .. } => {
                let roots = Roots::new();
                let (embedded_s3, reach) = server::stores(&roots, target.s3_endpoint()).await?;
                let locator = Locator::new(roots, &target.state_folder()?);
                Some(LocalStores { locator, delta: DeltaLog::new(Arc::new(S3LogStore::new(reach))), embedded_s3 })
            }
        };
        Ok(Self { target, local, notes: Mutex::default() })
    }

    /// Reads what stands before the files of the newest version.
    pub(super) async fn read(&self, record: &TableRecord, scope: &Scope) -> Result<Read, Unread> {
        let late = |_| Unread::from(format!("the log was not read within {} seconds", READ_WITHIN.as_secs()));
        tokio::time::timeout(READ_WITHIN, self.snapshot(record, scope)).await.map_err(late)?
    }

    /// Ends what was begun; what the operator should know.
    pub(super) async fn close(self) -> Vec<String> {
        if let Some(local) = self.local {
            local.embedded_s3.stop(Duration::ZERO).await;
        }
        let notes = self.notes.into_inner().unwrap_or_else(PoisonError::into_inner);
        notes.into_iter().map(|(note, tables)| format!("{}: {note}", first_of(&tables))).collect()
    }

    async fn snapshot(&self, record: &TableRecord, scope: &Scope) -> Result<Read, Unread> {
        let (location, delta) = self.located(record).await?;
        let snapshot = delta.scoped_snapshot(&location, (At::Latest, Wants::Head), scope).await?;
        // A client that names nothing asks for parquet.
        let parquet = Capabilities::parse(None)?.choose(&snapshot.needs).is_ok();
        let features = snapshot.needs.iter().map(|need| need.feature).collect();
        Ok(Read { version: snapshot.version(), totals: snapshot.totals, parquet, features })
    }

    /// The location that a text names to the server.
    ///
    /// # Errors
    /// Completes the sentence "its location …".
    pub(super) fn locate(&self, text: &str) -> Result<TableLocation, String> {
        match &self.local {
            Some(local) => local.locator.locate(text),
            None => TableLocation::parse(text).map_err(|error| error.to_string()),
        }
    }

    /// Where a table is for the server, and what reads its log there.
    async fn located(&self, record: &TableRecord) -> Result<(TableLocation, DeltaLog), Unread> {
        let locate = |text: &str| self.locate(text);
        let text = &record.location;
        let location = locate(text).map_err(|why| format!("its location {why}"))?;
        let location = auxiliary::located((location, text.as_str()), &record.auxiliary_locations, &locate)?;
        let location = location.reached_by(reach::of(record)?);
        if let Some(local) = &self.local {
            return Ok((location, local.delta.clone()));
        }
        let reading = Reading {
            auxiliary_locations: &record.auxiliary_locations,
            region: record.region.as_deref(),
            endpoint: record.endpoint.as_deref(),
            role: record.role_arn.clone().map(|arn| Role { arn, external_id: record.external_id.clone() }),
        };
        let (client, note) = self.target.log_client(location.clone(), reading).await?;
        if let Some(note) = note {
            let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            notes.entry(one_line(&note)).or_default().insert(full_name(record));
        }
        let store = S3LogStore::new(Arc::new(OneClient(client)));
        Ok((location, DeltaLog::remembering(Arc::new(store), 0)))
    }
}

/// Tables in a few words.
fn first_of(tables: &BTreeSet<String>) -> String {
    let first = tables.first().map_or("", String::as_str);
    match tables.len() {
        0 | 1 => first.to_owned(),
        many => format!("{first} and {} more", counted(many - 1, "table")),
    }
}

/// Reaches a table by the client that was made for it.
#[derive(Debug)]
struct OneClient(Client);

#[async_trait]
impl Reaches for OneClient {
    async fn client(&self, _table: &TableLocation) -> Result<Client, Error> {
        Ok(self.0.clone())
    }

    async fn signing(&self, _table: &Table, _to: &Recipient) -> Result<Signing, Error> {
        Err(Error::defect("nothing is signed for a plan"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_of_many_tables_is_said_once() {
        let tables = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(first_of(&tables(&["s.d.t"])), "s.d.t");
        assert_eq!(first_of(&tables(&["s.d.u", "s.d.t"])), "s.d.t and 1 table more");
        assert_eq!(first_of(&tables(&["c", "b", "a"])), "a and 2 tables more");
    }
}
