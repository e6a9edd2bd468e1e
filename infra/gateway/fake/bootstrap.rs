//! A function that does what the event's path tells it to: a stand-in for a `bootstrap`, speaking the Runtime API over
//! plain sockets so that nothing of the project is in it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "part of a test"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

fn main() {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    if std::env::var("TABLE_NAME").as_deref() == Ok("fail-init") {
        request(&api, "POST", "/2018-06-01/runtime/init/error", "", br#"{"errorMessage":"no table"}"#);
        std::process::exit(1);
    }
    println!("started");
    let mut calls = 0;
    loop {
        let (headers, body) = request(&api, "GET", "/2018-06-01/runtime/invocation/next", "", b"");
        let header = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default();
        let id = header("lambda-runtime-aws-request-id");
        let event: Value = serde_json::from_slice(&body).unwrap();
        calls += 1;
        let answer = format!("/2018-06-01/runtime/invocation/{id}/response");
        match event["pathParameters"]["item"].as_str().unwrap_or_default() {
            "error" => {
                request(
                    &api,
                    "POST",
                    &format!("/2018-06-01/runtime/invocation/{id}/error"),
                    "",
                    br#"{"errorMessage":"x"}"#,
                );
            }
            "crash" => std::process::abort(),
            "slow" => std::thread::sleep(Duration::from_secs(60)),
            "large" => {
                let body = "x".repeat(7_000_000);
                request(&api, "POST", &answer, "", json!({"statusCode": 200, "body": body}).to_string().as_bytes());
            }
            "nonsense" => drop(request(&api, "POST", &answer, "", b"not json")),
            "stream" => stream(&api, &answer, &[b"one\n", b"two\n", b"three\n"], End::Whole),
            "stream-empty" => stream(&api, &answer, &[], End::Whole),
            "stream-crash" => stream(&api, &answer, &[b"one\n"], End::Crash),
            "stream-slow" => stream(&api, &answer, &[b"one\n"], End::Never),
            "stream-failed" => stream(&api, &answer, &[b"one\n"], End::Trailer),
            "wait" => {
                std::thread::sleep(Duration::from_millis(300));
                whole(&api, &answer, calls, &event);
            }
            _ => whole(&api, &answer, calls, &event),
        }
    }
}

fn whole(api: &str, path: &str, calls: u32, event: &Value) {
    let names = ["TABLE_NAME", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_REGION", "_HANDLER"];
    let environment: Vec<_> = names.iter().map(|name| std::env::var(name).unwrap_or_default()).collect();
    let home = std::env::var("HOME").is_ok();
    let body =
        json!({"pid": std::process::id(), "calls": calls, "event": event, "environment": environment, "home": home});
    let envelope = json!({"statusCode": 200, "headers": {"x-fake": "yes"}, "body": body.to_string()});
    println!("answered {}", event["path"]);
    request(api, "POST", path, "", envelope.to_string().as_bytes());
}

enum End {
    Whole,
    Crash,
    Never,
    Trailer,
}

fn stream(api: &str, path: &str, pieces: &[&[u8]], end: End) {
    let mut socket = TcpStream::connect(api).unwrap();
    write!(
        socket,
        "POST {path} HTTP/1.1\r\nhost: {api}\r\nlambda-runtime-function-response-mode: streaming\r\n\
         transfer-encoding: chunked\r\ntrailer: lambda-runtime-function-error-type\r\n\r\n"
    )
    .unwrap();
    let mut chunk = |bytes: &[u8]| {
        write!(socket, "{:x}\r\n", bytes.len()).unwrap();
        socket.write_all(bytes).unwrap();
        socket.write_all(b"\r\n").unwrap();
        socket.flush().unwrap();
    };
    chunk(br#"{"statusCode":200,"headers":{"content-type":"application/x-ndjson"}}"#);
    chunk(&[0; 8]);
    for piece in pieces {
        chunk(piece);
        std::thread::sleep(Duration::from_millis(200));
    }
    match end {
        End::Whole => socket.write_all(b"0\r\n\r\n").unwrap(),
        End::Crash => std::process::abort(),
        End::Never => std::thread::sleep(Duration::from_secs(60)),
        End::Trailer => socket.write_all(b"0\r\nlambda-runtime-function-error-type: Oops\r\n\r\n").unwrap(),
    }
    read(socket);
}

fn request(api: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> (Vec<(String, String)>, Vec<u8>) {
    // The gateway ends before its functions do.
    let Ok(mut socket) = TcpStream::connect(api) else { std::process::exit(0) };
    write!(socket, "{method} {path} HTTP/1.1\r\nhost: {api}\r\n{headers}content-length: {}\r\n\r\n", body.len())
        .unwrap();
    drop(socket.write_all(body));
    read(socket)
}

fn read(socket: TcpStream) -> (Vec<(String, String)>, Vec<u8>) {
    let mut reader = BufReader::new(socket);
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        std::process::exit(0);
    }
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (headers, body)
}
