//! The repository's own tasks, run as `cargo xtask TASK`: test, lint, bench, counts of instructions, fuzz, AWS on this machine, packages. Each calls the tools a person would call, in
//! the same order everywhere, and says at the end what failed. It is not part of any program that is shipped.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a task talks to the terminal and takes its switches from the environment"
)]

mod aws_local;
mod bench;
mod dynamodb_local;
mod fuzz;
mod instructions;
mod lint;
mod package;
mod process;
mod python;
mod repository;
mod template;
mod test;
mod tools;
mod venv;

use std::process::ExitCode;

use crate::repository::Repository;

const HELP: &str = "\
Tasks (make TASK, or cargo xtask TASK):
  test [LAYER]...       the tests: rust, clients, browser, aws-local, golden; without one, all (make test LAYERS=rust);
                        arm64, functions for that processor under an emulated one, only when it is named
  lint [STEP]...        format, clippy, docs, dependencies, spelling, template
  bench [ARGUMENT]...   the benchmark, built for release (make bench ARGS=...)
  instructions          what the hottest paths take, counted by valgrind, beside what is recorded; --record writes it down
  fuzz [TARGET] [SECS]  the fuzz targets, or one, for a minute or so long each (make fuzz ARGS=...)
  aws-local             AWS on this machine: the template deployed in an emulator, and a profile to read with
  aws-local-down        ends that, and removes its data
  package [FUNCTION]... zips of the functions, the template that names them, and checksums, in target/package
  help                  this list
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = arguments.split_first().map_or(("help", &[][..]), |(task, rest)| (task.as_str(), rest));
    let repository = Repository::here();
    let outcome = match task {
        "test" => test::run(&repository, rest),
        "lint" => lint::run(&repository, rest),
        "bench" => bench::run(&repository, rest),
        "instructions" => instructions::run(&repository, rest),
        "fuzz" => fuzz::run(&repository, rest),
        "aws-local" => aws_local::up(&repository),
        "aws-local-down" => aws_local::down(&repository),
        "package" => package::run(&repository, rest),
        "help" | "-h" | "--help" => {
            print!("{HELP}");
            Ok(true)
        }
        other => Err(format!("there is no task '{other}'. `cargo xtask help` lists them.")),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            println!("{problem}");
            ExitCode::from(2)
        }
    }
}
