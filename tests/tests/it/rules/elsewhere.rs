//! What is wrong with files of other partitions is nobody's business but theirs: a recipient's answers are those about a
//! table without these files, while whoever may know of them is refused as ever.

use serde_json::{Value, json};
use tests::table_builder::{EPOCH_MS, Manifest, TableBuilder, Typed, commit_name, inline_vector};

use super::partitions::{DELTA, compare, rule};
use super::{Ask, FIRST, OTHER, TABLE, bound, one_table, serve};

/// Under what the commits lie.
#[derive(Debug, Clone, Copy)]
enum Under {
    Nothing,
    Checkpoint(Typed),
    Manifest(Manifest, usize),
}

const EVERY_FORM: [Under; 7] = [
    Under::Nothing,
    Under::Checkpoint(Typed::Never),
    Under::Checkpoint(Typed::Also),
    Under::Checkpoint(Typed::Only),
    Under::Manifest(Manifest::Json, 0),
    Under::Manifest(Manifest::Json, 2),
    Under::Manifest(Manifest::Parquet, 1),
];

/// A table of partitions `a` and `b`, or of `a` alone; `harm` is one of the actions of `b`.
fn write(folder: std::path::PathBuf, harm: Option<&Value>, under: Under) {
    let mut table = TableBuilder::new(folder).metadata(|metadata| {
        metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"});
    });
    if let Under::Checkpoint(typed) = under {
        table = table.checkpoint_typed(typed);
    }
    let theirs = |action: Value| harm.map(|_| action);
    // What has no path at all is written as it is, for a builder cannot keep it.
    let is_kept =
        |harm: &&Value| ["add", "remove"].iter().all(|kind| harm.get(kind).is_none_or(|file| file["path"].is_string()));
    let entry = |path: &str, p: &str| table.add_entry(path, Some(p), 1);
    let commits: [Vec<Option<Value>>; 4] = [
        vec![Some(entry("p=a/1.parquet", "a")), theirs(entry("p=b/1.parquet", "b"))],
        vec![Some(entry("p=a/2.parquet", "a")), harm.filter(is_kept).cloned(), theirs(entry("p=b/2.parquet", "b"))],
        vec![
            Some(json!({"cdc": {"path": "_change_data/a.parquet", "partitionValues": {"p": "a"}, "size": 1}})),
            theirs(json!({"cdc": {"path": "_change_data/b.parquet", "partitionValues": {"p": "b"}, "size": 1}})),
            Some(entry("p=a/3.parquet", "a")),
        ],
        vec![theirs(entry("p=b/4.parquet", "b")), Some(entry("p=a/4.parquet", "a"))],
    ];
    for (version, actions) in commits.into_iter().enumerate() {
        table.commit_at(EPOCH_MS + 1000 * version as i64, actions.into_iter().flatten().collect());
        if let Some(harm) = harm.filter(|harm| version == 1 && !is_kept(harm)) {
            let text = std::fs::read_to_string(table.log_file(&commit_name(1))).unwrap();
            table.write_log(&commit_name(1), format!("{text}{harm}\n"));
            table.set_modified(&commit_name(1), EPOCH_MS + 1000);
        }
        match under {
            Under::Checkpoint(_) if version == 2 => table.checkpoint(),
            Under::Manifest(manifest, sidecars) if version == 2 => drop(table.checkpoint_v2(manifest, sidecars)),
            _ => {}
        }
    }
}

