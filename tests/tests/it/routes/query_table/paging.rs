//! A query in pages: together they are the one answer, whatever happens to the table meanwhile, and a page token is good
//! for nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use http_body_util::BodyExt;
use serde_json::{Value, json};
use shared::clock::SystemClock;
use shared::limits::QUERY_PAGE_TOKEN_TTL_SECS;
use shared::seal::Sealer;
use tests::samples::{checkpointed, large_checkpoint, three_versions};
use tests::server::{Answer, HandClock, OTHER_TOKEN, TestServer, document, send};
use tests::table_builder::{EPOCH_MS, Manifest, TableBuilder, commit_name, inline_vector};
use tests::watched::Watched;

use super::{PATH, server};

const VECTORS: &str = "responseformat=delta;readerfeatures=deletionvectors,columnmapping";

/// Lines without what differs from signature to signature.
pub(super) fn unsigned(lines: &[Value]) -> Vec<Value> {
    let mut lines = lines.to_vec();
    for line in &mut lines {
        mask(line);
    }
    lines
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| match (key.as_str(), value.as_str()) {
            (_, Some(url)) if url.contains("X-Amz-Signature=") => *value = url.split('?').next().unwrap().into(),
            ("expirationTimestamp", _) => *value = Value::Null,
            _ => mask(value),
        }),
        Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}

/// The bytes of the first two lines.
pub(super) fn head(answer: &Answer) -> &str {
    let ends: Vec<usize> = answer.text.match_indices('\n').map(|(at, _)| at).collect();
    &answer.text[..ends[1]]
}

/// The files of a page and its last line.
pub(super) fn page(answer: &Answer) -> (Vec<Value>, Value) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut lines = answer.lines();
    let end = lines.pop().unwrap();
    assert!(lines[2..].iter().all(|line| line.get("file").is_some()), "{}", answer.text);
    (lines.split_off(2), end["endStreamAction"].clone())
}

