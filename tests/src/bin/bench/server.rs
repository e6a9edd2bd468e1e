//! The servers under test: the executable that people run, as a process of its own, and any other that runs already.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::Watched;
use crate::storage::Storage;
use crate::tables::Table;

/// Where our own server shares the tables.
pub(crate) const SHARE: &str = "local";
/// The schema in that share.
pub(crate) const SCHEMA: &str = "default";

/// What the server says once it answers.
const READY: &str = "Ctrl-C stops the server.";
/// How long it may take to stop.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// A server, as those see it that ask it.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// `host:port`.
    pub(crate) host: String,
    /// What every path begins with.
    pub(crate) endpoint: String,
    /// The bearer token.
    pub(crate) token: String,
    /// Its processes, for their times and memory.
    pub(crate) watched: Watched,
}

/// A running server of our own.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Kept open: a server that cannot write any more would end.
    _output: BufReader<ChildStdout>,
}

impl Peer {
    /// A server by its profile and its processes.
    ///
    /// # Errors
    /// When the profile cannot be used.
    pub(crate) fn of_profile(path: &Path, pids: &[u32]) -> Result<Self, String> {
        let text = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let profile: Value = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let field = |name: &str| profile.get(name).and_then(Value::as_str).ok_or(format!("the profile has no {name}"));
        let address = field("endpoint")?.strip_prefix("http://").ok_or("the endpoint is not http")?;
        let (host, endpoint) = address.trim_end_matches('/').split_once('/').unwrap_or((address, ""));
        let endpoint = if endpoint.is_empty() { String::new() } else { format!("/{endpoint}") };
        let watched = Watched::processes(pids);
        Ok(Self { host: host.to_owned(), endpoint, token: field("bearerToken")?.to_owned(), watched })
    }
}

impl Server {
    /// Starts `spillway serve` on tables in a storage, with the configuration file of the reference server.
    ///
    /// # Errors
    /// When the executable is not there, or ends before it answers.
    pub(crate) fn start(
        executable: Option<&Path>,
        storage: &Storage,
        tables: &[Table],
        folder: &Path,
    ) -> Result<(Self, Peer), String> {
        let executable = executable.map_or_else(beside_this_program, |path| Ok(path.to_owned()))?;
        let (config, state) = (folder.join("bench.yaml"), folder.join("state"));
        std::fs::write(&config, configuration(storage, tables)?)
            .map_err(|error| format!("no configuration: {error}"))?;
        let mut child = Command::new(&executable)
            .args(["serve", "--port", "0", "--config"])
            .arg(&config)
            .arg("--state")
            .arg(&state)
            // A line per answer would be measured too, and drown the report.
            .env("SPILLWAY_LOG", "error")
            .env("AWS_ENDPOINT_URL_S3", &storage.endpoint)
            .env("AWS_ACCESS_KEY_ID", &storage.keys.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", storage.keys.secret_access_key.reveal())
            .env("AWS_REGION", "us-east-1")
            .env_remove("AWS_SESSION_TOKEN")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}. `make bench` builds it", executable.display()))?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        // From here on, dropping it ends the process.
        let mut server = Self { child, _output: BufReader::new(output) };
        server.wait_until_ready()?;
        let peer = Peer::of_profile(&state.join("bench.share"), &[server.child.id()])?;
        Ok((server, peer))
    }

    /// Ends it the way a service manager does.
    ///
    /// # Errors
    /// When it does not end in time, or not cleanly.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        const LOOK_EVERY: Duration = Duration::from_millis(20);
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        if !told.is_ok_and(|status| status.success()) {
            return Err("the server cannot be told to stop (is there a program named kill?)".into());
        }
        let mut waited = Duration::ZERO;
        while waited < STOP_WITHIN {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(format!("the server ended with {status}")),
                Ok(None) => std::thread::sleep(LOOK_EVERY),
                Err(error) => return Err(format!("the server cannot be waited for: {error}")),
            }
            waited += LOOK_EVERY;
        }
        Err(format!("the server did not stop within {} s", STOP_WITHIN.as_secs()))
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let mut said = String::new();
        while !said.contains(READY) {
            let read =
                self._output.read_line(&mut said).map_err(|error| format!("the server cannot be heard: {error}"))?;
            if read == 0 {
                return Err(format!("the server ended before it answered {said}").trim_end().to_owned());
            }
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing to do when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(storage: &Storage, tables: &[Table]) -> Result<String, String> {
    let one = |(table, number): (&Table, u32)| {
        let location = storage.share(&table.name, &table.folder)?;
        Ok(json!({"name": table.name, "location": location, "id": format!("00000000-0000-0000-0000-{number:012}")}))
    };
    let tables = tables.iter().zip(1..).map(one).collect::<Result<Vec<Value>, String>>()?;
    // JSON is YAML too.
    let all = json!({
        "version": 1,
        "shares": [{"name": SHARE, "schemas": [{"name": SCHEMA, "tables": tables}]}],
        "authorization": {"bearerToken": "for-the-benchmark-alone"},
        "endpoint": "/delta-sharing",
        "requestTimeoutSeconds": 600,
    });
    Ok(all.to_string())
}

fn beside_this_program() -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    Ok(this.with_file_name("spillway"))
}
