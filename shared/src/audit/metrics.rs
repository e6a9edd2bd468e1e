//! Events as metrics: one line a request in CloudWatch's embedded metric format, which CloudWatch reads from the log.
//!
//! | metric | unit | meaning |
//! |---|---|---|
//! | `Requests` | Count | 1 |
//! | `LatencyMs` | Milliseconds | from the request to the end of the answer |
//! | `FilesReturned` | Count | files in the answer |
//! | `BytesSent` | Bytes | body, as sent |
//! | `AuthFail` | Count | 1 for an answer of 401 |
//! | `TooLarge` | Count | 1 for an answer that could not travel whole |
//! | `ColdStarts` | Count | 1 for a process's first request |
//! | `UrlTtlSec` | Seconds | life of the URLs in the answer; only where there are any |
//! | `ChunksRead` | Count | chunks of checkpoints read from the cache instead of the log; with the next three only where there is any |
//! | `ChunksMissing` | Count | chunks that were not there |
//! | `ChunksUnfit` | Count | chunks that were there, but damaged or not this server's |
//! | `ChunksWritten` | Count | chunks written |
//!
//! The only dimensions are `Route` and `Outcome`: every combination of values is billed as a metric of its own, so there
//! is never one for a recipient or a table.

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::{Audit, Chunks, Event};

/// The namespace of the metrics.
pub const NAMESPACE: &str = "Spillway";

/// Writes events as metrics.
pub struct EmbeddedMetrics {
    out: Mutex<Box<dyn Write + Send>>,
}

impl EmbeddedMetrics {
    /// Metrics to the standard output, which Lambda hands to CloudWatch.
    pub fn to_stdout() -> Self {
        Self::new(Box::new(std::io::stdout()))
    }

    /// Metrics to some other place.
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out: Mutex::new(out) }
    }
}

impl Audit for EmbeddedMetrics {
    fn record(&self, event: &Event) {
        let mut line = line(event).to_string();
        line.push('\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // In one piece, so that no other line comes between. Where nobody listens there is nobody to tell.
        let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    }
}

impl fmt::Debug for EmbeddedMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedMetrics").finish_non_exhaustive()
    }
}

fn line(event: &Event) -> Value {
    let one_if = |yes: bool| u64::from(yes);
    let mut metrics = vec![
        ("Requests", "Count", 1),
        ("LatencyMs", "Milliseconds", u64::try_from(event.latency.as_millis()).unwrap_or(u64::MAX)),
        ("FilesReturned", "Count", event.files),
        ("BytesSent", "Bytes", event.bytes),
        ("AuthFail", "Count", one_if(event.status == 401)),
        ("TooLarge", "Count", one_if(event.error_code == Some("ANSWER_TOO_LARGE"))),
        ("ColdStarts", "Count", one_if(event.cold)),
    ];
    if let Some(moment) = event.urls_expire_at {
        let secs = moment.millis().saturating_sub(event.at.millis()) / 1000;
        metrics.push(("UrlTtlSec", "Seconds", u64::try_from(secs).unwrap_or(0)));
    }
    if event.chunks != Chunks::default() {
        let Chunks { read, missing, unfit, written } = event.chunks;
        let counts =
            [("ChunksRead", read), ("ChunksMissing", missing), ("ChunksUnfit", unfit), ("ChunksWritten", written)];
        metrics.extend(counts.map(|(name, count)| (name, "Count", count)));
    }
    let declared: Vec<Value> = metrics.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let mut line = Map::new();
    line.insert(
        "_aws".into(),
        json!({
            "Timestamp": event.at.millis(),
            "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [["Route", "Outcome"]], "Metrics": declared}],
        }),
    );
    line.insert("Route".into(), event.route.into());
    line.insert("Outcome".into(), event.outcome.as_str().into());
    line.insert("requestId".into(), event.request_id.as_str().into());
    for (name, _, value) in metrics {
        line.insert(name.into(), value.into());
    }
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tests::full;

    #[test]
    fn a_line_declares_every_metric_it_holds_and_two_dimensions() {
        let line = line(&full());
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"], json!([["Route", "Outcome"]]));
        for metric in directive["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap();
            assert!(line[name].is_u64(), "{name} is declared and not there");
        }
        assert_eq!((&line["Route"], &line["Outcome"]), (&"query-table".into(), &"completed".into()));
        assert_eq!((&line["UrlTtlSec"], &line["FilesReturned"]), (&3.into(), &3.into()));
        assert_eq!((&line["ChunksRead"], &line["ChunksUnfit"]), (&2.into(), &0.into()));
        assert!(!line.to_string().contains('\n'), "one line");
    }

    #[test]
    fn nothing_names_a_recipient_or_a_table() {
        let text = line(&full()).to_string();
        for secret in ["r1", "table 1", "203.0.113.9", "agent"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
