//! Tables whose logs name files of another table by absolute paths, as that of a shallow clone does: served from where
//! the files lie if the provider allows the place, refused otherwise.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tests::server::{Answer, TestServer, document};
use tests::table_builder::{Manifest, TableBuilder, decode_path};

use super::{DELTA, VECTORS, features, refused};

const FORMATS: [&str; 2] = ["", DELTA];

/// A source of two files and a server of table `t`, whose log may name files in `auxiliary`; both in one folder.
struct Cloned {
    server: TestServer,
    source: TableBuilder,
    /// The source's `add` actions by their own paths.
    adds: BTreeMap<String, Value>,
    _folder: tempfile::TempDir,
}

/// What the source's files are named there.
const OWN: [&str; 2] = ["p=1/a", "p=2/b%20c"];

impl Cloned {
    async fn new(auxiliary: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        // There before the server starts, so each is a bucket of its own.
        std::fs::create_dir(root.join("t")).unwrap();
        let mut source = TableBuilder::new(root.join("source"));
        let adds = BTreeMap::from([
            (OWN[0].to_owned(), source.add(OWN[0], Some("1"), 3)),
            (OWN[1].to_owned(), source.add(OWN[1], Some("2"), 5)),
        ]);
        source.commit(adds.values().cloned().collect());
        let mut document = document(&["s.d.t"]);
        document.shares[0].schemas[0].tables[0].auxiliary_locations =
            auxiliary.iter().map(|place| (*place).to_owned()).collect();
        let server = TestServer::over(document, &root, |_| {}).await;
        Self { server, source, adds, _folder: folder }
    }

    /// The absolute path of a file beside the table.
    fn path(&self, below_root: &str) -> String {
        format!("file://{}/{below_root}", self.source.path().parent().unwrap().display())
    }

    /// An `add` of one of the source's files as a clone has it.
    fn add(&self, own: &str) -> Value {
        self.add_as(own, &self.path(&format!("source/{own}")))
    }

    fn add_as(&self, own: &str, path: &str) -> Value {
        let mut add = self.adds[own].clone();
        add["add"]["path"] = json!(path);
        add
    }

    /// A `remove` of a file that [`Cloned::add`] made.
    fn remove(&self, own: &str) -> Value {
        let add = self.add(own)["add"].clone();
        json!({"remove": {"path": add["path"], "deletionTimestamp": 1, "dataChange": true, "size": add["size"],
            "partitionValues": add["partitionValues"], "extendedFileMetadata": true}})
    }

    fn table(&self) -> TableBuilder {
        TableBuilder::new(self.server.table("t")).protocol(features(&["deletionVectors", "v2Checkpoint"]))
    }

    /// Checks that a URL leads to this file.
    async fn leads(&self, url: &Value, file: &Path) {
        let url = url.as_str().unwrap();
        assert!(url.starts_with("http://127.0.0.1") && url.contains("X-Amz-Signature="), "{url}");
        assert_eq!(self.server.fetch(url).await, (200, std::fs::read(file).unwrap()), "{}", file.display());
        assert_eq!(self.server.fetch(&url.replacen('?', "x?", 1)).await.0, 403);
    }

    async fn leads_to_own(&self, url: &Value, own: &str) {
        self.leads(url, &self.source.path().join(decode_path(own))).await;
    }
}

type Shape = (&'static str, fn(&mut TableBuilder));

/// The forms in which the log can hold a table's state.
fn shapes() -> [Shape; 4] {
    [
        ("commits", |_| {}),
        ("a checkpoint", TableBuilder::checkpoint),
        ("a JSON manifest", |table| drop(table.checkpoint_v2(Manifest::Json, 0))),
        ("sidecars", |table| drop(table.checkpoint_v2(Manifest::Parquet, 2))),
    ]
}

/// Id, size and URL of each line after the head, in either format.
fn told(answer: &Answer) -> Vec<(String, u64, Value)> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let tell = |line: &Value| {
        let content = line.as_object().unwrap().values().next().unwrap();
        let id = content["id"].as_str().unwrap().to_owned();
        let action =
            content.get("deltaSingleAction").map(|action| action.as_object().unwrap().values().next().unwrap());
        let (of, url) = action.map_or((content, "url"), |action| (action, "path"));
        (id, of["size"].as_u64().unwrap(), of[url].clone())
    };
    answer.lines()[2..].iter().filter(|line| line.get("endStreamAction").is_none()).map(tell).collect()
}

