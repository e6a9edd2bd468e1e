//! Whole answers of the running server: usual tables in both response formats, plain and compressed, and tables of other
//! shapes plain. Medians of several runs after a warm-up; small answers are asked for many times in a run, as the kernel
//! counts CPU time in steps of 10 ms.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::clock::Clock;

use crate::answer::{Answer, Question};
use crate::report::{median, megabytes, milliseconds, thousands};
use crate::server::Peer;
use crate::storage::{Distance, Storage, in_sequence};
use crate::tables::Table;

/// Runs of each case, after one to warm up; of large answers one.
const RUNS: usize = 3;
/// Answers of so many files are large.
const LARGE_FILES: u64 = 500_000;
/// Answers of so many files are not warmed up for.
const HUGE_FILES: u64 = 5_000_000;
/// A run asks until about so many files were answered.
const FILES_PER_RUN: u64 = 100_000;
/// Answers in a run at most.
const ANSWERS_PER_RUN_MAX: u64 = 15;

/// A table of a server.
pub(crate) struct Asked<'a> {
    /// `share.schema.table`.
    pub(crate) name: String,
    /// The table, where it is ours.
    pub(crate) table: Option<&'a Table>,
    /// Who has it.
    pub(crate) peer: &'a Peer,
    /// What it is read from, where that is ours.
    pub(crate) storage: Option<&'a Storage>,
}

impl Asked<'_> {
    /// The path of one of the table's routes.
    pub(crate) fn path(&self, route: &str) -> String {
        let [share, schema, table] = self.parts();
        format!("{}/shares/{share}/schemas/{schema}/tables/{table}/{route}", self.peer.endpoint)
    }

    fn parts(&self) -> [&str; 3] {
        let mut parts = self.name.splitn(3, '.');
        std::array::from_fn(|_| parts.next().unwrap_or_default())
    }

    /// The table's own name, and that another server has it.
    pub(crate) fn table_name(&self) -> String {
        let [_, _, table] = self.parts();
        let other = if self.table.is_none() { " (other server)" } else { "" };
        format!("{table}{other}")
    }

    /// How many files it must have, where that is known.
    fn files(&self) -> Option<u64> {
        self.table.map(|table| table.files)
    }

    /// In which formats and compressions it is asked for.
    fn forms(&self) -> Vec<(&'static str, &'static str)> {
        const DELTA: [(&str, &str); 3] = [("delta", "identity"), ("delta", "gzip"), ("delta", "zstd")];
        const PARQUET: [(&str, &str); 3] = [("parquet", "identity"), ("parquet", "gzip"), ("parquet", "zstd")];
        match self.table {
            // The largest answers take minutes each.
            Some(table) if table.is_usual() && table.files >= HUGE_FILES => {
                vec![("delta", "identity"), ("delta", "zstd")]
            }
            Some(table) if !table.is_usual() && table.files >= LARGE_FILES => vec![("delta", "identity")],
            Some(table) if !table.is_usual() => vec![("delta", "identity"), ("parquet", "identity")],
            _ => DELTA.into_iter().chain(PARQUET).collect(),
        }
    }
}

/// Measures every case and prints a row for each. A server may refuse a compression; one that is our own may not.
///
/// # Errors
/// When an answer is not whole or has another number of files than the table.
pub(crate) fn run(tables: &[Asked<'_>], clock: &Arc<dyn Clock>) -> Result<Vec<Value>, String> {
    let mut all = Vec::new();
    for asked in tables {
        for (format, coding) in asked.forms() {
            let case = Case { asked, format, coding, clock: Arc::clone(clock) };
            match case.measure() {
                Ok(figures) => {
                    print_row(&case, &figures);
                    all.push(figures.json(&case));
                }
                Err(problem) if asked.storage.is_none() && problem.contains("compression is") => {}
                Err(problem) => return Err(format!("{}, {format}, {coding}: {problem}", asked.name)),
            }
        }
    }
    Ok(all)
}

struct Case<'a> {
    asked: &'a Asked<'a>,
    format: &'static str,
    coding: &'static str,
    clock: Arc<dyn Clock>,
}

/// The figures of a case, per answer.
struct Figures {
    files: u64,
    first_byte: Duration,
    first_file: Duration,
    wall: Duration,
    cpu: Duration,
    /// The highest of all runs.
    peak_bytes: u64,
    sent_bytes: u64,
    text_bytes: u64,
    /// Requests to the storage, and those among them that came one after the other before the first file was out.
    requests: Option<(usize, usize)>,
    read_bytes: Option<u64>,
}

/// An answer, and the requests to the storage that it took.
pub(crate) struct Seen {
    pub(crate) answer: Answer,
    pub(crate) requests: Option<(usize, usize)>,
    /// Bytes that came from the storage.
    pub(crate) read_bytes: Option<u64>,
}

