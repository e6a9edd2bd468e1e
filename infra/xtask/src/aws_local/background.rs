//! Processes that outlive the task that started them. A process is known by its number and the moment it began: a number
//! alone may by now be somebody else's.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{cannot_start, succeeds};

/// How long a process may take to end when it is asked to.
const END_MAX: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// A process in the background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pid: u32,
    began: String,
}

impl Process {
    /// Starts it with its output in a file, away from the terminal's signals. `note` is told of it at once; when that fails
    /// it is ended again: nothing may run that is not written down.
    pub(super) fn start(
        command: &mut Command,
        log: &Path,
        note: impl FnOnce(&Self) -> Result<(), String>,
    ) -> Result<Self, String> {
        let output = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let errors = output.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let child = command.spawn().map_err(|error| cannot_start(command, &error))?;
        let pid = child.id();
        let began = began(pid).ok_or_else(|| format!("{} ended at once", command.get_program().to_string_lossy()))?;
        let process = Self { pid, began };
        match note(&process) {
            Ok(()) => Ok(process),
            Err(problem) => process.end().and(Err(problem)),
        }
    }

    /// As it is written down.
    pub(super) fn written(&self) -> Value {
        json!({"pid": self.pid, "began": self.began})
    }

    /// As it was written down.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let pid = u32::try_from(value.get("pid")?.as_u64()?).ok()?;
        Some(Self { pid, began: value.get("began")?.as_str()?.to_owned() })
    }

    /// Whether it still runs.
    pub(super) fn is_alive(&self) -> bool {
        began(self.pid).is_some_and(|began| began == self.began)
    }

    /// Asks it to end, waits, and ends it.
    pub(super) fn end(&self) -> Result<(), String> {
        for signal in ["-TERM", "-KILL"] {
            if !self.is_alive() {
                return Ok(());
            }
            succeeds(Command::new("kill").arg(signal).arg(self.pid.to_string()))?;
            within(END_MAX, || !self.is_alive());
        }
        if self.is_alive() { Err(format!("process {} does not end", self.pid)) } else { Ok(()) }
    }
}

/// When a process began, in the kernel's words; nothing when there is none, or it has ended and nobody asked how.
fn began(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold blanks; it is in brackets.
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    (*fields.first()? != "Z").then(|| fields.get(19).map(|began| (*began).to_owned()))?
}

/// Asks again and again; whether it came true in time.
pub(super) fn within(time: Duration, mut came_true: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + time;
    while !came_true() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_beginning_too() {
        let folder = std::env::temp_dir();
        let log = folder.join(format!("xtask-background-{}.log", std::process::id()));
        let process = Process::start(Command::new("sleep").arg("60"), &log, |_| Ok(())).unwrap();
        assert_eq!(Process::read(&process.written()), Some(process.clone()));
        assert!(process.is_alive());
        let other = Process { began: "1".into(), ..process.clone() };
        assert!(!other.is_alive());
        other.end().unwrap();
        assert!(process.is_alive(), "another process of that number is left alone");
        process.end().unwrap();
        assert!(!process.is_alive());
        fs::remove_file(log).unwrap();
    }
}
