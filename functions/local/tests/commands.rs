//! The operator's commands on a state folder, as a person runs them: what they say, what they leave behind, and that a
//! running server notices.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

#[path = "harness/program.rs"]
mod program;

use program::{Folder, Running, asked, failure, link_in, mode, run};

/// How soon a running server must have noticed a change.
const NOTICED_WITHIN: Duration = Duration::from_secs(2);

/// A state folder, and a folder with real tables beside it.
struct Provider {
    folder: Folder,
    state: String,
}

impl Provider {
    async fn new() -> Self {
        let folder = Folder::new();
        local::demo::write_tables(&folder.join("data")).await.unwrap();
        let state = folder.text("state");
        Self { folder, state }
    }

    /// Runs a command that must succeed; returns what it says.
    fn does(&self, command: &[&str]) -> String {
        let output = run(&[command, &["--state", &self.state]].concat());
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same for scripts.
    fn json(&self, command: &[&str]) -> Value {
        serde_json::from_str(&self.does(&[command, &["--json"]].concat())).unwrap()
    }

    /// Runs a command that must fail; returns its one line.
    fn fails(&self, command: &[&str]) -> String {
        failure(&[command, &["--state", &self.state]].concat())
    }

    fn cars(&self) -> String {
        self.folder.text("data/cars")
    }

    fn serve(&self) -> Running {
        Running::start(&["serve", "--state", &self.state, "--port", "0"])
    }

    /// Where a profile of that name is put.
    fn file(&self, name: &str) -> String {
        fs::create_dir_all(&self.state).unwrap();
        self.folder.text(&format!("state/{name}.share"))
    }

    fn token(&self, profile: &str) -> String {
        self.folder.token(&format!("state/{profile}.share"))
    }
}

/// Asks until the answer is the expected one, or too much time has passed; the last answer.
fn noticed(server: &Running, path: &str, token: &str, status: u16) -> (u16, String) {
    let steps = 20;
    for _ in 0..steps {
        let answer = server.get(path, Some(token));
        if answer.0 == status {
            return answer;
        }
        std::thread::sleep(NOTICED_WITHIN / steps);
    }
    server.get(path, Some(token))
}

#[tokio::test]
async fn from_nothing_to_a_recipient_that_reads_and_back() {
    let provider = Provider::new().await;
    let said = provider.does(&["share", "create", "sales", "--comment", "Cars sold"]);
    assert!(
        said.contains("Created share 'sales'") && said.contains("spillway table add sales.default.TABLE"),
        "{said}"
    );
    assert!(said.contains(&format!("--state {}", provider.state)), "the next line leads elsewhere: {said}");

    let said = provider.does(&["table", "add", "sales.default.cars", "--location", &provider.cars(), "--history"]);
    for words in
        ["version 1", "1 file", "every Delta Sharing client can read it", "all versions", "spillway grant sales"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    let server = provider.serve();
    let said =
        provider.does(&["recipient", "create", "acme", "--lifetime", "90 days", "--profile", &provider.file("acme")]);
    assert!(said.contains("state/acme.share") && said.contains("spillway grant SHARE acme"), "{said}");
    assert_eq!(mode(&provider.folder.join("state/acme.share")), 0o600);
    let profile: Value = serde_json::from_slice(&fs::read(provider.folder.join("state/acme.share")).unwrap()).unwrap();
    assert_eq!(profile["shareCredentialsVersion"], 1);
    assert_eq!(profile["endpoint"], server.endpoint());
    assert!(profile["expirationTime"].as_str().unwrap().ends_with('Z'), "{profile}");
    let token = provider.token("acme");
    let catalogue = fs::read_to_string(provider.folder.join("state/catalogue.json")).unwrap();
    assert!(!catalogue.contains(&token), "the token is stored in clear");

    let metadata = "/shares/sales/schemas/default/tables/cars/metadata";
    assert_eq!(noticed(&server, "/shares", &token, 200).0, 200);
    assert_eq!(server.get(metadata, Some(&token)).0, 404, "read before it was granted");
    let said = provider.does(&["grant", "sales", "acme"]);
    assert!(said.contains("can now read 1 table") && said.contains("sales.default.cars"), "{said}");
    let (status, body) = noticed(&server, metadata, &token, 200);
    assert_eq!((status, body.contains("\"metaData\"")), (200, true), "{body}");

    provider.does(&["revoke", "sales", "acme"]);
    assert_eq!(noticed(&server, metadata, &token, 404).0, 404, "read after it was revoked");
    provider.does(&["grant", "sales", "acme"]);
    assert_eq!(noticed(&server, metadata, &token, 200).0, 200);

    let said = provider.does(&["recipient", "disable", "acme"]);
    assert!(said.contains("spillway recipient enable acme"), "{said}");
    assert_eq!(noticed(&server, metadata, &token, 401).0, 401, "read while disabled");
    provider.does(&["recipient", "enable", "acme"]);
    assert_eq!(noticed(&server, metadata, &token, 200).0, 200);

    let said =
        provider.does(&["token", "rotate", "acme", "--grace", "24 hours", "--profile", &provider.file("acme-2")]);
    assert!(said.contains("state/acme-2.share") && said.contains("Its old tokens work until"), "{said}");
    let second = provider.token("acme-2");
    assert_eq!(noticed(&server, metadata, &second, 200).0, 200);
    assert_eq!(server.get(metadata, Some(&token)).0, 200, "the old token did not get its grace");
    let said = provider.does(&["token", "rotate", "acme", "--grace", "0s", "--profile", &provider.file("acme-3")]);
    assert!(said.contains("Its old tokens have ended"), "{said}");
    let third = provider.token("acme-3");
    assert_eq!(noticed(&server, metadata, &third, 200).0, 200);
    for old in [&token, &second] {
        assert_eq!(noticed(&server, metadata, old, 401).0, 401, "an old token outlived its grace");
    }

    provider.does(&["recipient", "delete", "acme"]);
    assert_eq!(noticed(&server, "/shares", &third, 401).0, 401, "read after it was deleted");
}

#[tokio::test]
async fn a_share_made_again_does_not_revive_its_grants() {
    let provider = Provider::new().await;
    provider.does(&["share", "create", "s"]);
    provider.does(&["recipient", "create", "acme", "--profile", &provider.file("acme")]);
    provider.does(&["grant", "s", "acme"]);
    let said = provider.fails(&["share", "delete", "s"]);
    assert!(said.contains("1 grant") && said.contains("--force"), "{said}");
    let said = provider.does(&["share", "delete", "s", "--force"]);
    assert!(said.contains("'acme'"), "{said}");
    provider.does(&["share", "create", "s"]);
    let shown = provider.json(&["recipient", "show", "acme"]);
    assert_eq!(shown["grants"], serde_json::json!([]));
    let server = provider.serve();
    assert_eq!(server.get("/shares/s", Some(&provider.token("acme"))).0, 404);
}

#[tokio::test]
async fn a_configuration_file_is_taken_over_whole_or_not_at_all() {
    let provider = Provider::new().await;
    let write = |tables: &str| {
        let file = provider.folder.join("conf.yaml");
        let text = format!(
            "version: 1\nshares:\n- name: one\n  schemas:\n  - name: default\n    tables:\n{tables}\
             - name: two\n  schemas:\n  - name: d\n    tables:\n    - {{name: covid, location: \"file://{}\"}}\n\
             authorization: {{bearerToken: \"from the file\"}}\ndeltaTableCacheSize: 3\n",
            provider.folder.text("data/owid-covid-data")
        );
        fs::write(&file, text).unwrap();
        provider.folder.text("conf.yaml")
    };
    let cars = format!(
        "    - {{name: cars, location: {}, id: 00000000-0000-0000-0000-000000000001, historyShared: true, startVersion: 1}}\n",
        provider.cars()
    );

    let file = write(&format!(
        "{cars}    - {{name: gone, location: /no/such/folder}}\n    - {{name: azure, location: \"abfss://c@a/x\"}}\n"
    ));
    let said = provider.fails(&["import", &file]);
    for words in ["nothing was imported", "one.default.gone", "/no/such/folder", "one.default.azure", "'abfss:'"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(provider.json(&["share", "list"])["shares"], serde_json::json!([]));
    assert!(!provider.folder.join("state/conf.share").exists());

    let file = write(&cars);
    let said = provider.does(&["import", &file, "--profile", &provider.file("conf")]);
    for words in ["2 shares with 2 tables", "recipient 'conf'", "conf.share", "deltaTableCacheSize", "not taken over"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let token = provider.token("conf");
    assert_ne!(token, "from the file");
    let table = &provider.json(&["table", "show", "one.default.cars"])["table"];
    assert_eq!(table["id"], "00000000-0000-0000-0000-000000000001");
    assert_eq!((&table["historyShared"], &table["startVersion"]), (&true.into(), &1.into()));
    let server = provider.serve();
    for path in ["/shares/one/schemas/default/tables/cars/version", "/shares/two/schemas/d/tables/covid/version"] {
        assert_eq!(server.get(path, Some(&token)).0, 200, "{path}");
    }
    assert_eq!(server.get("/shares", Some("from the file")).0, 401);

    // A second one for somebody else finds everything there.
    let said = provider.does(&["import", &file, "--recipient", "other"]);
    assert!(said.contains("2 of them were there already"), "{said}");
    let said = provider.fails(&["import", &file]);
    assert!(said.contains("recipient 'conf' exists already"), "{said}");
}

#[tokio::test]
async fn what_cannot_be_done_is_said_in_one_sentence_with_what_to_do() {
    let provider = Provider::new().await;
    provider.does(&["share", "create", "motorbikes"]);
    provider.does(&["recipient", "create", "friends"]);
    let cars = provider.cars();
    let add =
        |name: &'static str, rest: &[&str]| provider.fails(&[&["table", "add", name, "--location"], rest].concat());

    for (said, words) in [
        (provider.fails(&["share", "create", "MotorBikes"]), "exists already; add tables to it"),
        (provider.fails(&["share", "create", "what?"]), "contains '?', which the Python client cannot send"),
        (provider.fails(&["share", "show", "motobikes"]), "did you mean 'motorbikes'?"),
        (provider.fails(&["share", "show", "weather"]), "spillway share create weather"),
        (provider.fails(&["grant", "motorbikes", "freinds"]), "did you mean 'friends'?"),
        (provider.fails(&["revoke", "motorbikes", "friends"]), "spillway recipient show friends"),
        (provider.fails(&["recipient", "create", "friends"]), "spillway token rotate friends"),
        (provider.fails(&["recipient", "create", "../up"]), "contains a slash"),
        (provider.fails(&["table", "show", "motorbikes.default.t"]), "spillway table list motorbikes"),
        (add("cars", &[&cars]), "write SHARE.SCHEMA.TABLE"),
        (add("motorbike.d.t", &[&cars]), "did you mean 'motorbikes'?"),
        (add("motorbikes.d.t", &["/no/such/folder"]), "there is no folder /no/such/folder"),
        (add("motorbikes.d.t", &["gs://b/t"]), "'gs:', which is not supported"),
        (add("motorbikes.d.t", &[&provider.folder.text("data")]), "no Delta table at"),
        (add("motorbikes.d.t", &[&cars, "--start-version", "7"]), "latest version is 1"),
        (add("motorbikes.d.t", &[&cars, "--role", "reader"]), "arn:aws:iam::"),
        (add("motorbikes.d.t", &[&cars, "--bucket-endpoint", "here"]), "dualstack"),
        (
            add("motorbikes.d.t", &[&cars, "--auxiliary", "s3://b/x"]),
            "auxiliary location 1 is no place of the table's own",
        ),
        (provider.fails(&["import", "conf.json"]), ".yaml or .yml"),
        (provider.fails(&["recipient", "create", "x", "--endpoint", "nowhere"]), "is not a URL"),
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!provider.folder.join("up.share").exists());

    let said = failure(&["share", "list", "--state", &provider.folder.text("elsewhere")]);
    assert!(said.contains("there is no catalogue in") && said.contains("--state"), "{said}");
    assert!(!provider.folder.join("elsewhere").exists(), "a look made a folder");

    // What clap says has its own form, and still says what was meant.
    let output = run(&["recipient", "create", "x", "--lifetime", "soon", "--state", &provider.state]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("'90 days'"));
}

#[tokio::test]
async fn a_profile_is_never_written_over_a_file() {
    let provider = Provider::new().await;
    let file = provider.folder.text("mine.share");
    fs::write(&file, "mine").unwrap();
    let said = provider.fails(&["recipient", "create", "acme", "--profile", &file]);
    assert!(said.contains("not overwritten"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(provider.json(&["recipient", "list"])["recipients"], serde_json::json!([]), "created all the same");

    let other = provider.folder.text("other.share");
    provider.does(&["recipient", "create", "acme", "--profile", &other, "--endpoint", "https://share.example.org/x/"]);
    let profile: Value = serde_json::from_slice(&fs::read(&other).unwrap()).unwrap();
    assert_eq!(profile["endpoint"], "https://share.example.org/x");
    assert_eq!(mode(Path::new(&other)), 0o600);
}

#[tokio::test]
async fn a_link_is_printed_that_gives_the_profile_once() {
    let provider = Provider::new().await;
    provider.does(&["share", "create", "sales"]);
    let server = provider.serve();
    let said = provider.does(&["recipient", "create", "acme"]);
    let url = link_in(&said);
    assert!(url.starts_with(&format!("{}/activate/", server.endpoint())), "{said}");
    assert!(said.contains("to be used until") && !provider.folder.join("state/acme.share").exists(), "{said}");
    let (status, page) = asked(url, "GET");
    assert_eq!((status, page.contains("Nothing yet")), (200, true), "{page}");
    provider.does(&["grant", "sales", "acme"]);
    let (status, profile) = asked(url, "POST");
    assert_eq!(status, 200, "{profile}");
    let token = serde_json::from_str::<Value>(&profile).unwrap()["bearerToken"].as_str().unwrap().to_owned();
    assert_eq!(noticed(&server, "/shares/sales", &token, 200).0, 200);
    assert_eq!((asked(url, "POST").0, asked(url, "GET").0), (410, 410));
    let catalogue = fs::read_to_string(provider.folder.join("state/catalogue.json")).unwrap();
    let code = url.rsplit('/').next().unwrap();
    assert!(!catalogue.contains(code) && !catalogue.contains(&token), "kept in clear: {catalogue}");

    // A rotation makes another link, and the old token has its grace.
    let rotated = provider.json(&["token", "rotate", "acme", "--link-lifetime", "1 hour"]);
    assert_eq!(rotated["profile"], Value::Null);
    let (status, second) = asked(rotated["link"]["url"].as_str().unwrap(), "POST");
    assert_eq!(status, 200, "{second}");
    let second = serde_json::from_str::<Value>(&second).unwrap()["bearerToken"].as_str().unwrap().to_owned();
    assert_eq!(noticed(&server, "/shares/sales", &second, 200).0, 200);
    assert_eq!(server.get("/shares/sales", Some(&token)).0, 200, "the old token did not get its grace");

    let printed = provider.does(&["token", "rotate", "acme", "--print-profile"]);
    let printed: Value = serde_json::from_str(&printed).expect("the profile and nothing else");
    assert_eq!(printed["endpoint"], server.endpoint());
    let said = run(&["token", "rotate", "acme", "--link-lifetime", "1 year", "--state", &provider.state]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("'72 hours'"), "{said:?}");
}

#[tokio::test]
async fn scripts_read_json() {
    let provider = Provider::new().await;
    let share = provider.json(&["share", "create", "s", "--comment", "c"]);
    assert_eq!((&share["share"]["name"], &share["share"]["comment"]), (&"s".into(), &"c".into()));
    let added = provider.json(&["table", "add", "s.d.t", "--location", &provider.folder.text("data/owid-covid-data")]);
    assert_eq!(added["table"]["location"], provider.folder.text("data/owid-covid-data"));
    assert_eq!(added["table"]["historyShared"], false);
    assert_eq!(added["validation"]["version"], 8);
    assert_eq!(added["validation"]["partitionColumns"], serde_json::json!(["iso_code"]));
    assert_eq!(added["validation"]["readerNeeds"], serde_json::json!([]));
    let made = provider.json(&["recipient", "create", "r", "--profile", &provider.file("r")]);
    assert_eq!(made["recipient"]["status"], "active");
    let profile = Path::new(made["profile"].as_str().unwrap());
    assert!(profile.is_absolute() && profile.exists());
    let token = provider.token("r");
    assert!(!made.to_string().contains(&token), "the token is printed");
    assert_eq!(provider.json(&["grant", "s", "r"])["granted"]["tables"], serde_json::json!(["s.d.t"]));

    let shown = provider.json(&["share", "show", "s"]);
    assert_eq!(shown["tables"][0]["name"], "t");
    assert_eq!(shown["grants"][0]["recipient"], "r");
    let shown = provider.json(&["recipient", "show", "r"]);
    assert_eq!(shown["tokens"][0]["id"], made["token"]["id"]);
    assert_eq!(shown["tokens"][0]["expiresAt"], made["token"]["expiresAt"]);
    assert!(shown["tokens"][0].get("hash").is_none());
    assert_eq!(provider.json(&["table", "list"])["tables"].as_array().unwrap().len(), 1);
    assert_eq!(provider.json(&["table", "remove", "s.d.t"])["removed"]["name"], "t");
    assert_eq!(provider.json(&["share", "delete", "s", "--force"])["deleted"]["name"], "s");
}

#[tokio::test]
async fn the_doctor_finds_what_is_wrong() {
    let provider = Provider::new().await;
    provider.does(&["share", "create", "s"]);
    provider.does(&["table", "add", "s.d.cars", "--location", &provider.cars()]);
    let asleep = run(&["doctor", "--state", &provider.state]);
    assert!(!asleep.status.success(), "no server is running");
    let said = String::from_utf8(asleep.stdout).unwrap();
    assert!(said.contains("endpoint") && said.contains("FAILED") && said.contains("spillway serve"), "{said}");

    let server = provider.serve();
    let said = provider.does(&["doctor"]);
    assert!(!said.contains("FAILED"), "{said}");
    for words in ["catalogue", "answers and asks for a token", "clock", "s.d.cars: log", "s.d.cars: data file"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    drop(server);

    let file = fs::read_dir(provider.cars()).unwrap().map(|entry| entry.unwrap().path());
    let file = file.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "parquet")).unwrap();
    fs::remove_file(file).unwrap();
    let server = provider.serve();
    let broken = run(&["doctor", "--table", "s.d.cars", "--state", &provider.state]);
    assert!(!broken.status.success());
    let said = String::from_utf8(broken.stdout).unwrap();
    assert!(said.contains("repair the table"), "{said}");
    drop(server);
    assert!(provider.fails(&["doctor", "--table", "s.d.bikes"]).contains("there is no table"));
}

#[test]
fn every_command_explains_itself() {
    let commands: [&[&str]; 24] = [
        &[],
        &["share"],
        &["share", "create"],
        &["share", "list"],
        &["share", "show"],
        &["share", "delete"],
        &["table"],
        &["table", "add"],
        &["table", "list"],
        &["table", "show"],
        &["table", "remove"],
        &["recipient"],
        &["recipient", "create"],
        &["recipient", "list"],
        &["recipient", "show"],
        &["recipient", "disable"],
        &["recipient", "enable"],
        &["recipient", "delete"],
        &["grant"],
        &["revoke"],
        &["token"],
        &["token", "rotate"],
        &["import"],
        &["doctor"],
    ];
    for command in commands {
        let output = run(&[command, &["--help"]].concat());
        assert!(output.status.success(), "{command:?}");
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        let is_leaf = !help.contains("\nCommands:");
        assert_eq!(is_leaf, help.contains("--stack <NAME>"), "{command:?}: {help}");
    }
}

#[tokio::test]
async fn a_shallow_clone_is_shared_once_the_place_of_its_files_is_named() {
    let provider = Provider::new().await;
    // A clone of the cars: the same log, but for its paths.
    let (cars, clone) = (provider.folder.join("data/cars"), provider.folder.join("data/clone"));
    fs::create_dir_all(clone.join("_delta_log")).unwrap();
    for entry in fs::read_dir(cars.join("_delta_log")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let there = format!(r#""path":"file://{}/"#, cars.display());
            let text = fs::read_to_string(&path).unwrap().replace(r#""path":""#, &there);
            fs::write(clone.join("_delta_log").join(path.file_name().unwrap()), text).unwrap();
        }
    }
    provider.does(&["share", "create", "s"]);
    let (cars, clone) = (cars.to_str().unwrap(), clone.to_str().unwrap());
    let add = ["table", "add", "s.d.clone", "--location", clone];
    let said = provider.fails(&add);
    assert!(said.contains(cars) && said.contains("--auxiliary"), "{said}");
    let added = provider.json(&[&add[..], &["--auxiliary", cars]].concat());
    assert_eq!(added["table"]["auxiliaryLocations"], serde_json::json!([cars]));
    let shown = provider.does(&["table", "show", "s.d.clone"]);
    assert!(shown.lines().any(|line| line.contains("auxiliary") && line.ends_with(cars)), "{shown}");
    let server = provider.serve();
    let doctor = provider.does(&["doctor", "--table", "s.d.clone"]);
    assert!(doctor.contains("s.d.clone: files elsewhere"), "{doctor}");
    drop(server);
}

#[tokio::test]
async fn rules_are_set_by_options_shown_and_kept_by_a_server() {
    let provider = Provider::new().await;
    provider.does(&["share", "create", "s"]);
    let refused = provider.fails(&["table", "add", "s.d.t", "--location", &provider.cars(), "--partition", "none=x"]);
    assert!(refused.contains("a partition rule is on column 'none'"), "{refused}");
    let refused = run(&["recipient", "create", "far", "--ip", "10.0.0.1/8", "--state", &provider.state]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("write the network as 10.0.0.0/8"), "{said}");
    let refused = provider.fails(&["recipient", "create", "far", "--property", "a=b", "--property", "a=c"]);
    assert!(refused.contains("given twice"), "{refused}");
    assert!(!provider.folder.join("state/far.share").exists(), "a profile was left behind");

    provider.does(&["table", "add", "s.d.cars", "--location", &provider.cars()]);
    let said = provider.does(&[
        "recipient",
        "create",
        "far",
        "--ip",
        "203.0.113.0/24",
        "--property",
        "region=EU",
        "--profile",
        &provider.folder.text("state/far.share"),
    ]);
    assert!(said.contains("203.0.113.0/24") && said.contains("region=EU"), "{said}");
    // All facts stand in one pair of columns.
    for (label, value) in
        [("token good until", "20"), ("endpoint", "http"), ("properties", "region"), ("may come from", "203")]
    {
        let line = format!("  {label:<16}  {value}");
        assert!(said.lines().any(|said| said.starts_with(&line)), "{line:?} in {said}");
    }
    let shown = provider.does(&["recipient", "show", "far"]);
    for (label, value) in [("status", "active"), ("properties", "region"), ("may come from", "203")] {
        let line = format!("  {label:<13}  {value}");
        assert!(shown.lines().any(|said| said.starts_with(&line)), "{line:?} in {shown}");
    }
    assert!(said.contains("checks the addresses of its own requests only"), "{said}");
    provider.does(&["recipient", "create", "late", "--profile", &provider.folder.text("state/late.share")]);
    provider.does(&["grant", "s", "far"]);
    let refused = provider.fails(&["grant", "s", "late", "--until", "2020-01-01T00:00:00Z"]);
    assert!(refused.contains("which is over"), "{refused}");
    let said = provider.does(&["grant", "s", "late", "--from", "2999-01-01T00:00:00Z"]);
    assert!(said.contains("from 2999-01-01 00:00 UTC") && said.contains("can then read"), "{said}");
    let shown = provider.json(&["recipient", "show", "late"]);
    assert_eq!(shown["grants"][0]["from"], "2999-01-01T00:00:00.000Z");
    let said = provider.does(&["grant", "s", "late", "--until", "2999-06-01T00:00:00Z"]);
    assert!(said.contains("until 2999-06-01 00:00 UTC, before it was from 2999-01-01 00:00 UTC"), "{said}");
    let again = provider.json(&["grant", "s", "late", "--until", "2999-06-01T00:00:00Z"]);
    assert_eq!((&again["changed"], &again["granted"]["from"]), (&Value::Bool(false), &Value::Null));
    assert!(provider.fails(&["grant", "s", "late"]).contains("exists already"));
    let said = provider.does(&["grant", "s", "late", "--always"]);
    assert!(said.contains("at any time, before it was until 2999-06-01"), "{said}");
    provider.does(&["grant", "s", "late", "--from", "2999-01-01T00:00:00Z"]);
    let shown = provider.json(&["recipient", "show", "far"]);
    assert_eq!(shown["recipient"]["rules"]["ipAccessList"][0], "203.0.113.0/24");

    let server = provider.serve();
    assert_eq!(server.get("/shares", Some(&provider.token("far"))).0, 403);
    let (status, body) = server.get("/shares", Some(&provider.token("late")));
    assert!(status == 200 && !body.contains("\"s\""), "{body}");
}

#[tokio::test]
async fn a_plan_says_what_the_routes_answer() {
    let provider = Provider::new().await;
    provider.does(&["share", "create", "s"]);
    let covid = provider.folder.text("data/owid-covid-data");
    provider.does(&["table", "add", "s.d.cars", "--location", &provider.cars(), "--history"]);
    for (name, rule) in [("covid", "iso_code=@country"), ("closed", "iso_code=@none")] {
        let name = format!("s.d.{name}");
        provider.does(&["table", "add", &name, "--location", &covid, "--partition", rule]);
    }
    let profile = provider.file("acme");
    provider.does(&["recipient", "create", "acme", "--property", "country=DEU", "--profile", &profile]);
    let said = provider.does(&["plan", "--recipient", "acme"]);
    assert!(said.contains("reads nothing now") && said.contains("spillway grant SHARE acme"), "{said}");
    provider.does(&["grant", "s", "acme"]);

    let server = provider.serve();
    let token = provider.token("acme");
    let plan = provider.json(&["plan", "--recipient", "acme"]);
    let tables = plan["tables"].as_array().unwrap();
    assert_eq!(tables.len(), 3, "{plan}");
    for table in tables {
        let name = table["name"].as_str().unwrap();
        let path = format!("/shares/s/schemas/d/tables/{name}/metadata");
        let (status, body) = server.get(&path, Some(&token));
        if table["refused"].is_null() {
            assert_eq!((status, name == "closed"), (200, false), "{body}");
            let mut lines = body.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let metadata = lines.nth(1).unwrap()["metaData"].clone();
            assert_eq!((&table["files"], &table["bytes"]), (&metadata["numFiles"], &metadata["size"]), "{name}");
        } else {
            let answer: Value = serde_json::from_str(&body).unwrap();
            assert_eq!((status, name, &answer["message"]), (403, "closed", &table["refused"]["answer"]));
            assert!(table["refused"]["why"].as_str().unwrap().contains("no property 'none'"), "{table}");
        }
    }
    let part = provider.json(&["plan", "--recipient", "acme", "--table", "s.d.covid"]);
    let part = &part["tables"][0];
    assert_eq!(part["partitions"], serde_json::json!([{"column": "iso_code", "value": "DEU"}]));
    assert_eq!((&part["formats"][0], &part["urlSecsMax"]), (&"parquet".into(), &3600.into()));
    let said = provider.does(&["plan", "--recipient", "acme"]);
    for words in
        ["reads 2 of 3 tables now", "iso_code = 'DEU'", "all versions", "s.d.closed: the recipient has no property"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(provider.fails(&["plan", "--recipient", "acmee"]).contains("did you mean 'acme'?"));
    assert!(provider.fails(&["plan", "--recipient", "acme", "--table", "s.d.car"]).contains("s.d.cars"));

    provider.does(&["grant", "s", "acme", "--from", "2999-01-01T00:00:00Z"]);
    assert_eq!(noticed(&server, "/shares/s", &token, 404).0, 404);
    let plan = provider.json(&["plan", "--recipient", "acme"]);
    assert_eq!((&plan["tables"], &plan["refused"]), (&serde_json::json!([]), &serde_json::json!([])));
    assert_eq!(plan["grants"][0]["refused"], "the grant begins on 2999-01-01 00:00 UTC");
    provider.does(&["recipient", "disable", "acme"]);
    assert_eq!(noticed(&server, "/shares", &token, 401).0, 401);
    let plan = provider.json(&["plan", "--recipient", "acme"]);
    assert!(plan["refused"][0].as_str().unwrap().contains("is disabled"), "{plan}");
}

#[tokio::test]
async fn a_plan_tells_the_tables_in_places_as_the_server_lists_them() {
    let provider = Provider::new().await;
    provider.does(&["share", "create", "s"]);
    provider.does(&["schema", "add", "s.found", "--location", &provider.folder.text("data"), "--history"]);
    // What is named wins over what is found.
    provider.does(&["table", "add", "s.found.cars", "--location", &provider.cars()]);
    provider.does(&["table", "add", "s.d.cars", "--location", &provider.cars()]);
    provider.does(&["recipient", "create", "acme", "--profile", &provider.file("acme")]);
    provider.does(&["grant", "s", "acme"]);
    let server = provider.serve();
    let token = provider.token("acme");
    let listed: Value = serde_json::from_str(&server.get("/shares/s/all-tables", Some(&token)).1).unwrap();
    let plan = provider.json(&["plan", "--recipient", "acme"]);
    let names = |list: &Value| -> Vec<Value> {
        let member = |table: &Value| serde_json::json!([table["schema"], table["name"], table["id"]]);
        list.as_array().unwrap().iter().map(member).collect()
    };
    assert_eq!(names(&plan["tables"]), names(&listed["items"]), "{plan:#}");
    assert!(names(&plan["tables"]).len() > 2 && plan["notes"] == serde_json::json!([]), "{plan:#}");
    for table in plan["tables"].as_array().unwrap() {
        let path = format!(
            "/shares/s/schemas/{}/tables/{}/metadata",
            table["schema"].as_str().unwrap(),
            table["name"].as_str().unwrap()
        );
        let (status, body) = server.get(&path, Some(&token));
        assert_eq!(status, 200, "{body}");
        let metadata: Value = serde_json::from_str(body.lines().nth(1).unwrap()).unwrap();
        assert_eq!(
            (&table["files"], &table["bytes"]),
            (&metadata["metaData"]["numFiles"], &metadata["metaData"]["size"])
        );
        assert_eq!(table["historyShared"], table["schema"] == "found" && table["name"] != "cars", "{table}");
    }
    let one = provider.json(&["plan", "--recipient", "acme", "--table", "s.found.owid-covid-data"]);
    assert_eq!((one["tables"].as_array().unwrap().len(), &one["tables"][0]["read"]), (1, &true.into()), "{one:#}");
    assert!(provider.fails(&["plan", "--recipient", "acme", "--table", "s.found.none"]).contains("s.found.none"));

    let names = provider.json(&["plan", "--recipient", "acme", "--without-logs"]);
    assert!(names["tables"].as_array().unwrap().iter().all(|table| table["read"] == false), "{names:#}");
    let said = provider.does(&["plan", "--recipient", "acme", "--without-logs"]);
    assert!(said.contains("no log was read"), "{said}");
    std::fs::remove_dir_all(provider.folder.join("data")).unwrap();
    let gone = provider.json(&["plan", "--recipient", "acme"]);
    assert!(gone["notes"][0].as_str().unwrap().contains("schema 's.found'"), "{gone:#}");
}

#[tokio::test]
async fn a_plan_judges_an_address_as_the_server_does() {
    let provider = Provider::new().await;
    provider.does(&["share", "create", "s"]);
    provider.does(&["table", "add", "s.d.cars", "--location", &provider.cars()]);
    provider.does(&["recipient", "create", "far", "--ip", "203.0.113.0/24", "--profile", &provider.file("far")]);
    provider.does(&["grant", "s", "far"]);
    let server = provider.serve();
    assert_eq!(server.get("/shares", Some(&provider.token("far"))).0, 403);
    let here = provider.json(&["plan", "--recipient", "far", "--ip", "127.0.0.1"]);
    assert_eq!(here["refused"], serde_json::json!(["the IP access list excludes 127.0.0.1"]));
    let there = provider.json(&["plan", "--recipient", "far", "--ip", "::ffff:203.0.113.7"]);
    assert_eq!((&there["refused"], &there["tables"][0]["read"]), (&serde_json::json!([]), &true.into()));
    assert_eq!(there["urlNetworks"], serde_json::json!(["203.0.113.0/24"]));
    let said = provider.does(&["plan", "--recipient", "far"]);
    assert!(said.contains("203.0.113.0/24") && said.contains("checks its own requests only"), "{said}");
}
