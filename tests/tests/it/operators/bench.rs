//! Catalogues that scripts work on, each seen whole: what its provider reads back, and what its recipients may see.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use local::commands::plan::{self, PlanArgs};
use local::commands::target::{Target, TargetArgs};
use local::sql::mistake::{Source, shown};
use local::sql::parse;
use local::sql::run::{Mode, Outcome, Runner};
use shared::auth::mint::PlainMint;
use shared::catalog::document::CatalogDocument;
use shared::catalog::dynamo::DynamoCatalog;
use shared::catalog::dynamo::write::DynamoProviderCatalog;
use shared::catalog::embedded::EmbeddedCatalog;
use shared::catalog::embedded::write::{EmbeddedProviderCatalog, create_empty};
use shared::catalog::file::CatalogFile;
use shared::catalog::item::Item;
use shared::catalog::write::{ProviderCatalog, RecipientRecord};
use shared::catalog::{FindShare, ListAllTables, ListShares};
use shared::clock::SystemClock;
use shared::error::Error;
use shared::model::location::TableLocation;
use shared::model::name::ShareName;
use shared::provider::Provider;
use tests::emulator::DynamoTable;
use tests::wire::Wire;

use crate::contract_catalog::backends::admitted;

/// Rows put at once; a limit of DynamoDB.
const PUTS_MAX: usize = 25;
/// Rows of a page; more than any test has.
const ROWS: usize = 20_000;
/// Longer than the grace that a rotation gives, in seconds.
const AFTER_GRACE_SECS: i64 = 25 * 60 * 60;

/// A catalogue with nothing in it.
pub(super) struct Bench {
    place: Place,
    folder: tempfile::TempDir,
    /// What goes between its programs and it, where that can be seen.
    pub(super) wire: Wire,
}

enum Place {
    File,
    Dynamo(Box<DynamoTable>),
}

/// All that a recipient may list.
trait Lists: ListShares + FindShare + ListAllTables {}
impl<T: ListShares + FindShare + ListAllTables> Lists for T {}