/// Everything that recipients of a part see is what they see of a table that never had the other's files.
async fn tells_nothing(harm: &Value, under: Under, refused: &[&str]) {
    let document = bound(rule(), [json!({"part": "a"}), json!({"part": "b"})]);
    let (narrowed, catalog) = serve(&document, None).await;
    let (alone, catalog_of_alone) = serve(&one_table(), None).await;
    write(narrowed.table("t"), Some(harm), under);
    write(alone.table("t"), None, under);
    for capabilities in ["", DELTA] {
        let ask = Ask { capabilities, ..FIRST };
        for path in [
            "/version",
            "/metadata",
            "/metadata?version=1",
            "/version?startingTimestamp=2023-11-14T22:13:22Z",
            "/changes?startingVersion=0",
            "/changes?startingVersion=0&maxFiles=1",
            "/changes?startingVersion=2&includeHistoricalMetadata=true",
        ] {
            compare(&ask, &narrowed, &alone, "GET", &format!("{TABLE}{path}"), None).await;
        }
        for body in [
            json!({}),
            json!({"version": 1}),
            json!({"maxFiles": 1}),
            json!({"limitHint": 2}),
            json!({"predicateHints": ["id >= 0"]}),
            json!({"startingVersion": 0}),
            json!({"startingVersion": 1, "maxFiles": 2}),
        ] {
            compare(&ask, &narrowed, &alone, "POST", &format!("{TABLE}/query"), Some(body)).await;
        }
    }
    // Inside of a part, and for who may read all, it is as bad as ever; whoever came before makes no difference.
    refuses(&narrowed, &OTHER, harm, refused).await;
    catalog.become_like(&one_table());
    refuses(&narrowed, &FIRST, harm, refused).await;
    // Both look anew where the table is, which is there by now.
    catalog.become_like(&document);
    catalog_of_alone.become_like(&one_table());
    compare(&FIRST, &narrowed, &alone, "POST", &format!("{TABLE}/query"), Some(json!({}))).await;
}

async fn refuses(server: &tests::server::TestServer, ask: &Ask, harm: &Value, routes: &[&str]) {
    let ask = Ask { capabilities: DELTA, ..*ask };
    for route in routes {
        let answer = match *route {
            "query" => ask.query(server, json!({})).await,
            "range" => ask.query(server, json!({"startingVersion": 1})).await,
            path => ask.get(server, &format!("{TABLE}/{path}")).await,
        };
        assert_eq!(answer.status, 400, "{harm} {route} {}", answer.text);
    }
}

fn add(change: impl FnOnce(&mut Value)) -> Value {
    let mut add = json!({"path": "p=b/odd.parquet", "partitionValues": {"p": "b"}, "size": 1, "modificationTime": 1,
                         "dataChange": true});
    change(&mut add);
    json!({"add": add})
}

fn with_vector(storage: &str, path_or_inline: &str) -> Value {
    add(|add| {
        add["deletionVector"] = json!({"storageType": storage, "pathOrInlineDv": path_or_inline, "offset": 1,
                                       "sizeInBytes": 34, "cardinality": 1});
    })
}

#[tokio::test]
async fn files_that_cannot_be_shared_trouble_their_own_part_alone() {
    let mut harms: Vec<Value> = [
        "s3://elsewhere/p=b/x.parquet",
        "file:///p=b/x.parquet",
        "/x.parquet",
        "../x.parquet",
        "p=b/../../x.parquet",
        "",
    ]
    .map(|path| add(|add| add["path"] = path.into()))
    .into();
    harms.extend([
        with_vector("q", "what"),
        with_vector("p", "s3://elsewhere/p=b/vector.bin"),
        with_vector("u", "short"),
        with_vector("u", "../^-aqEH.-t@S}K{vb[*k^"),
        add(|add| add["size"] = (-1).into()),
        // The protocol does not allow deletion vectors.
        add(|add| add["deletionVector"] = inline_vector(&[1])),
    ]);
    for (at, harm) in harms.iter().enumerate() {
        // Each harm in the log itself, and in one form of checkpoint after the other.
        for under in [EVERY_FORM[0], EVERY_FORM[1 + at % (EVERY_FORM.len() - 1)]] {
            tells_nothing(harm, under, &["query", "metadata", "range", "changes?startingVersion=1"]).await;
        }
    }
}

#[tokio::test]
async fn no_form_of_a_checkpoint_tells_of_files_elsewhere() {
    let harms = [
        add(|add| add["path"] = "s3://elsewhere/x.parquet".into()),
        with_vector("q", "what"),
        add(|add| add["size"] = (-1).into()),
    ];
    for (under, harm) in EVERY_FORM.into_iter().flat_map(|under| harms.iter().map(move |harm| (under, harm))) {
        let (narrowed, _) = serve(&bound(rule(), [json!({"part": "a"}), json!({"part": "b"})]), None).await;
        let (alone, _) = serve(&one_table(), None).await;
        write(narrowed.table("t"), Some(harm), under);
        write(alone.table("t"), None, under);
        for body in [json!({}), json!({"maxFiles": 1}), json!({"version": 2})] {
            compare(&FIRST, &narrowed, &alone, "POST", &format!("{TABLE}/query"), Some(body)).await;
        }
        refuses(&narrowed, &OTHER, harm, &["query", "metadata"]).await;
    }
}

