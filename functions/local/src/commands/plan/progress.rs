//! How far a plan is with reading logs, on a terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Goes to the beginning of the line and clears it.
const CLEAR: &str = "\r\x1b[2K";

/// A line that says how many logs were read.
#[derive(Debug)]
pub(super) struct Progress {
    all: usize,
    read: AtomicUsize,
    is_shown: bool,
}

impl Progress {
    /// Of so many logs; one alone needs no line.
    pub(super) fn of(all: usize) -> Self {
        let progress = Self { all, read: AtomicUsize::new(0), is_shown: all > 1 && io::stderr().is_terminal() };
        progress.show(0);
        progress
    }

    /// One more was read.
    pub(super) fn step(&self) {
        self.show(self.read.fetch_add(1, Ordering::Relaxed) + 1);
    }

    fn show(&self, read: usize) {
        if self.is_shown {
            // The plan matters, not the line.
            let _ = write!(io::stderr(), "{CLEAR}Reading logs: {read} of {}", self.all);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "{CLEAR}");
        }
    }
}
