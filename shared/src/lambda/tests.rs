//! Events in, answers out: what a function makes of both payload versions.

use std::sync::Mutex;

use ::http::StatusCode;
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use serde_json::{Value, json};

use super::*;
use crate::audit::{self, Audit};
use crate::auth::{Gate, Holder, Tokens};
use crate::clock::FixedClock;
use crate::handlers::{Call, Handler, Lines, Made, Reply};
use crate::http::pipeline::Shared;
use crate::limits::REQUEST_BODY_BYTES_MAX;
use crate::model::capability::ResponseFormat;
use crate::model::network::Network;
use crate::model::rule::RecipientRules;
use crate::model::version::{TimestampMs, Version};
use crate::secret::Secret;
use crate::wire::ndjson::LineOut;

/// Does what the body says, and otherwise says what it was called with.
struct Obedient;

#[async_trait]
impl Handler for Obedient {
    async fn handle(&self, call: Call) -> Result<Reply, Outcome> {
        let lines = |rest| {
            let head = b"{\"protocol\":{}}\n{\"metaData\":{}}\n".to_vec();
            Ok(Reply::Lines(Lines {
                version: Version::new(3),
                format: ResponseFormat::Parquet,
                id_hash: None,
                end_of_stream: call.body.ends_with(b"and say so"),
                head,
                at_least: None,
                rest,
            }))
        };
        match &call.body[..] {
            b"panic" => panic!("as told"),
            b"refuse" => Err(Outcome::InvalidParameter("as told".into())),
            b"wait" => std::future::pending().await,
            b"pause" => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                Ok(Reply::Version(Version::new(3)))
            }
            b"version" => Ok(Reply::Version(Version::new(3))),
            b"lines" => lines(Some(Box::new(|out: &mut dyn LineOut| {
                out.buffer().extend_from_slice(b"{\"file\":{}}\n");
                out.end_line().map(|()| Made::All)
            }))),
            b"break off" | b"break off and say so" => {
                lines(Some(Box::new(|_: &mut dyn LineOut| Err(Outcome::defect("as told")))))
            }
            b"large" => Ok(Reply::Json(vec![b'x'; 7 * 1024 * 1024])),
            body => {
                let path = ["share", "schema", "table"].map(|name| call.params.get(name).to_owned());
                let told = json!({"path": path, "a": call.query.get("a"), "x-one": call.header("x-one"),
                    "body": String::from_utf8_lossy(body), "recipient": call.recipient.id()});
                Ok(Reply::Json(told.to_string().into_bytes()))
            }
        }
    }
}

#[derive(Debug, Default, Clone)]
struct Kept(Arc<Mutex<Vec<audit::Event>>>);

