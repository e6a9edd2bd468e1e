//! The files of audit events, read from the oldest line to the newest.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use shared::audit::record::Record;
use shared::limits::{AUDIT_EVENTS_READ_MAX, AUDIT_FILES_MAX, AUDIT_LINE_BYTES_MAX};
use shared::model::version::TimestampMs;

use super::{Lost, file, lock};

/// What the files hold of some time.
#[derive(Debug, Default)]
pub struct Found {
    /// The events, oldest first.
    pub records: VecDeque<Record>,
    /// Whether there were more than are read at once, so that older ones are missing.
    pub cut_off: bool,
    /// How many events were never written.
    pub lost: u64,
    /// How many lines could not be read.
    pub unreadable: u64,
}

/// Reads the events from a moment on that are wanted; none where no server has written any.
///
/// # Errors
/// A sentence for the person at the terminal.
pub fn read(folder: &Path, since: TimestampMs, wanted: impl Fn(&Record) -> bool) -> Result<Found, String> {
    let mut found = Found::default();
    if !folder.is_dir() {
        return Ok(found);
    }
    let cannot = |error: io::Error| format!("cannot read the audit events in {}: {error}", folder.display());
    let lock = lock(folder).map_err(cannot)?;
    lock.lock_shared().map_err(cannot)?;
    for number in (0..AUDIT_FILES_MAX).rev() {
        match File::open(file(folder, number)) {
            Ok(file) => found.add(BufReader::new(file), since, &wanted).map_err(cannot)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(cannot(error)),
        }
    }
    Ok(found)
}

impl Found {
    fn add(
        &mut self,
        mut lines: impl BufRead,
        since: TimestampMs,
        wanted: &impl Fn(&Record) -> bool,
    ) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            // A longer line is read in pieces, none of which is an event.
            if (&mut lines).take(AUDIT_LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            if let Some(record) = Record::read(&line) {
                if record.at().is_some_and(|at| at >= since) && wanted(&record) {
                    self.records.push_back(record);
                }
                if self.records.len() > AUDIT_EVENTS_READ_MAX {
                    self.records.pop_front();
                    self.cut_off = true;
                }
            } else if let Ok(Lost { timestamp, lost }) = serde_json::from_slice(&line) {
                self.lost += if TimestampMs::parse(&timestamp).is_none_or(|at| at >= since) { lost } else { 0 };
            } else {
                self.unreadable += 1;
            }
        }
    }
}
