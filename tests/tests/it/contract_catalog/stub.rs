//! A DynamoDB that answers what a test tells it, for what no emulator can be brought to do: rows left out of a batch,
//! pages without rows, refusals.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use shared::catalog::dynamo::DynamoCatalog;
use shared::catalog::dynamo::write::DynamoProviderCatalog;
use shared::catalog::event::{Named, Recorder};
use shared::catalog::write::ProviderCatalog;
use shared::catalog::{FindShare, FindTable, ListAllTables};
use shared::clock::SystemClock;
use shared::error::{Error, chain};
use shared::limits::CATALOG_ATTEMPTS_MAX;
use tests::emulator::client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::backends::admitted;

/// Answers in the order they are given, each with its status; the operations that were asked for.
struct Stub {
    catalog: DynamoCatalog,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    endpoint: String,
}

impl Stub {
    /// `answer` is asked with the operation's name and the request, and how many came before.
    async fn answering(answer: impl Fn(&str, &Value, usize) -> (u16, Value) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let (seen, answer) = (asked.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (seen, answer) = (seen.clone(), answer.clone());
                tokio::spawn(async move {
                    while let Some((operation, request)) = read_request(&mut stream).await {
                        let before = seen.lock().unwrap().len();
                        let (status, body) = answer(&operation, &request, before);
                        seen.lock().unwrap().push((operation, request));
                        let body = body.to_string();
                        let head = format!(
                            "HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n",
                            body.len()
                        );
                        stream.write_all((head + &body).as_bytes()).await.unwrap();
                    }
                });
            }
        });
        let catalog = DynamoCatalog::new(client(&endpoint, "test"), "t", SystemClock::shared());
        Self { catalog, asked, endpoint }
    }

    fn operations(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(operation, _)| operation.clone()).collect()
    }
}

async fn read_request(stream: &mut tokio::net::TcpStream) -> Option<(String, Value)> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let header =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name).map(|value| value.trim().to_owned()));
    let length: usize = header("content-length:").unwrap().parse().unwrap();
    while bytes.len() < head + length {
        stream.read_buf(&mut bytes).await.ok()?;
    }
    let operation = header("x-amz-target:").unwrap().rsplit('.').next().unwrap().to_owned();
    Some((operation, serde_json::from_slice(&bytes[head..head + length]).unwrap()))
}

fn share() -> Value {
    json!({"PK": {"S": "S/s"}, "SK": {"S": "!"}, "v": {"N": "1"}, "display": {"S": "s"}, "shareId": {"S": "1"},
        "status": {"S": "ACTIVE"}, "grants": {"N": "1"}})
}

fn grant() -> Value {
    json!({"PK": {"S": "R/r"}, "SK": {"S": "G/s"}, "v": {"N": "1"}, "display": {"S": "s"}, "shareId": {"S": "1"},
        "recipientId": {"S": "r"}, "recipientName": {"S": "r"}, "status": {"S": "ACTIVE"}})
}

fn table(name: &str) -> Value {
    json!({"PK": {"S": "S/s"}, "SK": {"S": format!("T/a/{name}")}, "v": {"N": "1"}, "display": {"S": name},
        "shareName": {"S": "s"}, "schemaName": {"S": "a"}, "shareId": {"S": "1"}, "tableId": {"S": name},
        "location": {"S": "s3://b/t"}, "history": {"S": "latest"}})
}

fn keys(rows: &[Value]) -> Value {
    json!({"t": {"Keys": rows.iter().map(|row| json!({"PK": row["PK"], "SK": row["SK"]})).collect::<Vec<_>>()}})
}

#[tokio::test]
async fn rows_left_out_of_a_batch_are_asked_for_again() {
    let stub = Stub::answering(|_, request, before| {
        let wanted = request["RequestItems"]["t"]["Keys"].as_array().unwrap().len();
        match before {
            0 => (200, json!({"Responses": {"t": [share()]}, "UnprocessedKeys": keys(&[grant(), table("t")])})),
            _ => {
                assert_eq!(wanted, 2);
                (200, json!({"Responses": {"t": [grant(), table("t")]}, "UnprocessedKeys": {}}))
            }
        }
    })
    .await;
    let reader = admitted("r").await;
    assert_eq!(stub.catalog.find_table(&reader, "s", "a", "t").await.unwrap().full_name(), "s.a.t");
    assert_eq!(stub.operations(), ["batchgetitem", "batchgetitem"]);
    // What was found is not asked for again.
    stub.catalog.clone().find_table(&reader, "S", "A", "T").await.unwrap();
    assert_eq!(stub.operations().len(), 2);
}

#[tokio::test]
async fn rows_left_out_for_ever_are_an_outage_and_no_miss() {
    let stub =
        Stub::answering(|_, _, _| (200, json!({"Responses": {"t": []}, "UnprocessedKeys": keys(&[grant()])}))).await;
    let error = stub.catalog.find_share(&admitted("r").await, "s").await.unwrap_err();
    assert!(matches!(error, Error::StorageUnavailable(_)), "{error:?}");
    assert_eq!(stub.operations().len(), CATALOG_ATTEMPTS_MAX as usize);
}