impl Audit for Kept {
    fn record(&self, event: &audit::Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Kept {
    fn last(&self) -> audit::Event {
        self.0.lock().unwrap().last().unwrap().clone()
    }
}

const NOW: i64 = 1_700_000_000_000;

fn function(route_id: &str) -> (Function, Kept) {
    let clock: Arc<dyn Clock> = Arc::new(FixedClock(TimestampMs::new(NOW)));
    let kept = Kept::default();
    let shared = crate::http::pipeline::Shared::new(Gate::open("r"), Arc::clone(&clock), Arc::new(kept.clone()), None);
    (Function::new(route_id, Pipeline::new(Arc::new(Obedient), shared), clock).unwrap(), kept)
}

/// An event of a REST API as API Gateway makes it.
fn v1(method: &str, resource: &str, path: &str) -> Value {
    json!({"resource": resource, "path": path, "httpMethod": method, "headers": {"Host": "h"},
        "multiValueHeaders": {"Host": ["h"]}, "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "pathParameters": {"share": "decoded by the gateway"}, "stageVariables": null,
        "requestContext": {"stage": "delta-sharing", "path": format!("/delta-sharing{path}"), "resourcePath": resource,
            "requestId": "up-1", "httpMethod": method, "identity": {"sourceIp": "203.0.113.9"}},
        "body": null, "isBase64Encoded": false})
}

/// An event as `cargo lambda watch` makes it.
fn v2(method: &str, path: &str, query: &str) -> Value {
    json!({"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "headers": {"host": "h"},
        "requestContext": {"stage": "$default", "requestId": "up-2", "http": {"method": method, "path": path,
            "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "curl"}},
        "isBase64Encoded": false})
}

async fn answer(function: &Function, event: Value) -> Answer {
    function.answer(serde_json::from_value(event).unwrap(), 0).await
}

/// A buffered answer: the envelope, and the body as JSON.
async fn whole(function: &Function, event: Value) -> (Value, Value) {
    let FunctionResponse::BufferedResponse(envelope) = answer(function, event).await else { panic!("not buffered") };
    let envelope = serde_json::to_value(envelope).unwrap();
    let body = serde_json::from_str(envelope["body"].as_str().unwrap()).unwrap_or_default();
    (envelope, body)
}

/// A streamed answer: what goes in front, and the body's bytes.
async fn pieces(function: &Function, event: Value) -> (MetadataPrelude, Vec<u8>) {
    let FunctionResponse::StreamingResponse(answer) = answer(function, event).await else { panic!("not streamed") };
    let body: Vec<_> = answer.stream.map(|piece| piece.unwrap()).collect().await;
    (answer.metadata_prelude, body.concat())
}

const TABLES: &str = "/shares/{share}/schemas/{schema}/tables";
const QUERY: &str = "/shares/{share}/schemas/{schema}/tables/{table}/query";

fn query(body: &str) -> Value {
    let mut event = v1("POST", QUERY, "/shares/s/schemas/d/tables/t/query");
    event["body"] = body.into();
    event
}

#[tokio::test]
async fn names_are_decoded_once_from_the_raw_path_of_either_version() {
    let (function, _) = function("list-tables");
    for (path, share, schema) in [
        ("/shares/s/schemas/d/tables", "s", "d"),
        ("/shares/a%2Fb/schemas/c%2520d/tables", "a/b", "c%20d"),
        ("/shares/a+b/schemas/%2B/tables", "a+b", "+"),
        ("/shares/%C3%A4/schemas/%F0%9F%A6%80/tables/", "ä", "🦀"),
        ("//shares//s/schemas///d/tables", "s", "d"),
        ("/shares/shares/schemas/schemas/tables", "shares", "schemas"),
        ("/shares/delta-sharing/schemas/%24default/tables", "delta-sharing", "$default"),
        ("/shares/%2E%2E/schemas/./tables", "..", "."),
    ] {
        for event in [v1("GET", TABLES, path), v2("GET", path, "")] {
            let (envelope, body) = whole(&function, event).await;
            assert_eq!((&envelope["statusCode"], &body["path"]), (&200.into(), &json!([share, schema, ""])), "{path}");
        }
    }
}

#[tokio::test]
async fn what_stands_before_the_endpoint_does_not_matter() {
    let (function, _) = function("list-tables");
    for before in ["/delta-sharing", "/shares", "/base", "/base/more"] {
        let event = v1("GET", TABLES, &format!("{before}/shares/s/schemas/d/tables"));
        assert_eq!(whole(&function, event).await.1["path"], json!(["s", "d", ""]), "{before}");
    }
    for stage in ["delta-sharing", "shares"] {
        let mut event = v2("GET", &format!("/{stage}/shares/s/schemas/d/tables"), "");
        event["requestContext"]["stage"] = stage.into();
        assert_eq!(whole(&function, event).await.1["path"], json!(["s", "d", ""]), "{stage}");
    }
}

#[tokio::test]
async fn query_values_come_through_and_the_first_of_repeated_ones_counts() {
    let (function, _) = function("list-shares");
    let mut first = v1("GET", "/shares", "/shares");
    first["queryStringParameters"] = json!({"a": "last"});
    first["multiValueQueryStringParameters"] = json!({"a": ["1+1 & %20=ä", "last"], "b": [""]});
    let second = v2("GET", "/shares", "a=1%2B1%20%26%20%2520%3D%C3%A4&a=last&b=");
    for event in [first, second] {
        assert_eq!(whole(&function, event).await.1["a"], "1+1 & %20=ä");
    }
    let mut single = v1("GET", "/shares", "/shares");
    single["queryStringParameters"] = json!({"a": "only"});
    assert_eq!(whole(&function, single).await.1["a"], "only");
    let broken = v2("GET", "/shares", "a=\u{1}");
    assert_eq!(whole(&function, broken).await.0["statusCode"], 400);
}

#[tokio::test]
async fn headers_that_cannot_be_headers_do_no_harm() {
    let (function, kept) = function("list-shares");
    let mut event = v1("GET", "/shares", "/shares");
    event["multiValueHeaders"] =
        json!({"X-One": ["1", "2"], "bad name": ["x"], "X-Bad": ["a\nb"], "User-Agent": ["ä/1"]});
    event["headers"] = json!({"X-One": "2", "Host": "a strange [host"});
    assert_eq!(whole(&function, event).await.1["x-one"], "1");
    assert_eq!(kept.last().source_ip.as_deref(), Some("203.0.113.9"));
}

#[tokio::test]
async fn bodies_are_text_or_base64_and_have_a_bound() {
    let (function, _) = function("list-shares");
    for (text, base64) in [("{\"ä\":1}".to_owned(), false), (STANDARD.encode("{\"ä\":1}"), true)] {
        let mut event = v1("GET", "/shares", "/shares");
        event["body"] = text.into();
        event["isBase64Encoded"] = base64.into();
        assert_eq!(whole(&function, event).await.1["body"], "{\"ä\":1}");
    }
    for (body, base64, status) in [
        ("not base64!".to_owned(), true, 400),
        (" ".repeat(REQUEST_BODY_BYTES_MAX + 1), false, 413),
        (STANDARD.encode(vec![0; REQUEST_BODY_BYTES_MAX + 1]), true, 413),
    ] {
        let mut event = v1("GET", "/shares", "/shares");
        event["body"] = body.into();
        event["isBase64Encoded"] = base64.into();
        assert_eq!(whole(&function, event).await.0["statusCode"], status);
    }
}

#[tokio::test]
async fn an_answer_has_the_form_of_its_event() {
    let (function, kept) = function("list-shares");
    let (first, _) = whole(&function, v1("GET", "/shares", "/shares")).await;
    assert_eq!(first["multiValueHeaders"]["content-type"], json!(["application/json; charset=utf-8"]));
    assert!(first.get("headers").is_none());
    assert_eq!(first["multiValueHeaders"]["x-request-id"][0], kept.last().request_id);
    assert_eq!((kept.last().upstream_id.as_deref(), kept.last().cold), (Some("up-1"), true));
    let (second, _) = whole(&function, v2("GET", "/shares", "")).await;
    assert_eq!(second["headers"]["content-type"], "application/json; charset=utf-8");
    assert!(second.get("multiValueHeaders").is_none() && second["isBase64Encoded"] == false);
    assert_eq!((first.get("cookies"), &second["cookies"]), (None, &json!([])));
    assert!(!kept.last().cold);
}

#[tokio::test]
async fn a_head_request_is_answered_without_a_body() {
    let (function, _) = function("table-version");
    let resource = "/shares/{share}/schemas/{schema}/tables/{table}";
    for body in ["version", "refuse"] {
        let mut event = v1("HEAD", resource, "/shares/s/schemas/d/tables/t");
        event["body"] = body.into();
        let (envelope, _) = whole(&function, event).await;
        assert_eq!(envelope["body"], "");
        let status = if body == "version" { 200 } else { 400 };
        assert_eq!(envelope["statusCode"], status);
    }
}

#[tokio::test]
async fn a_function_answers_its_own_route_only() {
    let (function, kept) = function("get-share");
    for event in [
        v1("GET", "/shares", "/shares"),
        v1("GET", "/nothing", "/nothing"),
        json!({}),
        json!({"source": "aws.events", "detail": {}}),
    ] {
        let (envelope, body) = whole(&function, event).await;
        assert_eq!((&envelope["statusCode"], &body["errorCode"]), (&404.into(), &"RESOURCE_DOES_NOT_EXIST".into()));
        assert_eq!(kept.last().status, 404, "a refusal is recorded too");
        assert_eq!(envelope["multiValueHeaders"]["x-request-id"][0], kept.last().request_id);
    }
    let (envelope, _) = whole(&function, v1("POST", "/shares/{share}", "/shares/s")).await;
    assert_eq!(envelope["statusCode"], 405);
    assert!(Function::new("no-such-route", function.pipeline.clone(), SystemClock::shared()).is_err());
}

#[tokio::test]
async fn a_panic_costs_one_answer() {
    let (function, kept) = function("list-shares");
    let mut event = v1("GET", "/shares", "/shares");
    event["body"] = "panic".into();
    let (envelope, body) = whole(&function, event).await;
    assert_eq!((&envelope["statusCode"], &body["errorCode"]), (&500.into(), &"INTERNAL_ERROR".into()));
    assert_eq!(envelope["multiValueHeaders"]["x-request-id"][0].as_str().unwrap().len(), 16);
    assert_eq!(kept.last().outcome, audit::Outcome::Failed);
    let (envelope, _) = whole(&function, v1("GET", "/shares", "/shares")).await;
    assert_eq!(envelope["statusCode"], 200);
}

#[tokio::test]
async fn a_whole_answer_that_lambda_would_not_take_is_refused_with_advice() {
    let (function, kept) = function("list-shares");
    let mut event = v1("GET", "/shares", "/shares");
    event["body"] = "large".into();
    let (envelope, body) = whole(&function, event).await;
    assert_eq!((&envelope["statusCode"], &body["errorCode"]), (&400.into(), &"ANSWER_TOO_LARGE".into()));
    assert!(body["message"].as_str().unwrap().contains("query"));
    assert_eq!(kept.last().status, 400);
}

#[tokio::test]
async fn whole_answers_are_left_uncompressed_and_streamed_ones_are_not() {
    let (buffered, _) = function("list-shares");
    let mut event = v1("GET", "/shares", "/shares");
    event["multiValueHeaders"]["Accept-Encoding"] = json!(["gzip"]);
    event["body"] = "x".repeat(2_000).into();
    let (envelope, body) = whole(&buffered, event).await;
    assert!(envelope["multiValueHeaders"].get("content-encoding").is_none());
    assert_eq!(body["body"].as_str().unwrap().len(), 2_000);

    let (function, _) = function("query-table");
    let mut event = query("lines");
    event["multiValueHeaders"]["Accept-Encoding"] = json!(["gzip"]);
    let (prelude, body) = pieces(&function, event).await;
    assert_eq!(prelude.headers["content-encoding"], "gzip");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&body[..]), &mut text).unwrap();
    assert_eq!(text, "{\"protocol\":{}}\n{\"metaData\":{}}\n{\"file\":{}}\n");
}

#[tokio::test]
async fn errors_come_through_complete_on_the_streaming_route() {
    let (function, _) = function("query-table");
    for (event, status, code) in [
        (query("refuse"), 400, "INVALID_PARAMETER_VALUE"),
        (query("panic"), 500, "INTERNAL_ERROR"),
        (v1("POST", "/nothing", "/nothing"), 404, "RESOURCE_DOES_NOT_EXIST"),
        (v2("POST", "/shares/s", ""), 405, "METHOD_NOT_ALLOWED"),
    ] {
        let (prelude, body) = pieces(&function, event).await;
        assert_eq!(prelude.status_code, StatusCode::from_u16(status).unwrap());
        assert_eq!(prelude.headers["content-type"], "application/json; charset=utf-8");
        assert!(prelude.headers.contains_key("x-request-id"));
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["errorCode"], code);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_has_no_error_item_and_is_recorded_as_failed() {
    let (function, kept) = function("query-table");
    let (prelude, body) = pieces(&function, query("break off")).await;
    assert_eq!(prelude.status_code, 200);
    let text = String::from_utf8(body).unwrap();
    assert!(text.lines().last().is_some_and(|line| serde_json::from_str::<Value>(line).is_err()), "{text}");
    assert!(!text.contains("Lambda-Runtime") && !text.contains("as told"), "{text}");
    let event = kept.last();
    assert_eq!((event.outcome, event.status), (audit::Outcome::Failed, 200));
    assert_eq!(event.problem.as_deref(), Some("as told"));
}

#[tokio::test]
async fn an_answer_that_says_so_ends_with_that_and_is_recorded_as_failed() {
    let (function, kept) = function("query-table");
    let (_, body) = pieces(&function, query("break off and say so")).await;
    let text = String::from_utf8(body).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    // The public text; the cause is for the log.
    let message = "The server failed. Give the request id to the share provider.";
    assert_eq!(last, json!({"endStreamAction": {"errorMessage": message, "httpStatusErrorCode": 500}}));
    let event = kept.last();
    assert_eq!((event.outcome, event.problem.as_deref()), (audit::Outcome::Failed, Some("as told")));
}

#[tokio::test]
async fn a_streamed_answer_is_recorded_when_it_has_ended() {
    let (function, kept) = function("query-table");
    let FunctionResponse::StreamingResponse(mut answer) = answer(&function, query("lines")).await else { panic!() };
    assert!(kept.0.lock().unwrap().is_empty(), "recorded before its end");
    let mut bytes = 0;
    while let Some(piece) = answer.stream.next().await {
        bytes += piece.unwrap().len() as u64;
    }
    let event = kept.last();
    assert_eq!((event.outcome, event.bytes, event.version), (audit::Outcome::Completed, bytes, Some(Version::new(3))));
    assert_eq!(kept.0.lock().unwrap().len(), 1);

    let left = self::answer(&function, query("lines")).await;
    drop(left);
    assert_eq!(kept.last().outcome, audit::Outcome::ClientGone);
}

#[tokio::test]
async fn an_invocation_out_of_time_is_refused_before_lambda_ends_it() {
    let (function, _) = function("list-shares");
    let mut event = v1("GET", "/shares", "/shares");
    event["body"] = "wait".into();
    let deadline = u64::try_from(NOW).unwrap() + 1_000;
    let answer = function.answer(serde_json::from_value(event).unwrap(), deadline).await;
    let FunctionResponse::BufferedResponse(envelope) = answer else { panic!("not buffered") };
    assert_eq!(serde_json::to_value(envelope).unwrap()["statusCode"], 503);
}

#[tokio::test]
async fn a_deadline_that_is_a_length_of_time_is_unknown() {
    let (function, _) = function("list-shares");
    for deadline in [0, 600_000] {
        let mut event = v1("GET", "/shares", "/shares");
        event["body"] = "pause".into();
        let answer = function.answer(serde_json::from_value(event).unwrap(), deadline).await;
        let FunctionResponse::BufferedResponse(envelope) = answer else { panic!("not buffered") };
        assert_eq!(serde_json::to_value(envelope).unwrap()["statusCode"], 200, "{deadline}");
    }
}

#[tokio::test]
async fn pages_of_one_origin_may_read_answers_and_refusals() {
    let clock: Arc<dyn Clock> = Arc::new(FixedClock(TimestampMs::new(NOW)));
    let shared =
        crate::http::pipeline::Shared::new(Gate::open("r"), Arc::clone(&clock), Arc::new(Kept::default()), None)
            .readable_by(::http::HeaderValue::from_static("https://data.example.com"));
    let function = Function::new("list-shares", Pipeline::new(Arc::new(Obedient), shared), clock).unwrap();
    for path in ["/shares", "/nothing"] {
        let headers = whole(&function, v2("GET", path, "")).await.0["headers"].clone();
        assert_eq!(
            (&headers["access-control-allow-origin"], &headers["vary"]),
            (&"https://data.example.com".into(), &"origin".into())
        );
        assert!(headers["access-control-expose-headers"].as_str().unwrap().contains("delta-table-version"));
    }
}

/// A token that is good from these networks.
struct From(&'static str);

#[async_trait]
impl Tokens for From {
    async fn holder_of(&self, _: &Secret) -> Result<Option<Holder>, Outcome> {
        let mut rules = RecipientRules::default();
        rules.access.networks.push(Network::parse(self.0).unwrap());
        Ok(Some(Holder { recipient_id: "r1".into(), recipient_name: "R".into(), token_id: Some("k1".into()), rules }))
    }
}

#[tokio::test]
async fn the_gateways_word_is_where_a_request_comes_from_and_no_header_is() {
    for (network, status) in [("203.0.113.0/24", 200), ("198.51.100.0/24", 403)] {
        let kept = Kept::default();
        let clock: Arc<dyn Clock> = Arc::new(FixedClock(TimestampMs::new(NOW)));
        let gate = Gate::new(Arc::new(From(network)));
        let shared = Shared::new(gate, Arc::clone(&clock), Arc::new(kept.clone()), None);
        let function = Function::new("list-shares", Pipeline::new(Arc::new(Obedient), shared), clock).unwrap();
        for mut event in [v1("GET", "/shares", "/shares"), v2("GET", "/shares", "")] {
            let told =
                [("authorization", "Bearer x"), ("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=198.51.100.7")];
            event["headers"] = told.iter().map(|&(name, value)| (name.to_owned(), json!(value))).collect::<Value>();
            let told = told.iter().map(|&(name, value)| (name.to_owned(), json!([value])));
            event["multiValueHeaders"] = told.collect::<Value>();
            event["requestContext"]["http"]["sourceIp"] = "203.0.113.9".into();
            assert_eq!(whole(&function, event.clone()).await.0["statusCode"], status, "{network}");
            assert_eq!(kept.last().recipient_id.as_deref(), Some("r1"), "who was refused is recorded");
            for unknown in [json!(null), json!("localhost"), json!("")] {
                event["requestContext"]["identity"] = json!({"sourceIp": unknown});
                event["requestContext"]["http"]["sourceIp"] = unknown;
                assert_eq!(whole(&function, event.clone()).await.0["statusCode"], 403, "{network}");
            }
        }
    }
}
