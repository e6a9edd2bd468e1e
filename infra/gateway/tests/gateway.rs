//! The gateway as a program, with a function that does what it is told (`fake/bootstrap.rs`).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on should say so and stop"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A template with a buffered and a streaming function, both of which have two seconds; the gateway waits three for the
/// streaming one, and one for `/impatient`.
fn template(table: &str) -> Value {
    let function = |folder: &str| {
        json!({"Type": "AWS::Lambda::Function", "Properties": {
            "Code": {"S3Bucket": "code", "S3Key": format!("functions/{folder}")}, "Handler": "bootstrap",
            "MemorySize": 128, "Timeout": 2, "Environment": {"Variables": {"TABLE_NAME": table}}}})
    };
    let method = |function: &str, streams: bool, timeout: u64| {
        let (version, call) =
            if streams { ("2021-11-15", "response-streaming-invocations") } else { ("2015-03-31", "invocations") };
        let uri = format!("arn:aws:apigateway:r:lambda:path/{version}/functions/${{{function}}}/{call}");
        let mode = if streams { "STREAM" } else { "BUFFERED" };
        json!({"x-amazon-apigateway-integration": {"type": "aws_proxy", "uri": {"Fn::Sub": uri},
            "responseTransferMode": mode, "timeoutInMillis": timeout}})
    };
    let permission = |function: &str, source: &str| {
        json!({"Type": "AWS::Lambda::Permission", "Properties": {
            "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com", "FunctionName": {"Ref": function},
            "SourceArn": format!("arn:aws:execute-api:r:1:api/*/{source}")}})
    };
    json!({"Resources": {
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Body": {
            "paths": {
                "/items": {"get": method("List", false, 29_000), "head": method("List", false, 29_000)},
                "/items/{item}": {"get": method("List", false, 29_000)},
                "/impatient/{item}": {"get": method("List", false, 1_000)},
                "/items/{item}/read": {"post": method("Read", true, 3_000)}},
            "x-amazon-apigateway-gateway-responses": {
                "INTEGRATION_TIMEOUT": {"statusCode": "503", "responseTemplates": {"application/json": "{\"message\":\"slow\"}"}}}}}},
        "Stage": {"Type": "AWS::ApiGateway::Stage", "Properties": {"StageName": "v1",
            "AccessLogSetting": {"Format": "$context.httpMethod $context.resourcePath $context.status $context.responseLength"}}},
        "List": function("list"), "Read": function("read"),
        "P1": permission("List", "GET/items"), "P2": permission("List", "HEAD/items"), "P3": permission("List", "GET/items/*"),
        "P4": permission("Read", "POST/items/*/read"), "P5": permission("List", "GET/impatient/*")}})
}

/// A gateway's process, which ends with the test also when the test panics.
struct Gateway(Child);

impl Drop for Gateway {
    fn drop(&mut self) {
        // Both fail where it has ended already, which is as well.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

struct Running {
    child: Gateway,
    address: String,
    folder: tempfile::TempDir,
}

fn spawn(template: &Value) -> (Gateway, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for function in ["list", "read"] {
        std::fs::create_dir_all(at(function)).unwrap();
        symlink(env!("CARGO_BIN_EXE_fake-bootstrap"), at(function).join("bootstrap")).unwrap();
    }
    std::fs::write(at("template.json"), template.to_string()).unwrap();
    std::fs::write(at("deployed.json"), r#"{"stack":"s","region":"eu-central-1","account":"1"}"#).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_aws-gateway"));
    for name in ["template", "deployed"] {
        command.arg(format!("--{name}")).arg(at(&format!("{name}.json")));
    }
    command.arg("--bootstraps").arg(folder.path()).arg("--logs").arg(at("logs"));
    let child = Gateway(command.stdout(Stdio::piped()).spawn().unwrap());
    (child, folder)
}

fn start() -> Running {
    let (mut child, folder) = spawn(&template("the-table"));
    let mut said = BufReader::new(child.0.stdout.take().unwrap());
    let mut line = String::new();
    let address = loop {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it did not start");
        if let Some(rest) = line.strip_prefix("listening on http://") {
            break rest.trim().strip_suffix("/v1").unwrap().to_owned();
        }
    };
    std::thread::spawn(move || drop(std::io::copy(&mut said, &mut std::io::sink())));
    Running { child, address, folder }
}

impl Running {
    /// Sends a request and reads until the connection ends: head and body, as they are.
    fn raw(&self, request: &str) -> (String, Vec<u8>) {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        socket.write_all(request.replace("HOST", "host: h\r\nconnection: close").as_bytes()).unwrap();
        let mut all = Vec::new();
        // A connection that is broken off may end in an error.
        drop(socket.read_to_end(&mut all));
        let at = all.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {all:?}"));
        (String::from_utf8(all[..at].to_vec()).unwrap(), all[at + 4..].to_vec())
    }

    fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let (head, body) = self.raw(&format!("GET /v1{path} HTTP/1.1\r\nHOST\r\n\r\n"));
        (status(&head), body)
    }

    fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}");
        serde_json::from_slice(&body).unwrap()
    }

