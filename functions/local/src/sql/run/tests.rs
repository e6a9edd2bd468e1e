//! Scripts on a catalogue in memory: what they leave behind, what they say, and where a failing one points.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use shared::clock::SystemClock;
use shared::config::Environment;
use shared::provider::{recipients, tables};

use super::*;
use crate::commands::target::Beginning;
use crate::glue::{GlueCatalog, GlueName, GlueTable};
use crate::sql::mistake::{Source, shown};
use crate::sql::parse;

/// A catalogue in memory, with the sample tables in a folder beside it.
struct Provider {
    folder: tempfile::TempDir,
    args: TargetArgs,
    target: Target,
    mode: Mode,
}

/// Glue with three tables in the database `db`: one on S3, a manifest, and one that is not Delta.
#[derive(Debug)]
struct StubbedGlue;

#[async_trait]
impl GlueCatalog for StubbedGlue {
    async fn table(&self, name: &GlueName) -> Result<Option<GlueTable>, String> {
        let at = |location: &str| GlueTable { location: Some(location.to_owned()), ..GlueTable::default() };
        let delta = HashMap::from([("table_type".to_owned(), "DELTA".to_owned())]);
        Ok(match name.to_string().as_str() {
            "glue.db.orders" => Some(GlueTable { parameters: delta, ..at("s3a://b/orders/") }),
            "glue.db.list" => Some(at("s3://b/t/_symlink_format_manifest")),
            "glue.db.plain" => Some(at("s3://b/plain")),
            "glue.db.broken" => return Err("AWS Glue cannot be reached".into()),
            _ => None,
        })
    }
}

impl Provider {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        std::fs::create_dir(&state).unwrap();
        crate::demo::write_tables(&folder.path().join("data")).await.unwrap();
        let args = TargetArgs {
            state,
            stack: None,
            table_name: None,
            keyring_secret: None,
            endpoint: None,
            region: None,
            json: false,
        };
        let (environment, clock) = (Environment::default(), SystemClock::shared());
        let target = Target::open(&args, Beginning::OnACopy, &environment, clock).await.unwrap();
        let target = target.with_glue(Arc::new(StubbedGlue));
        Self { folder, args, target, mode: Mode::Real }
    }

    /// A script with `CARS` in place of a table's location, and what it said; or what is wrong with it.
    async fn said(&self, script: &str) -> Result<Vec<Outcome>, String> {
        let cars = self.folder.path().join("data/cars");
        let script = script.replace("CARS", cars.to_str().unwrap());
        let runner = Runner { target: &self.target, args: &self.args, mode: self.mode };
        let mut said = Vec::new();
        for placed in parse::script(&script).map_err(|mistake| shown(&mistake, &Source::Prompt, &script))? {
            let outcome = runner.run(&placed).await;
            said.push(outcome.map_err(|mistake| shown(&mistake, &Source::Prompt, &script))?);
        }
        Ok(said)
    }

    async fn does(&self, script: &str) -> Vec<String> {
        let outcomes = self.said(script).await.unwrap_or_else(|problem| panic!("{problem}"));
        outcomes.into_iter().map(|outcome| outcome.text).collect()
    }

    async fn rows(&self, script: &str) -> Vec<Vec<String>> {
        let outcomes = self.said(script).await.unwrap_or_else(|problem| panic!("{problem}"));
        outcomes.into_iter().next_back().and_then(|outcome| outcome.rows).expect("a list").rows
    }

    /// The sentence and the words that the carets are under.
    async fn fails(&self, script: &str) -> (String, String) {
        let told = self.said(script).await.expect_err(script);
        let lines: Vec<&str> = told.lines().collect();
        let (line, carets) = (lines[lines.len() - 2], lines[lines.len() - 1]);
        let start = carets.chars().position(|c| c == '^').unwrap();
        let width = carets.chars().filter(|c| *c == '^').count();
        (lines[0].to_owned(), line.chars().skip(start).take(width).collect())
    }
}

const THREE: &str = "CREATE SHARE motorbikes; ALTER SHARE motorbikes ADD TABLE mybikes; \
                     GRANT SELECT ON SHARE motorbikes TO friends;";
const BEFORE: &str = "CREATE TABLE mybikes USING DELTA LOCATION 'CARS'; CREATE RECIPIENT friends;";

