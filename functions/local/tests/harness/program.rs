//! The program as a process: started, asked, ended. Shared by the tests that run it.
#![allow(dead_code, reason = "not every test file needs every part")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

pub(crate) fn spillway() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    for variable in
        ["SPILLWAY_LOG", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"]
    {
        command.env_remove(variable);
    }
    command
}

pub(crate) fn run(args: &[&str]) -> Output {
    spillway().args(args).output().unwrap()
}

/// The one line that a failing command says.
pub(crate) fn failure(args: &[&str]) -> String {
    let output = run(args);
    assert!(!output.status.success(), "{args:?} succeeded");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

pub(crate) struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    pub(crate) said: String,
}

impl Running {
    /// Starts the program and reads what it says until it is ready.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut child = spillway().args(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.contains("Ctrl-C stops the server.") {
            assert_ne!(out.read_line(&mut said).unwrap(), 0, "it ended early: {said}");
        }
        Self { child, out, said }
    }

    pub(crate) fn endpoint(&self) -> &str {
        self.said.split_whitespace().skip_while(|word| *word != "address").nth(1).unwrap()
    }

    /// Sends SIGTERM and returns the exit code and what was still said.
    pub(crate) fn terminate(mut self) -> (Option<i32>, String) {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }

    pub(crate) fn get(&self, path: &str, token: Option<&str>) -> (u16, String) {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-k", "-w", "\n%{http_code}", &format!("{}{path}", self.endpoint())]);
        if let Some(token) = token {
            curl.args(["-H", &format!("Authorization: Bearer {token}")]);
        }
        let output = String::from_utf8(curl.output().unwrap().stdout).unwrap();
        let (body, status) = output.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), body.to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn token(&self, profile: &str) -> String {
        let text = fs::read_to_string(self.join(profile)).unwrap();
        text.split("\"bearerToken\": \"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Opens a link as a browser does, or presses its button.
pub(crate) fn asked(url: &str, method: &str) -> (u16, String) {
    let output = std::process::Command::new("curl").args(["-sS", "-X", method, "-w", "\n%{http_code}", url]).output();
    let output = String::from_utf8(output.unwrap().stdout).unwrap();
    let (body, status) = output.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

/// The link that a command has printed.
pub(crate) fn link_in(said: &str) -> &str {
    said.lines().find_map(|line| line.trim().strip_prefix("link")).expect(said).trim()
}

/// The token of the profile behind a link, which is used up by this.
pub(crate) fn token_of_link(url: &str) -> String {
    let (status, profile) = asked(url, "POST");
    assert_eq!(status, 200, "{profile}");
    let profile: serde_json::Value = serde_json::from_str(&profile).unwrap();
    profile.get("bearerToken").and_then(|token| token.as_str()).unwrap().to_owned()
}
