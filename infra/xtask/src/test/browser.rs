//! The layer `browser`: the page of an activation link in headless Chromium. The browser and its driver are Debian's; where
//! they are missing they are installed, if that can be done, and otherwise the layer fails: a page that nobody opened in a
//! browser is not a page that works.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{command, said, succeeds};
use crate::repository::Repository;
use crate::test::tally::Tally;
use crate::test::{Stop, build_server, client_environment, junit};

/// The tests of this layer.
pub(super) const TESTS: &str = "tests/clients/test_activation.py";

/// Debian's packages, and where they put their programs.
const PACKAGES: [(&str, &str); 2] = [("chromium", "/usr/bin/chromium"), ("chromium-driver", "/usr/bin/chromedriver")];

/// Runs the layer.
pub(super) fn run(repository: &Repository) -> Result<Tally, Stop> {
    install_missing(repository)?;
    let venv = client_environment(repository)?;
    build_server(repository)?;
    let report = repository.target.join("browser.xml");
    // A report of an earlier run must not speak for this one.
    drop(fs::remove_file(&report));
    let python: PathBuf = venv.program("python");
    let mut pytest = command(repository, &python, &["-m", "pytest", TESTS, "-q"]);
    pytest.arg(format!("--junitxml={}", report.display()));
    pytest.env("SPILLWAY_BIN", repository.spillway()).env("SPILLWAY_PYTHON", &python);
    for ((_, program), variable) in PACKAGES.iter().zip(["SPILLWAY_CHROMIUM", "SPILLWAY_CHROMEDRIVER"]) {
        pytest.env(variable, program);
    }
    let success = succeeds(&mut pytest).map_err(Stop::Broken)?;
    let tally = fs::read_to_string(&report).ok().and_then(|report| junit::tally(&report));
    Ok(tally.unwrap_or_default().of_program(success))
}

fn missing() -> Vec<&'static str> {
    PACKAGES.iter().filter(|(_, program)| !Path::new(program).exists()).map(|(package, _)| *package).collect()
}

/// Installs what is missing, as whoever runs this may.
fn install_missing(repository: &Repository) -> Result<(), Stop> {
    let packages = missing();
    if packages.is_empty() {
        return Ok(());
    }
    let is_root = said(&mut command(repository, "id", &["-u"])).is_some_and(|id| id.trim() == "0");
    if is_root && said(&mut command(repository, "apt-get", &["--version"])).is_some() {
        println!("browser: installing {}", packages.join(" and "));
        // Lists that are there may do; a machine that was just made has none.
        let install = || succeeds(apt(repository, &["install", "--yes", "--no-install-recommends"]).args(&packages));
        let installed = install().map_err(Stop::Broken)?
            || (succeeds(&mut apt(repository, &["update"])).map_err(Stop::Broken)?
                && install().map_err(Stop::Broken)?);
        if installed && missing().is_empty() {
            return Ok(());
        }
    }
    Err(Stop::Broken(format!(
        "install {} first, for example with: apt-get install {}",
        packages.join(" and "),
        packages.join(" ")
    )))
}

fn apt(repository: &Repository, arguments: &[&str]) -> std::process::Command {
    let mut apt = command(repository, "apt-get", &["-qq"]);
    apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    apt
}
