//! The server under test: the executable that people run, as a process of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::process::Watched;

/// What the server says once it answers.
const READY: &str = "Ctrl-C stops the server.";
/// How long it may take to stop.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Kept open: a server that cannot write any more would end.
    _output: BufReader<ChildStdout>,
    /// `host:port`.
    pub(crate) host: String,
    /// What every path begins with.
    pub(crate) endpoint: String,
    /// The bearer token.
    pub(crate) token: String,
}

impl Server {
    /// Starts `spillway serve` on a folder of tables.
    ///
    /// # Errors
    /// When the executable is not there, or ends before it answers.
    pub(crate) fn start(executable: Option<&Path>, tables: &Path, state: &Path) -> Result<Self, String> {
        let executable = executable.map_or_else(beside_this_program, |path| Ok(path.to_owned()))?;
        let mut child = Command::new(&executable)
            .arg("serve")
            .arg(tables)
            .arg("--state")
            .arg(state)
            .args(["--port", "0"])
            // A line per answer would be measured too, and drown the report.
            .env("SPILLWAY_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}. `make bench` builds it", executable.display()))?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        // From here on, dropping it ends the process.
        let mut server = Self {
            child,
            _output: BufReader::new(output),
            host: String::new(),
            endpoint: String::new(),
            token: String::new(),
        };
        server.wait_until_ready()?;
        server.read_profile(&state.join("local.share"))?;
        Ok(server)
    }

    /// The process, for its times and memory.
    pub(crate) fn watched(&self) -> Watched {
        Watched::process(self.child.id())
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

    fn read_profile(&mut self, path: &Path) -> Result<(), String> {
        let text = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let profile: Value = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let field = |name: &str| profile.get(name).and_then(Value::as_str).ok_or(format!("the profile has no {name}"));
        let address = field("endpoint")?.strip_prefix("http://").ok_or("the endpoint is not http")?;
        let (host, endpoint) = address.split_once('/').unwrap_or((address, ""));
        (self.host, self.endpoint, self.token) =
            (host.to_owned(), format!("/{endpoint}"), field("bearerToken")?.to_owned());
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

fn beside_this_program() -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    Ok(this.with_file_name("spillway"))
}
