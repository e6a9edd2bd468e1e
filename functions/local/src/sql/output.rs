//! How the outcome of a statement is printed: for people, as JSON, or as CSV.

use std::io::{self, IsTerminal, Write};

use super::run::{Outcome, Rows};

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// A value a line, one for each statement.
    Json,
    /// Lists; whatever else there is to say goes to standard error.
    Csv,
}

/// Prints an outcome.
pub fn print(outcome: &Outcome, format: Format) {
    match (format, &outcome.rows) {
        (Format::Text, _) => write_to(&mut io::stdout().lock(), &outcome.text),
        (Format::Json, _) => write_to(&mut io::stdout().lock(), &format!("{}\n", outcome.json)),
        (Format::Csv, Some(rows)) => write_to(&mut io::stdout().lock(), &csv(rows)),
        (Format::Csv, None) => write_to(&mut io::stderr().lock(), &outcome.text),
    }
}

/// Says something beside the outcomes.
pub fn note(text: &str) {
    write_to(&mut io::stderr().lock(), text);
}

fn write_to(out: &mut dyn Write, text: &str) {
    // Whoever closed the other end does not want the rest.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// RFC 4180, with the headings first.
fn csv(rows: &Rows) -> String {
    let cell = |text: &str| {
        if text.contains(['"', ',', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.to_owned()
        }
    };
    let mut out = format!("{}\r\n", rows.headings.join(","));
    for row in &rows.rows {
        out.push_str(&row.iter().map(|text| cell(text)).collect::<Vec<_>>().join(","));
        out.push_str("\r\n");
    }
    out
}

/// Cells of the bar.
const BAR_CELLS: usize = 30;
/// Scripts of fewer statements are done before a bar would help.
const STATEMENTS_MIN: usize = 200;

/// A bar on the terminal, for long scripts.
#[derive(Debug)]
pub struct Progress {
    all: usize,
    shown: Option<usize>,
}

impl Progress {
    /// Of so many statements; shown only when they are many, and only on a terminal.
    pub fn of(all: usize) -> Self {
        let worth_it = all >= STATEMENTS_MIN && io::stderr().is_terminal();
        Self { all, shown: worth_it.then_some(0) }
    }

    /// Whether there is a bar, beside which other lines would be noise.
    pub fn is_shown(&self) -> bool {
        self.shown.is_some()
    }

    /// Shows how many are done, when that has changed by as much as can be seen.
    pub fn done(&mut self, count: usize) {
        let per_mille = count * 1000 / self.all.max(1);
        if let Some(shown) = &mut self.shown
            && (*shown != per_mille || count == self.all)
        {
            *shown = per_mille;
            note(&format!("\r{}", bar(count, self.all)));
        }
    }

    /// Leaves the line.
    pub fn end(&self) {
        if self.is_shown() {
            note("\n");
        }
    }
}

fn bar(count: usize, all: usize) -> String {
    let filled = count * BAR_CELLS / all.max(1);
    format!("[{}{}] {count} of {all} statements", "#".repeat(filled), " ".repeat(BAR_CELLS - filled.min(BAR_CELLS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_need_quotes_get_them() {
        let rows = Rows { headings: &["share", "comment"], rows: vec![vec!["a".into(), "one, \"two\"\nthree".into()]] };
        assert_eq!(csv(&rows), "share,comment\r\na,\"one, \"\"two\"\"\nthree\"\r\n");
    }

    #[test]
    fn the_bar_fills_up() {
        assert_eq!(bar(0, 300), format!("[{}] 0 of 300 statements", " ".repeat(30)));
        assert_eq!(bar(300, 300), format!("[{}] 300 of 300 statements", "#".repeat(30)));
    }
}
