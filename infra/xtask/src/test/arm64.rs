//! The layer `arm64`: two functions as they are deployed by default, built for arm64 and run under AWS's own runtime by way of
//! an emulated processor. It compiles everything for another processor, so it runs only when it is asked for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::package;
use crate::process::{command, said};
use crate::repository::Repository;
use crate::test::tally::Tally;
use crate::test::{Stop, aws_local};

/// One of the small functions and the one that streams.
const FUNCTIONS: [&str; 2] = ["get-share", "query-table"];
const PROCESSOR: &str = "qemu-aarch64";
/// Where Debian puts the C library for the other processor.
const LIBRARIES: &str = "/usr/aarch64-linux-gnu";

/// Runs the layer.
pub(super) fn run(repository: &Repository) -> Result<Tally, Stop> {
    if said(&mut command(repository, PROCESSOR, &["--version"])).is_none() || !Path::new(LIBRARIES).is_dir() {
        return Err(Stop::NotRun("Debian's qemu-user, libc6-arm64-cross and libgcc-s1-arm64-cross are missing"));
    }
    let (built, run) = (repository.target.join("arm64/built"), repository.target.join("arm64/run"));
    for name in FUNCTIONS {
        let bootstrap = package::build(repository, &built, name, "--arm64", "binary").map_err(Stop::Broken)?;
        emulated(&bootstrap, &run.join(name)).map_err(|error| Stop::Broken(format!("{}: {error}", run.display())))?;
    }
    aws_local::pytest(repository, &["tests/clients/test_rie.py", "-k", "real_function"], "arm64.xml", Some(&run))
}

/// Puts a program that runs the function on the other processor where its bootstrap is looked for.
fn emulated(bootstrap: &Path, folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let place = folder.join("bootstrap");
    fs::write(&place, format!("#!/bin/sh\nexec {PROCESSOR} -L {LIBRARIES} '{}'\n", bootstrap.display()))?;
    fs::set_permissions(&place, fs::Permissions::from_mode(0o755))
}
