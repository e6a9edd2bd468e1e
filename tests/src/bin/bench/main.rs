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
mod routes;
mod server;
mod storage;
mod tables;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};
use shared::clock::SystemClock;

use crate::arguments::{Arguments, HELP};
use crate::cases::Asked;
use crate::server::{Peer, SCHEMA, SHARE, Server};
use crate::storage::Storage;

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
    let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("cannot start threads: {error}"))?;

    let (answers, small) = runtime.block_on(served(arguments, folder.path(), &tables))?;
    let signed = runtime.block_on(presign::run())?;
    let largest = tables.last().ok_or("there is no table to replay")?;
    let replayed = runtime.block_on(replay::run(largest))?;

    if let Some(path) = &arguments.json {
        let all = json!({
            "machine": report::machine_json(),
            "storage": {
                "latencySeconds": arguments.distance.latency.as_secs_f64(),
                "bytesPerSecondAndConnection": arguments.distance.bandwidth,
            },
            "tables": tables.iter().map(tables::Table::json).collect::<Vec<_>>(),
            "answers": answers,
            "routes": small,
            "presigner": signed,
            "replay": replayed,
        });
        std::fs::write(path, format!("{all:#}\n"))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        println!("\nAll figures are in {}.", path.display());
    }
    Ok(())
}

/// Measures the servers: our own on the tables, and another on its own tables.
async fn served(
    arguments: &Arguments,
    folder: &Path,
    tables: &[tables::Table],
) -> Result<(Vec<Value>, Vec<Value>), String> {
    let clock = SystemClock::shared();
    let storage = Storage::start(arguments.distance, Arc::clone(&clock)).await?;
    let (server, own) = Server::start(arguments.server.as_deref(), &storage, tables, folder)?;
    let against = arguments.against.as_ref();
    let other = against.map(|other| Peer::of_profile(&other.profile, &other.pids)).transpose()?;
    let distance = arguments.distance;
    let mut asked: Vec<Asked<'_>> = tables
        .iter()
        .map(|table| Asked {
            name: format!("{SHARE}.{SCHEMA}.{}", table.name),
            files: Some(table.files),
            peer: &own,
            storage: Some(&storage),
        })
        .collect();
    if let (Some(against), Some(peer)) = (against, &other) {
        let theirs = |name: &String| Asked { name: name.clone(), files: None, peer, storage: None };
        asked.extend(against.tables.iter().map(theirs));
    }
    // The storage goes on meanwhile, on other threads.
    let measured = tokio::task::block_in_place(|| {
        cases::print_heading(distance, own.watched.peak_bytes()?);
        Ok::<_, String>((cases::run(&asked, &clock)?, routes::run(&asked, &clock)?))
    })?;
    server.stop()?;
    Ok(measured)
}
