//! The sample tables in the emulator's S3, shared with one recipient: by the operator's own commands, as a provider does it.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::aws_local::background::{Process, within};
use crate::aws_local::emulator::Emulator;
use crate::aws_local::{BUCKET, Places, STACK, profile};
use crate::process::{command, succeeds};
use crate::repository::Repository;

/// How long the sample tables may take to be written.
const SAMPLE_MAX: Duration = Duration::from_secs(60);
const RECIPIENT: &str = "aws-local";

/// A table of the sample.
#[derive(Debug)]
pub(super) struct Sample {
    /// Under which name it is shared.
    pub(super) name: &'static str,
    folder: &'static str,
    history: bool,
}

/// The tables, as the local server shares them.
pub(super) const TABLES: [Sample; 2] = [
    Sample { name: "delta_sharing.default.owid-covid-data", folder: "owid-covid-data", history: true },
    Sample { name: "share1.default.cars", folder: "cars", history: false },
];

/// Writes, uploads and shares them.
pub(super) fn seed(
    repository: &Repository,
    places: &Places,
    emulator: &Emulator,
    endpoint: &str,
) -> Result<(), String> {
    let sample = written(repository, places)?;
    emulator.upload(repository, &sample)?;
    let profile = profile(repository);
    if let Some(folder) = profile.parent() {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let operate = |arguments: &[&str]| -> Result<(), String> {
        let mut operate = command(repository, repository.spillway(), arguments);
        operate.args(["--stack", STACK]);
        emulator.talk(&mut operate);
        match succeeds(&mut operate)? {
            true => Ok(()),
            false => Err(format!("spillway {} failed", arguments.join(" "))),
        }
    };
    let profile = profile.display().to_string();
    operate(&["recipient", "create", RECIPIENT, "--profile", &profile, "--endpoint", endpoint])?;
    for Sample { name, folder, history } in TABLES {
        let share = name.split('.').next().unwrap_or(name);
        let location = format!("s3://{BUCKET}/{folder}");
        operate(&["share", "create", share])?;
        let mut add = vec!["table", "add", name, "--location", &location];
        add.extend(history.then_some("--history"));
        operate(&add)?;
        operate(&["grant", share, RECIPIENT])?;
    }
    Ok(())
}

/// Lets the local server write the tables, and ends it; the folder with one folder for each.
fn written(repository: &Repository, places: &Places) -> Result<std::path::PathBuf, String> {
    let state = places.at("sample");
    let mut serve = command(repository, repository.spillway(), &["serve", "--port", "0", "--state"]);
    serve.arg(&state).stdin(Stdio::null());
    let server = Process::start(&mut serve, &places.at("sample.log"), |_| Ok(()))?;
    // The profile is written once it listens, and it listens once the tables are there.
    let done = within(SAMPLE_MAX, || state.join("demo.share").is_file() || !server.is_alive());
    server.end()?;
    let tables = state.join("demo");
    let complete = TABLES.iter().all(|table| has_log(&tables.join(table.folder)));
    match done && complete {
        true => Ok(tables),
        false => Err(format!("the sample tables were not written. See {}.", places.at("sample.log").display())),
    }
}

fn has_log(table: &Path) -> bool {
    table.join("_delta_log").is_dir()
}
