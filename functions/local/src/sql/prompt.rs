//! The prompt: statements typed one after the other, over as many lines as they need, and a few words for the prompt itself.

use std::io::{BufRead, Write};

use shared::config::Environment;

use super::mistake::{Source, shown};
use super::output::{self, Format};
use super::parse;
use super::run::{Mode, Runner};
use super::session::{SqlArgs, apply, open};
use crate::commands::target::Beginning;

/// What `\?` says.
pub const HELP: &str = "\
Statements end with ';' and may go over several lines.

  CREATE SHARE [IF NOT EXISTS] s [COMMENT '…']
  ALTER SHARE s SET COMMENT '…' | ADD TABLE … | REMOVE TABLE [IF EXISTS] [schema.]t
  ALTER SHARE s ADD TABLE [IF NOT EXISTS] t [AS [schema.]t] [LOCATION '…'] [WITH HISTORY [FROM VERSION n]]
  DROP SHARE [IF EXISTS] s [CASCADE]
  CREATE TABLE [IF NOT EXISTS] t USING DELTA LOCATION '…' [ROLE 'arn' [EXTERNAL ID '…']] [REGION '…']
  DROP TABLE [IF EXISTS] t
  CREATE RECIPIENT [IF NOT EXISTS] r [COMMENT '…'] [TOKEN LIFETIME '90 days']
  ALTER RECIPIENT r ROTATE TOKEN [GRACE '24 hours'] | REVOKE ALL TOKENS | DISABLE | ENABLE
  DROP RECIPIENT [IF EXISTS] r
  GRANT SELECT ON SHARE s TO [RECIPIENT] r        REVOKE SELECT ON SHARE s FROM [RECIPIENT] r
  SHOW SHARES | ALL IN SHARE s | RECIPIENTS | GRANTS ON SHARE s | GRANTS TO r | TABLES
  DESCRIBE SHARE s | RECIPIENT r | TABLE t

  \\?  this help        \\q  leave        Names with other signs than letters, digits and '_': `in backticks`
";

/// Asks for statements until there are no more.
///
/// # Errors
/// When the catalogue cannot be opened.
pub async fn run(mode: Mode, format: Format, args: &SqlArgs, environment: &Environment) -> Result<(), String> {
    let target = open(args, Beginning::Here, environment).await?;
    let runner = Runner { target: &target, args: &args.target, mode };
    output::note("Statements end with ';'. \\? lists them, \\q leaves.\n");
    let mut typed = String::new();
    loop {
        let _ = write!(std::io::stderr(), "{}", if typed.is_empty() { "spillway> " } else { "      ...> " });
        let mut line = String::new();
        let read = tokio::task::block_in_place(|| std::io::stdin().lock().read_line(&mut line));
        if read.map_err(|error| format!("cannot read the terminal: {error}"))? == 0 {
            output::note("\n");
            return Ok(());
        }
        match line.trim() {
            "\\q" => return Ok(()),
            "\\?" => output::note(HELP),
            _ => typed.push_str(&line),
        }
        if is_whole(&typed) {
            let text = std::mem::take(&mut typed);
            said(&runner, format, &text).await;
        }
    }
}

/// Whether what was typed is to be done now: it ends with a ';' that is in no text.
pub(super) fn is_whole(typed: &str) -> bool {
    let Ok(tokens) = super::lex::tokens(typed) else { return typed.trim_end().ends_with(';') && !is_unfinished(typed) };
    typed.trim().is_empty() || tokens.last().is_some_and(|last| last.kind == super::lex::Kind::Sign(';'))
}

fn is_unfinished(typed: &str) -> bool {
    super::lex::tokens(typed).is_err_and(|mistake| mistake.unfinished)
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
