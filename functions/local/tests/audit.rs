//! `audit` on a state folder, as a person runs it: what a server answered and refused, what operators changed, and that
//! no secret is in what is kept.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

use std::fs;
use std::process::Command;

use serde_json::Value;

#[path = "harness/program.rs"]
mod program;

use program::{Folder, Running, failure, mode, run};

/// A state folder with a share that a recipient may read.
struct Provider {
    folder: Folder,
    state: String,
}

impl Provider {
    async fn new() -> Self {
        let folder = Folder::new();
        local::demo::write_tables(&folder.join("data")).await.unwrap();
        let state = folder.text("state");
        let it = Self { folder, state };
        it.does(&["share", "create", "sales"]);
        let cars = it.folder.text("data/cars");
        it.does(&["table", "add", "sales.default.cars", "--location", &cars, "--history"]);
        let profile = it.folder.text("acme.share");
        it.does(&["recipient", "create", "acme", "--profile", &profile]);
        it.does(&["grant", "sales", "acme"]);
        it
    }

    fn does(&self, command: &[&str]) -> String {
        let output = run(&[command, &["--state", &self.state]].concat());
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, command: &[&str]) -> Value {
        serde_json::from_str(&self.does(&[command, &["--json"]].concat())).unwrap()
    }

    fn token(&self) -> String {
        self.folder.token("acme.share")
    }

    /// A server that is asked for a table's files, its metadata, a table that is not there, and by a stranger.
    fn asked(&self) {
        let server = Running::start(&["serve", "--state", &self.state, "--port", "0"]);
        let token = self.token();
        let table = "/shares/sales/schemas/default/tables";
        assert_eq!(query(&server, &format!("{table}/cars/query"), &token), 200);
        assert_eq!(server.get(&format!("{table}/cars/metadata"), Some(&token)).0, 200);
        assert_eq!(server.get(&format!("{table}/none/metadata"), Some(&token)).0, 404);
        assert_eq!(server.get(&format!("{table}/cars/metadata"), Some("wrong-token")).0, 401);
        server.terminate();
    }
}

fn query(server: &Running, path: &str, token: &str) -> u16 {
    let output = Command::new("curl")
        .args(["-sS", "-X", "POST", "-H", "Content-Type: application/json", "-d", "{}", "-o", "/dev/null"])
        .args(["-w", "%{http_code}", "-H", &format!("Authorization: Bearer {token}")])
        .arg(format!("{}{path}", server.endpoint()))
        .output();
    String::from_utf8(output.unwrap().stdout).unwrap().parse().unwrap()
}

/// What is kept of what was asked.
fn kept(provider: &Provider) -> String {
    fs::read_to_string(provider.folder.join("state/audit.jsonl")).unwrap()
}

