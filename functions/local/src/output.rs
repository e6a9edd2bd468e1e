//! What a person reads on the terminal: where the server is, what it serves, and lines to paste that work as they are.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use crate::commands::answer::Answer;
use crate::profiles::ProfileFiles;

/// Tables named one by one; of more, the rest is counted.
const TABLES_SHOWN_MAX: usize = 12;

/// The table and column of the filter line of the sample data.
const SAMPLE_FILTER: &str = r#"d[d.iso_code == "USA"]"#;

/// What to say about a server that has started.
#[derive(Debug)]
pub struct Started<'a> {
    /// The endpoint's URL.
    pub endpoint: &'a str,
    /// The profile that was written, if any.
    pub files: Option<&'a ProfileFiles>,
    /// `share.schema.table` of every table.
    pub tables: &'a [String],
    /// Whether the tables are the invented ones.
    pub sample_data: bool,
    /// What the person should know.
    pub notes: &'a [String],
}

/// Says where the server is and how to connect.
pub fn started(what: &Started<'_>) {
    print(&text(what));
}

/// Says that the server is about to end.
pub fn stopping() {
    print("\nFinishing the answers under way; Ctrl-C again stops at once.\n");
}

/// Says what went wrong.
pub fn problem(text: &str) {
    // A terminal that is gone cannot be told.
    let _ = writeln!(io::stderr(), "error: {text}");
}

/// Says what a command answered.
pub fn answer(answer: &Answer, json: bool) {
    if json {
        // Values are built from texts and numbers, which always have a JSON form.
        print(&format!("{:#}\n", answer.json));
    } else {
        print(&answer.text);
    }
}

fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn text(what: &Started<'_>) -> String {
    let mut out = format!("\nSpillway {} is serving\n\n", env!("CARGO_PKG_VERSION"));
    line(&mut out, "address", what.endpoint);
    if let Some(files) = what.files {
        line(&mut out, "profile", &files.profile.display().to_string());
    }
    if what.tables.is_empty() {
        line(&mut out, "tables", "none yet");
    }
    for (at, table) in what.tables.iter().take(TABLES_SHOWN_MAX).enumerate() {
        line(&mut out, if at == 0 { "tables" } else { "" }, table);
    }
    if let Some(more) = what.tables.len().checked_sub(TABLES_SHOWN_MAX).filter(|more| *more > 0) {
        line(&mut out, "", &format!("and {more} more"));
    }
    if what.sample_data {
        line(&mut out, "", "(sample data: invented, not real figures)");
    }
    for note in what.notes {
        line(&mut out, "note", note);
    }
    if let (Some(files), Some(table)) = (what.files, what.tables.first()) {
        out.push_str("\nPaste into another terminal (Python needs: pip install delta-sharing)\n");
        for paste in paste_lines(what, files, table) {
            let _ = write!(out, "\n  {paste}\n");
        }
    }
    out.push_str("\nCtrl-C stops the server.\n");
    out
}

fn line(out: &mut String, label: &str, text: &str) {
    let _ = writeln!(out, "  {label:<9}{text}");
}

/// One line of curl, one that loads a table, one that filters it. Paths are absolute: the other terminal is elsewhere.
fn paste_lines(what: &Started<'_>, files: &ProfileFiles, table: &str) -> [String; 3] {
    let mut curl = String::from("curl -sS");
    if let Some(certificate) = &files.certificate {
        let _ = write!(curl, " --cacert {}", quoted(certificate));
    }
    if let Some(header) = &files.header {
        let _ = write!(curl, " -H @{}", quoted(header));
    }
    let _ = write!(curl, " {}/shares", what.endpoint);

    let trust = match &files.certificate {
        Some(certificate) => format!("REQUESTS_CA_BUNDLE={} ", quoted(certificate)),
        None => String::new(),
    };
    let url = quoted_text(&format!("{}#{table}", files.profile.display()));
    let load = "d = s.load_as_pandas(sys.argv[1]";
    let filter = if what.sample_data { SAMPLE_FILTER } else { "d[d[d.columns[0]].notna()]" };
    [
        curl,
        format!("{trust}python3 -c 'import sys, delta_sharing as s; {load}, limit=10); print(d)' {url}"),
        format!("{trust}python3 -c 'import sys, delta_sharing as s; {load}); print({filter})' {url}"),
    ]
}

fn quoted(path: &Path) -> String {
    quoted_text(&path.display().to_string())
}

/// A word for a POSIX shell; left as it is when it needs no quotes.
pub(crate) fn quoted_text(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%=,#".contains(c);
    if text.chars().all(plain) && !text.starts_with('#') {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        assert_eq!(quoted_text("/a/b.share#s.d.t"), "/a/b.share#s.d.t");
        assert_eq!(quoted_text("/my files/it's"), r"'/my files/it'\''s'");
    }

    #[test]
    fn many_tables_are_counted() {
        let tables: Vec<String> = (0..15).map(|n| format!("s.d.t{n}")).collect();
        let what = Started { endpoint: "http://e", files: None, tables: &tables, sample_data: false, notes: &[] };
        let text = text(&what);
        assert!(text.contains("t11\n") && !text.contains("t12\n") && text.contains("and 3 more"), "{text}");
    }
}