#[tokio::test]
async fn a_miss_is_asked_for_once_more_and_consistently() {
    let stub = Stub::answering(|_, request, _| {
        let consistent = request["RequestItems"]["t"]["ConsistentRead"] == true;
        (200, json!({"Responses": {"t": if consistent { vec![grant(), share()] } else { vec![share()] }}}))
    })
    .await;
    let reader = admitted("r").await;
    assert_eq!(stub.catalog.find_share(&reader, "s").await.unwrap().id, "1");
    assert_eq!(stub.operations().len(), 2);
    let gone = stub.catalog.find_table(&reader, "s", "a", "t").await;
    assert!(matches!(gone, Err(Error::TableNotFound { .. })));
    assert_eq!(stub.operations().len(), 4);
}

#[tokio::test]
async fn a_page_without_rows_is_not_the_end() {
    let stub = Stub::answering(|operation, request, _| {
        let start = &request["ExclusiveStartKey"]["SK"]["S"];
        match (operation, start.as_str()) {
            ("batchgetitem", _) => (200, json!({"Responses": {"t": [grant(), share()]}})),
            (_, None) => (200, json!({"Items": [], "LastEvaluatedKey": {"PK": {"S": "S/s"}, "SK": {"S": "T/a/m"}}})),
            (_, Some("T/a/m")) => {
                let next = json!({"PK": {"S": "S/s"}, "SK": {"S": "T/a/x"}});
                (200, json!({"Items": [table("x")], "LastEvaluatedKey": next}))
            }
            (_, Some("T/a/x")) => (200, json!({"Items": []})),
            (_, Some(other)) => panic!("asked for what follows {other}"),
        }
    })
    .await;
    let page = stub.catalog.list_all_tables(&admitted("r").await, "s", None, 5).await.unwrap();
    assert_eq!(page.items.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["x"]);
    assert!(!page.more);
    assert_eq!(stub.operations().iter().filter(|operation| *operation == "query").count(), 3);
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up() {
    let stub = Stub::answering(|operation, _, _| match operation {
        "batchgetitem" => (200, json!({"Responses": {"t": [grant(), share()]}})),
        _ => (200, json!({"Items": [], "LastEvaluatedKey": {"PK": {"S": "S/s"}, "SK": {"S": "T/a/m"}}})),
    })
    .await;
    let error = stub.catalog.list_all_tables(&admitted("r").await, "s", None, 5).await.unwrap_err();
    assert!(chain(&error).ends_with("the list is longer than its bound"), "{}", chain(&error));
}

#[tokio::test]
async fn a_refusal_is_told_without_the_arn_it_names() {
    let refusal = |code: &'static str| {
        Stub::answering(move |_, _, _| {
            let message = "User: arn:aws:sts::1:assumed-role/x is not authorized on arn:aws:dynamodb:::table/t";
            (400, json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message}))
        })
    };
    let reader = admitted("r").await;
    let error = refusal("AccessDeniedException").await.catalog.find_share(&reader, "s").await.unwrap_err();
    assert!(matches!(error, Error::Internal { .. }));
    let text = format!("{} {error:?}", chain(&error));
    assert!(text.contains("AccessDeniedException") && !text.contains("arn:"), "{text}");
    let error = refusal("ThrottlingException").await.catalog.find_share(&reader, "s").await.unwrap_err();
    assert!(matches!(error, Error::StorageUnavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_change_and_its_event_are_one_transaction() {
    let stub = Stub::answering(|_, _, _| (200, json!({}))).await;
    let (operator, clock) = (Arc::new(Named("ada".into())), SystemClock::shared());
    let provider =
        DynamoProviderCatalog::new(client(&stub.endpoint, "test"), "t").recorded(Recorder::new(operator, clock));
    provider.create_share(&super::backends::share("s", "1")).await.unwrap();
    assert_eq!(stub.operations(), ["transactwriteitems"]);
    let written = stub.asked.lock().unwrap()[0].1["TransactItems"].clone();
    let (share, event) = (&written[0]["Put"]["Item"], &written[1]["Put"]["Item"]);
    assert_eq!((written.as_array().unwrap().len(), &share["PK"]["S"]), (2, &"S/s".into()));
    assert!(event["PK"]["S"].as_str().unwrap().starts_with("EV/2"), "{event}");
    let told: Value = serde_json::from_str(event["event"]["S"].as_str().unwrap()).unwrap();
    assert_eq!((&told["actor"], &told["act"], &told["share"]), (&"ada".into(), &"create share".into(), &"s".into()));
    assert!(event["ttl"]["N"].is_string(), "it is kept for ever: {event}");
}
