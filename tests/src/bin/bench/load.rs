//! Many clients at once: lists while nothing else happens and while a large answer is on its way, many readers, slow ones,
//! and such as ask and then take nothing.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::clock::Clock;

use crate::answer::Question;
use crate::cases::Asked;
use crate::process::Watched;
use crate::report::{megabytes, milliseconds, thousands};
use crate::server::{Peer, SHARE};

mod lists;
mod readers;
mod wrk;

use lists::{Lists, Pace};

/// How long each part is measured.
const DURING: Duration = Duration::from_secs(4);
/// Connections that lists are asked for over, as fast as they come.
const CONNECTIONS: [usize; 3] = [1, 8, 32];
/// Beside a large answer: so many connections, each asking so often.
const PROBES: usize = 4;
const PROBE_EVERY: Duration = Duration::from_millis(20);
/// Readers that read whole answers over and over.
const BUSY: usize = 64;
/// Readers that take 20 kB a second each.
const SLOW: usize = 32;
/// Readers that ask and take nothing.
const IDLE: usize = 1_000;
/// Files of the answers that many read at once, about.
const BUSY_FILES: u64 = 10_000;

/// Measures everything and prints it.
///
/// # Errors
/// When an answer is not whole, or a connection cannot be had.
pub(crate) async fn run(tables: &[Asked<'_>], clock: &Arc<dyn Clock>) -> Result<Value, String> {
    let usual = || tables.iter().filter_map(|asked| Some((asked, asked.table.filter(|table| table.is_usual())?.files)));
    let (largest, _) = usual().max_by_key(|(_, files)| *files).ok_or("there is no table to read")?;
    let fitting = usual().filter(|(_, files)| *files >= BUSY_FILES).min_by_key(|(_, files)| *files);
    let busy = fitting.map_or(largest, |(asked, _)| asked);
    let peer = largest.peer;
    let idle_clients = readers::allow_connections(&peer.watched, IDLE);
    Ok(json!({
        "lists": lists(peer, clock).await?,
        "listsDuringAnswer": during_an_answer(largest, clock).await?,
        "busyReaders": busy_readers(busy, clock).await?,
        "slowReaders": slow_readers(largest).await?,
        "idleReaders": idle_readers(largest, busy, idle_clients, clock).await?,
    }))
}

fn list_request(peer: &Peer) -> String {
    let Peer { host, endpoint, token, .. } = peer;
    format!(
        "GET {endpoint}/shares/{SHARE}/all-tables HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
}

async fn lists(peer: &Peer, clock: &Arc<dyn Clock>) -> Result<Vec<Value>, String> {
    println!("\nGET .../all-tables over kept connections, as fast as answers come ({} s each)\n", DURING.as_secs());
    println!(
        "{:<13}{:>10}{:>9}{:>9}{:>9}{:>10}   wrk, the same",
        "connections", "lists/s", "p50", "p99", "CPU", "longest"
    );
    println!("{:<13}{:>10}{:>9}{:>9}{:>9}{:>10}", "", "", "ms", "ms", "us", "ms");
    let request = list_request(peer);
    let mut all = Vec::new();
    for connections in CONNECTIONS {
        lists::ask(&peer.host, &request, connections, Pace::Fast, DURING / 4, clock).await?;
        let before = peer.watched.cpu()?;
        let seen = lists::ask(&peer.host, &request, connections, Pace::Fast, DURING, clock).await?;
        let cpu = (peer.watched.cpu()? - before).as_secs_f64() / seen.count().max(1) as f64;
        let checked = wrk::per_second(peer, connections, DURING).await;
        println!(
            "{connections:<13}{:>10}{:>9}{:>9}{:>9.0}{:>10}   {}",
            thousands(seen.per_second() as u64),
            milliseconds(seen.percentile(0.5)),
            milliseconds(seen.percentile(0.99)),
            cpu * 1e6,
            milliseconds(seen.percentile(1.0)),
            checked.map_or_else(|| "not installed".to_owned(), |lists| format!("{} lists/s", thousands(lists as u64))),
        );
        all.push(json!({
            "connections": connections,
            "lists": seen.json(),
            "serverCpuSecondsPerList": cpu,
            "wrkListsPerSecond": checked,
        }));
    }
    Ok(all)
}

async fn during_an_answer(asked: &Asked<'_>, clock: &Arc<dyn Clock>) -> Result<Value, String> {
    println!(
        "\nGET .../all-tables, {PROBES} connections asking every {} ms, while all files of {} are answered\n",
        PROBE_EVERY.as_millis(),
        asked.table_name()
    );
    println!("{:<24}{:>8}{:>9}{:>9}{:>9}", "", "lists", "p50", "p99", "longest");
    println!("{:<24}{:>8}{:>9}{:>9}{:>9}", "", "", "ms", "ms", "ms");
    let (host, request, pace) = (&asked.peer.host, list_request(asked.peer), Pace::Every(PROBE_EVERY));
    let quiet = lists::ask(host, &request, PROBES, pace, DURING, clock).await?;
    print_lists("nothing else", &quiet);
    let mut rows = vec![json!({"beside": "nothing", "lists": quiet.json()})];
    for coding in ["identity", "gzip"] {
        let path = asked.path("query");
        let question = question(asked.peer, &path, coding);
        let answer = readers::over_and_over(&question, 1, DURING, clock);
        let (answer, seen) = tokio::join!(answer, lists::ask(host, &request, PROBES, pace, DURING, clock));
        let (_, seen) = (answer?, seen?);
        print_lists(&format!("one answer, {coding}"), &seen);
        rows.push(json!({"beside": coding, "lists": seen.json()}));
    }
    Ok(json!({"table": asked.name, "measured": rows}))
}

fn print_lists(label: &str, seen: &Lists) {
    println!(
        "{label:<24}{:>8}{:>9}{:>9}{:>9}",
        thousands(seen.count() as u64),
        milliseconds(seen.percentile(0.5)),
        milliseconds(seen.percentile(0.99)),
        milliseconds(seen.percentile(1.0)),
    );
}

fn question<'a>(peer: &'a Peer, path: &'a str, coding: &'a str) -> Question<'a> {
    let Peer { host, token, .. } = peer;
    Question { host, path, token, format: "delta", coding, body: "{}", paged: false }
}

