//! `spillway sql` as a person runs it: scripts, forms of output, a failing script with its place, and a running server that
//! notices.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

#[path = "harness/program.rs"]
mod program;

use program::{Folder, Running, run, spillway};

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

    fn runs(&self, args: &[&str]) -> (bool, String, String) {
        let output = run(&[&["sql", "--state", &self.state], args].concat());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    }

    fn does(&self, args: &[&str]) -> String {
        let (done, said, problem) = self.runs(args);
        assert!(done, "{args:?}: {problem}");
        said
    }

    fn script(&self, name: &str, text: &str) -> String {
        let path = self.folder.text(name);
        fs::write(&path, text.replace("CARS", &self.folder.text("data/cars"))).unwrap();
        path
    }
}

const BEFORE: &str = "CREATE TABLE mybikes USING DELTA LOCATION 'CARS';\nCREATE RECIPIENT friends;\n";
const THREE: &str = "CREATE SHARE motorbikes;\nALTER SHARE motorbikes ADD TABLE mybikes;\n\
                     GRANT SELECT ON SHARE motorbikes TO friends;\n";

#[tokio::test]
async fn a_running_server_serves_what_three_statements_share() {
    let provider = Provider::new().await;
    let server = Running::start(&["serve", "--state", &provider.state, "--port", "0"]);
    let before = provider.script("before.sql", BEFORE);
    let said = provider.does(&["-f", &before]);
    assert!(said.contains("Created recipient 'friends'"), "{said}");
    let token = program::token_of_link(program::link_in(&said));
    let nothing = (200, "{\"items\":[]}".to_owned());
    let noticed = (0..20).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        server.get("/shares", Some(&token)) == nothing
    });
    assert!(noticed, "the server did not notice the recipient within two seconds");
    provider.does(&[THREE]);
    let noticed = (0..20).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        server.get("/shares/motorbikes/schemas/default/tables/mybikes/version", Some(&token)).0 == 200
    });
    assert!(noticed, "the server did not notice within two seconds");
    let (status, body) = server.get("/shares/motorbikes/all-tables", Some(&token));
    assert!(status == 200 && body.contains("\"mybikes\""), "{body}");
    provider.does(&["DROP SHARE motorbikes CASCADE"]);
    let noticed = (0..20).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        server.get("/shares/motorbikes", Some(&token)).0 == 404
    });
    assert!(noticed, "the share is still there");
}

#[tokio::test]
async fn a_running_server_lists_and_finds_what_lies_in_a_schemas_place() {
    let provider = Provider::new().await;
    let server = Running::start(&["serve", "--state", &provider.state, "--port", "0"]);
    let script = provider.script(
        "place.sql",
        "CREATE RECIPIENT friends; CREATE SHARE s; ALTER SHARE s ADD SCHEMA eu LOCATION 'PLACE'; \
         ALTER SHARE s ADD TABLE Named AS eu.OTHERS LOCATION 'CARS'; GRANT SELECT ON SHARE s TO friends;"
            .replace("PLACE", &provider.folder.text("data"))
            .as_str(),
    );
    let said = provider.does(&["-f", &script]);
    let token = program::token_of_link(program::link_in(&said));
    let asked = |path: &str| server.get(path, Some(&token));
    let comes_to = |path: &str, status: u16, part: &str| {
        let as_it_should_be = |(answered, body): (u16, String)| answered == status && body.contains(part);
        (0..50).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            as_it_should_be(asked(path))
        })
    };
    let tables = "/shares/s/schemas/eu/tables";
    assert!(comes_to(tables, 200, "owid-covid-data"), "{:?}", asked(tables));
    let listed = |path: &str| {
        let body: serde_json::Value = serde_json::from_str(&asked(path).1).unwrap();
        let items = body["items"].as_array().unwrap().clone();
        let text = |item: &serde_json::Value, key: &str| item[key].as_str().unwrap().to_owned();
        items.iter().map(|item| (text(item, "name"), text(item, "id"))).collect::<Vec<_>>()
    };
    let first = listed(tables);
    let names: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["cars", "OTHERS", "owid-covid-data"]);
    assert_eq!(listed("/shares/s/all-tables"), first);
    assert_eq!(asked("/shares/s/schemas").1.matches("\"eu\"").count(), 1);
    assert_eq!(asked("/shares/s/schemas/EU/tables/CARS/version").0, 200);
    assert_eq!(asked("/shares/s/schemas/eu/tables/cars/metadata").0, 200);
    assert_eq!(asked("/shares/s/schemas/eu/tables/none/version").0, 404);

    // A table that is written there later; one that was named keeps its name.
    fs::rename(provider.folder.join("data/owid-covid-data"), provider.folder.join("data/later")).unwrap();
    fs::create_dir_all(provider.folder.join("data/others/_delta_log")).unwrap();
    fs::write(provider.folder.join("data/others/_delta_log/00000000000000000000.json"), "not read").unwrap();
    assert!(comes_to(tables, 200, "\"later\""), "{:?}", asked(tables));
    let names: Vec<String> = listed(tables).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["cars", "later", "OTHERS"]);
    assert_eq!(listed(tables)[0], first[0], "a table's id changed");
    assert_eq!(asked("/shares/s/schemas/eu/tables/later/version").0, 200);
    assert_eq!(asked("/shares/s/schemas/eu/tables/others/version").0, 200);
    assert_eq!(asked("/shares/s/schemas/eu/tables/owid-covid-data/version").0, 404);

    provider.does(&["ALTER SHARE s REMOVE SCHEMA eu"]);
    assert!(comes_to("/shares/s/schemas/eu/tables/cars/version", 404, ""), "the place is still shared");
    assert_eq!(listed(tables).len(), 1);
    provider.does(&["REVOKE SELECT ON SHARE s FROM friends"]);
    assert!(comes_to(tables, 404, ""), "the share is still there");
}

