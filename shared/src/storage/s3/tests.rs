//! The adapter against answers that an emulator does not give: what S3 says to those who may not list, and where a bucket
//! is in another region.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::error::chain;
use crate::secret::Secret;
use crate::storage::chunks::ChunkStore;

/// A store that answers every request line in one way.
async fn store(answer: fn(&str) -> (u16, &'static str, String)) -> S3LogStore {
    let embedded = EmbeddedStore::new(serve(answer).await, "id", &Secret::new("secret"));
    S3LogStore::new(LocalReach::shared(Some(embedded), None))
}

/// The same on a port of its own, which is returned as an endpoint.
async fn serve(answer: fn(&str) -> (u16, &'static str, String)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && socket.read_exact(&mut byte).await.is_ok() {
                head.extend(byte);
            }
            let head = String::from_utf8(head).unwrap();
            let (status, headers, body) = answer(head.lines().next().unwrap_or_default());
            // A length that is given may be a lie.
            let length = match headers.contains("content-length") {
                true => String::new(),
                false => format!("content-length: {}\r\n", body.len()),
            };
            let text = format!("HTTP/1.1 {status} x\r\n{headers}{length}connection: close\r\n\r\n{body}");
            socket.write_all(text.as_bytes()).await.unwrap();
        }
    });
    endpoint
}

fn table() -> TableLocation {
    TableLocation::new(format!("{EMBEDDED_BUCKET_PREFIX}b"), "t")
}

fn chunks(endpoint: &str) -> S3Chunks {
    let keys = aws_credential_types::Credentials::new("id", "secret", None, None, "test");
    let keys = aws_credential_types::provider::SharedCredentialsProvider::new(keys);
    let config = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::from_static("us-east-1"))
        .credentials_provider(keys);
    S3Chunks::new(&config.build(), Some(endpoint), "own")
}

#[tokio::test]
async fn a_chunk_is_there_or_not_or_too_large() {
    let endpoint = serve(|request| match request {
        get if get.starts_with("GET /own/chunks/there?") || get.starts_with("GET /own/chunks/there ") => {
            (200, "", "12345".into())
        }
        get if get.starts_with("GET /own/chunks/denied") => (403, "", error_body("AccessDenied", "no")),
        get if get.starts_with("GET /own/chunks/missing") => (404, "", error_body("NoSuchKey", "no")),
        get if get.starts_with("GET /own/chunks/short") => (200, "content-length: 9\r\n", "12345".into()),
        _ => (503, "", error_body("SlowDown", "Please reduce your request rate.")),
    });
    let chunks = chunks(&endpoint.await);
    assert_eq!(chunks.get("chunks/there", 5).await.unwrap().unwrap(), "12345");
    for name in ["chunks/denied", "chunks/missing"] {
        assert_eq!(chunks.get(name, 5).await.unwrap(), None, "{name}");
    }
    assert_eq!(chunks.get("chunks/there", 4).await.unwrap(), None);
    for failed in [chunks.get("chunks/short", 9).await.map(drop), chunks.put("chunks/there", Bytes::new()).await] {
        assert!(matches!(failed, Err(Error::StorageUnavailable(_))), "{failed:?}");
    }
}

fn error_body(code: &str, message: &str) -> String {
    format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>")
}