async fn busy_readers(asked: &Asked<'_>, clock: &Arc<dyn Clock>) -> Result<Value, String> {
    let (path, watched) = (asked.path("query"), &asked.peer.watched);
    watched.reset_peak();
    let (held, before) = (watched.held_bytes()?, watched.cpu()?);
    let read = readers::over_and_over(&question(asked.peer, &path, "identity"), BUSY, DURING, clock).await?;
    let (cpu, peak) = (watched.cpu()? - before, watched.peak_bytes()?);
    println!(
        "\n{BUSY} readers of {}, over and over: {} answers, {:.0} MB/s; the server held {} MB before, {} MB at most, {:.1} CPU",
        asked.table_name(),
        read.answers,
        read.bytes as f64 / read.time.as_secs_f64() / 1e6,
        megabytes(held),
        megabytes(peak),
        cpu.as_secs_f64() / read.time.as_secs_f64(),
    );
    Ok(json!({
        "readers": BUSY,
        "table": asked.name,
        "answers": read.answers,
        "bytesPerSecond": read.bytes as f64 / read.time.as_secs_f64(),
        "heldBytesBefore": held,
        "peakBytes": peak,
        "serverCpuShare": cpu.as_secs_f64() / read.time.as_secs_f64(),
    }))
}

async fn slow_readers(asked: &Asked<'_>) -> Result<Value, String> {
    let (path, watched) = (asked.path("query"), &asked.peer.watched);
    let slow = readers::hold(&question(asked.peer, &path, "identity"), SLOW, true).await?;
    let share = share_of(watched, DURING).await?;
    let held = watched.held_bytes()?;
    println!(
        "{SLOW} readers of 20 kB/s each: the server uses {:.1} % of a core and holds {} MB",
        share * 100.0,
        megabytes(held)
    );
    drop(slow);
    readers::settle().await;
    Ok(json!({"readers": SLOW, "serverCpuShare": share, "heldBytes": held}))
}

async fn idle_readers(
    asked: &Asked<'_>,
    busy: &Asked<'_>,
    count: usize,
    clock: &Arc<dyn Clock>,
) -> Result<Value, String> {
    let (path, watched) = (asked.path("query"), &asked.peer.watched);
    let before = watched.held_bytes()?;
    let idle = readers::hold(&question(asked.peer, &path, "identity"), count, false).await?;
    readers::settle().await;
    let share = share_of(watched, DURING).await?;
    let held = watched.held_bytes()?;
    let seen = lists::ask(&asked.peer.host, &list_request(asked.peer), PROBES, Pace::Every(PROBE_EVERY), DURING, clock)
        .await?;
    let more = readers::first_byte_within(&question(asked.peer, &path, "identity"), DURING, clock).await?;
    watched.reset_peak();
    let busy_path = busy.path("query");
    let read = readers::over_and_over(&question(busy.peer, &busy_path, "identity"), BUSY, DURING, clock).await?;
    let peak = watched.peak_bytes()?;
    println!(
        "{count} readers that ask and take nothing, {} of them with an answer begun: the server holds {} MB more and uses \
         {:.1} % of a core;\n  lists beside them: p50 {} ms, p99 {} ms; one more query: {};\n  {BUSY} readers of {} beside \
         them, over and over: {} answers, {:.0} MB/s; the server holds {} MB at most",
        idle.begun(),
        megabytes(held.saturating_sub(before)),
        share * 100.0,
        milliseconds(seen.percentile(0.5)),
        milliseconds(seen.percentile(0.99)),
        more.map_or_else(
            || format!("no answer within {} s", DURING.as_secs()),
            |time| format!("its first byte after {} ms", milliseconds(time))
        ),
        busy.table_name(),
        read.answers,
        read.bytes as f64 / read.time.as_secs_f64() / 1e6,
        megabytes(peak),
    );
    Ok(json!({
        "readers": count,
        "begun": idle.begun(),
        "heldBytesMore": held.saturating_sub(before),
        "serverCpuShare": share,
        "lists": seen.json(),
        "oneMoreQueryFirstByteSeconds": more.map(|time| time.as_secs_f64()),
        "busyBeside": {
            "readers": BUSY,
            "table": busy.name,
            "answers": read.answers,
            "bytesPerSecond": read.bytes as f64 / read.time.as_secs_f64(),
            "peakBytes": peak,
        },
    }))
}

/// The share of a core that processes use for a while.
async fn share_of(watched: &Watched, during: Duration) -> Result<f64, String> {
    let before = watched.cpu()?;
    tokio::time::sleep(during).await;
    Ok((watched.cpu()? - before).as_secs_f64() / during.as_secs_f64())
}
