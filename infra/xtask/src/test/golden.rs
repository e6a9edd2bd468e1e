//! The layer `golden`: tables written by other engines, outside the repository, served from their folder and checked by
//! the program that lies beside them. `GOLDEN_TABLES` names the folder with `tables/`, `manifest.json` and `check.py`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::{cannot_start, command, succeeds};
use crate::repository::Repository;
use crate::test::judge::{Verdict, judge};
use crate::test::tally::Tally;
use crate::test::{Stop, build_server, client_environment};

/// How long the server may take to listen.
const START_SECS_MAX: u64 = 60;
/// How long the server may take to end when told to.
const STOP_SECS_MAX: u64 = 30;
const MODES: &str = "auto,parquet,delta,raw,history,cdf";

/// Runs the layer. A table counts as one test.
pub(super) fn run(repository: &Repository) -> Result<Tally, Stop> {
    let golden = repository.golden.as_deref().ok_or(Stop::NotAsked("GOLDEN_TABLES is not set"))?;
    for needed in ["tables", "manifest.json", "check.py"] {
        if !golden.join(needed).exists() {
            return Err(Stop::Broken(format!("GOLDEN_TABLES names {}, which has no {needed}", golden.display())));
        }
    }
    let venv = client_environment(repository)?;
    build_server(repository)?;
    let report = repository.target.join("golden.json");
    // A report of an earlier run must not speak for this one.
    drop(fs::remove_file(&report));

    let mut server = Server::start(repository, &golden.join("tables")).map_err(Stop::Broken)?;
    let log = repository.target.join("golden-check.log");
    println!("golden: checking; every shortfall goes to {}", log.display());
    let mut check = command(repository, venv.program("python"), &[]);
    check.arg(golden.join("check.py")).arg("--profile").arg(server.profile());
    check.args(["--share", "local", "--schema", "default", "--modes", MODES, "--report"]).arg(&report);
    let io = |error: std::io::Error| Stop::Broken(error.to_string());
    check.stdout(File::create(&log).map_err(io)?);
    // Its exit code is not asked for: it fails on every table that is refused.
    succeeds(&mut check).map_err(Stop::Broken)?;
    server.stop().map_err(Stop::Broken)?;

    let read = |path: &Path| -> Result<Value, Stop> {
        let text = fs::read(path).map_err(|error| Stop::Broken(format!("{}: {error}", path.display())))?;
        serde_json::from_slice(&text).map_err(|error| Stop::Broken(format!("{}: {error}", path.display())))
    };
    let verdict = judge(&read(&golden.join("manifest.json"))?, &read(&report)?).map_err(Stop::Broken)?;
    print(&verdict);
    let passed = verdict.right + verdict.errors + verdict.refused;
    Ok(Tally { passed, failed: u64::try_from(verdict.wrong.len()).unwrap_or(u64::MAX), skipped: 0 })
}

fn print(verdict: &Verdict) {
    for wrong in &verdict.wrong {
        println!("golden: {} is wrong", wrong.table);
        for seen in &wrong.seen {
            println!("    {}", seen.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    let (right, errors, refused) = (verdict.right, verdict.errors, verdict.refused);
    let wrong = verdict.wrong.len();
    println!(
        "golden: {right} tables right, {refused} not supported and refused, {errors} broken and dealt with, {wrong} wrong"
    );
}

/// A running server with a state folder of its own. When dropped it is killed and its state removed.
struct Server {
    child: Child,
    state: PathBuf,
}

impl Server {
    /// Starts it on a folder and waits until it listens.
    fn start(repository: &Repository, tables: &Path) -> Result<Self, String> {
        let state = repository.target.join(format!("golden-state-{}", std::process::id()));
        let log = repository.target.join("golden-server.log");
        let io = |error: std::io::Error| format!("{}: {error}", log.display());
        let output = File::create(&log).map_err(io)?;
        let mut serve = command(repository, repository.spillway(), &["serve"]);
        serve.arg(tables).args(["--port", "0", "--state"]).arg(&state).stdin(Stdio::null());
        serve.stderr(output.try_clone().map_err(io)?).stdout(output);
        let child = serve.spawn().map_err(|error| cannot_start(&serve, &error))?;
        let mut server = Self { child, state };
        // The profile is written once the server listens.
        let profile = server.profile();
        let listens = within(START_SECS_MAX, || profile.exists() || server.has_ended());
        match listens && !server.has_ended() {
            true => Ok(server),
            false => Err(format!("the server did not start within {START_SECS_MAX} s. See {}.", log.display())),
        }
    }

    /// The profile it writes for a folder's tables.
    fn profile(&self) -> PathBuf {
        self.state.join("local.share")
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end, and waits.
    fn stop(&mut self) -> Result<(), String> {
        succeeds(Command::new("kill").arg("-TERM").arg(self.child.id().to_string()))?;
        within(STOP_SECS_MAX, || self.has_ended());
        match self.child.try_wait() {
            Ok(Some(status)) if status.success() => Ok(()),
            Ok(Some(status)) => Err(format!("the server ended with {status}")),
            _ => Err(format!("the server did not end within {STOP_SECS_MAX} s of being asked to")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.has_ended() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
        drop(fs::remove_dir_all(&self.state));
    }
}

/// Asks again and again; whether it came true in time.
fn within(secs: u64, mut came_true: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(secs);
    while !came_true() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    true
}
