//! The program as a person runs it: what it prints, how it ends, what it leaves behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on should stop")]

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[path = "harness/program.rs"]
mod program;

use program::{Folder, Running, failure, mode, run};

/// A folder that looks like a table to whoever lists tables.
fn empty_table(folder: &Path) {
    fs::create_dir_all(folder.join("_delta_log")).unwrap();
}

#[test]
fn the_demo_is_written_once_and_the_token_is_kept() {
    let folder = Folder::new();
    let state = folder.text("state");
    let args = ["--state", &state, "--port", "0"];

    let first = Running::start(&args);
    for words in
        ["delta_sharing.default.owid-covid-data", "share1.default.cars", "sample data", "curl -sS", "python3 -c", "USA"]
    {
        assert!(first.said.contains(words), "{words}: {}", first.said);
    }
    let token = folder.token("state/demo.share");
    assert!(first.get("/shares", Some(&token)).1.contains("delta_sharing"));
    assert_eq!(first.get("/shares", Some("wrong")).0, 401);
    assert_eq!(first.get("/health", None).0, 200);
    let (code, rest) = first.terminate();
    assert_eq!(code, Some(0));
    assert!(rest.contains("Finishing"), "{rest}");

    for name in ["state/demo.share", "state/demo.header", "state/catalogue.json"] {
        assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
    }
    assert!(
        !fs::read_to_string(folder.join("state/catalogue.json")).unwrap().contains(&token),
        "the token is stored in clear"
    );
    let written =
        fs::metadata(folder.join("state/demo/cars/_delta_log/00000000000000000000.json")).unwrap().modified().unwrap();

    let again = Running::start(&["serve", "--state", &state, "--port", "0"]);
    assert_eq!(folder.token("state/demo.share"), token);
    drop(again);
    let kept =
        fs::metadata(folder.join("state/demo/cars/_delta_log/00000000000000000000.json")).unwrap().modified().unwrap();
    assert_eq!(kept, written, "the sample tables were written again");

    drop(Running::start(&["serve", "--state", &state, "--port", "0", "--reset"]));
    let anew =
        fs::metadata(folder.join("state/demo/cars/_delta_log/00000000000000000000.json")).unwrap().modified().unwrap();
    assert_ne!(anew, written, "--reset kept the sample tables");
}

#[test]
fn a_change_of_the_catalogue_is_seen_without_a_restart() {
    let folder = Folder::new();
    let state = folder.text("state");
    let running = Running::start(&["--state", &state, "--port", "0"]);
    let token = folder.token("state/demo.share");
    assert_eq!(running.get("/shares/renamed", Some(&token)).0, 404);

    let catalogue = folder.join("state/catalogue.json");
    let text = fs::read_to_string(&catalogue).unwrap().replace("\"share1\"", "\"renamed\"");
    fs::write(&catalogue, text).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(running.get("/shares/renamed", Some(&token)).0, 200);
    assert_eq!(running.get("/shares/share1", Some(&token)).0, 404);

    // A file that cannot be read leaves the last good catalogue in place.
    fs::write(&catalogue, "{").unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(running.get("/shares/renamed", Some(&token)).0, 200);
}