impl Bench {
    pub(super) fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        create_empty(&folder.path().join("catalogue.json")).unwrap();
        Self { place: Place::File, folder, wire: Wire::default() }
    }

    pub(super) async fn dynamo() -> Vec<Self> {
        let bench = |table| Self {
            place: Place::Dynamo(Box::new(table)),
            folder: tempfile::tempdir().unwrap(),
            wire: Wire::default(),
        };
        DynamoTable::everywhere().await.into_iter().map(bench).collect()
    }

    /// One of every kind.
    pub(super) async fn everywhere() -> Vec<Self> {
        let mut all = Self::dynamo().await;
        all.push(Self::file());
        all
    }

    /// Another catalogue with nothing in it, beside this one.
    pub(super) async fn beside(&self) -> Self {
        let Place::Dynamo(table) = &self.place else { return Self::file() };
        let place = Place::Dynamo(Box::new(table.another().await));
        Self { place, folder: tempfile::tempdir().unwrap(), wire: Wire::default() }
    }

    /// What recipients ask, over the wire.
    pub(super) fn watched_reads(&self) -> DynamoCatalog {
        let Place::Dynamo(table) = &self.place else { panic!("a file is read without requests") };
        DynamoCatalog::new(self.wire.client(table), &table.name, SystemClock::shared())
    }

    /// Another catalogue that holds the same.
    pub(super) async fn copied(&self) -> Self {
        let copy = self.beside().await;
        let Place::Dynamo(table) = &copy.place else { panic!("a file is copied by whoever needs it") };
        for rows in self.rows().await.chunks(PUTS_MAX) {
            let put = |row: &Item| PutRequest::builder().set_item(Some(row.clone())).build().unwrap();
            let puts = rows.iter().map(|row| WriteRequest::builder().put_request(put(row)).build()).collect();
            let written = table.client.batch_write_item().request_items(&table.name, puts).send().await.unwrap();
            assert!(written.unprocessed_items.unwrap_or_default().is_empty());
        }
        copy
    }

    /// What a program leaves that is killed while it writes.
    pub(super) fn leave_half_a_file(&self) {
        let text = std::fs::read(self.file_path()).unwrap();
        std::fs::write(self.folder.path().join("catalogue.json.tmp"), &text[..text.len() / 2]).unwrap();
    }

    /// Whether anything is in the folder but the catalogue and its lock.
    pub(super) fn has_half_a_file(&self) -> bool {
        self.folder.path().join("catalogue.json.tmp").exists()
    }

    async fn rows(&self) -> Vec<Item> {
        let Place::Dynamo(table) = &self.place else { return Vec::new() };
        let scan = table.client.scan().table_name(&table.name).consistent_read(true).into_paginator().items();
        scan.send().collect::<Result<Vec<_>, _>>().await.unwrap()
    }

    fn file_path(&self) -> std::path::PathBuf {
        self.folder.path().join("catalogue.json")
    }

    /// The catalogue as another program sees it.
    pub(super) fn catalog(&self) -> Arc<dyn ProviderCatalog> {
        match &self.place {
            Place::File => Arc::new(EmbeddedProviderCatalog::open(&self.file_path()).unwrap()),
            Place::Dynamo(table) => Arc::new(DynamoProviderCatalog::new(table.client.clone(), &table.name)),
        }
    }

    fn reads(&self) -> Arc<dyn Lists> {
        let clock = SystemClock::shared();
        match &self.place {
            Place::File => {
                let locate = Box::new(|text: &str| TableLocation::parse(text).map_err(|error| error.to_string()));
                let file = CatalogFile::open(&self.file_path(), clock.clone(), locate).unwrap();
                Arc::new(EmbeddedCatalog::new(Arc::new(file), clock))
            }
            Place::Dynamo(table) => Arc::new(DynamoCatalog::new(table.client.clone(), &table.name, clock)),
        }
    }

    /// A program to do statements with, whose requests go over the wire.
    pub(super) fn program(&self) -> Program {
        let catalog: Arc<dyn ProviderCatalog> = match &self.place {
            Place::File => self.catalog(),
            Place::Dynamo(table) => Arc::new(DynamoProviderCatalog::new(self.wire.client(table), &table.name)),
        };
        let provider = Provider::new(catalog, Box::new(|_| Arc::new(PlainMint)), SystemClock::shared());
        let state = self.folder.path().to_owned();
        let args = TargetArgs {
            state: state.clone(),
            stack: None,
            table_name: None,
            keyring_secret: None,
            endpoint: None,
            region: None,
            json: false,
        };
        let changes = Arc::new(EmbeddedProviderCatalog::in_memory(CatalogDocument::empty()));
        Program { target: Target::over(provider, changes, state, "https://share.example.org".into()), args }
    }

    /// Everything in the catalogue, but for what is made anew each time: ids and moments. What refers to something that is
    /// not there fails here.
    pub(super) async fn whole(&self) -> Whole {
        let catalog = self.catalog();
        let after_grace = SystemClock::shared().now().plus_secs(AFTER_GRACE_SECS);
        let mut whole = Whole::default();
        let mut ids = BTreeMap::new();
        for share in catalog.shares().await.unwrap() {
            ids.insert(share.id.clone(), share.name.to_string());
            whole.0.insert(format!("share {}", share.name), format!("{:?}", share.comment));
            let tables = catalog.tables(&share.name).await.unwrap();
            assert_eq!(catalog.table_count(&share).await.unwrap(), tables.len(), "of share {}", share.name);
            for table in tables {
                let name = format!("table {}.{}.{}", table.share, table.schema, table.name);
                whole.0.insert(name, format!("{} {:?}", table.location, table.history));
            }
        }
        for recipient in catalog.recipients().await.unwrap() {
            let tokens = catalog.tokens(&recipient.name).await.unwrap();
            assert!(tokens.iter().all(|token| token.recipient_id == recipient.id));
            let lasting = tokens.iter().filter(|token| token.expires_at.is_none_or(|end| end > after_grace)).count();
            let RecipientRecord { name, comment, status, rules, .. } = &recipient;
            whole.0.insert(format!("recipient {name}"), format!("{comment:?} {status:?} {rules:?} {lasting} tokens"));
            for grant in catalog.grants_to(name).await.unwrap() {
                assert_eq!(ids.get(&grant.share_id), Some(&grant.share.to_string()), "a grant without its share");
                whole.0.insert(format!("grant {} to {name}", grant.share), format!("{:?}", grant.window));
            }
        }
        for share in ids.values() {
            for grant in catalog.grants_on(&ShareName::parse(share).unwrap()).await.unwrap() {
                let to = catalog.recipient(&grant.recipient).await.unwrap();
                assert_eq!(to.map(|to| to.id), Some(grant.recipient_id), "a grant without its recipient");
            }
        }
        for table in catalog.registered_tables().await.unwrap() {
            whole.0.insert(format!("registered {}", table.name), table.location);
        }
        whole
    }

    /// What each recipient sees: shares with how many tables, each found again. Nothing but an answer may come.
    pub(super) async fn seen(&self) -> BTreeMap<String, BTreeMap<String, usize>> {
        let (catalog, reads) = (self.catalog(), self.reads());
        let mut seen = BTreeMap::new();
        for recipient in catalog.recipients().await.unwrap() {
            let reader = admitted(&recipient.id).await;
            let mut shares = BTreeMap::new();
            for share in reads.list_shares(&reader, None, ROWS).await.unwrap().items {
                reads.find_share(&reader, share.name.as_str()).await.unwrap();
                let tables = reads.list_all_tables(&reader, share.name.as_str(), None, ROWS).await.unwrap();
                shares.insert(share.name.to_string(), tables.items.len());
            }
            seen.insert(recipient.name.to_string(), shares);
        }
        seen
    }

    /// Rows that nothing refers to, or that refer to what is not there. Links are left out: they end by themselves.
    pub(super) async fn left_over(&self) -> Vec<String> {
        let rows = self.rows().await;
        let text =
            |row: &Item, name: &str| row.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
        let own = |prefix: &str| -> Vec<&Item> {
            rows.iter().filter(|row| text(row, "PK").starts_with(prefix) && text(row, "SK") == "!").collect()
        };
        let shares: Vec<String> = own("S/").into_iter().map(|row| text(row, "shareId")).collect();
        let recipients: Vec<String> = own("R/").into_iter().map(|row| text(row, "PK")).collect();
        let mut left = Vec::new();
        for row in &rows {
            let (pk, sk) = (text(row, "PK"), text(row, "SK"));
            let of_share = pk.starts_with("S/") || sk.starts_with("G/");
            let of_recipient = sk.starts_with("G/") || pk.starts_with("TOK/");
            let is_lost = (of_share && !shares.contains(&text(row, "shareId")))
                || (of_recipient && !recipients.contains(&format!("R/{}", text(row, "recipientId"))));
            if is_lost {
                left.push(format!("{pk} {sk}"));
            }
        }
        left
    }
}

