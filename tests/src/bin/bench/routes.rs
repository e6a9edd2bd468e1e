//! The small routes of a table, its version and its metadata: one request after another on one connection, as a client
//! that follows a table asks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::clock::Clock;

use crate::cases::{Asked, requests};
use crate::report::{median, milliseconds, thousands};
use crate::storage::{Storage, in_sequence};

/// Requests to each route, after some to warm up.
const REQUESTS: usize = 60;
const WARM_UPS: usize = 3;
/// An answer that does not come for this long is none.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Measures both routes of every table and prints a row for each.
///
/// # Errors
/// When an answer is not what it should be.
pub(crate) fn run(tables: &[Asked<'_>], clock: &Arc<dyn Clock>) -> Result<Vec<Value>, String> {
    println!("\nGET .../version and .../metadata, one after another ({REQUESTS} requests each)\n");
    println!("{:<24}{:<10}{:>9}{:>9}{:>9}{:>10}", "table", "route", "median", "longest", "CPU", "requests");
    println!("{:<24}{:<10}{:>9}{:>9}{:>9}", "", "", "ms", "ms", "ms");
    let mut all = Vec::new();
    for asked in tables {
        for route in ["version", "metadata"] {
            all.push(measure(asked, route, clock).map_err(|problem| format!("{}, {route}: {problem}", asked.name))?);
        }
    }
    Ok(all)
}

fn measure(asked: &Asked<'_>, route: &str, clock: &Arc<dyn Clock>) -> Result<Value, String> {
    let broken = |error: std::io::Error| format!("the connection broke: {error}");
    let stream = TcpStream::connect(&asked.peer.host).map_err(broken)?;
    stream.set_read_timeout(Some(SILENCE_MAX)).and_then(|()| stream.set_nodelay(true)).map_err(broken)?;
    let mut connection = BufReader::new(stream);
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\ndelta-sharing-capabilities: responseformat=delta\r\n\r\n",
        asked.path(route),
        asked.peer.host,
        asked.peer.token,
    );
    for _ in 0..WARM_UPS {
        exchange(&mut connection, &request)?;
    }
    asked.storage.map(Storage::take);
    let (mut times, mut steps, before) = (Vec::new(), Vec::new(), asked.peer.watched.cpu()?);
    for _ in 0..REQUESTS {
        let start = clock.uptime();
        exchange(&mut connection, &request)?;
        let end = clock.uptime();
        times.push(end - start);
        steps.push(asked.storage.map(Storage::take).map(|seen| (seen.len(), in_sequence(&seen, end))));
    }
    let cpu = (asked.peer.watched.cpu()? - before) / REQUESTS as u32;
    let (middle, longest) = (median(times.iter().copied()), times.iter().max().copied().unwrap_or_default());
    let steps = median(steps);
    println!(
        "{:<24}{:<10}{:>9}{:>9}{:>9}{:>10}",
        asked.table_name(),
        route,
        milliseconds(middle),
        milliseconds(longest),
        milliseconds(cpu),
        requests(steps),
    );
    Ok(json!({
        "table": asked.name,
        "route": route,
        "requests": thousands(REQUESTS as u64),
        "medianSeconds": middle.as_secs_f64(),
        "longestSeconds": longest.as_secs_f64(),
        "serverCpuSeconds": cpu.as_secs_f64(),
        "storageRequests": steps.map(|(all, _)| all),
        "storageRequestsInSequence": steps.map(|(_, in_sequence)| in_sequence),
    }))
}

/// Sends a request and takes the answer, whole.
fn exchange(connection: &mut BufReader<TcpStream>, request: &str) -> Result<(), String> {
    let broken = |error: std::io::Error| format!("the connection broke: {error}");
    connection.get_mut().write_all(request.as_bytes()).map_err(broken)?;
    let (mut head, mut length) = (String::new(), None);
    loop {
        let start = head.len();
        if connection.read_line(&mut head).map_err(broken)? == 0 {
            return Err("the answer has no end".into());
        }
        let line = head.get(start..).unwrap_or_default().trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse::<u64>().ok();
        }
    }
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(format!("the answer is {}", head.lines().next().unwrap_or_default()));
    }
    let length = length.ok_or("the answer has no length")?;
    let read = std::io::copy(&mut connection.take(length), &mut std::io::sink()).map_err(broken)?;
    if read == length { Ok(()) } else { Err("the answer is shorter than it says".into()) }
}
