//! AWS on this machine: the emulator with the deployed template, the gateway in front of the real functions, a share of the
//! sample tables, a recipient and its profile. Everything listens on 127.0.0.1 on free ports and stays in the background;
//! what was started is written down, and exactly that is ended again.

mod background;
mod build;
mod emulator;
mod gateway;
mod seed;

use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::aws_local::background::Process;
use crate::aws_local::emulator::Emulator;
use crate::repository::Repository;

pub(crate) use build::functions;
pub(crate) use emulator::free_port;

/// The stack's name.
const STACK: &str = "spillway-local";
const BUCKET: &str = "spillway-local-data";
/// The file with the environment of a function that is started by hand.
const ENVIRONMENT: &str = "functions.env";
/// The processes, the later ones first: they lean on the others.
const PROCESSES: [&str; 2] = ["gateway", "emulator"];

/// Where everything lies.
#[derive(Debug)]
struct Places {
    folder: PathBuf,
}

impl Places {
    fn of(repository: &Repository) -> Self {
        Self { folder: repository.target.join("aws-local") }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// What runs: ports, processes, the profile.
    fn state(&self) -> PathBuf {
        self.at("state.json")
    }
}

/// Where the profile is written.
pub(crate) fn profile(repository: &Repository) -> PathBuf {
    repository.root.join(".spillway/aws-local.share")
}

/// What runs, if everything does.
pub(crate) fn running(repository: &Repository) -> Option<Value> {
    let state: Value = serde_json::from_slice(&fs::read(Places::of(repository).state()).ok()?).ok()?;
    let alive = |name: &&str| Process::read(state.get(*name)?).filter(Process::is_alive);
    (PROCESSES.iter().filter_map(alive).count() == PROCESSES.len() && profile(repository).is_file()).then_some(state)
}

/// Starts everything that does not run yet, and says how to use it.
///
/// # Errors
/// What could not be done. What was started for it is ended.
pub(crate) fn up(repository: &Repository) -> Result<bool, String> {
    if let Some(state) = running(repository) {
        println!("It runs already.");
        say(repository, &state);
        return Ok(true);
    }
    // Half of it may be left of a start that broke off.
    down(repository)?;
    match start(repository) {
        Ok(state) => {
            say(repository, &state);
            Ok(true)
        }
        Err(problem) => {
            down(repository)?;
            Err(problem)
        }
    }
}

/// Ends what was started, and removes its data and the profile. Environments and builds stay.
///
/// # Errors
/// When a process does not end, or something cannot be removed.
pub(crate) fn down(repository: &Repository) -> Result<bool, String> {
    let places = Places::of(repository);
    let state: Value = match fs::read(places.state()) {
        Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
        Err(_) => Value::Null,
    };
    for name in PROCESSES {
        if let Some(process) = state.get(name).and_then(Process::read) {
            process.end()?;
        }
    }
    let made = ["deployed.json", ENVIRONMENT, "template.yaml"].map(|name| places.at(name));
    for path in made.into_iter().chain([profile(repository), places.state()]) {
        removed(&path, fs::remove_file(&path))?;
    }
    for folder in [places.at("sample"), places.at("emulator")] {
        removed(&folder, fs::remove_dir_all(&folder))?;
    }
    Ok(true)
}

fn removed(path: &std::path::Path, outcome: std::io::Result<()>) -> Result<(), String> {
    match outcome {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(format!("{}: {error}", path.display())),
        _ => Ok(()),
    }
}

fn start(repository: &Repository) -> Result<Value, String> {
    let places = Places::of(repository);
    fs::create_dir_all(&places.folder).map_err(|error| format!("{}: {error}", places.folder.display()))?;
    build::programs(repository, &places.at("bootstraps"))?;

    let mut state = Map::new();
    let mut note = |key: &str, value: Value| -> Result<(), String> {
        state.insert(key.to_owned(), value);
        // Written down at once: what is not written down is not ended.
        fs::write(places.state(), format!("{:#}", json!(state)))
            .map_err(|error| format!("{}: {error}", places.state().display()))
    };
    note("stack", STACK.into())?;
    note("bucket", BUCKET.into())?;
    let emulator = Emulator::start(repository, &places, |process| note("emulator", process.written()))?;
    note("emulator_endpoint", emulator.endpoint().into())?;
    note("region", emulator::REGION.into())?;
    emulator.deploy(repository, &places)?;
    let endpoint = gateway::start(repository, &places, |process| note("gateway", process.written()))?;
    note("endpoint", endpoint.as_str().into())?;
    note("profile", profile(repository).display().to_string().into())?;
    seed::seed(repository, &places, &emulator, &endpoint)?;
    Ok(Value::Object(state))
}

fn say(repository: &Repository, state: &Value) {
    let text = |key: &str| state.get(key).and_then(Value::as_str).unwrap_or_default();
    let profile = profile(repository);
    let shown = profile.strip_prefix(&repository.root).unwrap_or(&profile).display();
    println!("\nThe API:      {}", text("endpoint"));
    println!("The emulator: {} (credentials test/test, region {})", text("emulator_endpoint"), text("region"));
    println!("The profile:  {shown}\n");
    println!("Read a table with the official client (pip install delta-sharing):");
    for table in seed::TABLES {
        println!(
            "  python3 -c 'import delta_sharing as ds; print(ds.load_as_pandas(\"{shown}#{}\", limit=10))'",
            table.name
        );
    }
    println!("\nAct as its operator:");
    println!("  {} cargo run -- share list --stack {STACK}", emulator::variables(text("emulator_endpoint")));
    println!("\nEnd it:\n  make aws-local-down");
}
