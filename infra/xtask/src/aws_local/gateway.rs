//! The gateway in front of the functions.

use std::fs;
use std::time::Duration;

use crate::aws_local::Places;
use crate::aws_local::background::{Process, within};
use crate::process::command;
use crate::repository::Repository;
use crate::template;

/// How long it may take to listen.
const READY_MAX: Duration = Duration::from_secs(20);
const LISTENS: &str = "listening on ";

/// Starts it and waits until it listens; the endpoint that profiles lead to.
pub(super) fn start(
    repository: &Repository,
    places: &Places,
    note: impl FnOnce(&Process) -> Result<(), String>,
) -> Result<String, String> {
    let transformed = template::transformed(repository)?;
    let mut start = command(repository, repository.target.join("debug/aws-gateway"), &["--template"]);
    start.arg(transformed).arg("--deployed").arg(places.at("deployed.json"));
    start.arg("--bootstraps").arg(places.at("bootstraps")).arg("--logs").arg(places.at("logs"));
    let log = places.at("gateway.log");
    let process = Process::start(&mut start, &log, note)?;
    let mut endpoint = None;
    within(READY_MAX, || {
        let said = fs::read_to_string(&log).unwrap_or_default();
        endpoint = said.lines().find_map(|line| line.strip_prefix(LISTENS)).map(str::to_owned);
        endpoint.is_some() || !process.is_alive()
    });
    endpoint.ok_or_else(|| {
        let said = fs::read_to_string(&log).unwrap_or_default();
        format!("the gateway did not begin: {}", said.trim_end())
    })
}