#[tokio::test]
async fn a_shallow_clone_is_served_from_where_its_files_lie() {
    for (shape, write) in shapes() {
        let cloned = Cloned::new(&["source"]).await;
        let mut table = cloned.table();
        let own = table.add("own", Some("3"), 2);
        table.commit(vec![cloned.add(OWN[0]), cloned.add(OWN[1]), own]);
        write(&mut table);
        for format in FORMATS {
            let files = told(&cloned.server.query("t", json!({}), format).await);
            assert_eq!(files.len(), 3, "{shape}");
            for (id, size, url) in files {
                let (own, _) = cloned.adds.iter().find(|(_, add)| add["add"]["size"] == size).unzip();
                match own {
                    Some(own) => cloned.leads_to_own(&url, own).await,
                    None => cloned.leads(&url, &table.path().join("own")).await,
                }
                assert!(id.len() >= 32, "{id}");
            }
        }
    }
}

#[tokio::test]
async fn a_file_has_one_id_in_every_form_of_the_log() {
    let cloned = Cloned::new(&["source"]).await;
    let mut table = cloned.table();
    table.commit(vec![cloned.add(OWN[0]), cloned.add(OWN[1])]);
    let ids = |answer: Answer| {
        let mut ids: Vec<String> = told(&answer).into_iter().map(|(id, ..)| id).collect();
        ids.sort();
        ids
    };
    let of_commits = ids(cloned.server.query("t", json!({}), "").await);
    table.checkpoint();
    assert_eq!(ids(cloned.server.query("t", json!({}), "").await), of_commits);
    // The id is that of the path as logged: another spelling of it is another one.
    let mut respelt = cloned.table();
    respelt.commit(vec![cloned.add(OWN[0]), cloned.add_as(OWN[1], &cloned.path("source/p=2/b c"))]);
    std::fs::remove_file(respelt.log_file("_last_checkpoint")).unwrap();
    std::fs::remove_file(respelt.log_file("00000000000000000000.checkpoint.parquet")).unwrap();
    let other = ids(cloned.server.query("t", json!({}), "").await);
    assert_eq!(other.iter().filter(|id| of_commits.contains(id)).count(), 1);
}

#[tokio::test]
async fn what_the_provider_did_not_allow_is_refused_before_the_first_byte() {
    let outside = Cloned::new(&[]).await;
    let cases = |cloned: &Cloned| {
        let path = |below: &str| cloned.path(below);
        vec![
            path("source2/p=1/a"),
            path("source/../source/p=1/a"),
            path("source/%2e%2e/source/p=1/a"),
            path("source%2F..%2Fsource/p=1/a"),
            path("source//p=1/a"),
            path("source/p=1/a?versionId=1"),
            path("source"),
            path("p=1/a"),
            "s3://source/p=1/a".into(),
            "abfss://c@account/source/p=1/a".into(),
        ]
    };
    let allowed = Cloned::new(&["source"]).await;
    let refusals = cases(&allowed).into_iter().map(|path| (&allowed, path));
    for (cloned, path) in refusals.chain([(&outside, outside.path("source/p=1/a"))]) {
        for (shape, write) in shapes() {
            let _ = std::fs::remove_dir_all(cloned.server.table("t").join("_delta_log"));
            let mut table = cloned.table();
            table.commit(vec![cloned.add_as(OWN[0], &path)]);
            write(&mut table);
            for format in FORMATS {
                let message = refused(&cloned.server.query("t", json!({}), format).await, "UNSUPPORTED_OPERATION");
                let silent = message.starts_with("Table contains absolute paths") && !message.contains("source");
                assert!(silent, "{shape}, {path}: {message}");
            }
        }
    }
}

#[tokio::test]
async fn a_file_of_the_table_itself_may_be_named_absolutely() {
    let cloned = Cloned::new(&[]).await;
    let mut table = cloned.table();
    let mut add = table.add("own", None, 2);
    add["add"]["path"] = json!(cloned.path("t/own"));
    table.commit(vec![add]);
    let files = told(&cloned.server.query("t", json!({}), "").await);
    cloned.leads(&files[0].2, &table.path().join("own")).await;
}

#[tokio::test]
async fn a_removal_in_another_spelling_removes() {
    for (shape, write) in shapes() {
        let cloned = Cloned::new(&["source"]).await;
        let mut table = cloned.table();
        table.commit(vec![cloned.add(OWN[0]), cloned.add(OWN[1])]);
        write(&mut table);
        let path = cloned.path("source/p=2/b c");
        table.commit(vec![json!({"remove": {"path": path, "deletionTimestamp": 1, "dataChange": true}})]);
        let files = told(&cloned.server.query("t", json!({}), "").await);
        assert_eq!(files.len(), 1, "{shape}");
        cloned.leads_to_own(&files[0].2, OWN[0]).await;
    }
}

