//! What every `LogStore` promises: order, completeness, what missing means, exact ranges. Run on the S3 adapter over the
//! embedded S3 server.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use local::embedded_s3::{AccessKeys, EmbeddedS3, Roots};
use shared::error::Error;
use shared::model::location::TableLocation;
use shared::model::version::TimestampMs;
use shared::secret::Secret;
use shared::storage::LogStore;
use shared::storage::s3::{EMBEDDED_BUCKET_PREFIX, EmbeddedStore, LocalReach, S3LogStore};

/// A store over a temporary folder that is one bucket.
struct Fixture {
    store: Box<dyn LogStore>,
    endpoint: String,
    key_id: String,
    bucket: String,
    folder: tempfile::TempDir,
    _s3: EmbeddedS3,
}

impl Fixture {
    async fn new() -> Self {
        let (folder, roots) = (tempfile::tempdir().unwrap(), Roots::new());
        let bucket = roots.share(folder.path()).unwrap();
        let keys = AccessKeys::generate().unwrap();
        let (key_id, secret) = (keys.access_key_id.clone(), keys.secret_access_key.clone());
        let s3 = EmbeddedS3::start(roots, keys).await.unwrap();
        let endpoint = s3.endpoint().to_owned();
        let store = store(&endpoint, &key_id, &secret);
        Self { store, endpoint, key_id, bucket, folder, _s3: s3 }
    }

    fn table(&self, prefix: &str) -> TableLocation {
        TableLocation::new(self.bucket.clone(), prefix)
    }

    fn log(&self, prefix: &str) -> PathBuf {
        let log = self.folder.path().join(prefix).join("_delta_log");
        fs::create_dir_all(&log).unwrap();
        log
    }

    async fn names(&self, prefix: &str, after: Option<&str>) -> Vec<String> {
        let entries = self.store.list(&self.table(prefix), after).await.unwrap();
        entries.into_iter().map(|entry| entry.name).collect()
    }
}

fn store(endpoint: &str, key_id: &str, secret: &Secret) -> Box<dyn LogStore> {
    let embedded = EmbeddedStore::new(endpoint, key_id, secret);
    Box::new(S3LogStore::new(LocalReach::shared(Some(embedded), None)))
}

fn put(log: &Path, name: &str, content: impl AsRef<[u8]>) {
    fs::write(log.join(name), content).unwrap();
}

#[tokio::test]
async fn names_come_in_byte_order_with_size_and_time() {
    let fixture = Fixture::new().await;
    let log = fixture.log("a/t");
    // Not in order, and not in the order of any language either.
    let names = ["b", "B", "a.1", "a-1", "a", "ä", "_last_checkpoint", "00000000000000000010.json", "z", "Z~"];
    for (size, name) in names.iter().enumerate() {
        put(&log, name, vec![b'x'; size]);
    }
    let at = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
    fs::File::options().write(true).open(log.join("b")).unwrap().set_modified(at).unwrap();

    let entries = fixture.store.list(&fixture.table("a/t"), None).await.unwrap();
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    assert_eq!(entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), sorted);
    for entry in &entries {
        assert_eq!(names[usize::try_from(entry.size).unwrap()], entry.name);
    }
    let b = entries.iter().find(|entry| entry.name == "b").unwrap();
    assert_eq!(b.modified, TimestampMs::new(1_700_000_000_123));
}

#[tokio::test]
async fn a_list_starts_after_a_name_that_need_not_exist() {
    let fixture = Fixture::new().await;
    let log = fixture.log("t");
    for name in ["1", "2", "2x", "3"] {
        put(&log, name, "");
    }
    assert_eq!(fixture.names("t", Some("2")).await, ["2x", "3"]);
    assert_eq!(fixture.names("t", Some("15")).await, ["2", "2x", "3"]);
    assert_eq!(fixture.names("t", Some("")).await, ["1", "2", "2x", "3"]);
    assert_eq!(fixture.names("t", Some("9")).await, [""; 0]);
}