#[tokio::test]
async fn a_failing_script_says_where_and_what_was_done() {
    let provider = Provider::new().await;
    let script = provider
        .script("bad.sql", "CREATE SHARE a;\nCREATE SHARE b;\nGRANT SELECT ON SHARE b TO nobody;\nSHOW SHARES;\n");
    let (done, said, problem) = provider.runs(&["-f", &script]);
    assert!(!done);
    assert_eq!(said, "Created share 'a'.\nCreated share 'b'.\n");
    assert_eq!(
        problem,
        format!(
            "error: there is no recipient 'nobody'. A new recipient of that name is made by: CREATE RECIPIENT nobody\n \
             --> {script}:3:28\n  |\n3 | GRANT SELECT ON SHARE b TO nobody;\n  |                            ^^^^^^\n2 statements \
             before it were done, 2 not.\n"
        )
    );
    let (done, said, problem) = provider.runs(&["CREATE SHARE c; CREAT SHARE d"]);
    assert!(!done && said.is_empty(), "{said}");
    assert_eq!(
        problem,
        "error: 'CREAT' does not fit here; did you mean CREATE?\n --> line 1, column 17\n  |\n1 | CREATE SHARE c; CREAT SHARE d\n  \
         |                 ^^^^^\nNothing was done: a script is read whole before it is begun.\n"
    );
    assert_eq!(provider.does(&["SHOW SHARES", "--csv"]).lines().count(), 3);
}

#[tokio::test]
async fn lists_come_as_a_table_as_json_and_as_csv() {
    let provider = Provider::new().await;
    provider.does(&["CREATE SHARE a COMMENT 'one, two'; CREATE SHARE b;"]);
    let table = provider.does(&["SHOW SHARES"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("SHARE  CREATED") && lines[1].ends_with("one, two") && lines.len() == 3, "{table}");
    let json = provider.does(&["SHOW SHARES; DESCRIBE SHARE a", "--json"]);
    let values: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&values[0]["shares"][1]["name"], &values[1]["share"]["comment"]), (&"b".into(), &"one, two".into()));
    let csv = provider.does(&["SHOW SHARES", "--csv"]);
    assert!(csv.starts_with("share,created,comment\r\na,2") && csv.contains("Z,\"one, two\"\r\nb,"), "{csv}");
}

#[tokio::test]
async fn a_dry_run_leaves_everything_as_it_is() {
    let provider = Provider::new().await;
    let script = provider.script("all.sql", &format!("{BEFORE}{THREE}SHOW SHARES;"));
    let said = provider.does(&["-f", &script, "--dry-run"]);
    assert!(said.starts_with("Would register table 'mybikes'") && said.contains("motorbikes"), "{said}");
    assert!(!provider.folder.join("state").exists());
    provider.does(&["CREATE SHARE a"]);
    let before = fs::read(provider.folder.join("state/catalogue.json")).unwrap();
    provider.does(&["DROP SHARE a; CREATE SHARE a; CREATE RECIPIENT r", "--dry-run"]);
    assert_eq!(fs::read(provider.folder.join("state/catalogue.json")).unwrap(), before);
    assert_eq!(
        fs::read_dir(provider.folder.join("state"))
            .unwrap()
            .filter(|entry| { entry.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "share") })
            .count(),
        0
    );
}

#[test]
fn looking_begins_no_catalogue() {
    let folder = Folder::new();
    let output = run(&["sql", "--state", &folder.text("state"), "SHOW SHARES"]);
    let problem = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && problem.contains("there is no catalogue in"), "{problem}");
    assert!(!folder.join("state").exists());
}

#[test]
fn standard_input_is_a_script() {
    let folder = Folder::new();
    let state = folder.text("state");
    let mut child =
        spillway().args(["sql", "--state", &state]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"CREATE SHARE a;\nSHOW SHARES").unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.starts_with("Created share 'a'.\nSHARE"), "{said}");
}

