//! Tables in the places of schemas: found and listed with those that the catalogue names, for who was granted them and
//! nobody else, and as they come and go.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::auth::Gate;
use crate::catalog::document::{CatalogDocument, PlaceEntry, RecipientEntry, SchemaEntry, ShareEntry, TableEntry};
use crate::catalog::embedded::EmbeddedCatalog;
use crate::catalog::file::CatalogSource;
use crate::catalog::index::{Index, Order};
use crate::catalog::{ListAllTables, ListSchemas, ListTables};
use crate::clock::{Clock, SystemClock};
use crate::limits::SCHEMA_SEEN_FOR;
use crate::model::page::Page;
use crate::model::securable::History;
use crate::model::version::TimestampMs;
use crate::storage::{FolderStore, ListedFirst, LogEntry};

/// Keys of objects, and how often somebody looked around.
#[derive(Debug, Default)]
struct Storage {
    keys: Mutex<BTreeSet<String>>,
    listed: AtomicUsize,
}

impl Storage {
    fn with(keys: &[&str]) -> Arc<Self> {
        let storage = Self::default();
        keys.iter().for_each(|key| storage.write(key));
        Arc::new(storage)
    }

    fn write(&self, key: &str) {
        self.keys.lock().unwrap().insert(format!("bucket/{key}"));
    }

    fn remove(&self, key: &str) {
        self.keys.lock().unwrap().remove(&format!("bucket/{key}"));
    }

    fn below(&self, place: &TableLocation, rest: &str) -> Vec<String> {
        let start = format!("{}/{}{rest}", place.bucket(), place.root_key());
        let keys = self.keys.lock().unwrap();
        keys.iter().filter_map(|key| key.strip_prefix(&start)).map(str::to_owned).collect()
    }
}

#[async_trait]
impl LogStore for Storage {
    async fn list(&self, table: &TableLocation, _: Option<&str>) -> Result<Vec<LogEntry>, Error> {
        let entry = |name| LogEntry { name, size: 1, modified: TimestampMs::new(0), etag: None };
        Ok(self.below(table, "_delta_log/").into_iter().map(entry).collect())
    }

    async fn list_first(&self, table: &TableLocation) -> Result<ListedFirst, Error> {
        Ok(ListedFirst { entries: self.list(table, None).await?, more: false })
    }

    async fn get_listed(&self, _: &TableLocation, _: &LogEntry, _: Range<u64>) -> Result<Bytes, Error> {
        Err(Error::defect("nothing is read here"))
    }

    async fn get(&self, _: &TableLocation, _: &str, _: u64) -> Result<Option<Bytes>, Error> {
        Err(Error::defect("nothing is read here"))
    }

    async fn get_range(&self, _: &TableLocation, _: &str, _: Range<u64>) -> Result<Bytes, Error> {
        Err(Error::defect("nothing is read here"))
    }
}

#[async_trait]
impl FolderStore for Storage {
    async fn folders(&self, place: &TableLocation) -> Result<Vec<String>, Error> {
        self.listed.fetch_add(1, Ordering::SeqCst);
        let folder = |key: String| key.split_once('/').map(|(folder, _)| folder.to_owned());
        let folders: BTreeSet<String> = self.below(place, "").into_iter().filter_map(folder).collect();
        Ok(folders.into_iter().collect())
    }
}

/// A clock that is moved by hand.
#[derive(Debug, Default)]
struct ByHand(Mutex<Duration>);

impl Clock for ByHand {
    fn now(&self) -> TimestampMs {
        TimestampMs::new(1_800_000_000_000)
    }

