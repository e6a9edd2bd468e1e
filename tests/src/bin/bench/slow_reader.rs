//! What a slow reader gets: over a connection of 2 MB a second, as API Gateway gives after the first megabytes, the bytes of
//! a file decide how many files a second arrive.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::clock::Clock;

use crate::answer::Question;
use crate::cases::Asked;
use crate::report::thousands;
use crate::server::Peer;

/// What the reader takes.
const BYTES_PER_SECOND: u64 = 2_000_000;
/// How long it reads.
const DURING: Duration = Duration::from_secs(8);

/// Reads a table slowly in each compression and prints a row for each.
///
/// # Errors
/// When there is no answer.
pub(crate) fn run(asked: &Asked<'_>, clock: &Arc<dyn Clock>) -> Result<Vec<Value>, String> {
    println!(
        "\nA reader of {} taking {} MB/s, for {} s or to the end (delta format)\n",
        asked.table_name(),
        BYTES_PER_SECOND / 1_000_000,
        DURING.as_secs()
    );
    println!("{:<10}{:>11}{:>11}{:>9}{:>11}", "coding", "files", "files/s", "B/file", "server CPU");
    println!("{:<10}{:>11}{:>11}{:>9}{:>11}", "", "", "", "", "%");
    let path = asked.path("query");
    let Peer { host, token, watched, .. } = asked.peer;
    let mut all = Vec::new();
    for coding in ["identity", "gzip", "zstd"] {
        let question = Question { host, path: &path, token, format: "delta", coding, body: "{}", paged: false };
        let before = watched.cpu()?;
        let read = question
            .trickle(clock.as_ref(), BYTES_PER_SECOND, DURING)
            .map_err(|problem| format!("{}, slowly, {coding}: {problem}", asked.name))?;
        let cpu = (watched.cpu()? - before).as_secs_f64() / read.time.as_secs_f64();
        let per_second = read.files as f64 / read.time.as_secs_f64();
        println!(
            "{coding:<10}{:>11}{:>11}{:>9}{:>11.1}",
            thousands(read.files),
            thousands(per_second as u64),
            thousands(read.bytes / read.files.max(1)),
            cpu * 100.0
        );
        all.push(json!({
            "table": asked.name,
            "coding": coding,
            "bytesPerSecond": BYTES_PER_SECOND,
            "files": read.files,
            "filesPerSecond": per_second,
            "serverCpuShare": cpu,
        }));
    }
    Ok(all)
}
