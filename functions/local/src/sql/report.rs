//! What a script's statements came to, told once it is kept. Where the catalogue is a file, statements are gathered and
//! written together a few times a second: each is still done whole or not at all, in its turn, and none is told of that a
//! loss of power could take back. A bar on the terminal shows how far a long script is.

use std::io::{self, IsTerminal};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use shared::clock::Clock;
use shared::limits::{SCRIPT_GATHERED_MAX, SCRIPT_TURN, SCRIPT_UNTOLD_MAX};

use super::output::{self, Format};
use super::run::Outcome;
use crate::commands::target::Target;
use crate::commands::told;

/// Cells of the bar.
const BAR_CELLS: usize = 30;
/// Scripts of fewer statements are done before a bar would help.
const STATEMENTS_MIN: usize = 200;
/// Goes to the beginning of the line and clears it.
const CLEAR: &str = "\r\x1b[2K";

/// A script's outcomes.
#[derive(Debug)]
pub(super) struct Report<'a> {
    target: &'a Target,
    format: Format,
    clock: Arc<dyn Clock>,
    all: usize,
    gathers: bool,
    untold: Vec<Outcome>,
    told: usize,
    /// When all that was done before was kept.
    settled: Duration,
    /// What went wrong while a statement was under way.
    problem: Option<String>,
    bar: Option<Bar>,
}

/// A bar on the terminal.
#[derive(Debug, Default)]
struct Bar {
    /// What can be seen of it.
    per_mille: Option<usize>,
    /// Whether outcomes are printed on the same terminal.
    beside_outcomes: bool,
}

impl<'a> Report<'a> {
    /// The report of so many statements on a catalogue.
    pub(super) fn of(target: &'a Target, all: usize, format: Format, clock: Arc<dyn Clock>) -> Self {
        let gathers = all > 1 && target.gathering().is_some();
        if gathers && let Some(catalog) = target.gathering() {
            catalog.gather();
        }
        let bar = (all >= STATEMENTS_MIN && io::stderr().is_terminal())
            .then(|| Bar { per_mille: None, beside_outcomes: io::stdout().is_terminal() });
        let settled = clock.uptime();
        Self { target, format, clock, all, gathers, untold: Vec::new(), told: 0, settled, problem: None, bar }
    }

    /// Waits for a statement. What was gathered does not wait for a slow one, and neither do other operators.
    pub(super) async fn during<T>(&mut self, statement: impl Future<Output = T>) -> T {
        let mut statement = pin!(statement);
        if !self.gathers {
            return statement.await;
        }
        loop {
            let left = SCRIPT_GATHERED_MAX.saturating_sub(self.clock.uptime().saturating_sub(self.settled));
            tokio::select! {
                biased;
                done = &mut statement => return done,
                () = tokio::time::sleep(left) => {
                    if let Err(problem) = self.settle().await {
                        self.problem = Some(problem);
                        return statement.await;
                    }
                }
            }
        }
    }

    /// Takes an outcome, to be told once it is kept.
    ///
    /// # Errors
    /// When it could not be kept, nor any other that was not told.
    pub(super) async fn add(&mut self, outcome: Outcome) -> Result<(), String> {
        if let Some(problem) = self.problem.take() {
            self.untold.clear();
            return Err(problem);
        }
        self.untold.push(outcome);
        let waited = self.clock.uptime().saturating_sub(self.settled);
        if self.gathers && waited < SCRIPT_GATHERED_MAX && self.untold.len() < SCRIPT_UNTOLD_MAX {
            return Ok(());
        }
        self.settle().await
    }

    /// Keeps and tells what is left.
    ///
    /// # Errors
    /// When it could not be kept.
    pub(super) async fn end(&mut self) -> Result<(), String> {
        let settled = match self.problem.take() {
            Some(problem) => Err(problem),
            None => self.settle().await,
        };
        if let Some(bar) = self.bar.take() {
            output::note(if bar.per_mille.is_some() { "\n" } else { "" });
        }
        settled
    }

    /// How many statements were done, are kept and were told of.
    pub(super) fn told(&self) -> usize {
        self.told
    }

    async fn settle(&mut self) -> Result<(), String> {
        if let Some(catalog) = self.target.gathering() {
            let kept = catalog.settle().await;
            if let Err(error) = kept {
                self.untold.clear();
                return Err(told(error.into()));
            }
        }
        for outcome in std::mem::take(&mut self.untold) {
            self.told += 1;
            self.tell(&outcome);
        }
        if self.gathers && self.told < self.all {
            // Whoever waits for the file has a turn.
            tokio::time::sleep(SCRIPT_TURN).await;
        }
        self.settled = self.clock.uptime();
        Ok(())
    }

    fn tell(&mut self, outcome: &Outcome) {
        let Some(bar) = &mut self.bar else { return output::print(outcome, self.format) };
        let is_noise = self.format == Format::Text && outcome.rows.is_none() && !outcome.is_told_once;
        if !(bar.beside_outcomes && is_noise) {
            if bar.beside_outcomes {
                output::note(CLEAR);
                bar.per_mille = None;
            }
            output::print(outcome, self.format);
        }
        let per_mille = self.told * 1000 / self.all.max(1);
        if bar.per_mille != Some(per_mille) {
            bar.per_mille = Some(per_mille);
            output::note(&format!("\r{}", shown(self.told, self.all)));
        }
    }
}

fn shown(count: usize, all: usize) -> String {
    let filled = count * BAR_CELLS / all.max(1);
    format!("[{}{}] {count} of {all} statements", "#".repeat(filled), " ".repeat(BAR_CELLS - filled.min(BAR_CELLS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_up() {
        assert_eq!(shown(0, 300), format!("[{}] 0 of 300 statements", " ".repeat(30)));
        assert_eq!(shown(300, 300), format!("[{}] 300 of 300 statements", "#".repeat(30)));
    }
}
