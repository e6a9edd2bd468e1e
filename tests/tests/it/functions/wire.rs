//! A function against a stand-in for Lambda's runtime interface: the very bytes that Lambda would be given. The function is
//! this program, started again as a process of its own.

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::auth::{Gate, Holder, Tokens};
use shared::clock::SystemClock;
use shared::error::Error;
use shared::handlers::{Call, Handler, Lines, Made, Reply};
use shared::http::pipeline::{Pipeline, Shared};
use shared::model::capability::ResponseFormat;
use shared::model::rule::RecipientRules;
use shared::model::version::Version;
use shared::secret::Secret;
use shared::wire::ndjson::LineOut;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};

mod environment;

const TOKEN: &str = "a-token-that-no-log-may-hold";

/// Does what the body says.
struct Obedient;

#[async_trait::async_trait]
impl Handler for Obedient {
    async fn handle(&self, call: Call) -> Result<Reply, Error> {
        let told = call.body.to_vec();
        if told == b"panic" {
            panic!("as told");
        }
        if told == b"refuse" {
            return Err(Error::InvalidParameter("as told".into()));
        }
        let rest = Box::new(move |out: &mut dyn LineOut| {
            for at in 0..5_000 {
                out.buffer().extend_from_slice(format!("{{\"file\":{{\"id\":{at}}}}}\n").as_bytes());
                out.end_line()?;
            }
            match &told[..] {
                b"break off" => Err(Error::defect("as told")),
                b"panic late" => panic!("as told, late"),
                _ => Ok(Made::All),
            }
        });
        let head = b"{\"protocol\":{}}\n{\"metaData\":{}}\n".to_vec();
        let format = ResponseFormat::Parquet;
        let version = Version::new(3);
        Ok(Reply::Lines(Lines {
            version,
            format,
            id_hash: None,
            end_of_stream: false,
            head,
            at_least: None,
            rest: Some(rest),
        }))
    }
}

struct OneToken;

#[async_trait::async_trait]
impl Tokens for OneToken {
    async fn holder_of(&self, token: &Secret) -> Result<Option<Holder>, Error> {
        Ok((token.reveal() == TOKEN).then(|| Holder {
            recipient_id: "r1".into(),
            recipient_name: "one".into(),
            token_id: Some("k1".into()),
            rules: RecipientRules::default(),
        }))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn function() {
    // The process that the other tests start; among them it has nothing to serve.
    if !super::is_alone() {
        return;
    }
    let audit = shared::telemetry::start(None);
    let shared = Shared::new(Gate::new(Arc::new(OneToken)), SystemClock::shared(), audit, None);
    // Ends with an error when the stand-in is gone.
    let _ = shared::lambda::serve("query-table", Pipeline::new(Arc::new(Obedient), shared)).await;
}

/// What a function posted.
#[derive(Debug)]
struct Posted {
    path: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Posted {
    /// A streamed answer: what goes in front, and the body.
    fn streamed(&self) -> (Value, &[u8]) {
        assert!(self.path.ends_with("/response"), "{self:?}");
        assert_eq!(self.headers["content-type"], "application/vnd.awslambda.http-integration-response");
        assert_eq!(self.headers["lambda-runtime-function-response-mode"], "streaming");
        let at = self.body.windows(8).position(|window| window == [0; 8]).expect("the delimiter");
        assert!(at < 16 * 1024, "the gateway looks for the delimiter in the first 16 KB");
        (serde_json::from_slice(&self.body[..at]).unwrap(), &self.body[at + 8..])
    }
}

/// The stand-in, with a function that it feeds.
struct Lambda {
    events: mpsc::Sender<Value>,
    answers: mpsc::Receiver<Posted>,
    process: Child,
}

impl Lambda {
    async fn start() -> Self {
        Self::running("functions::wire::function", &[]).await
    }

    /// With a function that a test is when it runs alone, in this environment.
    async fn running(test: &str, environment: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (events, waiting) = mpsc::channel(8);
        let (posted, answers) = mpsc::channel(8);
        let waiting = Arc::new(Mutex::new(waiting));
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, Arc::clone(&waiting), posted.clone()));
            }
        });
        let process = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .envs(environment.iter().copied())
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "query-table")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { events, answers, process }
    }

    async fn answer(&mut self, event: Value) -> Posted {
        self.events.send(event).await.unwrap();
        tokio::time::timeout(Duration::from_secs(30), self.answers.recv()).await.expect("an answer in time").unwrap()
    }

    /// Ends the function and returns what it wrote.
    fn log(mut self) -> String {
        self.process.kill().unwrap();
        let output = self.process.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    }
}

