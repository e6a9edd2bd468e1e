//! What is wrong with a script, and where: the line it stands in, with carets under what is meant.

use std::fmt::Write as _;
use std::ops::Range;

/// Characters of a line that are shown; of a longer one, those around the place.
const LINE_CHARS_MAX: usize = 160;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The bytes that are meant.
    pub at: Range<usize>,
    /// What is wrong, and what to do.
    pub text: String,
    /// Whether more text could make it right.
    pub unfinished: bool,
}

impl Mistake {
    /// Something that is wrong as it stands.
    pub fn new(at: Range<usize>, text: String) -> Self {
        Self { at, text, unfinished: false }
    }

    /// Something that ends too early.
    pub fn unfinished(at: Range<usize>, text: String) -> Self {
        Self { at, text, unfinished: true }
    }
}

/// Where a script came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Argument,
    /// The prompt.
    Prompt,
    /// A file, by the name it was given.
    File(String),
}

/// A mistake for a person: the sentence, the place, the line, the carets.
pub fn shown(mistake: &Mistake, source: &Source, script: &str) -> String {
    let start = floor(script, mistake.at.start);
    let before = script.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let (number, column) =
        (before.matches('\n').count() + 1, before.get(line_start..).unwrap_or_default().chars().count());
    let rest = script.get(line_start..).unwrap_or_default();
    let line = rest.split('\n').next().unwrap_or_default().trim_end();
    let meant = script.get(start..floor(script, mistake.at.end)).unwrap_or_default();
    let width = meant.split('\n').next().unwrap_or_default().trim_end().chars().count().max(1);

    let skipped = column.saturating_sub(LINE_CHARS_MAX / 2);
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let shown: String = line.chars().skip(skipped).take(LINE_CHARS_MAX).map(clean).collect();
    let column_shown = column - skipped;
    let carets = "^".repeat(width.min(LINE_CHARS_MAX.saturating_sub(column_shown)).max(1));
    let gutter = number.to_string();
    let blank = " ".repeat(gutter.len());
    let mut out = format!("{}\n", mistake.text);
    let _ = match source {
        Source::File(name) => writeln!(out, "{blank}--> {name}:{number}:{}", column + 1),
        Source::Argument | Source::Prompt => writeln!(out, "{blank}--> line {number}, column {}", column + 1),
    };
    let _ = write!(out, "{blank} |\n{gutter} | {shown}\n{blank} | {}{carets}", " ".repeat(column_shown));
    out
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_told_by_line_and_column_of_characters() {
        let script = "CREATE SHARE a;\nCREATE SHÄRE b;";
        let at = script.find("SHÄRE").unwrap();
        let mistake = Mistake::new(at..at + "SHÄRE".len(), "wrong".into());
        assert_eq!(
            shown(&mistake, &Source::File("a.sql".into()), script),
            "wrong\n --> a.sql:2:8\n  |\n2 | CREATE SHÄRE b;\n  |        ^^^^^"
        );
    }

    #[test]
    fn long_lines_tabs_and_ends_are_shown_as_far_as_they_help() {
        let script = format!("\t{}x", "a".repeat(400));
        let text = shown(&Mistake::new(401..402, "wrong".into()), &Source::Argument, &script);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], " --> line 1, column 402");
        assert!(lines.iter().all(|line| line.chars().count() <= LINE_CHARS_MAX + 4), "{text}");
        assert_eq!(lines[3].find('x'), lines[4].find('^'), "{text}");
        let text = shown(&Mistake::new(3..3, "wrong".into()), &Source::Argument, "a\tb\n");
        assert!(text.ends_with("1 | a b\n  |    ^"), "{text}");
    }
}