/// However long a script is, killing it leaves nothing that running it again does not finish.
#[test]
fn a_script_that_was_killed_is_finished_by_running_it_again() {
    let folder = Folder::new();
    let (state, path) = (folder.text("state"), folder.text("many.sql"));
    let script: String = (0..60).map(|n| format!("CREATE SHARE IF NOT EXISTS s{n};\n")).collect();
    fs::write(&path, script).unwrap();
    for wait in [5, 20, 40, 80] {
        let mut child = spillway()
            .args(["sql", "--state", &state, "-f", &path])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        let _ = child.kill();
        child.wait().unwrap();
    }
    assert!(run(&["sql", "--state", &state, "-f", &path]).status.success());
    let output = run(&["sql", "--state", &state, "SHOW SHARES", "--csv"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 61);
}

/// What a script has told is kept, however soon after it is killed; and what it has not is done by running it again.
#[test]
fn what_a_killed_script_has_told_is_kept() {
    let script: String = (0..600).map(|n| format!("CREATE SHARE IF NOT EXISTS s{n};\n")).collect();
    for told_before in [1, 80, 300] {
        let folder = Folder::new();
        let (state, path) = (folder.text("state"), folder.text("many.sql"));
        fs::write(&path, &script).unwrap();
        let mut command = spillway();
        command.args(["sql", "--state", &state, "-f", &path]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut told: Vec<String> = lines.by_ref().take(told_before).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        told.extend(lines);
        let shares = || {
            let output = run(&["sql", "--state", &state, "SHOW SHARES", "--csv"]);
            String::from_utf8(output.stdout).unwrap()
        };
        let kept = shares();
        for (number, line) in told.iter().enumerate() {
            assert_eq!(*line, format!("Created share 's{number}'."));
            assert!(kept.contains(&format!("\ns{number},")), "share {number} of {} told is lost", told.len());
        }
        assert!(run(&["sql", "--state", &state, "-f", &path]).status.success());
        assert_eq!(shares().lines().count(), 601);
    }
}

/// The operating system kills a program in the middle of writing a file that is larger than it may be.
#[test]
fn a_program_killed_while_it_writes_leaves_the_catalogue_as_it_was() {
    let folder = Folder::new();
    let (state, catalogue) = (folder.text("state"), folder.join("state/catalogue.json"));
    let mut killed = 0;
    for number in 0..12 {
        assert!(run(&["share", "create", &format!("s{number}"), "--state", &state]).status.success());
        let before = fs::read(&catalogue).unwrap();
        // Blocks of 512 bytes, of which the old content fits and the new one, a little longer, may not.
        let blocks = before.len().div_ceil(512);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("ulimit -c 0; ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
        let comment = "x".repeat(300);
        let output = shell
            .arg(env!("CARGO_BIN_EXE_spillway"))
            .args(["share", "create", "more", "--comment", &comment, "--state", &state])
            .output()
            .unwrap();
        if output.status.success() {
            assert!(run(&["share", "delete", "more", "--state", &state]).status.success());
            continue;
        }
        killed += 1;
        assert_eq!(output.status.signal(), Some(25), "{output:?}");
        assert_eq!(fs::read(&catalogue).unwrap(), before);
        assert_eq!(fs::metadata(folder.join("state/catalogue.json.tmp")).unwrap().len(), blocks as u64 * 512);
        // What it left is in nobody's way, and does not stay.
        assert!(run(&["share", "create", "more", "--state", &state]).status.success());
        assert!(run(&["share", "delete", "more", "--state", &state]).status.success());
        assert!(!folder.join("state/catalogue.json.tmp").exists());
    }
    assert!(killed > 3, "killed {killed} times");
}

/// Both scripts make what is the same in both, each makes what is its own, and nothing of either is lost, be it that both
/// begin the catalogue.
#[test]
fn two_operators_at_the_same_moment_lose_nothing() {
    let folder = Folder::new();
    let state = folder.text("state");
    let running = ["a", "b"].map(|own| {
        let path = folder.text(&format!("{own}.sql"));
        let statements = (0..25).map(|n| {
            format!(
                "CREATE SHARE IF NOT EXISTS both{n}; CREATE SHARE {own}{n};
                 ALTER SHARE both{n} ADD TABLE IF NOT EXISTS t LOCATION '/nowhere' WITHOUT VALIDATION;
                 ALTER SHARE both{n} ADD TABLE {own} LOCATION '/nowhere' WITHOUT VALIDATION;"
            )
        });
        fs::write(&path, statements.collect::<String>()).unwrap();
        let mut command = spillway();
        command.args(["sql", "--state", &state, "-f", &path]).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    });
    for child in running {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let count = |statement: &str| {
        let output = run(&["sql", "--state", &state, statement, "--csv"]);
        String::from_utf8(output.stdout).unwrap().lines().count() - 1
    };
    assert_eq!(count("SHOW SHARES"), 75);
    assert_eq!((0..25).map(|n| count(&format!("SHOW ALL IN SHARE both{n}"))).sum::<usize>(), 75);
}
