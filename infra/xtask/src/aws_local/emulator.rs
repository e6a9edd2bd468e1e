//! The emulator of AWS, and the template deployed in it by SAM, as a provider deploys it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::aws_local::background::{Process, within};
use crate::aws_local::{BUCKET, ENVIRONMENT, Places, STACK};
use crate::process::{command, succeeds};
use crate::python::Environment;
use crate::repository::Repository;
use crate::venv::Venv;

/// The region that everything is in.
pub(super) const REGION: &str = "us-east-1";
/// How long it may take to begin.
const READY_MAX: Duration = Duration::from_secs(60);
const ROOT: &str = "test";

/// A running emulator.
#[derive(Debug)]
pub(super) struct Emulator {
    port: u16,
    python: Venv,
}

/// The variables with which a program talks to the emulator, as they are pasted before a command.
pub(super) fn variables(endpoint: &str) -> String {
    format!("AWS_ENDPOINT_URL={endpoint} AWS_ACCESS_KEY_ID={ROOT} AWS_SECRET_ACCESS_KEY={ROOT} AWS_REGION={REGION}")
}

impl Emulator {
    /// Starts it and waits until it answers.
    pub(super) fn start(
        repository: &Repository,
        places: &Places,
        note: impl FnOnce(&Process) -> Result<(), String>,
    ) -> Result<Self, String> {
        let python = Environment::Emulator.needed(repository)?;
        let emulator = Self { port: free_port()?, python };
        let mut start = command(repository, emulator.python.program("python"), &["infra/local-stack/mstream.py"]);
        emulator.talk(&mut start);
        // Policies are enforced and unsigned requests refused only with AUTH; the last two would listen on further ports.
        start.env("GATEWAY_PORT", emulator.port.to_string()).env("BIND_HOST", "127.0.0.1").env("AUTH", "true");
        start.env("IOT_MTLS_ENABLED", "0").env("SFTP_ENABLED", "0").env("S3_DATA_DIR", places.at("emulator"));
        let log = places.at("emulator.log");
        let process = Process::start(&mut start, &log, note)?;
        let ready = within(READY_MAX, || !process.is_alive() || emulator.answers());
        if ready && process.is_alive() {
            return Ok(emulator);
        }
        Err(format!("the emulator did not begin. See {}.", log.display()))
    }

    /// Its address.
    pub(super) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Lets a program talk to it as its root user, and to nothing else: what this machine knows of real accounts is taken
    /// away.
    pub(super) fn talk(&self, command: &mut Command) {
        for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL_S3"] {
            command.env_remove(name);
        }
        command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_ENDPOINT_URL", self.endpoint());
        command.env("AWS_ACCESS_KEY_ID", ROOT).env("AWS_SECRET_ACCESS_KEY", ROOT);
        command.env("AWS_REGION", REGION).env("AWS_DEFAULT_REGION", REGION);
    }

    /// Deploys the template with the bootstraps that were built, and writes down what that made.
    pub(super) fn deploy(&self, repository: &Repository, places: &Places) -> Result<(), String> {
        let tools = Environment::Tools.needed(repository)?;
        let template = places.at("template.yaml");
        let mut localize =
            command(repository, tools.program("python"), &["infra/local-stack/localize.py", "template.yaml"]);
        self.run(localize.arg(&template).arg(places.at("bootstraps")), "the template cannot be prepared")?;
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let mut deploy =
            command(repository, tools.program("sam"), &["deploy", "--stack-name", STACK, "--template-file"]);
        deploy.arg(&template).args(["--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset"]);
        deploy.args(["--no-progressbar", "--region", REGION, "--parameter-overrides"]);
        deploy.args([format!("Architecture={architecture}"), format!("DataBuckets={BUCKET}")]);
        self.run(deploy.env("SAM_CLI_TELEMETRY", "0"), "the stack cannot be deployed")?;
        let deployed = places.at("deployed.json");
        self.ask(repository, &[Path::new("deployed"), Path::new(STACK), &deployed])?;
        self.ask(repository, &[Path::new("environment"), Path::new(STACK), &places.at(ENVIRONMENT)])
    }

    /// Makes a bucket with the files of a folder in it.
    pub(super) fn upload(&self, repository: &Repository, folder: &Path) -> Result<(), String> {
        self.ask(repository, &[Path::new("upload"), Path::new(BUCKET), folder])
    }

    fn ask(&self, repository: &Repository, arguments: &[&Path]) -> Result<(), String> {
        let mut ask = command(repository, self.python.program("python"), &["infra/local-stack/stack.py"]);
        self.run(ask.args(arguments), "the emulator refused")
    }

    fn run(&self, command: &mut Command, otherwise: &str) -> Result<(), String> {
        self.talk(command);
        if succeeds(command)? { Ok(()) } else { Err(otherwise.to_owned()) }
    }

    fn answers(&self) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            stream.write_all(b"GET /_ministack/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| format!("there is no free port: {error}"))
}