#[tokio::test]
async fn three_statements_share_a_table() {
    let provider = Provider::new().await;
    let said = provider.does(BEFORE).await;
    assert!(said[0].starts_with("Registered table 'mybikes': version "), "{said:?}");
    assert!(said[1].starts_with("Created recipient 'friends'."), "{said:?}");
    assert!(
        said[1].ends_with("GRANT SELECT ON SHARE … TO friends\n") && !said[1].contains("spillway grant"),
        "{said:?}"
    );
    let said = provider.does(THREE).await;
    assert_eq!(said[0], "Created share 'motorbikes'.\n");
    assert!(said[1].starts_with("Added table 'motorbikes.default.mybikes': version "), "{said:?}");
    assert_eq!(
        said[2],
        "Granted share 'motorbikes' to recipient 'friends': 1 table, and those added later (a running server notices \
         within two seconds).\n"
    );
    assert_eq!(provider.rows("SHOW ALL IN SHARE motorbikes").await[0][..2], ["default", "mybikes"]);
    assert_eq!(provider.rows("SHOW GRANTS TO friends").await[0][0], "motorbikes");
    assert_eq!(provider.rows("SHOW GRANTS ON SHARE MOTORBIKES").await[0][0], "friends");
}

#[tokio::test]
async fn a_script_with_if_not_exists_can_be_run_again() {
    let provider = Provider::new().await;
    let script = "CREATE TABLE IF NOT EXISTS t USING DELTA LOCATION 'CARS'; CREATE RECIPIENT IF NOT EXISTS r; \
                  CREATE SHARE IF NOT EXISTS s; ALTER SHARE s ADD TABLE IF NOT EXISTS t AS eu.cars WITH HISTORY; \
                  GRANT SELECT ON SHARE s TO r; ALTER SHARE s SET COMMENT 'all of it';";
    provider.does(script).await;
    let again = provider.said(script).await.unwrap();
    for outcome in &again {
        assert_eq!(outcome.json["changed"], false, "{outcome:?}");
        assert!(outcome.text.ends_with("nothing to do.\n"), "{outcome:?}");
    }
    assert_eq!(
        provider.rows("SHOW ALL IN SHARE s").await,
        [[
            "eu".to_owned(),
            "cars".into(),
            "all versions".into(),
            provider.folder.path().join("data/cars").display().to_string(),
            "yes".into(),
            String::new(),
        ]]
    );
    let undo = "REVOKE SELECT ON SHARE s FROM r; ALTER SHARE s REMOVE TABLE IF EXISTS eu.cars; DROP SHARE IF EXISTS s; \
                DROP RECIPIENT IF EXISTS r; DROP TABLE IF EXISTS t;";
    provider.does(undo).await;
    let again =
        provider.does("DROP SHARE IF EXISTS s CASCADE; DROP RECIPIENT IF EXISTS r; DROP TABLE IF EXISTS t").await;
    assert!(again.iter().all(|said| said.ends_with("nothing to do.\n")), "{again:?}");
    assert!(provider.rows("SHOW TABLES").await.is_empty() && provider.rows("SHOW RECIPIENTS").await.is_empty());
}

