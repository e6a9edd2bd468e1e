//! Audit events in a file of the state folder, a line of JSON each. A thread of its own writes them, so that no answer
//! waits for the disk or fails for it; what could not be written is counted there. A full file is put aside, and the
//! oldest of those is removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shared::audit::record::Record;
use shared::audit::{Audit, Event};
use shared::clock::Clock;
use shared::limits::{AUDIT_FILE_BYTES_MAX, AUDIT_FILES_MAX, AUDIT_WRITTEN_WITHIN};

use waiting::Waiting;

pub mod reading;
mod waiting;

/// That events are missing.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Lost {
    /// When that was noticed.
    timestamp: String,
    /// How many.
    lost: u64,
}

/// Keeps events in a file.
#[derive(Debug)]
pub struct AuditFile {
    waiting: Arc<Waiting>,
}

/// The file that is written, or one that was put aside: the larger the number, the older.
fn file(folder: &Path, number: usize) -> PathBuf {
    match number {
        0 => folder.join("audit.jsonl"),
        number => folder.join(format!("audit.{number}.jsonl")),
    }
}

/// Held by whoever puts files aside, and by readers together.
fn lock(folder: &Path) -> io::Result<File> {
    let path = folder.join("audit.lock");
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

impl AuditFile {
    /// Begins to keep events in this folder.
    ///
    /// # Errors
    /// A sentence for the person at the terminal when nothing can be written there.
    pub fn start(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let waiting = Arc::<Waiting>::default();
        let mut writer = Writer { folder: folder.to_owned(), clock, bytes_max: AUDIT_FILE_BYTES_MAX, torn: true };
        // Also ends a line that a process left half written.
        writer.append("\n").map_err(|error| format!("cannot write {}: {error}", file(folder, 0).display()))?;
        let thread = std::thread::Builder::new().name("audit".into());
        let lines = Arc::clone(&waiting);
        let spawned = thread.spawn(move || writer.run(&lines));
        spawned.map_err(|error| format!("cannot start a thread for audit events: {error}"))?;
        Ok(Self { waiting })
    }

    /// Waits until what was recorded is written, within bounds.
    pub async fn finish(&self) {
        if !matches!(tokio::time::timeout(AUDIT_WRITTEN_WITHIN, self.waiting.finish()).await, Ok(Ok(()))) {
            tracing::warn!("the last audit events could not be written in time");
        }
    }
}

impl Drop for AuditFile {
    fn drop(&mut self) {
        self.waiting.close();
    }
}

impl Audit for AuditFile {
    fn record(&self, event: &Event) {
        let mut line = String::new();
        push(&mut line, &Record::of(event));
        self.waiting.add(&line);
    }
}

struct Writer {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    bytes_max: u64,
    /// Whether the last line may be without its end.
    torn: bool,
}

impl Writer {
    fn run(&mut self, waiting: &Waiting) {
        let mut told = false;
        while let Some(mut gathered) = waiting.take() {
            if gathered.lost > 0 {
                let lost = Lost { timestamp: self.clock.now().to_iso(), lost: gathered.lost };
                push(&mut gathered.text, &lost);
            }
            match self.append(&gathered.text) {
                Ok(()) => told = false,
                Err(error) => {
                    waiting.lose(gathered.lost + gathered.events);
                    if !std::mem::replace(&mut told, true) {
                        tracing::error!("audit events cannot be written: {error}");
                    }
                }
            }
            for done in gathered.finishing {
                let _ = done.send(());
            }
        }
    }

    /// Appends lines in one piece. The file is opened anew each time: another server of the folder may have put it aside.
    fn append(&mut self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let path = file(&self.folder, 0);
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        // Half a line must not spoil the next one.
        let begun = if std::mem::replace(&mut self.torn, true) { file.write_all(b"\n") } else { Ok(()) };
        begun.and_then(|()| file.write_all(text.as_bytes()))?;
        self.torn = false;
        if file.metadata()?.len() >= self.bytes_max {
            self.put_aside()?;
        }
        Ok(())
    }

    /// Puts a full file aside, unless somebody reads or has just done so.
    fn put_aside(&self) -> io::Result<()> {
        let lock = lock(&self.folder)?;
        if lock.try_lock().is_err() || fs::metadata(file(&self.folder, 0))?.len() < self.bytes_max {
            return Ok(());
        }
        for number in (0..AUDIT_FILES_MAX.saturating_sub(1)).rev() {
            let (from, to) = (file(&self.folder, number), file(&self.folder, number + 1));
            if from.exists() {
                fs::rename(from, to)?;
            }
        }
        Ok(())
    }
}

/// One line more. Texts and numbers always have a JSON form.
fn push(text: &mut String, line: &impl Serialize) {
    text.push_str(&serde_json::to_string(line).unwrap_or_default());
    text.push('\n');
}

#[cfg(test)]
mod tests;
