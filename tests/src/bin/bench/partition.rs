//! One partition of a table beside all of it: what the files cost that a predicate leaves out.

use std::sync::Arc;
use std::time::Duration;

use benches::file::Date;
use benches::shape::Shape;
use serde_json::{Value, json};
use shared::clock::Clock;

use crate::answer::Question;
use crate::cases::{Asked, Seen, ask, requests};
use crate::report::{median, megabytes, milliseconds, ratio, thousands};
use crate::server::Peer;
use crate::tables::Table;

/// Files answered for one measurement, over and over: the kernel counts CPU time in steps of 10 ms.
const FILES_READ: u64 = 1_000_000;
/// Times that each is asked for.
const TIMES_MAX: u64 = 20;

/// Asks for the partition of the first file, and for everything.
///
/// # Errors
/// When an answer is not whole, or has other files than it should.
pub(crate) fn run(asked: &Asked<'_>, table: &Table, clock: &Arc<dyn Clock>) -> Result<Value, String> {
    let (wanted, files) = (Date::of(0), files_of(&table.shape, Date::of(0)));
    let leaf = |op: &str, key: &str, value: &str| json!({"op": op, key: value, "valueType": "date"});
    let children = [leaf("column", "name", "date"), leaf("literal", "value", &wanted.to_string())];
    let predicate = json!({"op": "equal", "children": children}).to_string();
    let times = (FILES_READ / table.files).clamp(1, TIMES_MAX);
    println!("\nOne partition of {}, and all of it (median of {times}; delta format, plain)\n", asked.table_name());
    println!("{:<12}{:>11}{:>9}{:>9}{:>9}{:>10}{:>10}", "", "files", "1st file", "wall", "CPU", "read", "requests");
    println!("{:<12}{:>11}{:>9}{:>9}{:>9}{:>10}", "", "", "ms", "ms", "ms", "MB");
    let part = measure(asked, "partition", &json!({"jsonPredicateHints": predicate}), files, times, clock.as_ref())?;
    let all = measure(asked, "all", &json!({}), table.files, times, clock.as_ref())?;
    println!(
        "partition : all = {:.2} of the time, {:.2} of the CPU",
        ratio(part.wall, all.wall),
        ratio(part.cpu, all.cpu)
    );
    Ok(json!({"table": asked.name, "partition": part.json(), "all": all.json()}))
}

/// How many files of a date the newest version holds.
fn files_of(shape: &Shape, date: Date) -> u64 {
    let of_date = |number: &u64| Date::of(*number) == date;
    let removed = (0..shape.tail).flat_map(|commit| shape.removed(commit)).filter(of_date).count();
    (shape.numbers().filter(of_date).count() - removed) as u64
}

struct Figures {
    files: u64,
    first_file: Duration,
    wall: Duration,
    cpu: Duration,
    seen: Seen,
}

impl Figures {
    fn json(&self) -> Value {
        json!({
            "files": self.files,
            "firstFileSeconds": self.first_file.as_secs_f64(),
            "wallSeconds": self.wall.as_secs_f64(),
            "serverCpuSeconds": self.cpu.as_secs_f64(),
            "storageBytes": self.seen.read_bytes,
            "storageRequests": self.seen.requests.map(|(all, _)| all),
        })
    }
}

fn measure(
    asked: &Asked<'_>,
    label: &str,
    body: &Value,
    files: u64,
    times: u64,
    clock: &dyn Clock,
) -> Result<Figures, String> {
    let (path, body) = (asked.path("query"), body.to_string());
    let Peer { host, token, watched, .. } = asked.peer;
    let question =
        Question { host, path: &path, token, format: "delta", coding: "identity", body: &body, paged: false };
    let mut last = ask(&question, asked.storage, clock)?;
    let (mut first_files, mut walls, before) = (Vec::new(), Vec::new(), watched.cpu()?);
    for _ in 0..times {
        last = ask(&question, asked.storage, clock)?;
        if last.answer.files != files {
            return Err(format!("{}, {label}: {} files, not {files}", asked.name, last.answer.files));
        }
        first_files.push(last.answer.first_file);
        walls.push(last.answer.wall);
    }
    let cpu = (watched.cpu()? - before) / u32::try_from(times).unwrap_or(1);
    let (first_file, wall) = (median(first_files), median(walls));
    println!(
        "{label:<12}{:>11}{:>9}{:>9}{:>9}{:>10}{:>10}",
        thousands(files),
        milliseconds(first_file),
        milliseconds(wall),
        milliseconds(cpu),
        last.read_bytes.map_or_else(|| "-".to_owned(), megabytes),
        requests(last.requests),
    );
    Ok(Figures { files, first_file, wall, cpu, seen: last })
}
