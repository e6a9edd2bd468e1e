//! The command line: options into values, errors into one sentence and an exit code.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use shared::config::{Environment, LOG_DEFAULT};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::commands::OperatorCommand;
use crate::{memory, serve};

/// Where the state folder is when nothing names another.
pub const STATE_DEFAULT: &str = ".spillway";

/// What is logged of an operator's command, which says itself what went wrong in other crates.
const LOG_DEFAULT_OF_COMMANDS: &str = "off,local=warn,shared=warn";

/// Spillway serves Delta tables to Delta Sharing clients.
///
/// Without a command it serves its own catalogue; in a new state folder that is two tables of sample data. The other
/// commands change that catalogue, or with --stack the one of a deployment on AWS: create a share, add tables to it,
/// create a recipient, and grant it the share.
#[derive(Debug, Parser)]
#[command(name = "spillway", version, max_term_width = 100, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve tables: the state folder's catalogue, a folder, or a configuration file
    ///
    /// Three ways: `spillway serve` serves what the catalogue in the state folder says and writes sample tables there
    /// when there is none yet. `spillway serve PATH` shares every Delta table under a folder. `spillway serve --config
    /// FILE` serves what the reference server's configuration file says.
    Serve(ServeArgs),
    #[command(flatten)]
    Operator(OperatorCommand),
}

/// Options of `serve`.
#[derive(Debug, Clone, Default, Args)]
#[command(
    after_help = "Environment: AWS credentials, region and AWS_ENDPOINT_URL are read as by every AWS tool, when a \
    table lies on S3. SPILLWAY_LOG sets what is logged (default: warn,spillway=info)."
)]
pub struct ServeArgs {
    /// Share every Delta table under this folder: PATH/TABLE as local.default.TABLE, PATH/SCHEMA/TABLE as
    /// local.SCHEMA.TABLE
    #[arg(value_name = "PATH", conflicts_with_all = ["config", "reset"])]
    pub path: Option<PathBuf>,
    /// Serve what a configuration file of the reference server says (.yaml or .yml)
    #[arg(long, value_name = "FILE", conflicts_with = "reset")]
    pub config: Option<PathBuf>,
    /// The folder for profiles, the catalogue and the sample tables
    #[arg(long, value_name = "DIR", default_value = STATE_DEFAULT)]
    pub state: PathBuf,
    /// The address to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// The port to listen on; 0 picks a free one [default: 8080]
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Whom recipients ask, as the page of an activation link says it: "Ada Example, ada@example.com"
    #[arg(long, value_name = "TEXT")]
    pub contact: Option<String>,
    /// Write the sample tables and their catalogue anew
    #[arg(long)]
    pub reset: bool,
}

/// Runs the program.
pub async fn run() -> ExitCode {
    let cli = Cli::parse();
    let environment = Environment::read();
    let command = cli.command.unwrap_or(Command::Serve(cli.serve));
    let log = match command {
        Command::Serve(_) => LOG_DEFAULT,
        Command::Operator(_) => LOG_DEFAULT_OF_COMMANDS,
    };
    let said = environment.log.as_deref().and_then(|said| said.parse().ok());
    let filter: Targets = said.or_else(|| log.parse().ok()).unwrap_or_default();
    let lines = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_target(false);
    lines.with_writer(std::io::stderr).finish().with(filter).init();
    let done = match command {
        Command::Serve(args) => {
            memory::keep_small(&environment);
            serve::run(args, environment).await
        }
        Command::Operator(command) => command.run(&environment).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            crate::output::problem(&problem);
            ExitCode::FAILURE
        }
    }
}