impl Case<'_> {
    fn measure(&self) -> Result<Figures, String> {
        let path = self.asked.path("query");
        let Peer { host, token, watched, .. } = self.asked.peer;
        let (format, coding) = (self.format, self.coding);
        let question = Question { host, path: &path, token, format, coding, body: "{}", paged: false };
        let expected = self.asked.files().unwrap_or_default();
        let files = if expected < HUGE_FILES { self.ask(&question)?.answer.files } else { expected };

        let repeats = (FILES_PER_RUN / files.max(1)).clamp(1, ANSWERS_PER_RUN_MAX);
        let (mut seen, mut cpu, mut peak_bytes) = (Vec::new(), Vec::new(), 0);
        for _ in 0..if files < LARGE_FILES { RUNS } else { 1 } {
            watched.reset_peak();
            let before = watched.cpu()?;
            for _ in 0..repeats {
                seen.push(self.ask(&question)?);
            }
            cpu.push((watched.cpu()? - before) / u32::try_from(repeats).unwrap_or(1));
            peak_bytes = peak_bytes.max(watched.peak_bytes()?);
        }
        let time = |of: fn(&Answer) -> Duration| median(seen.iter().map(|seen| of(&seen.answer)));
        Ok(Figures {
            files,
            first_byte: time(|answer| answer.first_byte),
            first_file: time(|answer| answer.first_file),
            wall: time(|answer| answer.wall),
            cpu: median(cpu),
            peak_bytes,
            sent_bytes: median(seen.iter().map(|seen| seen.answer.sent_bytes)),
            text_bytes: median(seen.iter().map(|seen| seen.answer.text_bytes)),
            requests: median(seen.iter().map(|seen| seen.requests)),
            read_bytes: median(seen.iter().map(|seen| seen.read_bytes)),
        })
    }

    fn ask(&self, question: &Question<'_>) -> Result<Seen, String> {
        let seen = ask(question, self.asked.storage, self.clock.as_ref())?;
        match self.asked.files() {
            Some(files) if files != seen.answer.files => {
                Err(format!("the answer names {} files, the table holds {files}", seen.answer.files))
            }
            _ => Ok(seen),
        }
    }
}

/// Asks, and sees what that takes of the storage.
///
/// # Errors
/// When the answer is not a whole one.
pub(crate) fn ask(question: &Question<'_>, storage: Option<&Storage>, clock: &dyn Clock) -> Result<Seen, String> {
    storage.map(Storage::take);
    let start = clock.uptime();
    let answer = question.ask(clock)?;
    let taken = storage.map(Storage::take);
    let requests = taken.as_ref().map(|taken| (taken.len(), in_sequence(taken, start + answer.first_file)));
    let read_bytes = taken.map(|taken| taken.iter().map(|request| request.bytes).sum());
    Ok(Seen { answer, requests, read_bytes })
}

impl Figures {
    fn files_per_second(&self) -> u64 {
        (self.files as f64 / self.wall.as_secs_f64()) as u64
    }

    fn json(&self, case: &Case<'_>) -> Value {
        json!({
            "table": case.asked.name,
            "usual": case.asked.table.is_none_or(Table::is_usual),
            "format": case.format,
            "coding": case.coding,
            "files": self.files,
            "firstByteSeconds": self.first_byte.as_secs_f64(),
            "firstFileSeconds": self.first_file.as_secs_f64(),
            "wallSeconds": self.wall.as_secs_f64(),
            "serverCpuSeconds": self.cpu.as_secs_f64(),
            "serverPeakRssBytes": self.peak_bytes,
            "sentBytes": self.sent_bytes,
            "textBytes": self.text_bytes,
            "filesPerSecond": self.files_per_second(),
            "bytesPerFile": self.sent_bytes as f64 / self.files.max(1) as f64,
            "storageRequests": self.requests.map(|(all, _)| all),
            "storageRequestsInSequenceBeforeFirstFile": self.requests.map(|(_, in_sequence)| in_sequence),
            "storageBytes": self.read_bytes,
        })
    }
}

/// Says what the rows are.
pub(crate) fn print_heading(distance: Distance, idle_bytes: u64) {
    let bandwidth = distance.bandwidth.map_or("any".to_owned(), megabytes);
    println!(
        "\nPOST .../query with body {{}}: all files of a table; the server held {} MB before; each request to the storage\n\
         waits {} ms, each connection to it carries {bandwidth} MB/s",
        megabytes(idle_bytes),
        distance.latency.as_millis(),
    );
    println!(
        "(median of {RUNS} runs after a warm-up, of large tables one; peak RSS is the highest; the client and the storage\n\
         share the cores;"
    );
    println!("requests to the storage: all, and how many in sequence before the first file)\n");
    println!(
        "{:<24}{:>11}  {:<8}{:<9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>7}{:>10}{:>10}",
        "table",
        "files",
        "format",
        "coding",
        "1st byte",
        "1st file",
        "wall",
        "CPU",
        "peak RSS",
        "sent",
        "B/file",
        "files/s",
        "requests"
    );
    println!(
        "{:<24}{:>11}  {:<8}{:<9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}",
        "", "", "", "", "ms", "ms", "ms", "ms", "MB", "MB"
    );
}

fn print_row(case: &Case<'_>, figures: &Figures) {
    println!(
        "{:<24}{:>11}  {:<8}{:<9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>7}{:>10}{:>10}",
        case.asked.table_name(),
        thousands(figures.files),
        case.format,
        case.coding,
        milliseconds(figures.first_byte),
        milliseconds(figures.first_file),
        milliseconds(figures.wall),
        milliseconds(figures.cpu),
        megabytes(figures.peak_bytes),
        megabytes(figures.sent_bytes),
        thousands(figures.sent_bytes / figures.files.max(1)),
        thousands(figures.files_per_second()),
        requests(figures.requests),
    );
}

/// `13, 5`: all, and those in sequence.
pub(crate) fn requests(seen: Option<(usize, usize)>) -> String {
    seen.map_or_else(|| "-".to_owned(), |(all, in_sequence)| format!("{all}, {in_sequence}"))
}
