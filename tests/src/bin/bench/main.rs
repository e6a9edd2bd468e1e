//! The benchmark (`make bench`): how fast the server that people run lists the files of large tables, and how its two
//! engines compare with the libraries that would do the same work. It measures and prints; it judges nothing but that
//! every answer is whole.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks to the terminal")]

mod answer;
mod arguments;
mod cases;
mod presign;
mod process;
mod replay;
mod report;
mod server;
mod tables;

use std::process::ExitCode;

use serde_json::json;

use crate::arguments::{Arguments, HELP};
use crate::server::Server;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("error: {problem}. --help lists the options.");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| format!("cannot make a temporary folder: {error}"))?;
    report::machine();
    let tables = tables::write(&folder.path().join("tables"), &arguments.sizes)?;

    let server =
        Server::start(arguments.server.as_deref(), &folder.path().join("tables"), &folder.path().join("state"))?;
    let answers = cases::run(&server, &tables)?;
    server.stop()?;

    let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("cannot start threads: {error}"))?;
    let signed = runtime.block_on(presign::run())?;
    let largest = tables.last().ok_or("there is no table to replay")?;
    let replayed = runtime.block_on(replay::run(largest))?;

    if let Some(path) = &arguments.json {
        let all = json!({
            "machine": report::machine_json(),
            "tables": tables.iter().map(tables::Table::json).collect::<Vec<_>>(),
            "answers": answers,
            "presigner": signed,
            "replay": replayed,
        });
        std::fs::write(path, format!("{all:#}\n"))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        println!("\nAll figures are in {}.", path.display());
    }
    Ok(())
}