#[test]
fn a_catalogue_of_another_format_or_with_own_content_is_left_alone() {
    let folder = Folder::new();
    let state = folder.text("state");
    fs::create_dir(&state).unwrap();
    let catalogue = folder.join("state/catalogue.json");
    fs::write(&catalogue, r#"{"formatVersion":2,"shares":[],"recipients":[]}"#).unwrap();
    let said = failure(&["--state", &state, "--port", "0"]);
    assert!(said.contains("format version 2"), "{said}");

    let own = r#"{"formatVersion":1,"shares":[{"name":"mine","id":"1"}],"recipients":[]}"#;
    fs::write(&catalogue, own).unwrap();
    let said = failure(&["--state", &state, "--port", "0", "--reset"]);
    assert!(said.contains("of your own"), "{said}");
    assert_eq!(fs::read_to_string(&catalogue).unwrap(), own);
}

#[test]
fn a_folder_is_shared_table_by_table() {
    let folder = Folder::new();
    for table in ["t/one", "t/sales/two", "t/bad.name", "t/bad schema/three", "t/sales/notatable/x"] {
        empty_table(&folder.join(table));
    }
    let state = folder.text("state");
    let running = Running::start(&["serve", &folder.text("t"), "--state", &state, "--port", "0"]);
    let token = folder.token("state/local.share");
    let (status, body) = running.get("/shares/local/all-tables", Some(&token));
    assert_eq!(status, 200);
    assert!(
        body.contains("\"one\"") && body.contains("\"two\"") && !body.contains("three") && !body.contains("bad"),
        "{body}"
    );
    assert!(running.said.contains("bad.name: the name contains a full stop"), "{}", running.said);
    assert!(running.said.contains("bad schema: the name contains a space"), "{}", running.said);
    // What is there but is no table yet is an error that says so, not an empty answer.
    let (status, body) = running.get("/shares/local/schemas/default/tables/one/version", Some(&token));
    assert_eq!(status, 400, "{body}");
    drop(running);
    let again = Running::start(&["serve", &folder.text("t"), "--state", &state, "--port", "0"]);
    assert_eq!(again.get("/shares", Some(&token)).0, 200, "the token was not kept");
}

#[test]
fn a_configuration_file_of_the_reference_server() {
    let folder = Folder::new();
    empty_table(&folder.join("tables/t"));
    let config = folder.text("conf.yaml");
    fs::write(&config, format!(
        "version: 1\nport: 1\nhost: localhost\nendpoint: /elsewhere/\nstalenessAcceptable: true\nshares:\n- name: s\n  schemas:\n  \
         - name: d\n    tables:\n    - {{name: t, location: \"file://{}\"}}\n    - {{name: gone, location: /no/such/folder}}\n\
         authorization:\n  bearerToken: from-the-file\n", folder.text("tables/t"))).unwrap();
    // The command line wins over the file.
    let running = Running::start(&["serve", "--config", &config, "--state", &folder.text("state"), "--port", "0"]);
    assert!(
        running.endpoint().starts_with("http://localhost:") && running.endpoint().ends_with("/elsewhere"),
        "{}",
        running.said
    );
    assert!(running.said.contains("mean nothing to this server: stalenessAcceptable"), "{}", running.said);
    assert_eq!(folder.token("state/conf.share"), "from-the-file");
    assert_eq!(running.get("/shares", Some("from-the-file")).0, 200);
    assert_eq!(running.get("/shares", None).0, 401);
    let (status, body) = running.get("/shares/s/schemas/d/tables/gone/version", Some("from-the-file"));
    assert_eq!((status, body.contains("no Delta table")), (400, true), "{body}");
    assert!(!body.contains("folder"), "the path shows: {body}");
}

#[test]
fn no_authorization_is_for_loopback_only() {
    let folder = Folder::new();
    let config = folder.text("open.yml");
    fs::write(&config, "version: 1\nshares: [{name: s}]\n").unwrap();
    let state = folder.text("state");
    let running = Running::start(&["serve", "--config", &config, "--state", &state, "--port", "0"]);
    assert!(running.said.contains("NO AUTHORIZATION"), "{}", running.said);
    assert_eq!(running.get("/shares", None).0, 200);
    assert_eq!(folder.token("state/open.share"), "none");
    let said = failure(&["serve", "--config", &config, "--state", &state, "--port", "0", "--host", "0.0.0.0"]);
    assert!(said.contains("authorization"), "{said}");
}

#[test]
fn https_with_a_certificate_made_at_start() {
    let folder = Folder::new();
    let config = folder.text("tls.yaml");
    fs::write(&config, "version: 1\nshares: [{name: s}]\nssl: {selfSigned: true}\nauthorization: {bearerToken: t}\n")
        .unwrap();
    let running = Running::start(&["serve", "--config", &config, "--state", &folder.text("state"), "--port", "0"]);
    assert!(running.endpoint().starts_with("https://127.0.0.1:"), "{}", running.said);
    let trusted = Command::new("curl")
        .args([
            "-sS",
            "--cacert",
            &folder.text("state/tls.pem"),
            "-H",
            &format!("@{}", folder.text("state/tls.header")),
        ])
        .arg(format!("{}/shares", running.endpoint()))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&trusted.stdout).contains("\"s\""), "{trusted:?}");
}

#[test]
fn problems_are_one_sentence() {
    let folder = Folder::new();
    let state = folder.text("state");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = failure(&["--state", &state, "--port", &port]);
    assert!(said.contains("is in use") && said.contains("--port"), "{said}");
    assert!(!Path::new(&state).exists(), "something was written before the port was free");

    assert!(
        failure(&["serve", &folder.text("nowhere"), "--state", &state, "--port", "0"])
            .contains("cannot read the folder")
    );
    assert!(failure(&["--config", &folder.text("a.yaml"), "--state", &state]).contains("cannot read"));
    assert!(failure(&["--config", "conf.json", "--state", &state]).contains(".yaml or .yml"));
    assert!(failure(&["--host", "not-an-address.invalid", "--state", &state]).contains("not-an-address.invalid"));

    let broken = folder.text("broken.yaml");
    fs::write(&broken, "version: 1\nshares:\n- name: [\n").unwrap();
    let said = failure(&["--config", &broken, "--state", &state, "--port", "0"]);
    assert!(said.contains("line 4") || said.contains("line 3"), "{said}");
}

#[test]
fn help_and_version() {
    let version = String::from_utf8(run(&["--version"]).stdout).unwrap();
    assert_eq!(version.trim(), concat!("spillway ", env!("CARGO_PKG_VERSION")));
    for args in [vec!["--help"], vec!["serve", "--help"]] {
        let help = String::from_utf8(run(&args).stdout).unwrap();
        for option in ["--state", "--host", "--port", "--config", "--reset", "PATH", "8080", "127.0.0.1"] {
            assert!(help.contains(option), "{option} is missing: {help}");
        }
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    }
}
