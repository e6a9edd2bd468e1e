//! The operator's commands: options into calls of [`shared::provider`], what it answers into text for people and JSON for
//! scripts. Each command says what it did and what to do next, or in one sentence why it did nothing.

pub mod answer;
pub mod audit;
pub mod doctor;
pub mod grant;
pub mod handover;
pub mod import;
pub mod plan;
pub mod recipient;
pub(crate) mod rules;
pub mod schema;
pub mod share;
pub mod table;
pub mod target;
pub mod token;

use std::error::Error as _;

use clap::Subcommand;
use shared::clock::SystemClock;
use shared::config::Environment;
use shared::provider::ProviderError;
use shared::provider::links::LinkLifetime;
use shared::provider::tokens::{Grace, Lifetime};

use crate::inspect::one_line;
use crate::sql::session::SqlArgs;
use answer::Answer;
use audit::AuditArgs;
use doctor::DoctorArgs;
use grant::{GrantArgs, RevokeArgs};
use import::ImportArgs;
use plan::PlanArgs;
use recipient::RecipientCommand;
use schema::SchemaCommand;
use share::ShareCommand;
use table::TableCommand;
use target::{Beginning, Target, TargetArgs};
use token::TokenCommand;

/// What an operator does to a catalogue.
#[derive(Debug, Clone, Subcommand)]
pub enum OperatorCommand {
    /// Create, list, show and delete shares
    #[command(subcommand)]
    Share(ShareCommand),
    /// Share all tables of a place as one schema, list and remove such schemas
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// Add tables to shares, list, show and remove them
    #[command(subcommand)]
    Table(TableCommand),
    /// Create, list, show, disable, enable and delete recipients
    #[command(subcommand)]
    Recipient(RecipientCommand),
    /// Let a recipient read a share, or change from when to when
    #[command(after_help = "Examples:\n  spillway grant sales acme\n  \
        spillway grant sales acme --until 2027-01-31T00:00:00Z")]
    Grant(GrantArgs),
    /// Take a share back from a recipient
    ///
    /// New requests are refused as soon as the server notices; URLs of files that the recipient was given before work
    /// until they expire.
    #[command(after_help = "Example:\n  spillway revoke sales acme")]
    Revoke(RevokeArgs),
    /// Replace a recipient's token
    #[command(subcommand)]
    Token(TokenCommand),
    /// Take over what a configuration file of the reference server shares, for one recipient
    ///
    /// Every share and table of the file is added, a recipient is created that may read all of them, and its profile is
    /// written with a new token. All is checked first: when anything cannot be taken over, nothing is. What is there
    /// already in the same form is kept, so that an import that was broken off can be repeated.
    #[command(after_help = "Example:\n  spillway import conf.yaml --recipient acme")]
    Import(ImportArgs),
    /// Say what a recipient sees now, and why when that is nothing
    ///
    /// The rules are applied, and the logs of tables are read, as the server does it: grants and their times, the IP access
    /// list, tokens, partition rules, and what readers must know. Nothing is changed.
    #[command(after_help = "Examples:\n  spillway plan --recipient acme\n  \
        spillway plan --recipient acme --table sales.eu.orders --ip 203.0.113.7")]
    Plan(PlanArgs),
    /// Check that recipients can really read what is shared
    ///
    /// Each step is a line: who you are to AWS, the catalogue, the keyring, the endpoint, the clock; and for each table
    /// the role, the bucket's region, the log, what clients must know, and a signed URL of one file that is really
    /// fetched. A step that fails says what to do, and the command ends with an error.
    #[command(after_help = "Examples:\n  spillway doctor\n  spillway doctor --stack prod --table sales.eu.orders")]
    Doctor(DoctorArgs),
    /// Say who read what, how much, and what was refused; or what operators changed
    ///
    /// Of a local server from the files that it keeps in its state folder, of a stack from the log of its functions. What
    /// is told: every answer with its recipient, table, version, files and bytes, the sums of each recipient and table, and
    /// every refusal with its code. Bytes are those of the answers, not of the files that they name.
    #[command(
        after_help = "Examples:\n  spillway audit --recipient acme --since 7d\n  spillway audit --admin --stack prod"
    )]
    Audit(AuditArgs),
    /// Say the same in SQL: statements, a file of them, or a prompt
    ///
    /// `spillway sql "STATEMENTS"` runs statements that are separated by ';', `spillway sql -f FILE` those of a file, and
    /// `spillway sql` asks for them. A script is read whole before anything is done; then each statement is a transaction
    /// of its own, and the first that cannot be done ends it. At the prompt, \? lists the statements.
    #[command(after_help = "Examples:\n  spillway sql \"CREATE SHARE sales; SHOW SHARES\"\n  \
        spillway sql -f shares.sql --dry-run\n  spillway sql --stack prod")]
    Sql(SqlArgs),
}

