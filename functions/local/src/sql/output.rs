//! How the outcome of a statement is printed: for people, as JSON, or as CSV.

use std::io::{self, Write};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_need_quotes_get_them() {
        let rows = Rows { headings: &["share", "comment"], rows: vec![vec!["a".into(), "one, \"two\"\nthree".into()]] };
        assert_eq!(csv(&rows), "share,comment\r\na,\"one, \"\"two\"\"\nthree\"\r\n");
    }
}
