//! What the kernel says of a process: CPU time used and the most memory it held (Linux, `/proc`).

use std::fs;
use std::time::Duration;

/// The unit of `/proc/PID/stat`, fixed by the kernel's interface on every platform that this runs on.
const TICK: Duration = Duration::from_millis(10);

/// Processes being watched, all together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Watched(Vec<String>);

impl Watched {
    /// Processes by their ids.
    pub(crate) fn processes(ids: &[u32]) -> Self {
        Self(ids.iter().map(|id| format!("/proc/{id}")).collect())
    }

    /// Their ids, where they are known by them.
    pub(crate) fn ids(&self) -> Vec<u32> {
        self.0.iter().filter_map(|process| process.rsplit('/').next()?.parse().ok()).collect()
    }

    /// This process.
    pub(crate) fn this() -> Self {
        Self(vec!["/proc/self".into()])
    }

    /// CPU time used so far by all threads, in user and kernel mode.
    ///
    /// # Errors
    /// When a process is gone, or this is not Linux.
    pub(crate) fn cpu(&self) -> Result<Duration, String> {
        let one = |process: &String| {
            let text = read(process, "stat")?;
            ticks(&text).map(|ticks| TICK * ticks).ok_or_else(|| format!("{process}/stat cannot be understood"))
        };
        self.0.iter().map(one).sum()
    }

    /// Forgets the peak so far, where the kernel allows it.
    pub(crate) fn reset_peak(&self) {
        for process in &self.0 {
            // Without it the peak is that of the process's whole life, which is more, never less.
            let _ = fs::write(format!("{process}/clear_refs"), "5");
        }
    }

    /// The memory held now (resident set), in bytes.
    ///
    /// # Errors
    /// When a process is gone, or this is not Linux.
    pub(crate) fn held_bytes(&self) -> Result<u64, String> {
        self.0.iter().map(|process| kilobytes(process, "VmRSS:")).sum()
    }

    /// The most memory held (resident set) since the last reset, in bytes.
    ///
    /// # Errors
    /// When a process is gone, or this is not Linux.
    pub(crate) fn peak_bytes(&self) -> Result<u64, String> {
        self.0.iter().map(|process| kilobytes(process, "VmHWM:")).sum()
    }
}

/// A figure of `/proc/PID/status`, in bytes.
fn kilobytes(process: &str, name: &str) -> Result<u64, String> {
    let text = read(process, "status")?;
    let kilobytes =
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.map(|kilobytes| kilobytes * 1024).ok_or_else(|| format!("{process}/status names no {name}"))
}

fn read(process: &str, file: &str) -> Result<String, String> {
    fs::read_to_string(format!("{process}/{file}")).map_err(|error| format!("cannot read {process}/{file}: {error}"))
}

/// User and kernel time of `/proc/PID/stat`: the 14th and 15th field. The second, the program's name, may hold spaces.
fn ticks(stat: &str) -> Option<u32> {
    const USER_AFTER_NAME: usize = 11;
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(USER_AFTER_NAME);
    let (user, kernel) = (fields.next()?.parse::<u32>().ok()?, fields.next()?.parse::<u32>().ok()?);
    user.checked_add(kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "71 (a) b (c) S 1 71 71 0 -1 4194560 1 2 3 4 250 31 7 8 20 0 9 0 100";
        assert_eq!(ticks(stat), Some(281));
        assert_eq!(ticks("nonsense"), None);
    }

    #[test]
    fn this_process_holds_memory() {
        assert!(Watched::this().peak_bytes().unwrap() > 0);
        assert!(Watched::this().held_bytes().unwrap() > 0);
    }
}
