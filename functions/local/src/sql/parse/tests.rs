//! Which texts are statements, what a mistake looks like to the person who made it, and laws for whatever text there is.

use proptest::prelude::*;

use super::*;
use crate::sql::lex::{quoted, quoted_text};
use crate::sql::mistake::{Source, shown};
use crate::sql::statement::{AddTable, CreateShare, PartitionValue, ShareChange};

fn read(text: &str) -> Vec<Statement> {
    match script(text) {
        Ok(statements) => statements.into_iter().map(|placed| placed.statement).collect(),
        Err(mistake) => panic!("{}", shown(&mistake, &Source::Argument, text)),
    }
}

fn one(text: &str) -> Statement {
    let mut statements = read(text);
    assert_eq!(statements.len(), 1, "{text}");
    statements.remove(0)
}

fn added(text: &str) -> AddTable {
    match one(&format!("ALTER SHARE s ADD TABLE {text}")) {
        Statement::AlterShare { change: ShareChange::AddTable(add), .. } => *add,
        other => panic!("{other:?}"),
    }
}

/// Every form of the grammar, and how many statements it is.
const GOOD: &[(&str, usize)] = &[
    ("", 0),
    (" ; ;-- nothing\n; /* here; */", 0),
    (
        "CREATE SHARE motorbikes; ALTER SHARE motorbikes ADD TABLE mybikes; GRANT SELECT ON SHARE motorbikes TO friends;",
        3,
    ),
    ("create share if not exists s comment 'it''s'", 1),
    ("CREATE SHARE `if`; CREATE SHARE share; CREATE SHARE \"with \"\" quotes\"", 3),
    ("ALTER SHARE s SET COMMENT ''", 1),
    (
        "ALTER SHARE s ADD TABLE a.b AS c.d LOCATION 's3://b/t' WITH HISTORY FROM VERSION 3 COMMENT 'x' WITHOUT VALIDATION",
        1,
    ),
    ("ALTER SHARE s ADD TABLE IF NOT EXISTS glue.db.t WITHOUT VALIDATION WITH HISTORY", 1),
    ("ALTER SHARE s ADD TABLE t PARTITION (a = 'x', `b c` = CURRENT_RECIPIENT('country'), d = 3)", 1),
    ("ALTER SHARE s ADD SCHEMA eu LOCATION 's3://bucket/prefix/'", 1),
    (
        "ALTER SHARE s ADD SCHEMA IF NOT EXISTS eu LOCATION '/x' REGION 'r' WITH HISTORY ROLE 'arn' EXTERNAL ID 'x'; ALTER \
         SHARE s REMOVE SCHEMA eu; ALTER SHARE s REMOVE SCHEMA IF EXISTS eu",
        3,
    ),
    ("ALTER SHARE s REMOVE TABLE t; ALTER SHARE s REMOVE TABLE IF EXISTS eu.t", 2),
    ("DROP SHARE s; DROP SHARE IF EXISTS s CASCADE", 2),
    ("CREATE TABLE t USING DELTA LOCATION '/x'", 1),
    ("CREATE TABLE t USING DELTA FROM glue.db.t COMMENT 'x'", 1),
    (
        "CREATE TABLE IF NOT EXISTS t USING DELTA LOCATION 's3://b/t' REGION 'eu-west-1' COMMENT 'c' ROLE 'arn' EXTERNAL ID 'x'",
        1,
    ),
    ("CREATE TABLE t USING DELTA LOCATION '/x' WITHOUT VALIDATION; DROP TABLE IF EXISTS t; DROP TABLE t", 3),
    (
        "CREATE RECIPIENT IF NOT EXISTS r TOKEN LIFETIME '90 days' IP ACCESS LIST ('10.0.0.0/8', '::1') API ONLY PROPERTIES ('a' = 'b')",
        1,
    ),
    ("ALTER RECIPIENT r ROTATE TOKEN; ALTER RECIPIENT r ROTATE TOKEN GRACE '24 hours' LIFETIME '1 day'", 2),
    ("ALTER RECIPIENT r REVOKE ALL TOKENS; ALTER RECIPIENT r DISABLE; ALTER RECIPIENT r ENABLE", 3),
    ("ALTER RECIPIENT r PROPERTIES ('a' = 'b', 'c' = 'd')", 1),
    ("DROP RECIPIENT r; DROP RECIPIENT IF EXISTS r", 2),
    ("GRANT SELECT ON SHARE s TO RECIPIENT r VALID UNTIL '2027-01-01' VALID FROM '2026-01-01'", 1),
    ("GRANT SELECT ON SHARE s TO r VALID ALWAYS", 1),
    ("GRANT SELECT ON SHARE s TO `RECIPIENT`; REVOKE SELECT ON SHARE s FROM RECIPIENT r", 2),
    ("SHOW SHARES; SHOW RECIPIENTS; SHOW TABLES; SHOW ALL IN SHARE s; SHOW GRANTS ON SHARE s; SHOW GRANTS TO r", 6),
    ("DESCRIBE SHARE s; DESC RECIPIENT r; DESCRIBE TABLE t; DESCRIBE TABLE s.d.t", 4),
];