#[tokio::test]
async fn lines_that_cannot_be_read_trouble_their_own_part_alone() {
    for harm in [
        add(|add| add["path"] = 5.into()),
        add(|add| add["size"] = "many".into()),
        add(|add| add["deletionVector"] = json!({"storageType": "u"})),
        json!({"remove": {"path": null, "partitionValues": {"p": "b"}}}),
    ] {
        let routes = ["query", "metadata", "range", "changes?startingVersion=1"];
        tells_nothing(&harm, Under::Nothing, &routes).await;
    }
}

#[tokio::test]
async fn changes_that_cannot_be_told_trouble_their_own_part_alone() {
    let file = |kind: &str, path: &str, more: Value| {
        let mut file = json!({"path": path, "partitionValues": {"p": "b"}, "dataChange": true});
        file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({kind: file})
    };
    let removed = ["range", "changes?startingVersion=1"];
    for (harm, refused) in [
        (file("remove", "s3://elsewhere/x.parquet", json!({"size": 1})), &removed[..]),
        (file("remove", "../x.parquet", json!({"size": 1})), &removed),
        (file("remove", "p=b/x.parquet", json!({})), &removed),
        (
            file(
                "remove",
                "p=b/x.parquet",
                json!({"size": 1, "deletionVector": with_vector("q", "x")["add"]["deletionVector"]}),
            ),
            &removed,
        ),
        (file("cdc", "s3://elsewhere/x.parquet", json!({"size": 1})), &removed[1..]),
        (file("cdc", "p=b/x.parquet", json!({"size": "many"})), &removed[1..]),
    ] {
        // Recorded changes of others, too, say that the rest of a commit is none: so there are some of one's own.
        let mine = json!({"cdc": {"path": "_change_data/a.parquet", "partitionValues": {"p": "a"}, "size": 1}});
        if harm.get("cdc").is_some() {
            recorded_elsewhere(&harm, &mine).await;
        } else {
            tells_nothing(&harm, Under::Nothing, refused).await;
        }
    }
}

async fn recorded_elsewhere(harm: &Value, mine: &Value) {
    let document = bound(rule(), [json!({"part": "a"}), json!({"part": "b"})]);
    let (narrowed, catalog) = serve(&document, None).await;
    let (alone, _) = serve(&one_table(), None).await;
    for (server, harm) in [(&narrowed, Some(harm)), (&alone, None)] {
        let mut table = TableBuilder::new(server.table("t")).metadata(|metadata| {
            metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"});
        });
        let entry = table.add_entry("p=a/1.parquet", Some("a"), 1);
        table.commit_at(EPOCH_MS, vec![entry]);
        let actions = [harm, Some(mine)].into_iter().flatten().cloned().collect();
        table.commit_at(EPOCH_MS + 1000, actions);
    }
    for (method, path, body) in [
        ("GET", "/changes?startingVersion=0", None),
        ("POST", "/query", Some(json!({}))),
        ("POST", "/query", Some(json!({"startingVersion": 0}))),
    ] {
        compare(&FIRST, &narrowed, &alone, method, &format!("{TABLE}{path}"), body).await;
    }
    refuses(&narrowed, &OTHER, harm, &["changes?startingVersion=1"]).await;
    catalog.become_like(&one_table());
    refuses(&narrowed, &FIRST, harm, &["changes?startingVersion=1"]).await;
}

#[tokio::test]
async fn a_line_of_which_nobody_knows_whose_it_is_troubles_everybody() {
    for harm in [
        json!({"add": {"path": "p=b/x.parquet", "size": -1}}),
        json!({"add": {"path": 5, "partitionValues": {"p": "b"}}, "metaData": {}}),
        json!([{"path": 5, "partitionValues": {"p": "b"}}]),
    ] {
        let (server, _) = serve(&bound(rule(), [json!({"part": "a"}), json!({"part": "b"})]), None).await;
        write(server.table("t"), Some(&add(|_| {})), Under::Nothing);
        let commit = server.table("t").join("_delta_log").join(commit_name(3));
        let text = std::fs::read_to_string(&commit).unwrap();
        std::fs::write(&commit, format!("{text}{harm}\n")).unwrap();
        for ask in [FIRST, OTHER] {
            refuses(&server, &ask, &harm, &["query", "metadata", "range", "changes?startingVersion=1"]).await;
        }
    }
}