#[tokio::test]
async fn a_list_of_many_pages_is_whole() {
    let fixture = Fixture::new().await;
    let log = fixture.log("t");
    let names: Vec<String> = (0..2500).map(|n| format!("{n:020}.json")).collect();
    for name in names.iter().rev() {
        put(&log, name, "");
    }
    assert_eq!(fixture.names("t", None).await, names);
    assert_eq!(fixture.names("t", Some(&names[1199])).await, names[1200..]);
    assert_eq!(fixture.names("t", Some(&names[1499])).await.len(), 1000, "exactly one page");
}

#[tokio::test]
async fn the_beginning_of_a_list_says_whether_there_is_more() {
    let fixture = Fixture::new().await;
    let log = fixture.log("t");
    let names: Vec<String> = (0..1001).map(|n| format!("{n:020}.json")).collect();
    names.iter().take(1000).for_each(|name| put(&log, name, ""));
    let first = fixture.store.list_first(&fixture.table("t")).await.unwrap();
    assert_eq!((first.entries.len(), first.more), (1000, false));
    put(&log, &names[1000], "");
    let first = fixture.store.list_first(&fixture.table("t")).await.unwrap();
    assert_eq!((first.entries.len(), first.more), (1000, true));
}

#[tokio::test]
async fn an_object_that_took_the_place_of_the_listed_one_is_not_read() {
    let fixture = Fixture::new().await;
    let log = fixture.log("t");
    put(&log, "1", "before");
    // Files that were changed a moment ago are listed without a tag.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let listed = fixture.store.list(&fixture.table("t"), None).await.unwrap().remove(0);
    assert!(listed.etag.is_some());
    for (range, wanted) in [(0..6, "before"), (1..4, "efo"), (5..6, "e")] {
        assert_eq!(fixture.store.get_listed(&fixture.table("t"), &listed, range).await.unwrap(), wanted);
    }
    let (found, tag) = fixture.store.find_range(&fixture.table("t"), "1", 0..2).await.unwrap();
    assert_eq!((found.as_ref(), tag), (b"be".as_slice(), listed.etag.clone()));
    put(&log, "1", "behind");
    let just_now = fixture.store.list(&fixture.table("t"), None).await.unwrap().remove(0);
    assert_ne!(just_now.etag, listed.etag);
    for range in [0..6, 2..4] {
        let error = fixture.store.get_listed(&fixture.table("t"), &listed, range).await.unwrap_err();
        assert!(matches!(error, Error::TableFilesMissing(_)), "{error:?}");
    }
}

