//! Many clients of one server at once: such as ask for much and take nothing, such as say nothing, and such as read. The
//! server is a process of its own, whose memory is its own.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use shared::limits::{STREAM_PAUSED_BYTES, STREAMS_MAX};
use tests::samples::{checkpointed, large_checkpoint};
use tests::server::{TOKEN, TestServer, document};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Clients that ask for more than all buffers hold and take nothing: several for every place.
const IDLE: usize = 6 * STREAMS_MAX;
/// Clients that connect and say nothing.
const SILENT: usize = 400;
/// Clients that read whole answers.
const BUSY: usize = 64;
/// What a server holds beside paused answers: its own parts, and those answers that are being made.
const BESIDE: usize = 512 * 1024 * 1024;
/// Long enough for anything that comes at all.
const DEADLINE: Duration = Duration::from_secs(300);

/// A server over a folder.
struct Process {
    child: Child,
    host: String,
}

impl Process {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["many_readers::server", "--exact", "--nocapture"])
            .env("SERVED_FOLDER", folder)
            .env("MALLOC_ARENA_MAX", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("served at ") {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "the server ended early");
        }
        // What is said later is read by nobody, and fits in the pipe.
        child.stdout = Some(said.into_inner());
        Self { child, host: line.split_whitespace().last().unwrap().to_owned() }
    }

    /// The most memory that it held.
    fn peak_bytes(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
    }

    async fn connected(&self) -> TcpStream {
        TcpStream::connect(&self.host).await.unwrap()
    }

    /// A connection on which something is asked.
    async fn asked(&self, request: &str) -> TcpStream {
        let mut stream = self.connected().await;
        let request = request.replace("HEADERS", &format!("host: {}\r\nauthorization: Bearer {TOKEN}", self.host));
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    async fn query(&self, table: &str, coding: &str) -> TcpStream {
        let path = format!("/delta-sharing/shares/s/schemas/d/tables/{table}/query");
        let headers = format!("connection: close\r\naccept-encoding: {coding}\r\ncontent-length: 2");
        self.asked(&format!("POST {path} HTTP/1.1\r\nHEADERS\r\n{headers}\r\n\r\n{{}}")).await
    }

    async fn list(&self) -> Vec<u8> {
        whole(self.asked("GET /delta-sharing/shares HTTP/1.1\r\nHEADERS\r\nconnection: close\r\n\r\n").await).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All that comes before the connection ends.
async fn whole(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    tokio::time::timeout(DEADLINE, stream.read_to_end(&mut bytes)).await.expect("an answer in time").unwrap();
    assert!(bytes.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&bytes[..bytes.len().min(200)]));
    bytes
}

/// A file's id, where this is its line. Chunks end where lines do.
fn id_of(line: &[u8]) -> Option<String> {
    line.starts_with(b"{\"file\":").then(|| {
        let line: Value = serde_json::from_slice(line).unwrap();
        line["file"]["id"].as_str().unwrap().to_owned()
    })
}

/// Whether a chunked answer came to its end.
fn ended(answer: &[u8]) -> bool {
    answer.ends_with(b"\r\n0\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn server() {
    // The process that the other test starts; among them it has nothing to serve.
    if !std::env::args().any(|argument| argument == "--exact") {
        return;
    }
    #[expect(clippy::disallowed_methods, reason = "what the other test says")]
    let Some(folder) = std::env::var_os("SERVED_FOLDER") else { return };
    let server = TestServer::over(document(&["s.d.large", "s.d.small"]), Path::new(&folder), |_| {}).await;
    let host = server.endpoint().split('/').nth(2).unwrap();
    println!("\nserved at {host}");
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
}

#[tokio::test]
async fn clients_that_take_nothing_keep_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    large_checkpoint(folder.path().join("large"));
    checkpointed(folder.path().join("small"));
    let process = Process::start(&folder.path().canonicalize().unwrap());
    let small = whole(process.query("small", "identity").await).await;
    assert!(ended(&small));
    let before = process.peak_bytes();

    let mut silent = Vec::new();
    for _ in 0..SILENT {
        silent.push(process.connected().await);
    }
    let mut idle = Vec::new();
    for number in 0..IDLE {
        idle.push(process.query("large", if number % 3 == 0 { "gzip" } else { "identity" }).await);
    }
    let busy: Vec<_> = futures::future::join_all((0..BUSY).map(|_| process.query("small", "identity"))).await;
    let lists = process.list().await;
    assert!(ended(&lists) || lists.ends_with(b"}"), "{}", String::from_utf8_lossy(&lists));
    for answer in futures::future::join_all(busy.into_iter().map(whole)).await {
        assert!(ended(&answer));
        assert!(answer.len().abs_diff(small.len()) < small.len() / 10, "{} of {}", answer.len(), small.len());
    }
    // Whoever took nothing for a while has all of its answer, and nothing twice.
    for stream in idle.drain(..3) {
        let answer = whole(stream).await;
        assert!(ended(&answer));
        if !String::from_utf8_lossy(&answer[..1_000]).contains("gzip") {
            let ids: Vec<String> = answer.split(|byte| *byte == b'\n').filter_map(id_of).collect();
            assert_eq!((ids.len(), ids.iter().collect::<HashSet<_>>().len()), (10_000, 10_000));
        }
    }
    let grown = process.peak_bytes() - before;
    assert!(grown < IDLE * STREAM_PAUSED_BYTES + BESIDE, "{grown} bytes");
}
