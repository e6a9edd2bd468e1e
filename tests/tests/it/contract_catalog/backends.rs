//! The implementations, and short ways to fill and to ask them.

use std::sync::Arc;

use http::HeaderMap;
use shared::auth::Gate;
use shared::auth::activation::Links;
use shared::auth::activation::dynamo::DynamoLinks;
use shared::auth::activation::embedded::EmbeddedLinks;
use shared::catalog::dynamo::DynamoCatalog;
use shared::catalog::dynamo::write::DynamoProviderCatalog;
use shared::catalog::embedded::EmbeddedCatalog;
use shared::catalog::embedded::write::{EmbeddedProviderCatalog, create_empty};
use shared::catalog::event::{ChangeLog, Named, Recorder};
use shared::catalog::file::CatalogFile;
use shared::catalog::located::FindLocatedSchema;
use shared::catalog::register::Look;
use shared::catalog::write::{
    Origin, ProviderCatalog, RecipientRecord, SchemaRecord, ShareRecord, Status, TableRecord, TokenRecord,
};
use shared::catalog::{FindShare, FindTable, ListAllTables, ListSchemas, ListShares, ListTables};
use shared::clock::{Clock, SystemClock};
use shared::model::location::TableLocation;
use shared::model::name::{RecipientName, SchemaName, ShareName, TableName};
use shared::model::recipient::Recipient;
use shared::model::rule::{RecipientRules, Window};
use shared::model::securable::History;
use shared::model::version::{TimestampMs, Version};
use shared::secret::{Secret, TokenHash};
use tests::emulator::DynamoTable;

/// All that a recipient may ask.
pub(super) trait Reads:
    ListShares + FindShare + ListSchemas + ListTables + ListAllTables + FindTable + FindLocatedSchema
{
}
impl<T: ListShares + FindShare + ListSchemas + ListTables + ListAllTables + FindTable + FindLocatedSchema> Reads for T {}

/// An implementation with nothing in it.
pub(super) struct Backend {
    pub(super) provider: Arc<dyn ProviderCatalog>,
    store: Store,
}

enum Store {
    File(tempfile::TempDir),
    Dynamo(Box<DynamoTable>),
}

impl Backend {
    pub(super) async fn file() -> Vec<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalogue.json");
        create_empty(&path).unwrap();
        let provider = Arc::new(EmbeddedProviderCatalog::open(&path).unwrap());
        vec![Self { provider, store: Store::File(folder) }]
    }

    pub(super) async fn dynamo() -> Vec<Self> {
        let backend = |table: DynamoTable| {
            let provider = Arc::new(DynamoProviderCatalog::new(table.client.clone(), &table.name));
            Self { provider, store: Store::Dynamo(Box::new(table)) }
        };
        DynamoTable::everywhere().await.into_iter().map(backend).collect()
    }

    /// A reader that remembers nothing from before.
    pub(super) fn reads(&self) -> Arc<dyn Reads> {
        self.reads_by(SystemClock::shared())
    }

    pub(super) fn reads_by(&self, clock: Arc<dyn Clock>) -> Arc<dyn Reads> {
        match &self.store {
            Store::File(folder) => {
                let by = Arc::clone(&clock);
                let locate = Box::new(|text: &str| TableLocation::parse(text).map_err(|error| error.to_string()));
                let file = CatalogFile::open(&folder.path().join("catalogue.json"), clock, locate).unwrap();
                Arc::new(EmbeddedCatalog::new(Arc::new(file), by))
            }
            Store::Dynamo(table) => Arc::new(DynamoCatalog::new(table.client.clone(), &table.name, clock)),
        }
    }

    /// The same catalogue with its changes recorded as this operator's, and what tells of them.
    pub(super) fn recorded(
        &self,
        operator: &str,
        clock: Arc<dyn Clock>,
    ) -> (Arc<dyn ProviderCatalog>, Arc<dyn ChangeLog>) {
        let recorder = Recorder::new(Arc::new(Named(operator.to_owned())), clock);
        match &self.store {
            Store::File(folder) => {
                let catalog = EmbeddedProviderCatalog::open(&folder.path().join("catalogue.json")).unwrap();
                let catalog = Arc::new(catalog.recorded(recorder));
                (catalog.clone(), catalog)
            }
            Store::Dynamo(table) => {
                let catalog = DynamoProviderCatalog::new(table.client.clone(), &table.name).recorded(recorder);
                let catalog = Arc::new(catalog);
                (catalog.clone(), catalog)
            }
        }
    }

    pub(super) fn links(&self) -> Arc<dyn Links> {
        match &self.store {
            Store::File(folder) => Arc::new(EmbeddedLinks::new(&folder.path().join("catalogue.json"))),
            Store::Dynamo(table) => Arc::new(DynamoLinks::new(table.client.clone(), &table.name)),
        }
    }

    pub(super) fn table(&self) -> &DynamoTable {
        match &self.store {
            Store::Dynamo(table) => table,
            Store::File(_) => panic!("a file is no table of DynamoDB"),
        }
    }

    pub(super) async fn with_share(&self, name: &str) -> ShareRecord {
        let share = share(name, &format!("id of {name}"));
        self.provider.create_share(&share).await.unwrap();
        share
    }

    pub(super) async fn with_table(&self, full_name: &str) -> TableRecord {
        let table = table(full_name);
        self.provider.add_table(&table).await.unwrap();
        table
    }

    pub(super) async fn with_recipient(&self, name: &str) -> Recipient {
        let id = format!("id-of-{name}");
        self.provider.create_recipient(&recipient(name, &id), &token(&id, "first", 1)).await.unwrap();
        admitted(&id).await
    }

    pub(super) async fn grant(&self, share: &str, recipient: &str) {
        let (share, recipient) = (share_name(share), recipient_name(recipient));
        self.provider.grant(&share, &recipient, Window::default(), TimestampMs::new(77)).await.unwrap();
    }
}

