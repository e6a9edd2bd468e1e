//! Answers of the running server: every table, both response formats, plain and compressed. Medians of several runs
//! after a warm-up; small answers are asked for many times in a run, as the kernel counts CPU time in steps of 10 ms.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::clock::Clock;

use crate::answer::{Answer, Question};
use crate::report::{median, megabytes, milliseconds, thousands};
use crate::server::Peer;
use crate::storage::{Distance, Storage, in_sequence};

/// Runs of each case, after one to warm up.
const RUNS: usize = 3;
/// A run asks until about so many files were answered.
const FILES_PER_RUN: u64 = 100_000;
/// Answers in a run at most.
const ANSWERS_PER_RUN_MAX: u64 = 15;

/// What is asked of every table.
const CODINGS: [&str; 3] = ["identity", "gzip", "zstd"];

/// A table of a server.
pub(crate) struct Asked<'a> {
    /// `share.schema.table`.
    pub(crate) name: String,
    /// How many files it must have, where that is known.
    pub(crate) files: Option<u64>,
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

    fn table(&self) -> &str {
        let [_, _, table] = self.parts();
        table
    }
}

/// Measures every case and prints a row for each. A server may refuse a compression; one that is our own may not.
///
/// # Errors
/// When an answer is not whole or has another number of files than the table.
pub(crate) fn run(tables: &[Asked<'_>], clock: &Arc<dyn Clock>) -> Result<Vec<Value>, String> {
    let mut all = Vec::new();
    for asked in tables {
        for format in ["delta", "parquet"] {
            for coding in CODINGS {
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
}

/// An answer, and the requests to the storage that it took.
struct Seen {
    answer: Answer,
    requests: Option<(usize, usize)>,
}

impl Case<'_> {
    fn measure(&self) -> Result<Figures, String> {
        let path = self.asked.path("query");
        let Peer { host, token, watched, .. } = self.asked.peer;
        let question = Question { host, path: &path, token, format: self.format, coding: self.coding };
        let warm = self.ask(&question, 0)?.answer;
        // A little more than the last one took: expiry times make compressed answers differ by some bytes.
        let room = usize::try_from(warm.sent_bytes + warm.sent_bytes / 16).unwrap_or_default();

        let repeats = (FILES_PER_RUN / warm.files.max(1)).clamp(1, ANSWERS_PER_RUN_MAX);
        let (mut seen, mut cpu, mut peak_bytes) = (Vec::new(), Vec::new(), 0);
        for _ in 0..RUNS {
            watched.reset_peak();
            let before = watched.cpu()?;
            for _ in 0..repeats {
                seen.push(self.ask(&question, room)?);
            }
            cpu.push((watched.cpu()? - before) / u32::try_from(repeats).unwrap_or(1));
            peak_bytes = peak_bytes.max(watched.peak_bytes()?);
        }
        let time = |of: fn(&Answer) -> Duration| median(seen.iter().map(|seen| of(&seen.answer)));
        Ok(Figures {
            files: warm.files,
            first_byte: time(|answer| answer.first_byte),
            first_file: time(|answer| answer.first_file),
            wall: time(|answer| answer.wall),
            cpu: median(cpu),
            peak_bytes,
            sent_bytes: median(seen.iter().map(|seen| seen.answer.sent_bytes)),
            text_bytes: median(seen.iter().map(|seen| seen.answer.text_bytes)),
            requests: median(seen.iter().map(|seen| seen.requests)),
        })
    }

    fn ask(&self, question: &Question<'_>, room: usize) -> Result<Seen, String> {
        let storage = self.asked.storage;
        storage.map(Storage::take);
        let start = self.clock.uptime();
        let answer = question.ask(self.clock.as_ref(), room)?;
        let requests = storage.map(|storage| {
            let requests = storage.take();
            (requests.len(), in_sequence(&requests, start + answer.first_file))
        });
        match self.asked.files {
            Some(files) if files != answer.files => {
                Err(format!("the answer names {} files, the table holds {files}", answer.files))
            }
            _ => Ok(Seen { answer, requests }),
        }
    }
}

impl Figures {
    fn files_per_second(&self) -> u64 {
        (self.files as f64 / self.wall.as_secs_f64()) as u64
    }

    fn json(&self, case: &Case<'_>) -> Value {
        json!({
            "table": case.asked.name,
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
        "(median of {RUNS} runs after a warm-up; peak RSS is the highest; the client and the storage share the cores;"
    );
    println!("requests to the storage: all, and how many in sequence before the first file)\n");
    println!(
        "{:<14}{:>9}  {:<8}{:<9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>7}{:>10}{:>10}",
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
        "{:<14}{:>9}  {:<8}{:<9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}",
        "", "", "", "", "ms", "ms", "ms", "ms", "MB", "MB"
    );
}

fn print_row(case: &Case<'_>, figures: &Figures) {
    println!(
        "{:<14}{:>9}  {:<8}{:<9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>7}{:>10}{:>10}",
        case.asked.table(),
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