    fn uptime(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

fn entry(name: &str, location: &str) -> TableEntry {
    TableEntry { name: name.into(), id: format!("named {name}"), location: location.into(), ..TableEntry::default() }
}

/// The share `s`: the schema `eu` with the place `s3://bucket/eu`, its table `Named`, and the schemas `eu-west` and
/// `plain` without a place.
fn catalog() -> EmbeddedCatalog {
    let schema = |name: &str, tables| SchemaEntry { name: name.into(), tables, ..SchemaEntry::default() };
    let place = PlaceEntry { location: "s3://bucket/eu".into(), history_shared: true, ..PlaceEntry::default() };
    let schemas = vec![
        SchemaEntry { place: Some(place), ..schema("EU", vec![entry("Named", "s3://elsewhere/t")]) },
        schema("eu-west", vec![entry("a", "s3://elsewhere/a")]),
        schema("plain", vec![entry("z", "s3://elsewhere/z")]),
    ];
    let share = ShareEntry { name: "s".into(), id: "s-1".into(), schemas, ..ShareEntry::default() };
    let recipient = |name: &str, grants: &[&str]| RecipientEntry {
        name: name.into(),
        id: name.into(),
        grants: grants.iter().map(|grant| (*grant).to_owned()).collect(),
        ..RecipientEntry::default()
    };
    let document = CatalogDocument {
        shares: vec![share],
        recipients: vec![recipient("ada", &["s-1"]), recipient("bob", &[])],
        ..CatalogDocument::empty()
    };
    let locate = |text: &str| TableLocation::parse(text).map_err(|error| error.to_string());
    let index: Arc<dyn CatalogSource> = Arc::new(Arc::new(Index::new(&document, Order::Sorted, &locate).unwrap()));
    EmbeddedCatalog::new(index, SystemClock::shared())
}

async fn recipient(name: &str) -> Recipient {
    Gate::open(name).admit(&Default::default(), None).await.unwrap()
}

const KEYS: [&str; 7] = [
    "eu/orders/_delta_log/0.json",
    "eu/Named/_delta_log/0.json",
    "eu/no-table/part.parquet",
    "eu/nested/deeper/_delta_log/0.json",
    "eu/with.stop/_delta_log/0.json",
    "eu/file",
    "eu-west/other/_delta_log/0.json",
];

fn names(page: &Page<Table>) -> Vec<String> {
    page.items.iter().map(|table| format!("{}/{}", table.schema, table.name)).collect()
}

#[tokio::test]
async fn a_table_is_found_in_the_place_and_the_named_one_wins() {
    let storage = Storage::with(&KEYS);
    let (ada, bob) = (recipient("ada").await, recipient("bob").await);
    let probing = Probing::new(catalog(), storage.clone());
    let listing = Listing::new(catalog(), storage.clone(), storage.clone(), Arc::new(ByHand::default()));
    let both: [&dyn FindTable; 2] = [&probing, &listing];
    let mut ids = BTreeSet::new();
    for finds in both {
        let found = finds.find_table(&ada, "S", "eu", "orders").await.unwrap();
        assert_eq!((found.location.bucket(), found.location.prefix()), ("bucket", "eu/orders"));
        assert_eq!((found.schema.as_str(), found.share_id.as_str()), ("EU", "s-1"));
        assert!(matches!(found.history, History::SharedFrom(_)));
        ids.insert(found.id);
        assert_eq!(finds.find_table(&ada, "s", "eu", "NAMED").await.unwrap().id, "named Named");
        for table in ["no-table", "nested", "deeper", "with.stop", "file", "..", "../eu-west/other", "eu-west", ""] {
            let missing = finds.find_table(&ada, "s", "eu", table).await;
            assert!(matches!(missing, Err(Error::TableNotFound { .. })), "{table}: {missing:?}");
        }
        for (to, share, schema) in [(&bob, "s", "eu"), (&ada, "none", "eu"), (&ada, "s", "plain"), (&ada, "s", "none")]
        {
            let missing = finds.find_table(to, share, schema, "orders").await;
            assert!(matches!(missing, Err(Error::TableNotFound { .. })), "{share}.{schema}: {missing:?}");
        }
    }
    assert_eq!(ids.len(), 1, "whoever finds a table gives it the same id");
    // Who may look around finds it however it is spelt; who may not has to know.
    assert!(listing.find_table(&ada, "s", "eu", "ORDERS").await.is_ok());
    assert!(probing.find_table(&ada, "s", "eu", "ORDERS").await.is_err());
}

#[tokio::test]
async fn lists_hold_what_is_named_and_what_is_found_page_by_page() {
    let storage = Storage::with(&KEYS);
    storage.write("eu/Zebras/_delta_log/0.json");
    let ada = recipient("ada").await;
    let listing = Listing::new(catalog(), storage.clone(), storage.clone(), Arc::new(ByHand::default()));
    let of_schema = ["EU/Named", "EU/orders", "EU/Zebras"];
    // As names are sorted with their slash: `eu-west/` comes before `eu/`.
    let of_share = ["eu-west/a", "EU/Named", "EU/orders", "EU/Zebras", "plain/z"];
    for limit in 1..7 {
        let (mut one, mut all) = (Vec::new(), Vec::new());
        let (mut after_one, mut after_all) = (None, None);
        for _ in 0..7 {
            let position = |page: &Page<Table>| {
                let last = page.items.last();
                last.map(|table| vec![table.schema.folded().to_owned(), table.name.folded().to_owned()])
            };
            let page = listing.list_tables(&ada, "s", "eu", after_one.as_ref(), limit).await.unwrap();
            one.extend(names(&page));
            assert_eq!(page.more, one.len() < of_schema.len());
            after_one = position(&page).or(after_one);
            let page = listing.list_all_tables(&ada, "s", after_all.as_ref(), limit).await.unwrap();
            all.extend(names(&page));
            assert_eq!(page.more, all.len() < of_share.len());
            after_all = position(&page).or(after_all);
        }
        assert_eq!(
            (one, all),
            (of_schema.map(str::to_owned).to_vec(), of_share.map(str::to_owned).to_vec()),
            "{limit}"
        );
    }
    let foreign = vec!["eu".to_owned()];
    assert!(listing.list_tables(&ada, "s", "eu", Some(&foreign), 5).await.is_err());
    assert!(listing.list_all_tables(&ada, "s", Some(&foreign), 5).await.is_err());
    assert_eq!(names(&listing.list_tables(&ada, "s", "plain", None, 5).await.unwrap()), ["plain/z"]);
    assert_eq!(listing.list_schemas(&ada, "s", None, 9).await.unwrap().items.len(), 3);
    let bob = recipient("bob").await;
    assert!(matches!(listing.list_tables(&bob, "s", "eu", None, 5).await, Err(Error::ShareNotFound { .. })));
    assert!(matches!(listing.list_all_tables(&bob, "s", None, 5).await, Err(Error::ShareNotFound { .. })));
}

#[tokio::test]
async fn what_was_seen_is_believed_for_a_moment_only() {
    let storage = Storage::with(&["eu/a/_delta_log/0.json"]);
    let clock = Arc::new(ByHand::default());
    let ada = recipient("ada").await;
    let listing = Listing::new(catalog(), storage.clone(), storage.clone(), clock.clone());
    let listed = async || names(&listing.list_tables(&ada, "s", "eu", None, 9).await.unwrap());
    assert_eq!(listed().await, ["EU/a", "EU/Named"]);
    storage.write("eu/b/_delta_log/0.json");
    storage.remove("eu/a/_delta_log/0.json");
    assert_eq!((listed().await.len(), storage.listed.load(Ordering::SeqCst)), (2, 1));
    *clock.0.lock().unwrap() += SCHEMA_SEEN_FOR;
    assert_eq!(listed().await, ["EU/b", "EU/Named"]);
    assert!(listing.find_table(&ada, "s", "eu", "a").await.is_err());
    assert_eq!(storage.listed.load(Ordering::SeqCst), 2);
}