impl OperatorCommand {
    /// Runs the command and says what it answers.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub async fn run(&self, environment: &Environment) -> Result<(), String> {
        if let Self::Sql(args) = self {
            return crate::sql::session::run(args, environment).await;
        }
        let args = self.target();
        let target = Target::open(args, self.beginning(), environment, SystemClock::shared()).await?;
        let answer = self.answer(&target).await?;
        crate::output::answer(&answer, args.json);
        answer.problem.map_or(Ok(()), Err)
    }

    /// Only what puts the first thing into a catalogue begins one.
    fn beginning(&self) -> Beginning {
        match self {
            Self::Share(ShareCommand::Create(_)) | Self::Recipient(RecipientCommand::Create(_)) | Self::Import(_) => {
                Beginning::Here
            }
            // Whoever serves a folder or a configuration has events and no catalogue.
            Self::Audit(args) if args.target.is_local() => Beginning::OnACopy,
            _ => Beginning::NotHere,
        }
    }

    fn target(&self) -> &TargetArgs {
        match self {
            Self::Share(command) => command.target(),
            Self::Schema(command) => command.target(),
            Self::Table(command) => command.target(),
            Self::Recipient(command) => command.target(),
            Self::Grant(args) => &args.target,
            Self::Revoke(args) => &args.target,
            Self::Token(command) => command.target(),
            Self::Import(args) => &args.target,
            Self::Plan(args) => &args.target,
            Self::Doctor(args) => &args.target,
            Self::Audit(args) => &args.target,
            Self::Sql(args) => &args.target,
        }
    }

    async fn answer(&self, target: &Target) -> Result<Answer, String> {
        match self {
            Self::Share(command) => command.run(target).await,
            Self::Schema(command) => command.run(target).await,
            Self::Table(command) => command.run(target).await,
            Self::Recipient(command) => command.run(target).await,
            Self::Grant(args) => grant::grant(args, target).await,
            Self::Revoke(args) => grant::revoke(args, target).await,
            Self::Token(command) => command.run(target).await,
            Self::Import(args) => import::run(args, target).await,
            Self::Plan(args) => plan::run(args, target).await,
            Self::Doctor(args) => doctor::run(args, target).await,
            Self::Audit(args) => audit::run(args, target).await,
            Self::Sql(_) => Err("statements are run one by one".into()),
        }
    }
}

/// Why a command, or the statement that says the same, did nothing.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The provider's own reasons.
    Provider(ProviderError),
    /// What was seen on the way there, as a sentence.
    Said(String),
    /// Partitions that the table does not have, as a sentence.
    Partitions(String),
}

impl From<ProviderError> for Failed {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

impl Failed {
    /// The sentence.
    pub(crate) fn told(self) -> String {
        match self {
            Self::Provider(error) => told(error),
            Self::Said(sentence) | Self::Partitions(sentence) => sentence,
        }
    }
}

/// The sentence of a failure, with what lies behind it: whoever runs a command is whom the causes are for.
pub(crate) fn told(error: ProviderError) -> String {
    let mut out = one_line(&error.to_string());
    let mut next = error.source();
    while let Some(cause) = next {
        out.push_str(": ");
        out.push_str(&one_line(&cause.to_string()));
        next = cause.source();
    }
    out
}

/// Reads `90 days`, `24h`, `1h 30m`.
fn seconds(text: &str) -> Result<u64, String> {
    humantime::parse_duration(text.trim())
        .map(|duration| duration.as_secs())
        .map_err(|_| "write a number and a unit, such as '90 days' or '24 hours'".into())
}

/// Reads the lifetime of a token.
pub(crate) fn lifetime(text: &str) -> Result<Lifetime, String> {
    Lifetime::of_secs(seconds(text)?).map_err(|error| error.to_string())
}

/// Reads how long a link can be used.
pub(crate) fn link_lifetime(text: &str) -> Result<LinkLifetime, String> {
    LinkLifetime::of_secs(seconds(text)?).map_err(|error| error.to_string())
}

/// Reads a grace time.
pub(crate) fn grace(text: &str) -> Result<Grace, String> {
    Grace::of_secs(seconds(text)?).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_with_its_causes_on_one_line() {
        let cause = shared::error::Error::StorageUnavailable("first\nsecond".into());
        let error = ProviderError::Unavailable { what: "no token can be made".into(), cause: Box::new(cause) };
        let said = told(error);
        assert_eq!(said, "no token can be made: The storage did not answer. Try again in a moment: first second");
    }

    #[test]
    fn times_are_numbers_with_units() {
        for (text, secs) in [("90 days", 90 * 86_400), ("24 hours", 86_400), ("1h 30m", 5_400), (" 2w ", 14 * 86_400)] {
            assert_eq!(seconds(text), Ok(secs), "{text}");
        }
        for text in ["", "soon", "90", "-1 day", "1 fortnight"] {
            assert!(seconds(text).unwrap_err().contains("'90 days'"), "{text}");
        }
        assert!(lifetime("1 second").unwrap_err().contains("between"));
        assert!(grace("0s").is_ok() && grace("1 year").is_err());
    }
}
