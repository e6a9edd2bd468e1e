//! Answers of the running server: every table, both response formats, plain and compressed. Medians of several runs
//! after a warm-up; small answers are asked for many times in a run, as the kernel counts CPU time in steps of 10 ms.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::clock::{Clock, SystemClock};

use crate::answer::{Answer, Question};
use crate::report::{median, megabytes, milliseconds, thousands};
use crate::server::Server;
use crate::tables::Table;

/// Runs of each case, after one to warm up.
const RUNS: usize = 3;
/// A run asks until about so many files were answered.
const FILES_PER_RUN: u64 = 100_000;
/// Answers in a run at most.
const ANSWERS_PER_RUN_MAX: u64 = 50;

/// Measures every case and prints a row for each.
///
/// # Errors
/// When an answer is not whole or has another number of files than the table.
pub(crate) fn run(server: &Server, tables: &[Table]) -> Result<Vec<Value>, String> {
    let clock = SystemClock::shared();
    print_heading(server.watched().peak_bytes()?);
    let mut all = Vec::new();
    for table in tables {
        for format in ["delta", "parquet"] {
            for coding in ["identity", "gzip"] {
                let case = Case { server, table, format, coding, clock: Arc::clone(&clock) };
                let figures =
                    case.measure().map_err(|problem| format!("{}, {format}, {coding}: {problem}", table.name))?;
                print_row(&case, &figures);
                all.push(figures.json(&case));
            }
        }
    }
    Ok(all)
}

struct Case<'a> {
    server: &'a Server,
    table: &'a Table,
    format: &'static str,
    coding: &'static str,
    clock: Arc<dyn Clock>,
}

/// The figures of a case, per answer.
struct Figures {
    first_byte: Duration,
    first_file: Duration,
    wall: Duration,
    cpu: Duration,
    /// The highest of all runs.
    peak_bytes: u64,
    sent_bytes: u64,
    text_bytes: u64,
}

impl Case<'_> {
    fn measure(&self) -> Result<Figures, String> {
        let path = format!("{}/shares/local/schemas/default/tables/{}/query", self.server.endpoint, self.table.name);
        let Server { host, token, .. } = self.server;
        let question = Question { host, path: &path, token, format: self.format, coding: self.coding };
        let warm = self.ask(&question, 0)?;
        // A little more than the last one took: expiry times make compressed answers differ by some bytes.
        let room = usize::try_from(warm.sent_bytes + warm.sent_bytes / 16).unwrap_or_default();

        let repeats = (FILES_PER_RUN / self.table.files).clamp(1, ANSWERS_PER_RUN_MAX);
        let watched = self.server.watched();
        let (mut answers, mut cpu, mut peak_bytes) = (Vec::new(), Vec::new(), 0);
        for _ in 0..RUNS {
            watched.reset_peak();
            let before = watched.cpu()?;
            for _ in 0..repeats {
                answers.push(self.ask(&question, room)?);
            }
            cpu.push((watched.cpu()? - before) / u32::try_from(repeats).unwrap_or(1));
            peak_bytes = peak_bytes.max(watched.peak_bytes()?);
        }
        let time = |of: fn(&Answer) -> Duration| median(answers.iter().map(of));
        Ok(Figures {
            first_byte: time(|answer| answer.first_byte),
            first_file: time(|answer| answer.first_file),
            wall: time(|answer| answer.wall),
            cpu: median(cpu),
            peak_bytes,
            sent_bytes: median(answers.iter().map(|answer| answer.sent_bytes)),
            text_bytes: median(answers.iter().map(|answer| answer.text_bytes)),
        })
    }

    fn ask(&self, question: &Question<'_>, room: usize) -> Result<Answer, String> {
        let answer = question.ask(self.clock.as_ref(), room)?;
        if answer.files == self.table.files {
            return Ok(answer);
        }
        Err(format!("the answer names {} files, the table holds {}", answer.files, self.table.files))
    }
}

impl Figures {
    fn files_per_second(&self, files: u64) -> u64 {
        (files as f64 / self.wall.as_secs_f64()) as u64
    }

    fn json(&self, case: &Case<'_>) -> Value {
        json!({
            "table": case.table.name,
            "format": case.format,
            "coding": case.coding,
            "files": case.table.files,
            "firstByteSeconds": self.first_byte.as_secs_f64(),
            "firstFileSeconds": self.first_file.as_secs_f64(),
            "wallSeconds": self.wall.as_secs_f64(),
            "serverCpuSeconds": self.cpu.as_secs_f64(),
            "serverPeakRssBytes": self.peak_bytes,
            "sentBytes": self.sent_bytes,
            "textBytes": self.text_bytes,
            "filesPerSecond": self.files_per_second(case.table.files),
        })
    }
}

fn print_heading(idle_bytes: u64) {
    println!(
        "\nPOST .../query with body {{}}: all files of a table; the server held {} MB before",
        megabytes(idle_bytes)
    );
    println!("(median of {RUNS} runs after a warm-up; peak RSS is the highest; the client shares the cores)\n");
    println!(
        "{:>9}  {:<8}{:<9}{:>10}{:>11}{:>9}{:>9}{:>10}{:>9}{:>11}",
        "files", "format", "coding", "1st byte", "1st file", "wall", "CPU", "peak RSS", "sent", "files/s"
    );
    println!("{:>9}  {:<8}{:<9}{:>10}{:>11}{:>9}{:>9}{:>10}{:>9}", "", "", "", "ms", "ms", "ms", "ms", "MB", "MB");
}

fn print_row(case: &Case<'_>, figures: &Figures) {
    println!(
        "{:>9}  {:<8}{:<9}{:>10}{:>11}{:>9}{:>9}{:>10}{:>9}{:>11}",
        thousands(case.table.files),
        case.format,
        case.coding,
        milliseconds(figures.first_byte),
        milliseconds(figures.first_file),
        milliseconds(figures.wall),
        milliseconds(figures.cpu),
        megabytes(figures.peak_bytes),
        megabytes(figures.sent_bytes),
        thousands(figures.files_per_second(case.table.files)),
    );
}