#[tokio::test]
async fn rules_are_what_the_commands_would_have_written() {
    let provider = Provider::new().await;
    let covid = provider.folder.path().join("data/owid-covid-data");
    let script = "CREATE RECIPIENT far PROPERTIES ('country' = 'FRA', 'team' = 'a') IP ACCESS LIST ('192.0.2.0/24', '::1') \
                  API ONLY; CREATE SHARE s; ALTER SHARE s ADD TABLE covid LOCATION 'COVID' PARTITION (iso_code = \
                  CURRENT_RECIPIENT('country')); GRANT SELECT ON SHARE s TO far VALID FROM '2026-01-01T00:00:00Z' VALID \
                  UNTIL '2999-01-01T00:00:00Z';";
    let said = provider.does(&script.replace("COVID", covid.to_str().unwrap())).await;
    assert!(said[3].contains("'far', from 2026-01-01 00:00 UTC until 2999-01-01 00:00 UTC: 1 table"), "{said:?}");
    let catalogue = &provider.target.provider;
    let table = tables::list(catalogue, Some("s")).await.unwrap().remove(0);
    assert_eq!(table.partitions[0].to_string(), "iso_code = CURRENT_RECIPIENT('country')");
    let far = recipients::show(catalogue, "far").await.unwrap();
    let window = far.grants[0].window;
    let [from, until] = [window.from, window.until].map(|moment| moment.unwrap().to_iso());
    assert_eq!((from.as_str(), until.as_str()), ("2026-01-01T00:00:00.000Z", "2999-01-01T00:00:00.000Z"));
    let rules = far.recipient.rules;
    assert_eq!((rules.properties.len(), rules.access.networks.len(), rules.access.api_only), (2, 2, true));

    let said = provider
        .does(
            "GRANT SELECT ON SHARE s TO far; GRANT SELECT ON SHARE s TO FAR VALID UNTIL '2998-01-01T00:00:00Z'; \
             GRANT SELECT ON SHARE s TO far VALID UNTIL '2998-01-01T00:00:00Z'; GRANT SELECT ON SHARE s TO far VALID ALWAYS",
        )
        .await;
    assert!(
        said[0].contains("already, from 2026-01-01 00:00 UTC until 2999-01-01 00:00 UTC; nothing to do"),
        "{said:?}"
    );
    assert!(
        said[1].starts_with(
            "Changed when recipient 'far' may read share 's': until 2998-01-01 00:00 UTC, before it was from 2026"
        ),
        "{said:?}"
    );
    assert!(said[2].ends_with("already, until 2998-01-01 00:00 UTC; nothing to do.\n"), "{said:?}");
    assert!(said[3].contains(": at any time, before it was until 2998-01-01 00:00 UTC (a running server"), "{said:?}");

    // One rule in the place of its predecessor; the other stays.
    provider.does("ALTER RECIPIENT far PROPERTIES ('country' = 'ITA')").await;
    let changed = recipients::show(catalogue, "far").await.unwrap().recipient.rules;
    assert_eq!(
        (changed.properties.len(), &changed.properties["country"], &changed.access),
        (1, &"ITA".into(), &rules.access)
    );
    provider.does("ALTER RECIPIENT far IP ACCESS LIST ('203.0.113.9')").await;
    let changed = recipients::show(catalogue, "far").await.unwrap().recipient.rules;
    assert_eq!((changed.properties.len(), changed.access.networks.len(), changed.access.api_only), (1, 1, false));
}