/// One connection of the runtime interface: hands out events and takes answers.
async fn serve(connection: TcpStream, events: Arc<Mutex<mpsc::Receiver<Value>>>, posted: mpsc::Sender<Posted>) {
    let mut connection = BufReader::new(connection);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if connection.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let path = head[0].split(' ').nth(1).unwrap().to_owned();
        let headers: HashMap<String, String> = head[1..]
            .iter()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let reply = if path.ends_with("/invocation/next") {
            let Some(event) = events.lock().await.recv().await else { return };
            let deadline = SystemClock::shared().now().millis() + 60_000;
            let event = event.to_string();
            format!(
                "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: id\r\nlambda-runtime-deadline-ms: {deadline}\r\n\
                 lambda-runtime-invoked-function-arn: arn\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{event}",
                event.len()
            )
        } else {
            let body = body(&mut connection, &headers).await;
            posted.send(Posted { path, headers, body }).await.unwrap();
            "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_owned()
        };
        if connection.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn body(connection: &mut BufReader<TcpStream>, headers: &HashMap<String, String>) -> Vec<u8> {
    let mut body = Vec::new();
    if let Some(length) = headers.get("content-length") {
        body.resize(length.parse().unwrap(), 0);
        connection.read_exact(&mut body).await.unwrap();
        return body;
    }
    loop {
        let mut size = String::new();
        connection.read_line(&mut size).await.unwrap();
        let size = usize::from_str_radix(size.trim_end(), 16).expect("the size of a chunk");
        let mut chunk = vec![0; size + 2];
        connection.read_exact(&mut chunk).await.unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

fn event(body: &str, accept: &str) -> Value {
    let path = "/shares/s/schemas/d/tables/t/query";
    json!({"resource": "/shares/{share}/schemas/{schema}/tables/{table}/query", "path": path, "httpMethod": "POST",
        "multiValueHeaders": {"Authorization": [format!("Bearer {TOKEN}")], "Accept-Encoding": [accept]},
        "requestContext": {"stage": "v1", "path": format!("/v1{path}"), "requestId": "up",
            "resourcePath": "/shares/{share}/schemas/{schema}/tables/{table}/query",
            "identity": {"sourceIp": "203.0.113.9"}}, "body": body})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_answer_is_framed_as_the_gateway_expects() {
    let mut lambda = Lambda::start().await;
    let posted = lambda.answer(event("all", "identity")).await;
    let (prelude, body) = posted.streamed();
    assert_eq!(prelude["statusCode"], 200);
    assert_eq!(prelude["headers"]["content-type"], "application/x-ndjson; charset=utf-8");
    assert_eq!(prelude["headers"]["delta-table-version"], "3");
    let lines: Vec<Value> =
        body.split_inclusive(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[5_001]["file"]["id"]), (5_002, &4_999.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_broke_off_is_unreadable_and_holds_no_error_item() {
    let mut lambda = Lambda::start().await;
    for told in ["break off", "panic late"] {
        let posted = lambda.answer(event(told, "identity")).await;
        let (prelude, body) = posted.streamed();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert_eq!(prelude["statusCode"], 200);
        assert!(text.lines().any(|line| serde_json::from_str::<Value>(line).is_err()), "{told}: every line is good");
        assert!(!text.ends_with('\n') && !text.contains("Lambda-Runtime"), "{told}");

        let posted = lambda.answer(event(told, "gzip")).await;
        let (prelude, body) = posted.streamed();
        assert_eq!(prelude["headers"]["content-encoding"], "gzip");
        let unzipped = std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(body), &mut Vec::new());
        assert!(unzipped.is_err(), "{told}: a valid member");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_and_panics_are_whole_answers_and_the_next_request_works() {
    let mut lambda = Lambda::start().await;
    for (told, status, code) in [
        ("refuse", 400, "INVALID_PARAMETER_VALUE"),
        ("panic", 500, "INTERNAL_ERROR"),
        ("refuse", 400, "INVALID_PARAMETER_VALUE"),
    ] {
        let posted = lambda.answer(event(told, "gzip")).await;
        let (prelude, body) = posted.streamed();
        assert_eq!(
            (&prelude["statusCode"], &prelude["headers"]["content-type"]),
            (&status.into(), &"application/json; charset=utf-8".into())
        );
        assert_eq!(prelude["headers"]["x-request-id"].as_str().unwrap().len(), 16);
        assert_eq!(serde_json::from_slice::<Value>(body).unwrap()["errorCode"], code);
    }
    let mut stranger = event("all", "identity");
    stranger["multiValueHeaders"]["Authorization"] = json!(["Bearer a-token-that-is-wrong"]);
    let posted = lambda.answer(stranger).await;
    assert_eq!(posted.streamed().0["statusCode"], 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_json_with_one_event_and_one_metric_line_a_request() {
    let mut lambda = Lambda::start().await;
    for told in ["all", "break off", "refuse", "panic"] {
        lambda.answer(event(told, "identity")).await;
    }
    let log = lambda.log();
    for secret in [TOKEN, "as told, late", "Bearer"] {
        assert!(!log.contains(secret), "the log holds {secret}: {log}");
    }
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let events: Vec<&Value> = lines.iter().filter(|line| line["target"] == "spillway::audit").collect();
    let ends: Vec<_> =
        events.iter().map(|event| (event["outcome"].as_str().unwrap(), event["status"].as_u64().unwrap())).collect();
    assert_eq!(ends, [("completed", 200), ("failed", 200), ("completed", 400), ("failed", 500)]);
    let first = events[0];
    for (key, value) in [
        ("route", json!("query-table")),
        ("share", json!("s")),
        ("schema", json!("d")),
        ("table", json!("t")),
        ("recipientId", json!("r1")),
        ("tokenId", json!("k1")),
        ("version", json!(3)),
        ("responseFormat", json!("parquet")),
        ("sourceIp", json!("203.0.113.9")),
        ("upstreamId", json!("up")),
        ("cold", json!(true)),
    ] {
        assert_eq!(first[key], value, "{key} in {first}");
    }
    assert!(first["bytesSent"].as_u64().unwrap() > 100_000 && first["latencyMs"].is_u64(), "{first}");
    assert_eq!((&events[2]["errorCode"], &events[1]["cold"]), (&json!("INVALID_PARAMETER_VALUE"), &json!(false)));
    let metrics: Vec<_> =
        lines.iter().filter(|line| line.get("_aws").is_some()).map(|line| line["Outcome"].as_str().unwrap()).collect();
    assert_eq!(metrics, ["completed", "failed", "completed", "failed"]);
}