#[tokio::test]
async fn the_end_of_an_object_tells_which_one_it_is() {
    let fixture = Fixture::new().await;
    let log = fixture.log("t");
    let content: Vec<u8> = (0..=255).cycle().take(1000).collect();
    put(&log, "1", &content);
    put(&log, "empty", "");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let table = fixture.table("t");
    let listed = fixture.store.list(&table, None).await.unwrap().remove(0);
    for many in [1, 10, 999, 1000, 5000] {
        let (found, end) = fixture.store.find_end(&table, "1", many).await.unwrap().unwrap();
        assert_eq!(end, content[content.len().saturating_sub(many as usize)..], "{many}");
        assert_eq!(
            (found.name, found.size, found.etag),
            (listed.name.clone(), listed.size, listed.etag.clone()),
            "{many}"
        );
    }
    for name in ["gone", "empty"] {
        assert_eq!(fixture.store.find_end(&table, name, 10).await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn only_the_log_folder_itself_is_listed() {
    let fixture = Fixture::new().await;
    let log = fixture.log("t");
    put(&log, "1.json", "");
    fs::create_dir(log.join("_sidecars")).unwrap();
    put(&log, "_sidecars/s.parquet", "");
    put(&fixture.folder.path().join("t"), "data.parquet", "");
    // Its name begins as this table's does.
    put(&fixture.log("t2"), "2.json", "");
    put(&fixture.log("t/_delta_log/t"), "3.json", "");
    assert_eq!(fixture.names("t", None).await, ["1.json"]);
}

#[tokio::test]
async fn what_is_missing_is_nothing() {
    let fixture = Fixture::new().await;
    fixture.log("empty");
    for prefix in ["empty", "none", "none/at/all"] {
        let table = fixture.table(prefix);
        assert_eq!(fixture.store.list(&table, None).await.unwrap(), []);
        assert_eq!(fixture.store.get(&table, "_last_checkpoint", 1).await.unwrap(), None);
        let range = fixture.store.get_range(&table, "1.json", 0..1).await;
        assert!(matches!(range, Err(Error::TableFilesMissing(_))), "{range:?}");
    }
    let no_bucket = TableLocation::new(format!("{EMBEDDED_BUCKET_PREFIX}0000000000000000"), "t");
    assert_eq!(fixture.store.list(&no_bucket, None).await.unwrap(), []);
    assert_eq!(fixture.store.get(&no_bucket, "x", 1).await.unwrap(), None);
    assert!(fixture.store.get_range(&no_bucket, "x", 0..1).await.is_err());
}

#[tokio::test]
async fn a_whole_object_up_to_a_bound() {
    let fixture = Fixture::new().await;
    let log = fixture.log("t");
    let content: Vec<u8> = (0..=255).cycle().take(600_000).collect();
    put(&log, "1.json", &content);
    put(&log, "empty", "");
    let table = fixture.table("t");
    assert_eq!(fixture.store.get(&table, "1.json", 600_000).await.unwrap().unwrap(), content);
    assert_eq!(fixture.store.get(&table, "empty", 0).await.unwrap().unwrap(), "");
    let refused = fixture.store.get(&table, "1.json", 599_999).await;
    assert!(matches!(&refused, Err(Error::Unsupported(text)) if text.contains("1.json") && text.contains("599999")));
}

#[tokio::test]
async fn a_range_is_exact_or_an_error() {
    let fixture = Fixture::new().await;
    put(&fixture.log("t"), "1.parquet", "0123456789");
    let table = fixture.table("t");
    for (range, content) in [(0..10, "0123456789"), (0..1, "0"), (9..10, "9"), (3..7, "3456")] {
        assert_eq!(fixture.store.get_range(&table, "1.parquet", range).await.unwrap(), content);
    }
    for range in [0..11, 9..12, 10..11, 100..200] {
        let short = fixture.store.get_range(&table, "1.parquet", range.clone()).await;
        assert!(matches!(short, Err(Error::TableFilesMissing(_))), "{range:?}: {short:?}");
    }
}

#[tokio::test]
async fn odd_names_are_names() {
    let fixture = Fixture::new().await;
    let odd = ["a b", "a+b", "a%20b", "a%b", "ü/日本", "q?x=1&y#z", "\"quoted\" <xml>&amp;", "~!$'()*,;:@=[]", "🦀"];
    for (at, prefix) in odd.iter().enumerate() {
        let log = fixture.log(prefix);
        let names: Vec<String> = odd.iter().map(|name| name.replace('/', "-")).collect();
        for name in &names {
            put(&log, name, format!("{at} {name}"));
        }
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(fixture.names(prefix, None).await, sorted, "{prefix}");
        assert_eq!(fixture.names(prefix, Some(&sorted[3])).await, sorted[4..], "{prefix}");
        for name in &names {
            let content = fixture.store.get(&fixture.table(prefix), name, 100).await.unwrap().unwrap();
            assert_eq!(content, format!("{at} {name}"));
        }
    }
}

#[tokio::test]
async fn a_table_may_be_a_whole_bucket() {
    let fixture = Fixture::new().await;
    put(&fixture.log(""), "1.json", "x");
    assert_eq!(fixture.names("", None).await, ["1.json"]);
    assert_eq!(fixture.store.get(&fixture.table("/"), "1.json", 1).await.unwrap().unwrap(), "x");
}

#[tokio::test]
async fn wrong_keys_are_denied_and_no_message_names_the_place() {
    let fixture = Fixture::new().await;
    put(&fixture.log("secret-place"), "1.json", "x");
    for (key_id, secret) in [("LOCLUNKNOWN", "x"), (fixture.key_id.as_str(), "wrong")] {
        let denied = store(&fixture.endpoint, key_id, &Secret::new(secret));
        let table = fixture.table("secret-place");
        for error in [
            denied.list(&table, None).await.unwrap_err(),
            denied.get(&table, "1.json", 1).await.unwrap_err(),
            denied.get_range(&table, "1.json", 0..1).await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::StorageDenied(_)), "{error:?}");
            let told = shared::error::chain(&error);
            assert!(!told.contains("secret-place") && !told.contains(&fixture.bucket), "{told}");
        }
    }
}