#[tokio::test]
async fn what_cannot_be_done_points_at_the_name_at_fault() {
    let provider = Provider::new().await;
    provider.does(BEFORE).await;
    provider.does(THREE).await;
    for (script, said, at) in [
        (
            "CREATE SHARE Motorbikes",
            "share 'Motorbikes' exists already; CREATE SHARE IF NOT EXISTS leaves it",
            "Motorbikes",
        ),
        (
            "DROP SHARE motorbikes",
            "share 'motorbikes' still has 1 grant; DROP SHARE motorbikes CASCADE takes",
            "motorbikes",
        ),
        (
            "DROP SHARE bikes",
            "there is no share 'bikes'. A new share of that name is made by: CREATE SHARE bikes",
            "bikes",
        ),
        (
            "GRANT SELECT ON SHARE motorbike TO friends",
            "there is no share 'motorbike'; did you mean motorbikes?",
            "motorbike",
        ),
        (
            "GRANT SELECT ON SHARE motorbikes TO neighbours",
            "there is no recipient 'neighbours'. A new recipient of that \
          name is made by: CREATE RECIPIENT neighbours",
            "neighbours",
        ),
        (
            "ALTER SHARE motorbikes ADD TABLE mybike",
            "there is no registered table 'mybike'; did you mean mybikes?",
            "mybike",
        ),
        ("ALTER SHARE motorbikes ADD TABLE mybikes", "table 'motorbikes.default.mybikes' exists already", "mybikes"),
        ("ALTER SHARE nothing ADD TABLE mybikes", "there is no share 'nothing'", "nothing"),
        ("ALTER SHARE motorbikes ADD TABLE eu.t LOCATION '/nowhere'", "", "'/nowhere'"),
        (
            "ALTER SHARE motorbikes ADD TABLE mybikes AS eu.b WITH HISTORY FROM VERSION 99999",
            "the table's latest version is",
            "mybikes",
        ),
        ("ALTER SHARE motorbikes ADD TABLE a.b", "a registered table has a name of one part", "a.b"),
        (
            "ALTER SHARE motorbikes ADD TABLE glue.db.none",
            "there is no table 'glue.db.none' in the AWS Glue",
            "glue.db.none",
        ),
        (
            "ALTER SHARE motorbikes ADD TABLE glue.db.list AS eu.t",
            "the table 'glue.db.list' is a list of",
            "glue.db.list",
        ),
        (
            "CREATE TABLE u USING DELTA FROM GLUE.db.plain",
            "the table 'glue.db.plain' is no Delta table",
            "GLUE.db.plain",
        ),
        (
            "CREATE TABLE u USING DELTA FROM hive.db.t",
            "a table is taken FROM the AWS Glue Data Catalog by three",
            "hive.db.t",
        ),
        (
            "CREATE TABLE u USING DELTA FROM glue.t",
            "a table is taken FROM the AWS Glue Data Catalog by three",
            "glue.t",
        ),
        ("ALTER SHARE motorbikes ADD SCHEMA eu LOCATION '/nowhere'", "cannot read the folder /nowhere", "'/nowhere'"),
        ("ALTER SHARE motorbikes ADD SCHEMA `e u` LOCATION '/x'", "the schema name 'e u' contains a space", "`e u`"),
        (
            "ALTER SHARE motorbike ADD SCHEMA eu LOCATION '/x'",
            "there is no share 'motorbike'; did you mean",
            "motorbike",
        ),
        ("ALTER SHARE motorbikes REMOVE SCHEMA eu", "there is no schema 'motorbikes.eu' with a place", "eu"),
        ("ALTER SHARE motorbikes ADD SCHEMA eu LOCATION '/x' ROLE 'me'", "'me' is not the ARN of a role", "eu"),
        (
            "ALTER SHARE motorbikes ADD TABLE mybikes AS eu.p PARTITION (a = 'b')",
            "a partition rule is on column 'a', but",
            "PARTITION",
        ),
        (
            "ALTER SHARE motorbikes REMOVE TABLE eu.mybikes",
            "there is no table 'motorbikes.eu.mybikes'; did you mean",
            "eu.mybikes",
        ),
        ("CREATE TABLE t USING DELTA LOCATION '/nowhere'", "", "'/nowhere'"),
        ("CREATE TABLE t USING DELTA LOCATION 'CARS' ROLE 'me'", "'me' is not the ARN of a role", "t"),
        ("CREATE RECIPIENT r TOKEN LIFETIME 'soon'", "write a number and a unit, such as '90 days'", "'soon'"),
        ("CREATE RECIPIENT r PROPERTIES ('a' = 'b', 'a' = 'c')", "the property 'a' is given twice", "'a'"),
        ("CREATE RECIPIENT r IP ACCESS LIST ('::1', '10.0.0.0/33')", "", "'10.0.0.0/33'"),
        ("ALTER RECIPIENT friends TOKEN LIFETIME '9 days'", "a token keeps the lifetime", "'9 days'"),
        ("GRANT SELECT ON SHARE motorbikes TO friends VALID UNTIL '2027'", "write a moment as ISO 8601", "'2027'"),
        (
            "GRANT SELECT ON SHARE motorbikes TO friends VALID UNTIL '2001-01-01T00:00:00Z'",
            "a grant cannot end at",
            "'2001-01-01T00:00:00Z'",
        ),
        ("ALTER RECIPIENT friends ROTATE TOKEN GRACE '9 years'", "old tokens stay good for", "'9 years'"),
        ("DESCRIBE TABLE motorbikes.default.bikes", "there is no table 'motorbikes.default.bikes'", "default.bikes"),
        ("GRANT SELECT ON SHARE `a b` TO friends", "the share name 'a b' contains a space", "`a b`"),
        ("ALTER SHARE `a b` REMOVE TABLE t", "the share name 'a b' contains a space", "`a b`"),
        ("ALTER SHARE motorbikes ADD TABLE mybikes AS `e u`.t", "the schema name 'e u' contains a space", "`e u`.t"),
        ("CREATE SHARE `a b`", "the share name 'a b' contains a space; choose another", "`a b`"),
    ] {
        let (sentence, words) = provider.fails(script).await;
        assert!(sentence.starts_with(said), "{script}: {sentence}");
        assert_eq!(words, at, "{script}: {sentence}");
    }
}