/// Everything in a catalogue.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Whole(pub(super) BTreeMap<String, String>);

/// An operator's program.
pub(super) struct Program {
    target: Target,
    args: TargetArgs,
}

impl Program {
    /// Does a script's statements up to the first that fails, and says why it does.
    pub(super) async fn does(&self, script: &str) -> Result<Vec<Outcome>, String> {
        let runner = Runner { target: &self.target, args: &self.args, mode: Mode::Real };
        let mut outcomes = Vec::new();
        for placed in parse::script(script).map_err(|mistake| shown(&mistake, &Source::Prompt, script))? {
            let outcome = runner.run(&placed).await;
            outcomes.push(outcome.map_err(|mistake| shown(&mistake, &Source::Prompt, script))?);
        }
        Ok(outcomes)
    }
}

impl Program {
    /// Begins the state folder that its commands look into.
    pub(super) fn has_state(&self) {
        std::fs::create_dir_all(self.target.named_state()).unwrap();
    }

    /// The names of what a recipient sees, as scripts read them.
    pub(super) async fn plans(&self, recipient: &str) -> serde_json::Value {
        plan::run(&PlanArgs::names(recipient, self.args.clone()), &self.target).await.unwrap().json
    }
}

/// Whether a recipient finds a share.
pub(super) async fn finds(bench: &Bench, recipient_id: &str, share: &str) -> bool {
    match bench.reads().find_share(&admitted(recipient_id).await, share).await {
        Ok(_) => true,
        Err(Error::ShareNotFound { .. }) => false,
        Err(other) => panic!("{other:?}"),
    }
}