    fn read(&self, item: &str) -> (String, Vec<u8>) {
        self.raw(&format!("POST /v1/items/{item}/read HTTP/1.1\r\nHOST\r\ncontent-length: 0\r\n\r\n"))
    }

    fn stop(mut self) -> tempfile::TempDir {
        let pid = self.child.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.0.wait().unwrap().success());
        self.folder
    }
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

fn is_alive(pid: u64) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

const BAD: (u16, &[u8]) = (502, br#"{"message":"Internal server error"}"#);

#[test]
fn a_request_becomes_an_event_and_its_answer_a_response() {
    let running = start();
    let (head, body) = running.raw("GET /v1/items/a%2Fb%20c?x=1&x=2 HTTP/1.1\r\nHOST\r\nx-a: 1\r\n\r\n");
    assert!(head.contains("x-fake: yes") && head.contains("x-amzn-requestid: "), "{head}");
    let said: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(said["event"]["path"], "/items/a%2Fb%20c");
    assert_eq!(said["event"]["pathParameters"]["item"], "a/b c");
    assert_eq!(said["event"]["multiValueQueryStringParameters"]["x"], json!(["1", "2"]));
    assert_eq!(said["event"]["requestContext"]["identity"]["sourceIp"], "127.0.0.1");
    assert_eq!(said["environment"], json!(["the-table", "List", "128", "eu-central-1", "bootstrap"]));
    assert_eq!(said["home"], false, "the environment of this machine is no function's");
    let (head, body) = running.raw("HEAD /v1/items HTTP/1.1\r\nHOST\r\n\r\n");
    assert_eq!((status(&head), body.len()), (200, 0));
    let folder = running.stop();
    let log = std::fs::read_to_string(folder.path().join("logs/list.log")).unwrap();
    assert!(log.contains("started\n") && log.contains("answered \"/items/a%2Fb%20c\""), "{log}");
    let access = std::fs::read_to_string(folder.path().join("logs/access.log")).unwrap();
    assert!(access.contains("GET /items/{item} 200 ") && access.contains("HEAD /items 200 "), "{access}");
}

#[test]
fn unknown_paths_and_stages_never_reach_a_function() {
    let running = start();
    let missing = (403, br#"{"message":"Missing Authentication Token"}"#.to_vec());
    for path in ["", "/", "/other", "/items/", "/items/a/b"] {
        assert_eq!(running.get(path), missing, "{path}");
    }
    let (head, body) = running.raw("DELETE /v1/items HTTP/1.1\r\nHOST\r\n\r\n");
    assert_eq!((status(&head), body), missing);
    let (head, body) = running.raw("GET /v2/items HTTP/1.1\r\nHOST\r\n\r\n");
    assert_eq!((status(&head), &*body), (403, &br#"{"message":"Forbidden"}"#[..]));
    running.stop();
}

#[test]
fn a_function_that_fails_is_a_502_and_the_next_call_works() {
    let running = start();
    for item in ["error", "crash", "nonsense", "large"] {
        let (status, body) = running.get(&format!("/items/{item}"));
        assert_eq!((status, &*body), BAD, "{item}");
        assert_eq!(running.json("/items/ok")["event"]["path"], "/items/ok", "after {item}");
    }
    running.stop();
}

#[test]
fn a_function_is_ended_at_its_time_limit() {
    let running = start();
    let before = running.json("/items/ok");
    let (status, body) = running.get("/items/slow");
    assert_eq!((status, &*body), BAD);
    assert!(!is_alive(before["pid"].as_u64().unwrap()), "the process that was too slow still runs");
    let after = running.json("/items/ok");
    assert_eq!(after["calls"], 1, "a new process answers");
    running.stop();
}

#[test]
fn the_gateway_does_not_wait_longer_than_the_route_says() {
    let running = start();
    let began = Instant::now();
    let (status, body) = running.get("/impatient/slow");
    assert_eq!((status, &*body), (503, br#"{"message":"slow"}"#.as_slice()));
    assert!(began.elapsed() < Duration::from_millis(1_900), "{:?}", began.elapsed());
    running.stop();
}

#[test]
fn one_process_answers_one_call_at_a_time() {
    let running = start();
    let pids: Vec<u64> = std::thread::scope(|scope| {
        let calls: Vec<_> =
            (0..3).map(|_| scope.spawn(|| running.json("/items/wait")["pid"].as_u64().unwrap())).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    let mut distinct = pids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 3, "three calls at once are three processes");
    let again = running.json("/items/ok");
    assert!(pids.contains(&again["pid"].as_u64().unwrap()) && again["calls"] == 2, "an idle process answers again");
    let all_alive = |pids: &[u64]| pids.iter().filter(|pid| is_alive(**pid)).count();
    assert_eq!(all_alive(&pids), 3);
    running.stop();
    assert_eq!(all_alive(&pids), 0, "no process outlives the gateway");
}

#[test]
fn a_stream_passes_as_it_is_made() {
    let running = start();
    // Warm, so that the time of the first piece is the stream's own.
    running.read("stream-empty");
    let mut socket = TcpStream::connect(&running.address).unwrap();
    write!(socket, "POST /v1/items/stream/read HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n").unwrap();
    let mut lines = BufReader::new(socket).lines().map(Result::unwrap);
    let mut head = Vec::new();
    let mut arrived = Vec::new();
    for line in lines.by_ref() {
        if ["one", "two", "three"].contains(&line.as_str()) {
            arrived.push(Instant::now());
        } else if line == "0" {
            break;
        } else if arrived.is_empty() {
            head.push(line);
        }
    }
    assert!(head[0].contains("200") && head.contains(&"content-type: application/x-ndjson".to_owned()), "{head:?}");
    assert_eq!(arrived.len(), 3);
    assert!(arrived[2] - arrived[0] > Duration::from_millis(200), "the pieces came at once");
    running.stop();
}

#[test]
fn a_stream_without_a_body_is_an_answer() {
    let running = start();
    let (head, body) = running.read("stream-empty");
    assert_eq!((status(&head), &*body), (200, b"0\r\n\r\n".as_slice()));
    running.stop();
}

#[test]
fn a_stream_that_breaks_off_breaks_the_connection() {
    let running = start();
    for item in ["stream-crash", "stream-slow", "stream-failed"] {
        let (head, body) = running.read(item);
        assert_eq!(status(&head), 200, "{item}");
        assert!(body.starts_with(b"4\r\none\n"), "{item}: {body:?}");
        assert!(!body.ends_with(b"0\r\n\r\n"), "{item}: the client would take this for the whole");
    }
    assert_eq!(status(&running.read("stream").0), 200);
    running.stop();
}

#[test]
fn an_answer_that_does_not_stream_is_none_on_a_streaming_route() {
    let running = start();
    let (head, body) = running.read("ok");
    assert_eq!((status(&head), &*body), BAD);
    let (head, body) = running.read("error");
    assert_eq!((status(&head), &*body), BAD);
    running.stop();
}

#[test]
fn too_large_a_request_is_refused() {
    let running = start();
    let mut socket = TcpStream::connect(&running.address).unwrap();
    let bytes = 11 * 1024 * 1024;
    write!(socket, "POST /v1/items/a/read HTTP/1.1\r\nhost: h\r\ncontent-length: {bytes}\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut reader = socket.try_clone().unwrap();
    let answer = std::thread::spawn(move || {
        let mut answer = vec![0; 12];
        reader.read_exact(&mut answer).unwrap();
        answer
    });
    // The gateway stops reading; what is not taken any more is no failure.
    drop(socket.write_all(&vec![b'x'; bytes]));
    assert_eq!(answer.join().unwrap(), b"HTTP/1.1 413");
    running.stop();
}

/// The program must not start, and say why.
fn refused(template: &Value) -> String {
    let (mut child, _folder) = spawn(template);
    let mut said = String::new();
    child.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    let status = child.0.wait().unwrap();
    assert!(!status.success());
    said
}

#[test]
fn it_does_not_start_where_api_gateway_may_not_call() {
    let mut without = template("t");
    without["Resources"].as_object_mut().unwrap().remove("P4");
    let why = refused(&without);
    assert!(why.contains("no AWS::Lambda::Permission lets API Gateway call Read for POST /items/{item}/read"), "{why}");
    let mut other = template("t");
    other["Resources"]["P2"]["Properties"]["SourceArn"] = json!("arn:aws:execute-api:r:1:api/*/HEAD/other");
    assert!(refused(&other).contains("call List for HEAD /items"));
}

#[test]
fn a_function_that_cannot_begin_is_a_502() {
    let (mut child, _folder) = spawn(&template("fail-init"));
    let mut said = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address = said.find_map(|line| line.strip_prefix("listening on http://").map(str::to_owned)).unwrap();
    let mut socket = TcpStream::connect(address.strip_suffix("/v1").unwrap()).unwrap();
    write!(socket, "GET /v1/items HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    drop(child);
}