#[tokio::test]
async fn tokens_are_rotated_and_revoked() {
    let provider = Provider::new().await;
    provider.does("CREATE RECIPIENT friends TOKEN LIFETIME '90 days'").await;
    let said = provider.does("ALTER RECIPIENT friends ROTATE TOKEN GRACE '1 hour' LIFETIME '1 day'").await;
    assert!(said[0].starts_with("Made a new token for recipient 'friends'."), "{said:?}");
    let said = provider.does("ALTER RECIPIENT friends REVOKE ALL TOKENS").await;
    assert!(said[0].starts_with("Revoked 2 tokens of recipient 'friends' (a running server"), "{said:?}");
    let said = provider.does("ALTER RECIPIENT friends REVOKE ALL TOKENS").await;
    assert!(said[0].ends_with("nothing to do.\n"), "{said:?}");
    let described = provider.rows("DESCRIBE RECIPIENT friends").await;
    let ended = described.iter().filter(|row| row[0] == "token" && row[1].contains(" ended "));
    assert_eq!(ended.count(), 2, "{described:?}");
    let said = provider.does("ALTER RECIPIENT friends DISABLE; ALTER RECIPIENT friends DISABLE").await;
    assert!(said[0].starts_with("Disabled recipient") && said[1].ends_with("nothing to do.\n"), "{said:?}");
}

#[tokio::test]
async fn a_description_tells_the_rules() {
    let provider = Provider::new().await;
    provider.does("CREATE RECIPIENT r PROPERTIES ('team' = 'red') IP ACCESS LIST ('203.0.113.0/24') API ONLY").await;
    provider.does("CREATE SHARE s; GRANT SELECT ON SHARE s TO r VALID UNTIL '2097-01-01T00:00:00Z'").await;
    let described = provider.rows("DESCRIBE RECIPIENT r").await;
    let told = |name: &str, part: &str| described.iter().any(|row| row[0] == name && row[1].contains(part));
    assert!(told("properties", "team=red") && told("may come from", "203.0.113.0/24 (API only"), "{described:?}");
    assert!(told("share", "s until 2097-01-01 00:00 UTC"), "{described:?}");
}

