//! The benchmark (`make bench`): how fast the server that people run lists the files of large tables, and how its two
//! engines compare with the libraries that would do the same work. It measures and prints; it judges nothing but that
//! every answer is whole.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks to the terminal")]

mod answer;
mod arguments;
mod cases;
mod cold;
mod load;
mod markdown;
mod pages;
mod partition;
mod presign;
mod process;
mod replay;
mod report;
mod routes;
mod server;
mod slow_reader;
mod storage;
mod tables;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use benches::shape::Shape;
use serde_json::{Value, json};
use shared::clock::{Clock, SystemClock};

use crate::arguments::{Arguments, HELP, Part};
use crate::cases::Asked;
use crate::server::{Peer, SCHEMA, SHARE, Server};
use crate::storage::{Distance, Storage};
use crate::tables::Table;

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
    report::machine();
    let clock = SystemClock::shared();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("cannot start threads: {error}"))?;
    let mut figures = match &arguments.part {
        Part::Cold(folder) => json!({"starts": runtime.block_on(cold::run(folder, &clock))?}),
        Part::Load | Part::Answers => {
            let kept = arguments.kept.clone().map_or_else(beside_the_build, Ok)?;
            let tables = tables::make(&kept, &tables::shapes(&arguments.sizes), clock.as_ref())?;
            let mut figures = runtime.block_on(served(arguments, &tables, &clock))?;
            if arguments.part == Part::Answers {
                add(&mut figures, [("presigner", runtime.block_on(presign::run())?)]);
                add(&mut figures, [("replay", runtime.block_on(replays(&tables))?)]);
                println!("\nThe tables of README:\n\n{}", markdown::tables(&figures));
            }
            add(&mut figures, [("tables", tables.iter().map(Table::json).collect())]);
            figures
        }
    };
    if let Some(path) = &arguments.json {
        add(&mut figures, [("machine", report::machine_json())]);
        std::fs::write(path, format!("{figures:#}\n"))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        println!("\nAll figures are in {}.", path.display());
    }
    Ok(())
}

/// The build folder that this program lies in keeps the tables too.
fn beside_the_build() -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    Ok(this.ancestors().nth(2).unwrap_or(Path::new(".")).join("bench-tables"))
}

fn add<const N: usize>(figures: &mut Value, more: [(&str, Value); N]) {
    if let Some(figures) = figures.as_object_mut() {
        figures.extend(more.map(|(name, value)| (name.to_owned(), value)));
    }
}

/// Reads logs beside `deltalake`: the largest usual one that both are quick with, and a large one where there is one.
async fn replays(tables: &[Table]) -> Result<Value, String> {
    /// `deltalake` holds all of a table in memory.
    const FILES_MAX: u64 = 2_000_000;
    const QUICK_FILES: u64 = 200_000;
    let below = |files: u64| tables.iter().rfind(move |table| table.is_usual() && table.files < files);
    let (quick, large) = (below(QUICK_FILES), below(FILES_MAX));
    let larger = large.filter(|large| quick.is_none_or(|quick| quick.files < large.files));
    let mut all = Vec::new();
    for table in quick.into_iter().chain(larger) {
        all.push(replay::run(table).await?);
    }
    Ok(all.into())
}

/// Measures the servers: our own on the tables, and another on its own tables.
async fn served(arguments: &Arguments, tables: &[Table], clock: &Arc<dyn Clock>) -> Result<Value, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("cannot make a temporary folder: {error}"))?;
    let storage = Storage::start(arguments.distance, Arc::clone(clock)).await?;
    // A process for each table: what one holds of another's log would count as its memory.
    let mut servers = Vec::new();
    for table in tables {
        let folder = folder.path().join(&table.name);
        std::fs::create_dir(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        servers.push(Server::start(arguments.server.as_deref(), &storage, std::slice::from_ref(table), &folder)?);
    }
    let against = arguments.against.as_ref();
    let other = against.map(|other| Peer::of_profile(&other.profile, &other.pids)).transpose()?;
    let from = &storage;
    let own_tables = tables.iter().zip(&servers).map(|(table, (_, peer))| Asked {
        name: format!("{SHARE}.{SCHEMA}.{}", table.name),
        table: Some(table),
        peer,
        storage: Some(from),
    });
    let mut asked: Vec<Asked<'_>> = own_tables.collect();
    let measured = match arguments.part {
        Part::Load => json!({"load": load::run(&asked, clock).await?}),
        Part::Answers | Part::Cold(_) => {
            if let (Some(against), Some(peer)) = (against, &other) {
                let theirs = |name: &String| Asked { name: name.clone(), table: None, peer, storage: None };
                asked.extend(against.tables.iter().map(theirs));
            }
            // The storage goes on meanwhile, on other threads.
            tokio::task::block_in_place(|| answers(arguments.distance, &asked, clock))?
        }
    };
    for (server, _) in servers {
        server.stop()?;
    }
    let mut measured = measured;
    let far = json!({
        "latencySeconds": arguments.distance.latency.as_secs_f64(),
        "bytesPerSecondAndConnection": arguments.distance.bandwidth,
    });
    add(&mut measured, [("storage", far)]);
    Ok(measured)
}

/// One client at a time.
fn answers(distance: Distance, asked: &[Asked<'_>], clock: &Arc<dyn Clock>) -> Result<Value, String> {
    let usual = asked.iter().filter_map(|asked| Some((asked, asked.table.filter(|table| table.is_usual())?)));
    let (largest, table) = usual.max_by_key(|(_, table)| table.files).ok_or("there is no table")?;
    // Its rows take turns with the partitions; those of the other lie partition by partition.
    let sorted = Shape { sorted: true, ..table.shape };
    let both = asked.iter().filter_map(|asked| Some((asked, asked.table?)));
    let both = both.filter(|(_, other)| [table.shape, sorted].contains(&other.shape));
    cases::print_heading(distance, largest.peer.watched.peak_bytes()?);
    Ok(json!({
        "answers": cases::run(asked, clock)?,
        "routes": routes::run(asked, clock)?,
        "pages": pages::run(largest, table.files, clock)?,
        "partitions": both.map(|(asked, table)| partition::run(asked, table, clock)).collect::<Result<Vec<Value>, _>>()?,
        "slowReader": slow_reader::run(largest, clock)?,
    }))
}
