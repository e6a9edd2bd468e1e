//! `hot-path NAME CALLS`: prepares a hot path and runs it so many times, for a tool that counts what is done. Two runs of
//! different length differ by the calls alone. Without arguments, the names, each with its unit and how many a call makes.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is run by another program, which reads what it says")]

use std::process::ExitCode;

use benches::subject::{Subject, names};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let done = match (arguments.next(), arguments.next()) {
        (None, _) => list(),
        (Some(name), calls) => run(&name, calls.as_deref().unwrap_or("1")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn list() -> Result<(), String> {
    for name in names() {
        let Subject { unit, units_per_call, .. } = Subject::prepare(name)?;
        println!("{name}\t{unit}\t{units_per_call}");
    }
    Ok(())
}

fn run(name: &str, calls: &str) -> Result<(), String> {
    let calls: u64 = calls.parse().map_err(|_| format!("'{calls}' is no number of calls"))?;
    let mut subject = Subject::prepare(name)?;
    for _ in 0..calls {
        (subject.call)();
    }
    Ok(())
}