#[test]
fn every_form_of_the_grammar_is_read() {
    for (text, statements) in GOOD {
        assert_eq!(read(text).len(), *statements, "{text}");
    }
}

#[test]
fn what_was_said_is_in_the_statement() {
    let add =
        added("glue.db.t AS eu.bikes PARTITION (country = CURRENT_RECIPIENT('land')) WITH HISTORY FROM VERSION 7");
    let texts = |spots: &[Spot]| spots.iter().map(|spot| spot.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&add.parts), ["glue", "db", "t"]);
    let alias = add.alias.unwrap();
    assert_eq!((alias.schema.unwrap().text.as_str(), alias.table.text.as_str()), ("eu", "bikes"));
    assert_eq!(add.history.unwrap().from.unwrap().value, 7);
    let partition = add.partition.unwrap();
    assert!(
        matches!(&partition.conditions[0].value, PartitionValue::CurrentRecipient(key) if key.text == "land"),
        "{partition:?}"
    );
    let Statement::CreateShare(CreateShare { share, comment, if_not_exists }) = one("create share Ä comment 'it''s'")
    else {
        panic!()
    };
    assert_eq!((share.text.as_str(), comment.unwrap().text.as_str(), if_not_exists), ("Ä", "it's", false));
    assert_eq!(share.at, 13..15);
}

#[test]
fn a_statement_stands_where_it_was_written() {
    let text = "-- first\nSHOW SHARES ;\n  DROP SHARE a -- last\n";
    let places: Vec<&str> = script(text).unwrap().into_iter().map(|placed| &text[placed.at]).collect();
    assert_eq!(places, ["SHOW SHARES", "DROP SHARE a"]);
}

/// A script, what is said of it, and its last line: the carets.
const BAD: &[(&str, &str, &str)] = &[
    ("CREAT SHARE s", "'CREAT' does not fit here; did you mean CREATE?", "^^^^^"),
    ("CREATE SHRE s", "'SHRE' does not fit here; did you mean SHARE?", "       ^^^^"),
    ("CREATE VIEW v", "'VIEW' does not fit here; next is SHARE, TABLE or RECIPIENT", "       ^^^^"),
    ("SELECT 1", "'SELECT' does not fit here; next is CREATE, ALTER, DROP, GRANT, REVOKE, SHOW or DESCRIBE", "^^^^^^"),
    ("CREATE SHARE", "the statement ends too early; next is a name for the share or IF", "            ^"),
    ("CREATE SHARE s COMENT 'x'", "'COMENT' does not fit here; did you mean COMMENT?", "               ^^^^^^"),
    (
        "CREATE SHARE s COMMENT x",
        "'x' does not fit here; next is a comment in single quotes; write 'text' in single quotes",
        "                       ^",
    ),
    (
        "CREATE SHARE 'my share'",
        "the text 'my share' does not fit here; next is a name for the share or IF; names stand without quotes, or in \
         `backticks`",
        "             ^^^^^^^^^^",
    ),
    (
        "CREATE SHARE my-bikes",
        "'-' does not fit here; next is COMMENT or ';'; a name with other signs than letters, digits and '_' stands in \
         `backticks`",
        "               ^",
    ),
    ("CREATE SHARE a CREATE SHARE b", "a ';' is missing before this statement", "               ^^^^^^"),
    (
        "ALTER SHARE s ADD SCHEMA eu 's3://b/'",
        "the text 's3://b/' does not fit here; next is LOCATION",
        "                            ^^^^^^^^^",
    ),
    ("ALTER SHARE s REMOVE eu", "'eu' does not fit here; next is TABLE or SCHEMA", "                     ^^"),
    ("GRANT ON SHARE s TO r", "'ON' does not fit here; next is SELECT", "      ^^"),
    ("GRANT SELECT ON SHARE s FOR r", "'FOR' does not fit here; next is TO", "                        ^^^"),
    (
        "GRANT SELECT ON SHARE s TO r VALID ALWAYS VALID UNTIL 'x'",
        "a grant that is always valid has no beginning and no end; leave one out",
        "                                   ^^^^^^",
    ),
    (
        "ALTER SHARE s ADD TABLE t COMMENT 'a' COMMENT 'b'",
        "COMMENT was said already; once is enough",
        "                                      ^^^^^^^",
    ),
    (
        "ALTER SHARE s ADD TABLE t WITH HISTORY FROM VERSION 1.5",
        "a version is a whole number, such as 3",
        "                                                    ^^^",
    ),
    (
        "ALTER RECIPIENT r",
        "the statement ends too early; next is ROTATE, REVOKE, DISABLE, ENABLE, PROPERTIES, IP or TOKEN",
        "                 ^",
    ),
    (
        "CREATE TABLE t USING DELTA glue.db.t",
        "'glue' does not fit here; next is LOCATION or FROM",
        "                           ^^^^",
    ),
    (
        "CREATE TABLE t USING PARQUET LOCATION 'x'",
        "'PARQUET' does not fit here; next is DELTA",
        "                     ^^^^^^^",
    ),
    (
        "CREATE SHARE s COMMENT 'never closed",
        "this text does not end; close it with a single quote, and write '' for one inside",
        "                       ^",
    ),
    ("CREATE SHARE `s", "this name does not end; close it with `", "             ^"),
    ("DROP SHARE s /* why", "this comment does not end; close it with */", "             ^"),
];