fn listing(keys: &[&str]) -> String {
    let contents: String =
        keys.iter().map(|key| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>")).collect();
    format!("<ListBucketResult>{contents}</ListBucketResult>")
}

/// Refuses every GET of an object; lists one that is there.
fn denies(request: &str) -> (u16, &'static str, String) {
    if request.contains("list-type=2") {
        let there = request.contains("there.json");
        (200, "", listing(if there { &["t/_delta_log/there.json"] } else { &["t/_delta_log/gone.json.crc"] }))
    } else {
        (403, "", error_body("AccessDenied", "Access Denied"))
    }
}

#[tokio::test]
async fn denied_and_not_listed_is_not_there() {
    let store = store(denies).await;
    assert_eq!(store.get(&table(), "gone.json", 10).await.unwrap(), None);
    let missing = store.get_range(&table(), "gone.json", 0..5).await.unwrap_err();
    assert!(matches!(missing, Error::TableFilesMissing(_)), "{missing:?}");
}

#[tokio::test]
async fn denied_and_listed_is_denied() {
    let store = store(denies).await;
    let denied = store.get(&table(), "there.json", 10).await.unwrap_err();
    assert!(matches!(denied, Error::StorageDenied(_)), "{denied:?}");
    assert!(matches!(store.get_range(&table(), "there.json", 0..5).await, Err(Error::StorageDenied(_))));
}

#[tokio::test]
async fn denied_everywhere_is_denied() {
    let store = store(|_| (403, "", error_body("AccessDenied", "arn:aws:iam::1:role/r may not"))).await;
    let denied = store.get(&table(), "gone.json", 10).await.unwrap_err();
    assert!(matches!(denied, Error::StorageDenied(_)), "{denied:?}");
    assert!(!chain(&denied).contains("arn:"), "{}", chain(&denied));
}

#[tokio::test]
async fn an_overloaded_store_is_unavailable() {
    let store = store(|_| (503, "", error_body("SlowDown", "Please reduce your request rate."))).await;
    for failed in [
        store.list(&table(), None).await.unwrap_err(),
        store.get(&table(), "there.json", 10).await.unwrap_err(),
        store.get_range(&table(), "there.json", 0..5).await.unwrap_err(),
    ] {
        assert!(matches!(failed, Error::StorageUnavailable(_)), "{failed:?}");
        assert!(chain(&failed).contains("SlowDown"), "{}", chain(&failed));
    }
}

#[tokio::test]
async fn a_listing_that_may_not_be_whole_is_none() {
    const OBJECT: &str = "<Contents><Key>t/_delta_log/0.json</Key><LastModified>2023-11-14T22:13:20.000Z</LastModified><Size>1</Size></Contents>";
    let whole = store(|_| (200, "", format!("<ListBucketResult>{OBJECT}</ListBucketResult>"))).await;
    assert_eq!(whole.list(&table(), None).await.unwrap().len(), 1);
    let no_way_on =
        store(|_| (200, "", format!("<ListBucketResult><IsTruncated>true</IsTruncated>{OBJECT}</ListBucketResult>")));
    let no_time = store(|_| (200, "", listing(&["t/_delta_log/0.json"])));
    for store in [no_way_on.await, no_time.await] {
        let refused = store.list(&table(), None).await.unwrap_err();
        assert!(matches!(refused, Error::Unsupported(_)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_shorter_object() {
    let store = store(|_| (200, "content-length: 10\r\n", "five.".into())).await;
    let whole = store.get(&table(), "there.json", 100).await.unwrap_err();
    let range = store.get_range(&table(), "there.json", 0..10).await.unwrap_err();
    for failed in [whole, range] {
        assert!(matches!(failed, Error::StorageUnavailable(_)), "{failed:?}");
    }
}

fn listed_as(etag: Option<&str>) -> LogEntry {
    let etag = etag.map(Into::into);
    LogEntry { name: "there.json".into(), size: 5, modified: TimestampMs::new(0), etag }
}

#[tokio::test]
async fn an_object_is_the_listed_one_or_none() {
    // A store that takes no notice of a condition, but says what it has.
    let says = store(|_| (200, "etag: \"two\"\r\n", "12345".into())).await;
    for same in [Some("\"two\""), Some("two"), None] {
        assert_eq!(says.get_listed(&table(), &listed_as(same), 0..5).await.unwrap(), "12345");
    }
    let refuses = store(|_| (412, "", error_body("PreconditionFailed", "At least one did not hold"))).await;
    let shrunk = store(|_| (200, "", "1234".into())).await;
    for (store, etag) in [(says, Some("\"one\"")), (refuses, Some("\"one\"")), (shrunk, None)] {
        let another = store.get_listed(&table(), &listed_as(etag), 0..5).await.unwrap_err();
        assert!(matches!(another, Error::TableFilesMissing(_)), "{another:?}");
        assert!(chain(&another).contains("changed while the log was read"), "{}", chain(&another));
    }
    let denies = store(denies).await;
    assert!(matches!(denies.get_listed(&table(), &listed_as(None), 0..5).await, Err(Error::StorageDenied(_))));
}

#[tokio::test]
async fn tags_that_tell_contents_apart_are_listed() {
    for (tag, known) in [("&quot;a-1&quot;", Some("\"a-1\"")), ("W/&quot;a&quot;", None), ("&quot;&quot;", None)] {
        // The answer is made by a function without an environment.
        let list: fn(&str) -> (u16, &'static str, String) = match known {
            Some(_) => |_| (200, "", tagged("&quot;a-1&quot;")),
            None if tag.starts_with('W') => |_| (200, "", tagged("W/&quot;a&quot;")),
            None => |_| (200, "", tagged("&quot;&quot;")),
        };
        let listed = store(list).await.list_first(&table()).await.unwrap();
        assert_eq!((listed.entries[0].etag.as_deref(), listed.more), (known, false), "{tag}");
    }
}

fn tagged(tag: &str) -> String {
    format!(
        "<ListBucketResult><Contents><Key>t/_delta_log/0.json</Key><LastModified>2023-11-14T22:13:20.000Z</LastModified>\
         <ETag>{tag}</ETag><Size>1</Size></Contents></ListBucketResult>"
    )
}

#[tokio::test]
async fn a_bucket_elsewhere_names_its_region_to_the_log_alone() {
    let moved =
        store(|_| (301, "x-amz-bucket-region: ap-south-1\r\n", error_body("PermanentRedirect", "use the endpoint")));
    let malformed = store(|_| {
        let message = "the region 'us-east-1' is wrong; expecting 'eu-west-1'";
        (400, "", error_body("AuthorizationHeaderMalformed", message))
    });
    for (store, region) in [(moved.await, "ap-south-1"), (malformed.await, "eu-west-1")] {
        for error in [
            store.list(&table(), None).await.unwrap_err(),
            store.get(&table(), "x", 10).await.unwrap_err(),
            store.get_range(&table(), "x", 0..5).await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::WrongRegion(_)), "{error:?}");
            assert!(chain(&error).contains(region), "{}", chain(&error));
            assert!(error.public().contains("set the table's region") && !error.public().contains(region));
        }
    }
}

#[test]
fn the_right_region_is_read_wherever_s3_says_it() {
    let message = "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'";
    assert_eq!(failed::right_region(Some("ap-south-1"), Some(message)).as_deref(), Some("ap-south-1"));
    assert_eq!(failed::right_region(None, Some(message)).as_deref(), Some("eu-west-1"));
    assert_eq!(failed::right_region(None, Some("moved")), None);
    assert_eq!(failed::right_region(Some("a\nb: forged"), None), None);
}