/// A body that asks for more.
fn with(body: &Value, fields: Value) -> Value {
    let mut body = body.clone();
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

/// All pages of so many files; `between` happens after each.
async fn pages(
    server: &TestServer,
    body: &Value,
    max_files: usize,
    capabilities: &str,
    mut between: impl FnMut(usize),
) -> Vec<Answer> {
    let mut pages = Vec::new();
    let mut next = json!({});
    loop {
        let asked = with(&with(body, json!({"maxFiles": max_files})), next);
        let answer = server.query("t", asked, capabilities).await;
        let (files, end) = page(&answer);
        assert!(files.len() <= max_files);
        assert_eq!(end.get("minUrlExpirationTimestamp").is_some(), !files.is_empty());
        let token = end.get("nextPageToken").map(|token| token.as_str().unwrap().to_owned());
        pages.push(answer);
        let Some(token) = token else { return pages };
        assert_eq!(files.len(), max_files, "a page is not full, yet there are more");
        assert!(token.len() < 1024, "{} bytes", token.len());
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{token}");
        next = json!({"pageToken": token});
        between(pages.len());
    }
}

/// Checks that pages are one answer that was read before.
fn assert_same(pages: &[Answer], whole: &Answer) {
    let files: Vec<Value> = pages.iter().flat_map(|answer| page(answer).0).collect();
    assert_eq!(unsigned(&files), unsigned(&whole.lines()[2..]));
    for answer in pages {
        assert_eq!(head(answer), head(whole));
        for name in ["delta-table-version", "delta-sharing-capabilities", "content-type", "fileidhash"] {
            assert_eq!(answer.header(name), whole.header(name), "{name}");
        }
    }
}

#[tokio::test]
async fn pages_of_every_size_are_the_one_answer_in_both_formats() {
    let server = server().await;
    for capabilities in ["", "responseformat=delta"] {
        for body in [json!({}), json!({"version": 1}), json!({"timestamp": "2023-11-14T22:13:21Z"})] {
            let whole = server.query("t", body.clone(), capabilities).await;
            let count = whole.lines().len() - 2;
            assert!(count >= 2, "{}", whole.text);
            for size in 1..=count + 1 {
                let pages = pages(&server, &body, size, capabilities, |_| {}).await;
                assert_eq!(pages.len(), count.div_ceil(size), "{body}: pages of {size}");
                assert_same(&pages, &whole);
            }
        }
    }
}

#[tokio::test]
async fn an_empty_table_is_one_empty_page() {
    let server = TestServer::of(&["s.d.t"]).await;
    TableBuilder::new(server.table("t")).commit(vec![]);
    let answers = pages(&server, &json!({}), 1, "", |_| {}).await;
    assert_eq!(answers.len(), 1);
    assert_eq!(page(&answers[0]), (vec![], json!({})));
}

/// A table with vectors in files and in the log, and mapped columns.
fn of_all_features(server: &TestServer) -> TableBuilder {
    let names = ["deletionVectors", "columnMapping", "v2Checkpoint"];
    let mut table = TableBuilder::new(server.table("t"))
        .protocol(
            json!({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": names, "writerFeatures": names}),
        )
        .metadata(|metadata| {
            let mut schema: Value = serde_json::from_str(metadata["schemaString"].as_str().unwrap()).unwrap();
            for (id, field) in schema["fields"].as_array_mut().unwrap().iter_mut().enumerate() {
                field["metadata"] =
                    json!({"delta.columnMapping.id": id + 1, "delta.columnMapping.physicalName": format!("col-{id}")});
            }
            metadata["schemaString"] = schema.to_string().into();
            metadata["configuration"] =
                json!({"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "2"});
        });
    let (in_file, _) = table.vector_in_file("", 1, &[0, 2]);
    let adds = (0..7).map(|n| {
        let mut add = table.add_entry(&format!("{n}.parquet"), None, 5);
        match n % 3 {
            0 => add["add"]["deletionVector"] = in_file.clone(),
            1 => add["add"]["deletionVector"] = inline_vector(&[3, 4]),
            _ => {}
        }
        add["add"]["partitionValues"] = json!({"col-1": null});
        let ids = |id: u64| json!({"col-0": 10 * n + id});
        add["add"]["stats"] = json!({"numRecords": 5, "minValues": ids(0), "maxValues": ids(4)}).to_string().into();
        add
    });
    let adds = adds.collect();
    table.commit(adds);
    table
}

#[tokio::test]
async fn pages_of_every_form_of_log_with_vectors_and_mapped_columns() {
    type Shape = (&'static str, fn(&mut TableBuilder));
    let shapes: [Shape; 5] = [
        ("commits", |_| {}),
        ("a checkpoint", TableBuilder::checkpoint),
        ("parts", |table| table.checkpoint_parts(3)),
        ("a JSON manifest", |table| drop(table.checkpoint_v2(Manifest::Json, 0))),
        ("sidecars", |table| drop(table.checkpoint_v2(Manifest::Parquet, 2))),
    ];
    for (shape, write) in shapes {
        let server = TestServer::of(&["s.d.t"]).await;
        let mut table = of_all_features(&server);
        write(&mut table);
        let mut late = table.add_entry("late.parquet", None, 1);
        late["add"]["partitionValues"] = json!({"col-1": null});
        table.commit(vec![table.remove("2.parquet"), late]);
        // Files 0 to 6 hold the ids from ten times their number on; that of file 2 is gone, and `late` says nothing of its.
        for (body, count) in [(json!({}), 7), (json!({"predicateHints": ["id >= 20 AND id < 50"]}), 3)] {
            let whole = server.query("t", body.clone(), VECTORS).await;
            assert_eq!((whole.status, whole.lines().len()), (200, 2 + count), "{shape}: {}", whole.text);
            for size in [1, 3] {
                assert_same(&pages(&server, &body, size, VECTORS, |_| {}).await, &whole);
            }
        }
    }
}

#[tokio::test]
async fn commits_and_checkpoints_between_pages_do_not_matter() {
    for body in [json!({}), json!({"version": 2})] {
        let server = TestServer::of(&["s.d.t"]).await;
        let mut table = three_versions(server.table("t"));
        let whole = server.query("t", body.clone(), "").await;
        let all = pages(&server, &body, 1, "", |page| match page {
            // Of the very version, with its files in another order.
            1 => table.checkpoint(),
            _ => {
                let later = vec![table.remove("3.parquet"), table.add_entry("later.parquet", None, 1)];
                table.commit_at(EPOCH_MS + 3000, later);
                table.checkpoint();
            }
        })
        .await;
        assert_eq!(all.len(), 3);
        assert_same(&all, &whole);
        assert_eq!(server.query("t", json!({}), "").await.header("delta-table-version"), "3");
    }
}

#[tokio::test]
async fn a_log_that_lost_what_the_first_page_was_made_of_asks_to_start_again() {
    let server = TestServer::of(&["s.d.t"]).await;
    let mut table = three_versions(server.table("t"));
    let token = first_token(&server, json!({}), "").await;
    table.checkpoint();
    table.delete_all_commits();
    let answer = server.query("t", json!({"pageToken": token}), "").await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.text.contains("Please restart the query."), "{}", answer.text);
    // A commit that was written anew is another one.
    let server = self::server().await;
    let token = first_token(&server, json!({}), "").await;
    let commit = server.table("t").join("_delta_log").join(commit_name(2));
    std::fs::write(&commit, [std::fs::read(&commit).unwrap(), b"\n".to_vec()].concat()).unwrap();
    assert_eq!(server.query("t", json!({"pageToken": token}), "").await.status, 400);
}

async fn first_token(server: &TestServer, body: Value, capabilities: &str) -> String {
    let answer = server.query("t", with(&body, json!({"maxFiles": 1})), capabilities).await;
    page(&answer).1["nextPageToken"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
}

#[tokio::test]
async fn a_page_without_a_number_is_all_the_rest_and_has_no_last_line() {
    let server = server().await;
    let whole = server.query("t", json!({}), "").await;
    let token = first_token(&server, json!({}), "").await;
    let rest = server.query("t", json!({"pageToken": token}), "").await;
    assert_eq!(head(&rest), head(&whole));
    assert_eq!(unsigned(&rest.lines()[2..]), unsigned(&whole.lines()[3..]));
    // The size of a page may change, and whoever reads the last line always gets it.
    let rest = server.query("t", json!({"pageToken": token, "maxFiles": 2}), "").await;
    assert_eq!(page(&rest).0.len(), 2);
    let rest = server.query("t", json!({"pageToken": token}), "includeendstreamaction=true").await;
    let (files, end) = page(&rest);
    assert_eq!((files.len(), end.as_object().unwrap().len()), (2, 1));
}

#[tokio::test]
async fn the_last_line_is_never_sent_unasked() {
    let server = server().await;
    let plain = [json!({}), json!({"version": 1}), json!({"includeRefreshToken": false, "maxFiles": null})];
    for body in plain {
        for capabilities in ["", "responseformat=delta", "includeendstreamaction=false"] {
            let answer = server.query("t", body.clone(), capabilities).await;
            assert!(answer.status == 200 && !answer.text.contains("endStreamAction"), "{body}: {}", answer.text);
            assert!(!answer.header("delta-sharing-capabilities").contains("includeendstreamaction"));
        }
    }
    // Asked for in the body, it is sent without being negotiated.
    for body in [json!({"maxFiles": 9}), json!({"includeRefreshToken": true})] {
        let answer = server.query("t", body.clone(), "").await;
        assert_eq!(answer.header("delta-sharing-capabilities"), "responseformat=parquet");
        assert!(answer.text.lines().last().unwrap().starts_with("{\"endStreamAction\":"), "{body}: {}", answer.text);
    }
}

async fn refusal(answer: Answer) -> String {
    let body = answer.json();
    assert_eq!((answer.status, body["errorCode"].as_str()), (400, Some("INVALID_PARAMETER_VALUE")), "{body}");
    body["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_is_good_for_its_query_only() {
    const MISMATCH: &str = "Query parameter mismatch detected for the next page query. The query parameter\ncannot change \
                            when querying the next page results.";
    let server = server().await;
    let asked = json!({"predicateHints": ["id = 1"]});
    let token = first_token(&server, asked.clone(), "").await;
    let next = with(&asked, json!({"pageToken": token}));
    assert_eq!(server.query("t", next.clone(), "").await.status, 200);
    for other in [
        json!({"pageToken": token}),
        json!({"pageToken": token, "predicateHints": ["id = 2"]}),
        with(&next, json!({"version": 2})),
        with(&next, json!({"timestamp": "2023-11-14T22:13:21Z"})),
        with(&next, json!({"limitHint": 3})),
        with(&next, json!({"jsonPredicateHints": "x"})),
    ] {
        assert_eq!(refusal(server.query("t", other.clone(), "").await).await, MISMATCH, "{other}");
    }
    assert_eq!(refusal(server.query("t", next.clone(), "responseformat=delta").await).await, MISMATCH);
    let request = server.request("POST", PATH).json(&next).header("fileidhash", "delta");
    assert_eq!(refusal(send(request).await).await, MISMATCH);
}

#[tokio::test]
async fn a_token_that_was_not_issued_here_is_none() {
    let server = server().await;
    let token = first_token(&server, json!({}), "").await;
    let refresh = server.query("t", json!({"includeRefreshToken": true}), "").await;
    let refresh = page(&refresh).1["refreshToken"].as_str().unwrap().to_owned();
    let mut tampered: Vec<String> = (0..token.len())
        .step_by(17)
        .map(|at| {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).unwrap()
        })
        .collect();
    tampered.extend([refresh, "x".into(), "ü".into(), "=".repeat(5000), token[..token.len() - 4].into()]);
    for token in tampered {
        let message = refusal(server.query("t", json!({"pageToken": token}), "").await).await;
        assert!(message.starts_with("Error decoding the page token: ") && message.ends_with('.'), "{message}");
    }
    let message = refusal(server.query("t", json!({"pageToken": "abc"}), "").await).await;
    assert_eq!(message, "Error decoding the page token: abc.");
}

#[tokio::test]
async fn a_token_is_good_for_its_table_and_recipient_only() {
    let server = TestServer::of(&["other.d.t", "other.d.u"]).await;
    three_versions(server.table("t"));
    three_versions(server.table("u"));
    let path = |table: &str| format!("/shares/other/schemas/d/tables/{table}/query");
    let first = send(server.request("POST", &path("t")).json(&json!({"maxFiles": 1}))).await;
    let next = json!({"pageToken": page(&first).1["nextPageToken"]});
    assert_eq!(send(server.request("POST", &path("t")).json(&next)).await.status, 200);
    assert_eq!(
        refusal(send(server.request("POST", &path("u")).json(&next)).await).await,
        "The table specified in the page token does not match the table being queried."
    );
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{}", server.endpoint(), path("t"));
    let of_another = |body: Value| send(client.post(&url).bearer_auth(OTHER_TOKEN).json(&body));
    assert_eq!(of_another(json!({})).await.status, 200);
    let message = refusal(of_another(next).await).await;
    assert!(message.starts_with("Error decoding the page token: "), "{message}");
}

#[tokio::test]
async fn pages_need_no_shared_history_unless_the_version_was_named() {
    let mut without = document(&["s.d.t"]);
    without.shares[0].schemas[0].tables[0].history_shared = false;
    let server = TestServer::serving(without, |_| {}).await;
    let mut table = three_versions(server.table("t"));
    let whole = server.query("t", json!({}), "").await;
    let all = pages(&server, &json!({}), 2, "", |_| {
        let later = vec![table.add_entry("later.parquet", None, 1)];
        table.commit_at(EPOCH_MS + 3000, later);
    })
    .await;
    assert_eq!((all.len(), all[1].header("delta-table-version")), (2, "2"));
    assert_same(&all, &whole);
    assert_eq!(server.query("t", json!({"version": 2, "maxFiles": 1}), "").await.status, 400);
}

/// The lines of an answer of a gateway without a socket.
async fn lines(gateway: &Watched, body: Value) -> (u16, Vec<Value>) {
    let answer = gateway.answer("POST", PATH, &body.to_string()).await;
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&bytes).unwrap();
    (status, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[tokio::test]
async fn processes_with_the_same_key_serve_alternate_pages() {
    let folder = tempfile::tempdir().unwrap();
    checkpointed(folder.path().join("t"));
    let sealer = Sealer::new(&[7; 32]);
    let gateway = || Watched::sealing(&["s.d.t"], folder.path(), sealer.clone(), SystemClock::shared());
    let gateways = [gateway().await, gateway().await];
    let (_, whole) = lines(&gateways[0], json!({})).await;
    let mut files = Vec::new();
    let mut body = json!({"maxFiles": 700});
    for turn in 0.. {
        let (status, mut page) = lines(&gateways[turn % 2], body.clone()).await;
        assert_eq!((status, &page[..2]), (200, &whole[..2]));
        let end = page.pop().unwrap();
        files.extend(page.split_off(2));
        match end["endStreamAction"].get("nextPageToken") {
            Some(token) => body["pageToken"] = token.clone(),
            None => break,
        }
    }
    // Each has a storage of its own behind it; the files are the same.
    let ids = |lines: &[Value]| lines.iter().map(|line| line["file"]["id"].clone()).collect::<Vec<_>>();
    assert_eq!(files.len(), 3000);
    assert!(ids(&files) == ids(&whole[2..]), "the pages are not the answer");
    // Another key is another server.
    let stranger = Watched::sealing(&["s.d.t"], folder.path(), Sealer::new(&[8; 32]), SystemClock::shared()).await;
    assert_eq!(lines(&stranger, body).await.0, 400);
}

#[tokio::test]
async fn a_token_ends() {
    let folder = tempfile::tempdir().unwrap();
    three_versions(folder.path().join("t"));
    let clock = Arc::new(HandClock(AtomicI64::new(EPOCH_MS)));
    let gateway = Watched::sealing(&["s.d.t"], folder.path(), Sealer::new(&[7; 32]), clock.clone()).await;
    let (_, first) = lines(&gateway, json!({"maxFiles": 1})).await;
    let next = json!({"pageToken": first.last().unwrap()["endStreamAction"]["nextPageToken"]});
    clock.0.fetch_add(QUERY_PAGE_TOKEN_TTL_SECS * 1000, Ordering::SeqCst);
    assert_eq!(lines(&gateway, next.clone()).await.0, 200);
    clock.0.fetch_add(1, Ordering::SeqCst);
    let (status, refused) = lines(&gateway, next).await;
    assert_eq!(
        (status, &refused[0]["message"]),
        (400, &json!("The page token has expired. Please restart the query."))
    );
}

#[tokio::test]
async fn a_full_page_and_a_limit_that_is_met_end_the_reading() {
    let folder = tempfile::tempdir().unwrap();
    large_checkpoint(folder.path().join("t"));
    let bytes = |calls: Vec<String>| -> u64 {
        let ranges = calls.iter().filter_map(|call| call.strip_prefix("range ")?.split(' ').nth(1)?.split_once('-'));
        ranges.map(|(from, to)| to.parse::<u64>().unwrap() - from.parse::<u64>().unwrap()).sum()
    };
    let whole = Watched::over(&["s.d.t"], folder.path()).await;
    assert_eq!(lines(&whole, json!({})).await.1.len(), 10_002);
    let all = bytes(whole.until_idle().await);
    // The first file holds no row.
    for (body, count) in [(json!({"maxFiles": 10}), 13), (json!({"limitHint": 1}), 4)] {
        let part = Watched::over(&["s.d.t"], folder.path()).await;
        assert_eq!(lines(&part, body.clone()).await.1.len(), count, "{body}");
        let some = bytes(part.until_idle().await);
        assert!(some < all / 2, "{body}: {some} of {all} bytes were fetched");
    }
}