#[test]
fn mistakes_are_shown_where_they_are_with_what_would_fit() {
    for (text, said, carets) in BAD {
        let mistake = script(text).expect_err(text);
        let told = shown(&mistake, &Source::Argument, text);
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.first(), Some(said), "{told}");
        assert_eq!(lines.last().unwrap().strip_prefix("  | "), Some(*carets), "{told}");
    }
}

#[test]
fn more_text_can_finish_what_ends_too_early_and_nothing_else() {
    for text in ["CREATE", "GRANT SELECT ON SHARE", "CREATE SHARE s COMMENT 'a", "/* a", "CREATE SHARE `s"] {
        assert!(script(text).unwrap_err().unfinished, "{text}");
    }
    for text in ["CREAT SHARE", "CREATE SHARE 'x", "SHOW SHARES x"] {
        assert_eq!(script(text).unwrap_err().unfinished, text.ends_with("'x"), "{text}");
    }
}

#[test]
fn what_may_follow_is_known_at_every_place() {
    let words = |text: &str| {
        let told = expected_after(text).into_iter().map(Expected::told);
        told.collect::<Vec<_>>()
    };
    assert_eq!(words("CREATE "), ["SHARE", "TABLE", "RECIPIENT"]);
    assert_eq!(words("SHOW SHARES; ALTER SHARE "), ["the name of a share"]);
    assert_eq!(words("GRANT SELECT ON SHARE s TO "), ["RECIPIENT", "the name of a recipient"]);
    assert!(words("CREAT SHARE ").is_empty());
}

/// Texts made of what statements are made of, so that the parser gets far.
fn pieces() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("CREATE".to_owned()),
        Just("SHARE".to_owned()),
        Just("ALTER".to_owned()),
        Just("ADD".to_owned()),
        Just("TABLE".to_owned()),
        Just("RECIPIENT".to_owned()),
        Just("PARTITION".to_owned()),
        Just("(".to_owned()),
        Just(")".to_owned()),
        Just(",".to_owned()),
        Just("=".to_owned()),
        Just(";".to_owned()),
        Just(".".to_owned()),
        Just("'".to_owned()),
        Just("`".to_owned()),
        Just("\"".to_owned()),
        Just("/*".to_owned()),
        Just("--".to_owned()),
        Just("GRANT SELECT ON SHARE".to_owned()),
        Just("WITH HISTORY FROM VERSION".to_owned()),
        Just("\\".to_owned()),
        Just("$$".to_owned()),
        Just("\n".to_owned()),
        "[0-9]{1,25}(\\.[0-9])?",
        "\\PC{0,3}",
        "[nxbeurNXBEUR]'",
    ];
    proptest::collection::vec(word, 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_panics_and_every_mistake_can_be_shown(text in prop_oneof![".{0,60}", "(?s).{0,60}", pieces()]) {
        if let Err(mistake) = script(&text) {
            prop_assert!(mistake.at.start <= text.len(), "{mistake:?}");
            let _ = shown(&mistake, &Source::Prompt, &text);
        }
        for (at, _) in text.char_indices() {
            let _ = expected_after(&text[..at]);
        }
    }

    #[test]
    fn names_and_texts_come_back_whatever_is_in_them(name in "\\PC{1,12}|[`'\"\\\\a ;]{1,6}", text in "\\PC{0,12}|['`\\\\\n;]{0,6}") {
        let written = format!("CREATE SHARE {} COMMENT {};", quoted(&name), quoted_text(&text));
        let Statement::CreateShare(share) = one(&written) else { panic!("{written}") };
        prop_assert_eq!(share.share.text, name);
        prop_assert_eq!(share.comment.unwrap().text, text);
    }
}
