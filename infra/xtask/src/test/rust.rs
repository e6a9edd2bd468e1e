//! The layer `rust`: every test of the workspace that cargo knows. A failing package does not keep the others from
//! running; what does not compile counts as one failure. Some tests need a program from outside Rust, and run when a
//! variable names it: the emulator of AWS, the transformed template, DynamoDB Local.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::dynamodb_local::DynamoDbLocal;
use crate::process::{cannot_start, cargo};
use crate::python::Environment;
use crate::repository::Repository;
use crate::template;
use crate::test::Stop;
use crate::test::tally::Tally;

/// Runs the layer; its output passes through as it comes.
pub(super) fn run(repository: &Repository) -> Result<Tally, Stop> {
    let mut command = cargo(repository, &["test", "--workspace", "--locked", "--no-fail-fast"]);
    // Ends with this layer.
    let _dynamodb = named(repository, &mut command)?;
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

/// Names to the tests what they need. What is missing on a person's machine is left out; where all layers are asked for, it
/// is an error.
fn named(repository: &Repository, command: &mut Command) -> Result<Option<DynamoDbLocal>, Stop> {
    let left_out = |name: &str, problem: String| match repository.all_layers {
        true => Err(Stop::Broken(format!("{name}: {problem}"))),
        false => {
            println!("rust: left out: tests with {name} ({problem})");
            Ok(())
        }
    };
    match Environment::Emulator.needed(repository) {
        Ok(venv) => drop(command.env("SPILLWAY_EMULATOR", venv.program("python"))),
        Err(problem) => left_out("the emulator", problem)?,
    }
    match template::transformed(repository) {
        Ok(path) => drop(command.env("SPILLWAY_TEMPLATE", path)),
        Err(problem) => left_out("the template", problem)?,
    }
    match DynamoDbLocal::start(repository) {
        Ok(local) => {
            command.env("SPILLWAY_DYNAMODB_ENDPOINT", local.endpoint());
            Ok(Some(local))
        }
        Err(problem) => left_out("DynamoDB Local", problem).map(|()| None),
    }
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
