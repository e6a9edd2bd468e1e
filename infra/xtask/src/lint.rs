//! Every check that needs no test: format, warnings, documents, dependencies, spelling, the template. All steps run, so
//! that one look shows everything; the last line names those that failed.

use crate::process::{cargo, command, succeeds};
use crate::python::Environment;
use crate::repository::Repository;
use crate::template;
use crate::tools;

/// A step: whether it holds, or why it could not run.
type Step = fn(&Repository) -> Result<bool, String>;

const STEPS: [(&str, Step); 11] = [
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
    ("spelling", |repository| {
        let typos = Environment::Tools.needed(repository)?.program("typos");
        succeeds(&mut command(repository, typos, &[]))
    }),
    ("template", |repository| {
        let cfn_lint = Environment::Tools.needed(repository)?.program("cfn-lint");
        let files = ["--regions", "us-east-1", "--", "template.yaml", "infra/data-account.yaml"];
        succeeds(&mut command(repository, cfn_lint, &files))
    }),
    ("template, as SAM reads it", |repository| {
        let sam = Environment::Tools.needed(repository)?.program("sam");
        let validate = ["validate", "--lint", "--template", "template.yaml"];
        succeeds(command(repository, sam, &validate).env("SAM_CLI_TELEMETRY", "0"))
    }),
    ("transformed template", |repository| {
        let transformed = template::transformed(repository)?;
        let cfn_lint = Environment::Tools.needed(repository)?.program("cfn-lint");
        succeeds(command(repository, cfn_lint, &["--regions", "us-east-1", "--"]).arg(transformed))
    }),
    ("transformed template, for security", |repository| {
        let transformed = template::transformed(repository)?;
        let checkov = Environment::Checkov.needed(repository)?.program("checkov");
        let check = ["--config-file", "infra/checkov.yaml", "--skip-download", "--compact", "--quiet"];
        let mut check = command(repository, checkov, &check);
        check.args(["--framework", "cloudformation", "--file"]).arg(transformed).arg("infra/data-account.yaml");
        succeeds(&mut check)
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