#[tokio::test]
async fn who_read_what_and_what_was_refused() {
    let provider = Provider::new().await;
    assert!(provider.does(&["audit"]).starts_with("0 requests since "), "there was no server yet");
    provider.asked();

    let told = provider.json(&["audit"]);
    let events = told["events"].as_array().unwrap();
    let seen: Vec<_> = events
        .iter()
        .map(|event| (event["route"].as_str().unwrap(), event["status"].as_u64().unwrap(), event["recipient"].as_str()))
        .collect();
    let acme = Some("acme");
    assert_eq!(
        seen,
        [
            ("query-table", 200, acme),
            ("table-metadata", 200, acme),
            ("table-metadata", 404, acme),
            ("table-metadata", 401, None)
        ]
    );
    let answered = &events[0];
    assert_eq!(
        (&answered["share"], &answered["schema"], &answered["table"]),
        (&"sales".into(), &"default".into(), &"cars".into())
    );
    assert_eq!((&answered["version"], &answered["filesReturned"]), (&1.into(), &1.into()));
    assert!(answered["bytesSent"].as_u64().unwrap() > 500 && answered["errorCode"].is_null(), "{answered}");
    let total = &told["totals"][0];
    assert_eq!(
        (&total["recipient"], &total["table"], &total["answers"], &total["files"]),
        (&"acme".into(), &"cars".into(), &2.into(), &1.into())
    );
    let bytes = events[..2].iter().map(|event| event["bytesSent"].as_u64().unwrap()).sum::<u64>();
    assert_eq!((told["totals"].as_array().unwrap().len(), total["bytes"].as_u64()), (1, Some(bytes)));
    let codes: Vec<_> = told["refused"].as_array().unwrap().iter().map(|one| one["status"].as_u64().unwrap()).collect();
    assert_eq!(codes, [401, 404], "{told:#}");
    assert_eq!(told["notes"].as_array().unwrap().len(), 0, "{told:#}");

    let text = provider.does(&["audit"]);
    for words in ["4 requests since", "2 answered, 2 refused", "sales.default.cars", "In sum", "Refused", "query-table"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    let told = provider.json(&["audit", "--recipient", "ACME"]);
    assert_eq!(told["events"].as_array().unwrap().len(), 3, "{told:#}");
    assert_eq!(provider.json(&["audit", "--since", "0s"])["events"].as_array().unwrap().len(), 0);
    let said = failure(&["audit", "--recipient", "acne", "--state", &provider.state]);
    assert!(said.contains("there is no recipient 'acne'; did you mean 'acme'?"), "{said}");

    // A server that starts again goes on where the last one stopped.
    provider.asked();
    assert_eq!(provider.json(&["audit"])["events"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn what_is_kept_holds_no_secret() {
    let provider = Provider::new().await;
    provider.asked();
    let kept = kept(&provider);
    assert_eq!(kept.lines().filter(|line| !line.is_empty()).count(), 4);
    let data = provider.folder.text("data");
    for secret in [provider.token().as_str(), "wrong-token", "X-Amz", "http", &data, "parquet/", ".json", "Bearer"] {
        assert!(!kept.contains(secret), "{secret}: {kept}");
    }
    assert_eq!(mode(&provider.folder.join("state/audit.jsonl")), 0o600);
    let catalogue = fs::read_to_string(provider.folder.join("state/catalogue.json")).unwrap();
    let events = catalogue.split("\"adminEvents\"").nth(1).expect("no change was recorded");
    assert!(
        !events.contains(&provider.token()) && !events.contains("sha256") && !events.contains("sealed"),
        "{events}"
    );
}

#[tokio::test]
async fn what_operators_changed() {
    let provider = Provider::new().await;
    provider.does(&["sql", "ALTER SHARE sales SET COMMENT 'Cars sold'; ALTER RECIPIENT acme DISABLE"]);
    provider.does(&["sql", "--dry-run", "DROP SHARE sales CASCADE"]);
    failure(&["share", "create", "sales", "--state", &provider.state]);
    provider.does(&["recipient", "delete", "acme"]);

    let told = provider.json(&["audit", "--admin"]);
    let changes = told["changes"].as_array().unwrap();
    let acts: Vec<&str> = changes.iter().map(|change| change["act"].as_str().unwrap()).collect();
    assert_eq!(
        acts,
        [
            "create share",
            "add table",
            "create recipient",
            "grant",
            "comment share",
            "disable recipient",
            "delete recipient"
        ]
    );
    let user = Command::new("id").arg("-un").output().unwrap().stdout;
    let user = String::from_utf8(user).unwrap();
    assert!(changes.iter().all(|change| change["actor"] == user.trim()), "{told:#}");
    assert_eq!((&changes[4]["before"], &changes[4]["after"]["comment"]), (&Value::Null, &"Cars sold".into()));
    assert_eq!(
        (&changes[5]["before"]["status"], &changes[5]["after"]["status"]),
        (&"active".into(), &"disabled".into())
    );
    assert_eq!(changes[1]["after"]["location"], provider.folder.text("data/cars"));

    // By its name, also when it is not there any more.
    let text = provider.does(&["audit", "--admin", "--recipient", "acme"]);
    assert!(
        text.starts_with("4 changes since ") && text.contains("status=active") && text.contains("sales to acme"),
        "{text}"
    );
}