/// A recipient as the gate would let it in.
pub(crate) async fn admitted(id: &str) -> Recipient {
    Gate::open(id).admit(&HeaderMap::new(), None).await.unwrap()
}

pub(super) fn share_name(text: &str) -> ShareName {
    ShareName::parse(text).unwrap()
}

pub(super) fn schema_name(text: &str) -> SchemaName {
    SchemaName::parse(text).unwrap()
}

pub(super) fn table_name(text: &str) -> TableName {
    TableName::parse(text).unwrap()
}

pub(super) fn recipient_name(text: &str) -> RecipientName {
    RecipientName::parse(text).unwrap()
}

pub(crate) fn share(name: &str, id: &str) -> ShareRecord {
    ShareRecord {
        name: share_name(name),
        id: id.to_owned(),
        comment: Some(format!("about {name}")),
        created_at: Some(TimestampMs::new(1_767_225_600_123)),
    }
}

/// `share/schema/table`.
pub(crate) fn table(full_name: &str) -> TableRecord {
    let [share, schema, name] = full_name.split('/').collect::<Vec<_>>().try_into().unwrap();
    TableRecord {
        share: share_name(share),
        schema: schema_name(schema),
        name: table_name(name),
        id: format!("id of {full_name}"),
        location: format!("s3://bucket/{full_name}"),
        auxiliary_locations: Vec::new(),
        region: None,
        endpoint: None,
        role_arn: None,
        external_id: None,
        history: History::NotShared,
        partitions: Vec::new(),
        comment: Some(format!("about {full_name}")),
        look: Some(Look::Taken),
        origin: Origin::Named,
        created_at: Some(TimestampMs::new(5)),
    }
}

/// A schema with a place.
pub(super) fn schema(share: &str, name: &str) -> SchemaRecord {
    SchemaRecord {
        share: share_name(share),
        name: schema_name(name),
        location: format!("s3://places/{name}"),
        region: Some("eu-west-1".into()),
        role_arn: Some("arn:aws:iam::000000000000:role/r".into()),
        external_id: Some("x".into()),
        history: History::SharedFrom(Version::ZERO),
        created_at: Some(TimestampMs::new(7)),
    }
}

pub(crate) fn recipient(name: &str, id: &str) -> RecipientRecord {
    RecipientRecord {
        name: recipient_name(name),
        id: id.to_owned(),
        comment: None,
        status: Status::Active,
        rules: RecipientRules::default(),
        created_at: Some(TimestampMs::new(6)),
    }
}

pub(crate) fn token(recipient_id: &str, name: &str, created: i64) -> TokenRecord {
    TokenRecord {
        id: format!("{recipient_id}-{name}"),
        recipient_id: recipient_id.to_owned(),
        hash: TokenHash::of(&Secret::new(format!("{recipient_id} {name}"))).to_hex(),
        key_id: None,
        not_before: None,
        expires_at: None,
        status: Status::Active,
        created_at: Some(TimestampMs::new(created)),
    }
}

/// Runs each scenario on each implementation.
macro_rules! on_every_catalogue {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        mod on_a_file {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                for backend in super::Backend::file().await {
                    super::$name(&backend).await;
                }
            })*
        }

        mod on_dynamodb {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                for backend in super::Backend::dynamo().await {
                    super::$name(&backend).await;
                }
            })*
        }
    };
}
pub(super) use on_every_catalogue;
