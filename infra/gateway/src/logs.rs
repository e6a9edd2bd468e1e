//! Logs of functions and of the API: each line goes to a file, and in batches to the log group that the template names.
//! Nothing waits for either: lines that are more than can be written are counted and left out.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;

use crate::aws::Emulator;
use crate::now;

/// Lines that wait to be written.
const LINES_MAX: usize = 20_000;
/// Lines that are sent at once.
const BATCH_MAX: usize = 1_000;
/// The longest line that a log group takes, with what it counts for each.
const LINE_BYTES_MAX: usize = 256 * 1024 - 26;
/// How long lines are gathered before they are sent.
const GATHER: Duration = Duration::from_millis(200);

/// A log stream: one environment's lines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream(Arc<str>);

impl Stream {
    /// A stream of a function, named as Lambda names it where functions share a log group.
    pub fn fresh(function: &str) -> Self {
        let id = now::fresh_id().replace('-', "");
        Self(format!("{}/{function}[1]{id}", now::date().format("%Y/%m/%d")).into())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

#[derive(Debug)]
struct Line {
    stream: Stream,
    at_ms: u64,
    text: String,
}

/// Where the lines of one function go.
#[derive(Debug, Clone)]
pub struct Sink {
    lines: mpsc::Sender<Line>,
    lost: Arc<AtomicU64>,
    platform: Stream,
}

impl Sink {
    /// Writes a line, or counts it when there is no room.
    pub fn write(&self, stream: &Stream, at_ms: u64, mut text: String) {
        if text.len() > LINE_BYTES_MAX {
            let end = (0..=LINE_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            text.truncate(end);
        }
        if self.lines.try_send(Line { stream: stream.clone(), at_ms, text }).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The stream of what is not one environment's.
    pub fn platform_stream(&self) -> Stream {
        self.platform.clone()
    }
}

/// All logs.
#[derive(Debug)]
pub struct Logs {
    folder: PathBuf,
    emulator: Option<Arc<Emulator>>,
    /// Held by every writer until all is written.
    writing: mpsc::Sender<()>,
}

impl Logs {
    /// Logs in this folder, and in the emulator's log groups if there is one. `writing` is dropped when the last line of
    /// the last sink is written.
    ///
    /// # Errors
    /// A sentence when the folder cannot be made.
    pub fn new(folder: PathBuf, emulator: Option<Arc<Emulator>>, writing: mpsc::Sender<()>) -> Result<Self, String> {
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self { folder, emulator, writing })
    }

    /// A sink with a file of this name.
    ///
    /// # Errors
    /// A sentence when the file cannot be written.
    pub fn sink(&self, name: &str, group: Option<String>) -> Result<Sink, String> {
        let path = self.folder.join(format!("{name}.log"));
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
        let (lines, receiver) = mpsc::channel(LINES_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            name: name.to_owned(),
            file,
            remote: self.emulator.clone().zip(group),
            streams: HashSet::new(),
            lost: Arc::clone(&lost),
            told: false,
        };
        tokio::spawn(writer.run(receiver, self.writing.clone()));
        Ok(Sink { lines, lost, platform: Stream::fresh(name) })
    }
}

struct Writer {
    name: String,
    file: File,
    remote: Option<(Arc<Emulator>, String)>,
    streams: HashSet<Stream>,
    lost: Arc<AtomicU64>,
    told: bool,
}

impl Writer {
    async fn run(mut self, mut lines: mpsc::Receiver<Line>, _writing: mpsc::Sender<()>) {
        let mut batch = Vec::new();
        while lines.recv_many(&mut batch, BATCH_MAX).await > 0 {
            let written: String = batch.iter().map(|line| format!("{}\n", line.text)).collect();
            drop(self.file.write_all(written.as_bytes()));
            let lost = self.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                println!("{}: {lost} lines of its log were left out", self.name);
            }
            if let Err(why) = self.send(std::mem::take(&mut batch)).await
                && !std::mem::replace(&mut self.told, true)
            {
                println!("{}: its log group gets nothing: {why}", self.name);
            }
            tokio::time::sleep(GATHER).await;
        }
    }

    async fn send(&mut self, batch: Vec<Line>) -> Result<(), String> {
        let Some((emulator, group)) = &self.remote else { return Ok(()) };
        let mut streams: BTreeMap<Stream, Vec<Line>> = BTreeMap::new();
        for line in batch {
            streams.entry(line.stream.clone()).or_default().push(line);
        }
        for (stream, lines) in streams {
            if self.streams.insert(stream.clone()) {
                let create = json!({"logGroupName": group, "logStreamName": stream.name()});
                emulator.logs("CreateLogStream", create.to_string()).await?;
            }
            // An empty message is refused.
            let events: Vec<_> = lines
                .iter()
                .filter(|line| !line.text.is_empty())
                .map(|line| json!({"timestamp": line.at_ms, "message": line.text}))
                .collect();
            if !events.is_empty() {
                let put = json!({"logGroupName": group, "logStreamName": stream.name(), "logEvents": events});
                emulator.logs("PutLogEvents", put.to_string()).await?;
            }
        }
        Ok(())
    }
}
