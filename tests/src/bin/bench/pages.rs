//! What a page costs, by where it lies: the first, the tenth, the hundredth and the last page of a table. Reading a table by
//! pages is only as quick as its last page.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::clock::Clock;

use crate::answer::Question;
use crate::cases::{Asked, Seen, ask, requests};
use crate::report::{median, megabytes, milliseconds, thousands};
use crate::server::Peer;

/// Pages of the table, about; a page holds no more than this.
const PAGES: u64 = 100;
const FILES_PER_PAGE_MAX: u64 = 10_000;
/// Pages that are measured, by their number; the last one too.
const MEASURED: [usize; 3] = [1, 10, 100];
/// Times that a page is asked for, after one to warm up.
const TIMES: u32 = 15;

/// Walks through all pages of a table, then measures some and prints a row for each.
///
/// # Errors
/// When a page is not whole, or the pages together are not the table.
pub(crate) fn run(asked: &Asked<'_>, files: u64, clock: &Arc<dyn Clock>) -> Result<Value, String> {
    let each = (files / PAGES).clamp(1, FILES_PER_PAGE_MAX);
    println!(
        "\nPages of {}, {} files each (median of {TIMES}; delta format, plain)\n",
        asked.table_name(),
        thousands(each)
    );
    println!("{:<12}{:>9}{:>9}{:>9}{:>9}{:>10}{:>10}", "page", "files", "1st file", "wall", "CPU", "read", "requests");
    println!("{:<12}{:>9}{:>9}{:>9}{:>9}{:>10}", "", "", "ms", "ms", "ms", "MB");
    let pages = walk(asked, each, clock.as_ref())?;
    let all: u64 = pages.iter().map(|page| page.files).sum();
    if all != files {
        return Err(format!("the pages of {} hold {all} files, the table {files}", asked.name));
    }
    let last = pages.len();
    let mut rows = Vec::new();
    for number in MEASURED.into_iter().filter(|&number| number < last).chain([last]) {
        let Some(page) = number.checked_sub(1).and_then(|at| pages.get(at)) else { continue };
        rows.push(measure(asked, number, page, clock.as_ref())?);
    }
    Ok(json!({"table": asked.name, "filesPerPage": each, "pages": last, "measured": rows}))
}

/// A page as it was met.
struct Page {
    /// The body that asks for it.
    body: String,
    files: u64,
}

fn walk(asked: &Asked<'_>, each: u64, clock: &dyn Clock) -> Result<Vec<Page>, String> {
    /// More than any table here has; a walk in a circle ends.
    const PAGES_MAX: usize = 20_000;
    let (mut pages, mut token) = (Vec::new(), None::<String>);
    while pages.len() < PAGES_MAX {
        let mut body = json!({"maxFiles": each});
        if let (Some(body), Some(token)) = (body.as_object_mut(), token.take()) {
            body.insert("pageToken".into(), token.into());
        }
        let body = body.to_string();
        let seen = one(asked, &body, clock)?;
        pages.push(Page { body, files: seen.answer.files });
        let end: Value = serde_json::from_slice(&seen.answer.end).map_err(|_| "a page has no last line")?;
        match end.pointer("/endStreamAction/nextPageToken").and_then(Value::as_str) {
            Some(next) => token = Some(next.to_owned()),
            None => return Ok(pages),
        }
    }
    Err("the pages have no end".into())
}

fn one(asked: &Asked<'_>, body: &str, clock: &dyn Clock) -> Result<Seen, String> {
    let path = asked.path("query");
    let Peer { host, token, .. } = asked.peer;
    let question = Question { host, path: &path, token, format: "delta", coding: "identity", body, paged: true };
    ask(&question, asked.storage, clock).map_err(|problem| format!("{}, a page: {problem}", asked.name))
}

fn measure(asked: &Asked<'_>, number: usize, page: &Page, clock: &dyn Clock) -> Result<Value, String> {
    one(asked, &page.body, clock)?;
    let (mut seen, before) = (Vec::new(), asked.peer.watched.cpu()?);
    for _ in 0..TIMES {
        let again = one(asked, &page.body, clock)?;
        if again.answer.files != page.files {
            return Err(format!("page {number} holds {} files, and {} before", again.answer.files, page.files));
        }
        seen.push(again);
    }
    let cpu = (asked.peer.watched.cpu()? - before) / TIMES;
    let time = |of: fn(&Seen) -> Duration| median(seen.iter().map(of));
    let (first_file, wall) = (time(|seen| seen.answer.first_file), time(|seen| seen.answer.wall));
    let (read, taken) =
        (median(seen.iter().map(|seen| seen.read_bytes)), median(seen.iter().map(|seen| seen.requests)));
    println!(
        "{:<12}{:>9}{:>9}{:>9}{:>9}{:>10}{:>10}",
        number,
        thousands(page.files),
        milliseconds(first_file),
        milliseconds(wall),
        milliseconds(cpu),
        read.map_or_else(|| "-".to_owned(), megabytes),
        requests(taken),
    );
    Ok(json!({
        "page": number,
        "files": page.files,
        "firstFileSeconds": first_file.as_secs_f64(),
        "wallSeconds": wall.as_secs_f64(),
        "serverCpuSeconds": cpu.as_secs_f64(),
        "storageBytes": read,
        "storageRequests": taken.map(|(all, _)| all),
        "storageRequestsInSequenceBeforeFirstFile": taken.map(|(_, in_sequence)| in_sequence),
    }))
}