#[tokio::test]
async fn a_vector_by_absolute_path_follows_the_same_rule() {
    for (auxiliary, allowed) in [(&["source"][..], true), (&[], false)] {
        for (shape, write) in shapes() {
            let cloned = Cloned::new(auxiliary).await;
            let mut table = cloned
                .table()
                .metadata(|metadata| metadata["configuration"] = json!({"delta.enableDeletionVectors": "true"}));
            let (mut vector, key) = cloned.source.vector_in_file("v w", 1, &[0, 2]);
            vector["storageType"] = json!("p");
            vector["pathOrInlineDv"] = json!(cloned.path(&format!("source/{}", key.replace(' ', "%20"))));
            let mut add = table.add("own", Some("3"), 5);
            add["add"]["deletionVector"] = vector.clone();
            table.commit(vec![add]);
            write(&mut table);
            let answer = cloned.server.query("t", json!({}), VECTORS).await;
            if !allowed {
                let message = refused(&answer, "UNSUPPORTED_OPERATION");
                assert!(message.starts_with("Table contains absolute paths"), "{shape}: {message}");
                continue;
            }
            let file = &answer.lines()[2]["file"];
            let told = &file["deltaSingleAction"]["add"]["deletionVector"];
            assert_eq!((&told["storageType"], &told["cardinality"]), (&json!("p"), &json!(2)), "{shape}");
            assert_eq!(file["deletionVectorFileId"].as_str().unwrap().len(), 64, "{shape}");
            cloned.leads(&told["pathOrInlineDv"], &cloned.source.path().join(&key)).await;
            cloned.leads(&file["deltaSingleAction"]["add"]["path"], &table.path().join("own")).await;
        }
    }
}

#[tokio::test]
async fn pages_of_a_clone_are_the_one_answer() {
    let cloned = Cloned::new(&["source"]).await;
    let mut table = cloned.table();
    let own = table.add("own", Some("3"), 2);
    table.commit(vec![cloned.add(OWN[0]), own]);
    table.checkpoint();
    table.commit(vec![cloned.add(OWN[1])]);
    for format in FORMATS {
        let whole: Vec<String> =
            told(&cloned.server.query("t", json!({}), format).await).into_iter().map(|(id, ..)| id).collect();
        let (mut paged, mut body) = (Vec::new(), json!({"maxFiles": 1}));
        loop {
            let answer = cloned.server.query("t", body, format).await;
            for (id, size, url) in told(&answer) {
                if let Some((own, _)) = cloned.adds.iter().find(|(_, add)| add["add"]["size"] == size) {
                    cloned.leads_to_own(&url, own).await;
                }
                paged.push(id);
            }
            let lines = answer.lines();
            let Some(token) = lines.last().unwrap()["endStreamAction"]["nextPageToken"].as_str() else { break };
            body = json!({"maxFiles": 1, "pageToken": token});
        }
        assert_eq!(paged, whole);
        assert_eq!(paged.len(), 3);
    }
}

#[tokio::test]
async fn changes_of_a_clone_lead_where_its_files_lie() {
    for auxiliary in [&["source"][..], &[]] {
        let cloned = Cloned::new(auxiliary).await;
        let mut table = TableBuilder::new(cloned.server.table("t"))
            .metadata(|metadata| metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"}));
        table.commit(vec![cloned.add(OWN[0])]);
        table.commit(vec![cloned.remove(OWN[0]), cloned.add(OWN[1])]);
        let recorded = cloned.add(OWN[0])["add"].clone();
        let recorded = json!({"cdc": {"path": recorded["path"], "size": recorded["size"], "dataChange": false,
            "partitionValues": recorded["partitionValues"]}});
        table.commit(vec![recorded, cloned.remove(OWN[1])]);
        for format in FORMATS {
            let range = cloned.server.query("t", json!({"startingVersion": 0}), format).await;
            let path = "/shares/s/schemas/d/tables/t/changes?startingVersion=0";
            let request = cloned.server.request("GET", path).header("delta-sharing-capabilities", format);
            let feed = tests::server::send(request).await;
            let own = [[OWN[0], OWN[0], OWN[1], OWN[1]], [OWN[0], OWN[0], OWN[1], OWN[0]]];
            for (answer, own) in [&range, &feed].into_iter().zip(own) {
                if auxiliary.is_empty() {
                    assert!(refused(answer, "UNSUPPORTED_OPERATION").starts_with("Table contains absolute paths"));
                    continue;
                }
                let told = told(answer);
                assert_eq!(told.len(), own.len(), "{}", answer.text);
                for ((_, _, url), own) in told.iter().zip(own) {
                    cloned.leads_to_own(url, own).await;
                }
            }
        }
    }
}
