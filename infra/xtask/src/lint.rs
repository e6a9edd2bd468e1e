//! Every check that needs no test: format, warnings, documents, dependencies, spelling, the template. All steps run, so
//! that one look shows everything; the last line names those that failed.

mod tools;

use crate::process::{cargo, command, succeeds};
use crate::repository::Repository;

/// A step: whether it holds, or why it could not run.
type Step = fn(&Repository) -> Result<bool, String>;

const STEPS: [(&str, Step); 9] = [
    ("format", |repository| succeeds(&mut cargo(repository, &["fmt", "--all", "--check"]))),
    ("clippy", |repository| {
        let whole = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
        succeeds(&mut cargo(repository, &whole))
    }),
    ("clippy without features", |repository| {
        succeeds(&mut cargo(repository, &["clippy", "-p", "shared", "--locked", "--", "-D", "warnings"]))
    }),
    ("documents", |repository| {
        let doc = ["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"];
        succeeds(cargo(repository, &doc).env("RUSTDOCFLAGS", "-D warnings"))
    }),
    ("licences and sources", |repository| {
        let deny = tools::from_cargo(repository, &tools::DENY)?;
        let check = ["--locked", "--workspace", "--config", ".cargo/deny.toml", "check", "licenses", "bans", "sources"];
        succeeds(&mut command(repository, deny, &check))
    }),
    ("unused dependencies", |repository| {
        let machete = tools::from_cargo(repository, &tools::MACHETE)?;
        // Its names come from the metadata: a package and its library may be called differently.
        succeeds(&mut command(repository, machete, &["--with-metadata", "."]))
    }),
    ("spelling", |repository| succeeds(&mut command(repository, tools::from_python(repository, "typos")?, &[]))),
    ("template", |repository| {
        let cfn_lint = tools::from_python(repository, "cfn-lint")?;
        succeeds(&mut command(repository, cfn_lint, &["--regions", "us-east-1", "--", "template.yaml"]))
    }),
    ("template, as SAM reads it", |repository| {
        let mut sam = command(repository, "sam", &["validate", "--lint", "--template", "template.yaml"]);
        if command(repository, "sam", &["--version"]).output().is_err() {
            println!("not run (sam is missing)");
            return Ok(true);
        }
        succeeds(sam.env("SAM_CLI_TELEMETRY", "0"))
    }),
];

/// Runs the steps whose name begins with one of the arguments, or all.
///
/// # Errors
/// When an argument is no step's name.
pub(crate) fn run(repository: &Repository, asked: &[String]) -> Result<bool, String> {
    let names = STEPS.map(|(name, _)| name);
    if let Some(unknown) = asked.iter().find(|asked| !names.iter().any(|name| name.starts_with(asked.as_str()))) {
        return Err(format!("there is no lint step '{unknown}'. The steps are: {}.", names.join("; ")));
    }
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        if !asked.is_empty() && !asked.iter().any(|asked| name.starts_with(asked.as_str())) {
            continue;
        }
        println!("== {name}");
        match step(repository) {
            Ok(true) => {}
            Ok(false) => failed.push(name),
            Err(problem) => {
                println!("{problem}");
                failed.push(name);
            }
        }
    }
    match failed.as_slice() {
        [] => println!("lint: every step holds"),
        failed => println!("lint: failed: {}", failed.join("; ")),
    }
    Ok(failed.is_empty())
}
