//! The prompt: statements typed one after the other, over as many lines as they need, and a few words for the prompt itself.
//! What was typed before comes back with the arrow keys, also the next time; the tab key completes words and names.

use std::path::PathBuf;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use shared::config::Environment;
use shared::provider::{Provider, recipients, registered, schemas, shares};

use super::complete::{Names, candidates};
use super::lex::{Kind, tokens};
use super::mistake::{Source, shown};
use super::output::{self, Format};
use super::parse;
use super::run::{Mode, Runner};
use super::session::{SqlArgs, apply, open};
use crate::commands::target::Beginning;

/// The file in the state folder that keeps what was typed.
const HISTORY: &str = "sql-history";
/// Statements that are kept there.
const HISTORY_MAX: usize = 1000;

/// What `\?` says.
pub const HELP: &str = "\
Statements end with ';' and may go over several lines.

  CREATE SHARE [IF NOT EXISTS] s [COMMENT '…']
  ALTER SHARE s SET COMMENT '…' | ADD TABLE … | REMOVE TABLE [IF EXISTS] [schema.]t
  ALTER SHARE s ADD SCHEMA [IF NOT EXISTS] c LOCATION '…' [WITH HISTORY] | REMOVE SCHEMA [IF EXISTS] c
  ALTER SHARE s ADD TABLE [IF NOT EXISTS] t [AS [schema.]t] [LOCATION '…'] [WITH HISTORY [FROM VERSION n]] [COMMENT '…']
  DROP SHARE [IF EXISTS] s [CASCADE]
  CREATE TABLE [IF NOT EXISTS] t USING DELTA LOCATION '…' | FROM glue.db.t [ROLE 'arn' [EXTERNAL ID '…']] [REGION '…'] [COMMENT '…']
  DROP TABLE [IF EXISTS] t
  CREATE RECIPIENT [IF NOT EXISTS] r [COMMENT '…'] [TOKEN LIFETIME '90 days']
  ALTER RECIPIENT r ROTATE TOKEN [GRACE '24 hours'] | REVOKE ALL TOKENS | DISABLE | ENABLE
  DROP RECIPIENT [IF EXISTS] r
  GRANT SELECT ON SHARE s TO [RECIPIENT] r [VALID FROM '…'] [VALID UNTIL '…'] | [VALID ALWAYS]
  REVOKE SELECT ON SHARE s FROM [RECIPIENT] r
  SHOW SHARES | ALL IN SHARE s | RECIPIENTS | GRANTS ON SHARE s | GRANTS TO r | TABLES
  DESCRIBE SHARE s | RECIPIENT r | TABLE t

  \\?  this help        \\q  leave        Names with other signs than letters, digits and '_': `in backticks`
";

/// Asks for statements until there are no more.
///
/// # Errors
/// When the catalogue cannot be opened, or the terminal not be used.
pub async fn run(mode: Mode, format: Format, args: &SqlArgs, environment: &Environment) -> Result<(), String> {
    let target = open(args, Beginning::Here, environment).await?;
    let runner = Runner { target: &target, args: &args.target, mode };
    let unusable = |error: ReadlineError| format!("cannot use the terminal: {error}");
    let config = Config::builder().completion_type(CompletionType::List).max_history_size(HISTORY_MAX);
    let config = config.map_err(unusable)?.auto_add_history(true).build();
    let mut editor = Editor::<Assistant, FileHistory>::with_config(config).map_err(unusable)?;
    // A dry run leaves nothing behind.
    let folder = if mode == Mode::Real { target.state_folder().ok() } else { None };
    let history = folder.map(|folder| folder.join(HISTORY));
    if let Some(history) = &history {
        // There is none the first time.
        let _ = editor.load_history(history);
    }
    output::note("Statements end with ';'. \\? lists them, \\q leaves.\n");
    loop {
        editor.set_helper(Some(Assistant { names: names(&target.provider).await }));
        let typed = tokio::task::block_in_place(|| editor.readline("spillway> "));
        match typed {
            Ok(typed) => match typed.trim() {
                "\\q" => break,
                "\\?" => output::note(HELP),
                _ => said(&runner, format, &typed).await,
            },
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(unusable(error)),
        }
        keep(&mut editor, history.as_ref());
    }
    keep(&mut editor, history.as_ref());
    Ok(())
}

async fn said(runner: &Runner<'_>, format: Format, text: &str) {
    let done = match parse::script(text) {
        Ok(statements) => apply(runner, &statements, format, &Source::Prompt, text).await,
        Err(mistake) => Err(shown(&mistake, &Source::Prompt, text)),
    };
    if let Err(problem) = done {
        crate::output::problem(&problem);
    }
}

/// What cannot be kept is forgotten: nobody should be held up by it.
fn keep(editor: &mut Editor<Assistant, FileHistory>, history: Option<&PathBuf>) {
    if let Some(history) = history {
        let _ = editor.save_history(history);
    }
}

/// The names to complete; none of those that cannot be had.
async fn names(provider: &Provider) -> Names {
    let shares = shares::list(provider).await.unwrap_or_default();
    let tables = registered::list(provider).await.unwrap_or_default();
    let recipients = recipients::list(provider).await.unwrap_or_default();
    let schemas = schemas::list(provider, None).await.unwrap_or_default();
    Names {
        shares: shares.into_iter().map(|share| share.name.to_string()).collect(),
        tables: tables.into_iter().map(|table| table.name.to_string()).collect(),
        recipients: recipients.into_iter().map(|recipient| recipient.name.to_string()).collect(),
        schemas: schemas.into_iter().map(|schema| schema.name.to_string()).collect(),
    }
}

/// What helps at the prompt.
struct Assistant {
    names: Names,
}

impl Helper for Assistant {}

impl Highlighter for Assistant {}

impl Hinter for Assistant {
    type Hint = String;
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(candidates(line.get(..pos).unwrap_or_default(), &self.names))
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let typed = context.input();
        let whole = typed.trim_start().starts_with('\\') || is_whole(typed);
        Ok(if whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

/// Whether what was typed is to be done now: it ends with a ';' that is in no text.
fn is_whole(typed: &str) -> bool {
    match tokens(typed) {
        Ok(tokens) => tokens.last().is_none_or(|last| last.kind == Kind::Sign(';')),
        Err(mistake) => !mistake.unfinished,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_done_once_it_ends() {
        for whole in ["", "  \n", "SHOW SHARES;", "SHOW SHARES; -- all\n", "CREAT;"] {
            assert!(is_whole(whole), "{whole}");
        }
        for part in ["SHOW", "CREATE SHARE s COMMENT 'a;", "CREATE SHARE s COMMENT 'a;\n", "/* ;"] {
            assert!(!is_whole(part), "{part}");
        }
    }
}
