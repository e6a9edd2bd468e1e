//! The law of parts: what all recipients see together is the table's files that belong to any of them, and no file is seen
//! by two.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use tests::server::TestServer;
use tests::table_builder::{TableBuilder, Typed};

use super::{Ask, FIRST, OTHER, TABLE, bound, one_table, serve};

/// Partitions of the first two have an owner.
const PARTITIONS: [Option<&str>; 5] = [Some("a"), Some("ä b"), Some("A"), Some("ab"), None];

/// What a commit does with a partition: adds files, and perhaps removes its oldest one.
type Step = (usize, usize, bool);

fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = (0..PARTITIONS.len(), 0_usize..3, any::<bool>());
    proptest::collection::vec(proptest::collection::vec(step, 0..4), 1..6)
}

fn write(server: &TestServer, commits: &[Vec<Step>], checkpoint_after: usize, typed: Typed) {
    let mut table = TableBuilder::new(server.table("t")).checkpoint_typed(typed).metadata(|metadata| {
        metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"});
    });
    let mut live: Vec<Vec<String>> = vec![Vec::new(); PARTITIONS.len()];
    let mut made = 0;
    for (version, steps) in commits.iter().enumerate() {
        let mut actions = Vec::new();
        for &(of, adds, removes) in steps {
            if removes && let Some(path) = live[of].first().cloned() {
                // A file is added or removed by a commit, never both.
                if !actions.iter().any(|action: &Value| action["add"]["path"] == path.as_str()) {
                    actions.push(table.remove(&path));
                    live[of].remove(0);
                }
            }
            for _ in 0..adds {
                made += 1;
                let path = format!("{of}-{made}.parquet");
                actions.push(table.add_entry(&path, PARTITIONS[of], made));
                live[of].push(path);
            }
        }
        table.commit(actions);
        if version == checkpoint_after {
            table.checkpoint();
        }
    }
}

/// The files of an answer: what happened to each, and its path without host and signature.
fn files(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told = lines.filter_map(|line| {
        let (kind, file) =
            ["file", "add", "remove", "cdf"].iter().find_map(|kind| Some((*kind, line.get(kind)?.clone())))?;
        let url = file["url"].as_str().unwrap().split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
        Some(format!("{kind} {url} {}", file["version"]))
    });
    told.collect()
}

async fn told(ask: &Ask, server: &TestServer, what: &Value) -> Vec<String> {
    let answer = match what.as_str() {
        Some(path) => ask.get(server, &format!("{TABLE}/{path}")).await,
        None => ask.query(server, what.clone()).await,
    };
    assert_eq!(answer.status, 200, "{}", answer.text);
    files(&answer.text)
}

async fn parts_come_to_the_whole(commits: &[Vec<Step>], checkpoint_after: usize, typed: Typed) {
    let rule = json!([{"column": "p", "property": "part"}]);
    let (server, catalog) = serve(&one_table(), None).await;
    write(&server, commits, checkpoint_after, typed);
    let asked = [
        json!({}),
        json!({"version": commits.len() / 2}),
        json!({"startingVersion": 0}),
        json!("changes?startingVersion=0"),
    ];
    let mut whole = Vec::new();
    catalog.become_like(&one_table());
    for what in &asked {
        whole.push(told(&FIRST, &server, what).await);
    }
    let mut seen: Vec<Vec<String>> = vec![Vec::new(); asked.len()];
    for pair in [["a", "ä b"], ["A", "ab"]] {
        catalog.become_like(&bound(rule.clone(), pair.map(|part| json!({"part": part}))));
        for (at, what) in asked.iter().enumerate() {
            for ask in [FIRST, OTHER] {
                seen[at].extend(told(&ask, &server, what).await);
            }
        }
    }
    for (at, mut seen) in seen.into_iter().enumerate() {
        let of_null = |file: &&String| file.split(' ').nth(1).unwrap().starts_with("4-");
        let mut owned: Vec<String> = whole[at].iter().filter(|file| !of_null(file)).cloned().collect();
        seen.sort();
        owned.sort();
        assert_eq!(seen, owned, "{}", asked[at]);
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "a file was seen twice");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn recipients_together_see_the_whole_and_no_file_twice(
        commits in steps(),
        checkpoint_after in 0_usize..6,
        typed in prop_oneof![Just(Typed::Never), Just(Typed::Also), Just(Typed::Only)],
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build().unwrap();
        runtime.block_on(parts_come_to_the_whole(&commits, checkpoint_after, typed));
    }
}