#[tokio::test]
async fn a_schema_shares_a_place_until_it_is_removed() {
    let provider = Provider::new().await;
    let data = provider.folder.path().join("data").display().to_string();
    let add = format!("ALTER SHARE s ADD SCHEMA IF NOT EXISTS eu LOCATION '{data}' WITH HISTORY");
    let said = provider.does(&format!("CREATE SHARE s; {add}; {add}")).await;
    assert!(
        said[1].starts_with(&format!("Added schema 's.eu': 2 tables at {data}.\nTables that are added")),
        "{said:?}"
    );
    assert_eq!(said[2], "Schema 's.eu' shares a place already; nothing to do.\n");
    let (why, at) = provider.fails(&add.replace("IF NOT EXISTS ", "")).await;
    assert!(why.contains("ADD SCHEMA IF NOT EXISTS leaves it as it is") && at == "eu", "{why}: {at}");
    assert_eq!(provider.rows("SHOW ALL IN SHARE s").await[0][..4], ["eu", "*", "all versions", data.as_str()]);
    let said = provider.does("ALTER SHARE s REMOVE SCHEMA EU; ALTER SHARE s REMOVE SCHEMA IF EXISTS eu").await;
    assert!(said[0].starts_with("Removed schema 's.EU'; the data stays where it is"), "{said:?}");
    assert_eq!(said[1], "There is no schema 's.eu' with a place; nothing to do.\n");
    assert!(provider.rows("SHOW ALL IN SHARE s").await.is_empty());
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_and_makes_no_profile() {
    let mut provider = Provider::new().await;
    provider.mode = Mode::DryRun;
    let said = provider
        .does(&format!("{BEFORE} {THREE} ALTER RECIPIENT friends ROTATE TOKEN; DROP SHARE motorbikes CASCADE"))
        .await;
    assert!(said.iter().all(|said| said.starts_with("Would ")), "{said:?}");
    assert!(said[6].starts_with("Would drop share 'motorbikes' with 1 table and 1 grant"), "{said:?}");
    assert_eq!(std::fs::read_dir(provider.folder.path().join("state")).unwrap().count(), 0);
}

#[tokio::test]
async fn names_with_quotes_and_letters_of_all_kinds_are_kept() {
    let provider = Provider::new().await;
    let names = ["Größe", "日本", "a'b", "a\"b", "a`b", "if", "x-y"];
    for name in names {
        provider.does(&format!("CREATE SHARE {}", crate::sql::lex::quoted(name))).await;
    }
    let mut shown: Vec<String> = provider.rows("SHOW SHARES").await.into_iter().map(|row| row[0].clone()).collect();
    let mut expected = names.map(str::to_owned).to_vec();
    shown.sort();
    expected.sort();
    assert_eq!(shown, expected);
    for name in names {
        provider.does(&format!("DROP SHARE {}", crate::sql::lex::quoted(name))).await;
    }
    assert!(provider.rows("SHOW SHARES").await.is_empty());
}

#[tokio::test]
async fn what_was_registered_without_a_look_says_so() {
    let provider = Provider::new().await;
    let said = provider.does("CREATE TABLE t USING DELTA LOCATION '/nowhere' WITHOUT VALIDATION").await;
    assert_eq!(said[0], "Registered table 't', without a look at it.\n");
    assert_eq!(provider.rows("SHOW TABLES").await[0][1..3], ["/nowhere", "no"]);
    provider.does("CREATE SHARE s").await;
    let (_, at) = provider.fails("ALTER SHARE s ADD TABLE t").await;
    assert_eq!(at, "t");
    provider.does("ALTER SHARE s ADD TABLE t WITHOUT VALIDATION").await;
    assert_eq!(provider.rows("SHOW ALL IN SHARE s").await[0][3..5], ["/nowhere", "no"]);
    let described = provider.rows("DESCRIBE TABLE s.default.t").await;
    assert!(described.contains(&vec!["validated".to_owned(), "no".to_owned()]), "{described:?}");
}

#[tokio::test]
async fn tables_of_glue_are_added_by_where_they_lie() {
    let provider = Provider::new().await;
    provider
        .does(
            "CREATE SHARE s; ALTER SHARE s ADD TABLE glue.DB.Orders WITHOUT VALIDATION; \
             ALTER SHARE s ADD TABLE GLUE.db.orders AS eu.all WITH HISTORY WITHOUT VALIDATION; \
             CREATE TABLE orders USING DELTA FROM glue.db.orders WITHOUT VALIDATION",
        )
        .await;
    let shown: Vec<Vec<String>> =
        provider.rows("SHOW ALL IN SHARE s").await.into_iter().map(|row| row[..4].to_vec()).collect();
    assert_eq!(
        shown,
        [["default", "Orders", "latest version only", "s3://b/orders"], ["eu", "all", "all versions", "s3://b/orders"],]
    );
    assert_eq!(provider.rows("SHOW TABLES").await[0][..2], ["orders", "s3://b/orders"]);
    let (why, at) = provider.fails("ALTER SHARE s ADD TABLE glue.db.broken").await;
    assert_eq!((why.as_str(), at.as_str()), ("AWS Glue cannot be reached", "glue.db.broken"));
}

#[tokio::test]
async fn comments_of_tables_are_kept_and_shown_to_their_provider() {
    let provider = Provider::new().await;
    provider
        .does(
            "CREATE TABLE t USING DELTA LOCATION 'CARS' COMMENT 'it''s cars'; CREATE SHARE s; \
             ALTER SHARE s ADD TABLE t; ALTER SHARE s ADD TABLE t AS eu.t COMMENT 'of Europe'; \
             ALTER SHARE s ADD TABLE t AS us.t COMMENT ''",
        )
        .await;
    assert_eq!(provider.rows("SHOW TABLES").await[0][4], "it's cars");
    let shown: Vec<[String; 2]> =
        provider.rows("SHOW ALL IN SHARE s").await.into_iter().map(|row| [row[0].clone(), row[5].clone()]).collect();
    assert_eq!(shown, [["default", "it's cars"], ["eu", "of Europe"], ["us", ""]]);
    for (what, comment) in [("t", "it's cars"), ("s.eu.t", "of Europe")] {
        let described = provider.rows(&format!("DESCRIBE TABLE {what}")).await;
        assert!(described.contains(&vec!["comment".to_owned(), comment.to_owned()]), "{described:?}");
    }
}
