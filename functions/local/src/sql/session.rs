//! `spillway sql`: where statements come from, and a script from its first statement to its last or to the first that
//! cannot be done.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use clap::Args;
use shared::clock::SystemClock;
use shared::config::Environment;
use shared::provider::counted;

use super::lex::SCRIPT_BYTES_MAX;
use super::mistake::{Mistake, Source, shown};
use super::output::Format;
use super::report::Report;
use super::run::{Mode, Runner};
use super::statement::Placed;
use super::{parse, prompt};
use crate::commands::target::{Beginning, Target, TargetArgs};

/// Options of `sql`.
#[derive(Debug, Clone, Args)]
pub struct SqlArgs {
    /// Statements, separated by ';' [default: a prompt, or standard input when that is no terminal]
    #[arg(value_name = "STATEMENTS", conflicts_with = "file")]
    statements: Option<String>,
    /// Run the statements of this file; - is standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Answer lists in CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Where to work.
    #[command(flatten)]
    pub target: TargetArgs,
}

impl SqlArgs {
    fn mode(&self) -> Mode {
        if self.dry_run { Mode::DryRun } else { Mode::Real }
    }

    fn format(&self) -> Format {
        match (self.target.json, self.csv) {
            (true, _) => Format::Json,
            (_, true) => Format::Csv,
            _ => Format::Text,
        }
    }

    /// The script and where it came from; nothing when it is to be asked for.
    fn script(&self) -> Result<Option<(Source, String)>, String> {
        match (&self.statements, &self.file) {
            (Some(text), _) => Ok(Some((Source::Argument, text.clone()))),
            (None, Some(path)) if path.as_os_str() != "-" => {
                let name = path.display().to_string();
                let text = std::fs::read(path).map_err(|error| format!("cannot read {name}: {error}"))?;
                let text = String::from_utf8(text).map_err(|_| format!("{name} is not UTF-8"))?;
                Ok(Some((Source::File(name), text)))
            }
            (None, None) if std::io::stdin().is_terminal() => Ok(None),
            (None, _) => {
                let (mut text, most) = (String::new(), u64::try_from(SCRIPT_BYTES_MAX).unwrap_or(u64::MAX));
                let read = std::io::stdin().lock().take(most.saturating_add(1)).read_to_string(&mut text);
                read.map_err(|error| format!("cannot read standard input: {error}"))?;
                Ok(Some((Source::File("(standard input)".into()), text)))
            }
        }
    }
}

/// Runs `sql`.
///
/// # Errors
/// What is wrong with the first statement that cannot be read or done, and where it stands.
pub async fn run(args: &SqlArgs, environment: &Environment) -> Result<(), String> {
    let Some((source, text)) = args.script()? else {
        return prompt::run(args.mode(), args.format(), args, environment).await;
    };
    let statements = parse::script(&text).map_err(|mistake| {
        let nothing =
            if text.contains(';') { "\nNothing was done: a script is read whole before it is begun." } else { "" };
        format!("{}{nothing}", shown(&mistake, &source, &text))
    })?;
    // Whoever merely looks may have named the wrong folder.
    let begins = statements.iter().any(|placed| placed.statement.begins());
    let target = open(args, if begins { Beginning::Here } else { Beginning::NotHere }, environment).await?;
    let runner = Runner { target: &target, args: &args.target, mode: args.mode() };
    apply(&runner, &statements, args.format(), &source, &text).await
}

/// Opens the catalogue, or a copy of it for a dry run.
pub(super) async fn open(args: &SqlArgs, beginning: Beginning, environment: &Environment) -> Result<Target, String> {
    let beginning = match args.mode() {
        Mode::Real => beginning,
        Mode::DryRun => Beginning::OnACopy,
    };
    Target::open(&args.target, beginning, environment, SystemClock::shared()).await
}

/// Does statements one after the other, up to the first that cannot be done.
pub(super) async fn apply(
    runner: &Runner<'_>,
    statements: &[Placed],
    format: Format,
    source: &Source,
    text: &str,
) -> Result<(), String> {
    let mut report = Report::of(runner.target, statements.len(), format, SystemClock::shared());
    let mut failed = None;
    for placed in statements {
        let done = report.during(runner.run(placed)).await;
        let told = match done {
            Ok(outcome) => report.add(outcome).await.map_err(|why| Mistake::new(0..0, why)),
            Err(mistake) => Err(mistake),
        };
        if let Err(mut mistake) = told {
            if mistake.at == (0..0) {
                mistake.at = placed.at.clone();
            }
            failed = Some(shown(&mistake, source, text));
            break;
        }
    }
    // What was done before a statement that cannot be done is kept all the same.
    let unkept = report.end().await.err();
    let problems: Vec<String> = failed.into_iter().chain(unkept).collect();
    if problems.is_empty() {
        return Ok(());
    }
    let before = match (runner.mode, report.told(), statements.len()) {
        (_, _, 1) | (Mode::DryRun, ..) => String::new(),
        (Mode::Real, 0, _) => "\nNothing was done.".into(),
        (Mode::Real, done, all) => format!(
            "\n{} before it {} done, {} not.",
            counted(done, "statement"),
            if done == 1 { "was" } else { "were" },
            all - done
        ),
    };
    Err(format!("{}{before}", problems.join("\n")))
}
