//! Statements done: each is one call of [`shared::provider`], the same that the command of its kind makes, and what came
//! of it is a sentence, a value for scripts, and rows where it is a list.

use serde_json::Value;

use super::mistake::Mistake;
use super::statement::{Placed, ShareChange, Statement};
use crate::commands::target::{Target, TargetArgs};

mod grants;
mod recipients;
mod schemas;
mod shares;
mod show;
mod tables;
mod told;

/// Whether statements change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They do.
    Real,
    /// They change a copy of the catalogue, so that what they would do can be said.
    DryRun,
}

/// What came of a statement.
#[derive(Debug)]
pub struct Outcome {
    /// For people; lines, the last one ended.
    pub text: String,
    /// For scripts.
    pub json: Value,
    /// What was asked for, when it is a list.
    pub rows: Option<Rows>,
    /// Whether it holds what cannot be asked for again: a link, or a token.
    pub is_told_once: bool,
}

/// Rows under headings.
#[derive(Debug)]
pub struct Rows {
    /// The headings.
    pub headings: &'static [&'static str],
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

impl Outcome {
    fn done(text: String, json: Value) -> Self {
        Self { text: format!("{text}\n"), json, rows: None, is_told_once: false }
    }

    /// What was made with something that cannot be asked for again.
    fn handed_over(text: String, json: Value) -> Self {
        Self { is_told_once: true, ..Self::done(text, json) }
    }

    /// That all is as it should be.
    fn nothing(why: &str) -> Self {
        Self::done(format!("{why}; nothing to do."), serde_json::json!({"changed": false}))
    }
}

/// Does statements on a catalogue.
#[derive(Debug)]
pub struct Runner<'a> {
    /// The catalogue; in a dry run a copy of it.
    pub target: &'a Target,
    /// The options that it was named by.
    pub args: &'a TargetArgs,
    /// Whether it is a copy.
    pub mode: Mode,
}

impl Runner<'_> {
    /// Does a statement.
    ///
    /// # Errors
    /// Why it was not done, at the words at fault.
    pub async fn run(&self, placed: &Placed) -> Result<Outcome, Mistake> {
        match &placed.statement {
            Statement::CreateShare(create) => self.create_share(create).await,
            Statement::AlterShare { share, change } => match change {
                ShareChange::SetComment(comment) => self.set_comment(share, comment.as_ref()).await,
                ShareChange::AddTable(add) => self.add_table(share, add).await,
                ShareChange::RemoveTable { table, if_exists } => self.remove_table(share, table, *if_exists).await,
                ShareChange::AddSchema(add) => self.add_schema(share, add).await,
                ShareChange::RemoveSchema { schema, if_exists } => self.remove_schema(share, schema, *if_exists).await,
            },
            Statement::DropShare { share, if_exists, cascade } => self.drop_share(share, *if_exists, *cascade).await,
            Statement::CreateTable(create) => self.create_table(create).await,
            Statement::DropTable { table, if_exists } => self.drop_table(table, *if_exists).await,
            Statement::CreateRecipient(create) => self.create_recipient(create).await,
            Statement::AlterRecipient { recipient, change } => self.alter_recipient(recipient, change).await,
            Statement::DropRecipient { recipient, if_exists } => self.drop_recipient(recipient, *if_exists).await,
            Statement::Grant(grant) => self.grant(grant).await,
            Statement::Revoke { share, recipient } => self.revoke(share, recipient).await,
            Statement::Show(show) => self.show(show).await,
            Statement::Describe(describe) => self.describe(describe).await,
        }
    }

    /// `Created`, or `Would create`.
    fn did(&self, done: &'static str, would: &str) -> String {
        match self.mode {
            Mode::Real => done.to_owned(),
            Mode::DryRun => format!("Would {would}"),
        }
    }

    /// How soon recipients notice, where anything happened.
    fn noticed(&self) -> String {
        match self.mode {
            Mode::Real => format!(" ({})", self.target.takes_effect()),
            Mode::DryRun => String::new(),
        }
    }
}

#[cfg(test)]
mod tests;
