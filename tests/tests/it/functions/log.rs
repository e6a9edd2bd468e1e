//! The log of a whole run, with every route answered and refused: no token, no signature, no path of a table.

use std::io::Write;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::json;
use shared::audit::log::LogAudit;
use shared::audit::metrics::EmbeddedMetrics;
use shared::audit::{All, Audit};
use tests::server::{TOKEN, TestServer, send};
use tests::table_builder::TableBuilder;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// A place that keeps what is written to it.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_whole_run_leaves_no_secret_in_the_log() {
    // In a process of its own, because a log is a process's.
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["functions::log::whole_run", "--exact", "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_run() {
    // The process that the other test starts; among others it would share their log.
    if !super::is_alone() {
        return;
    }
    let kept = Kept::default();
    let writer = kept.clone();
    let filter: Targets = "warn,spillway=trace,shared=trace,local=trace,aws_smithy_runtime=warn".parse().unwrap();
    let log = tracing_subscriber::fmt().json().with_max_level(LevelFilter::TRACE);
    log.with_writer(move || writer.clone()).finish().with(filter).init();
    let metrics = EmbeddedMetrics::new(Box::new(kept.clone()));
    let audit: Arc<dyn Audit> = Arc::new(All(vec![Arc::new(LogAudit), Arc::new(metrics)]));

    let document = tests::server::document(&["s.d.t", "s.d.broken", "s.d.missing"]);
    let server = TestServer::serving(document, |settings| settings.audit = audit).await;
    let mut table = TableBuilder::new(server.table("t"));
    table.commit(vec![table.protocol_action(), table.metadata_action(), table.add("part-1.parquet", Some("x"), 3)]);
    let broken = TableBuilder::new(server.table("broken"));
    broken.write_log("00000000000000000000.json", "this is no log");

    let mut secrets = vec![TOKEN.to_owned(), "wrong-token".into(), server.table("").display().to_string()];
    secrets.extend(["X-Amz", "Signature", "Bearer", "part-1", "a-literal-of-a-predicate"].map(str::to_owned));
    for path in
        ["", "/s", "/s/schemas", "/s/schemas/d/tables", "/s/all-tables", "/none", "/s/schemas/d/tables?pageToken=x"]
    {
        server.get(&format!("/shares{path}")).await;
    }
    for name in ["t", "broken", "missing", "none"] {
        let base = format!("/shares/s/schemas/d/tables/{name}");
        send(server.request("HEAD", &base)).await;
        for path in ["/version", "/metadata", "/changes?startingVersion=0", "/version?startingTimestamp=x"] {
            server.get(&format!("{base}{path}")).await;
        }
        for capabilities in ["", "responseformat=delta", "responseformat=none"] {
            let body = json!({"predicateHints": ["p = 'a-literal-of-a-predicate'"], "limitHint": 1});
            server.query(name, body, capabilities).await;
        }
    }
    let answered = server.query("t", json!({}), "").await;
    assert_eq!(answered.status, 200, "{}", answered.text);
    let url = answered.lines()[2]["file"]["url"].as_str().unwrap().to_owned();
    secrets.push(url.split("X-Amz-Signature=").nth(1).unwrap()[..64].to_owned());
    let wrong = server.request("GET", "/shares").header("authorization", "Bearer wrong-token");
    send(wrong).await;
    server.get("/nowhere").await;
    server.stop().await;

    let log = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    assert!(log.matches("spillway::audit").count() >= 40, "{log}");
    assert!(log.matches("CloudWatchMetrics").count() >= 40);
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(&secret));
        assert_eq!(line, None, "the log holds '{secret}'");
    }
}
