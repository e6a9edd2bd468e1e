//! The layer `rust`: every test of the workspace that cargo knows. A failing package does not keep the others from
//! running; what does not compile counts as one failure.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::process::{cannot_start, cargo};
use crate::repository::Repository;
use crate::test::Stop;
use crate::test::tally::Tally;

/// Runs the layer; its output passes through as it comes.
pub(super) fn run(repository: &Repository) -> Result<Tally, Stop> {
    let mut command = cargo(repository, &["test", "--workspace", "--locked", "--no-fail-fast"]);
    let mut child =
        command.stdout(Stdio::piped()).spawn().map_err(|error| Stop::Broken(cannot_start(&command, &error)))?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        // A test may print bytes that are no text.
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            if let Some(counted) = counts(&line) {
                tally.add(counted);
            }
        }
    }
    let status = child.wait().map_err(|error| Stop::Broken(format!("cargo test was lost: {error}")))?;
    Ok(tally.of_program(status.success()))
}

/// The counts in the line that ends one test program's output.
fn counts(line: &str) -> Option<Tally> {
    let (_, counts) = line.trim().strip_prefix("test result: ")?.split_once(". ")?;
    let mut tally = Tally::default();
    for part in counts.split(';') {
        let (number, word) = part.trim().split_once(' ')?;
        match word {
            "passed" => tally.passed = number.parse().ok()?,
            "failed" => tally.failed = number.parse().ok()?,
            "ignored" => tally.skipped = number.parse().ok()?,
            _ => {}
        }
    }
    Some(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_are_read_from_the_last_line() {
        let line = "test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 3 filtered out; finished in 0.10s";
        assert_eq!(counts(line), Some(Tally { passed: 12, failed: 1, skipped: 2 }));
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(counts("test catalog::tests::a_share ... ok"), None);
        assert_eq!(counts("test result: "), None);
    }
}
