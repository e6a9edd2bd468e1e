//! What the prompt offers for the word under the cursor: the words that the grammar has there, and the names that the
//! catalogue has.

use super::lex::quoted;
use super::parse::{Expected, NameOf, expected_after};

/// Names that are there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Of shares.
    pub shares: Vec<String>,
    /// Of registered tables.
    pub tables: Vec<String>,
    /// Of recipients.
    pub recipients: Vec<String>,
    /// Of schemas that share a place.
    pub schemas: Vec<String>,
}

/// Where the word under the cursor begins, and what it may become. `typed` ends at the cursor.
pub fn candidates(typed: &str, names: &Names) -> (usize, Vec<String>) {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut start =
        typed.char_indices().rev().take_while(|(_, c)| in_word(*c)).last().map_or(typed.len(), |(at, _)| at);
    let before = typed.get(..start).unwrap_or_default();
    if before.ends_with('`') && before.matches('`').count() % 2 == 1 {
        start -= 1;
    }
    let (before, word) = (typed.get(..start).unwrap_or_default(), typed.get(start..).unwrap_or_default());
    let wanted = word.trim_start_matches('`').to_lowercase();
    let fits = |candidate: &str| candidate.to_lowercase().starts_with(&wanted);
    let mut found = Vec::new();
    for expected in expected_after(before) {
        match expected {
            Expected::Word(fitting) if !word.starts_with('`') && fits(fitting) => found.push(format!("{fitting} ")),
            Expected::Name(of) => {
                let there: &[String] = match of {
                    NameOf::Share => &names.shares,
                    NameOf::Table => &names.tables,
                    NameOf::Recipient => &names.recipients,
                    NameOf::Schema => &names.schemas,
                    NameOf::SharedTable | NameOf::Column | NameOf::New(_) => &[],
                };
                found.extend(there.iter().filter(|name| fits(name)).map(|name| quoted(name)));
            }
            Expected::Word(_) | Expected::Sign(_) | Expected::Text(_) | Expected::Number => {}
        }
    }
    (start, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(typed: &str) -> (usize, Vec<String>) {
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let names = Names {
            shares: texts(&["motorbikes", "Motor-Boats"]),
            tables: texts(&["mybikes"]),
            recipients: texts(&["friends"]),
            schemas: texts(&["europe"]),
        };
        candidates(typed, &names)
    }

    #[test]
    fn words_and_names_are_offered_where_they_fit() {
        for (typed, start, expected) in [
            ("cr", 0, vec!["CREATE "]),
            ("CREATE ", 7, vec!["SHARE ", "TABLE ", "RECIPIENT "]),
            ("SHOW SHARES; GRANT SELECT ON SHARE mot", 35, vec!["motorbikes", "`Motor-Boats`"]),
            ("GRANT SELECT ON SHARE `Mot", 22, vec!["motorbikes", "`Motor-Boats`"]),
            ("ALTER SHARE motorbikes ADD TABLE m", 33, vec!["mybikes"]),
            ("ALTER SHARE motorbikes REMOVE ", 30, vec!["TABLE ", "SCHEMA "]),
            ("ALTER SHARE motorbikes REMOVE SCHEMA e", 37, vec!["europe"]),
            ("GRANT SELECT ON SHARE\n  motorbikes TO ", 38, vec!["RECIPIENT ", "friends"]),
            ("CREATE SHARE mot", 13, vec![]),
            ("NONSENSE mot", 9, vec![]),
        ] {
            assert_eq!(offered(typed), (start, expected.into_iter().map(str::to_owned).collect()), "{typed}");
        }
    }

    #[test]
    fn cursors_in_texts_and_other_letters_are_survived() {
        for typed in ["CREATE SHARE s COMMENT 'mot", "CREATE SHARE Größe COMM", "`", "''`ä", "\u{1f6b2}"] {
            let (start, _) = offered(typed);
            assert!(typed.is_char_boundary(start), "{typed}");
        }
    }
}
