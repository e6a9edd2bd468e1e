//! Pages are of one answer: whoever may read another part than before begins again.

use serde_json::{Value, json};
use tests::server::Answer;
use tests::table_builder::{EPOCH_MS, TableBuilder};

use super::{FIRST, TABLE, bound, one_table, serve};

const CHANGED: &str = "What you may read of the table has changed";

fn end(answer: &Answer, key: &str) -> String {
    answer.lines().last().unwrap()["endStreamAction"][key]
        .as_str()
        .unwrap_or_else(|| panic!("{}", answer.text))
        .to_owned()
}

fn rule(column: &str) -> Value {
    json!([{"column": column, "property": "part"}])
}

#[tokio::test]
async fn a_part_that_changed_between_pages_is_refused_on_every_route() {
    let of = |part: &str| bound(rule("p"), [json!({"part": part}), json!({})]);
    let (server, catalog) = serve(&of("a"), None).await;
    let mut table = TableBuilder::new(server.table("t")).metadata(|metadata| {
        metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"});
    });
    let files = ["a", "b"].into_iter().flat_map(|p| (0..3).map(move |at| (format!("of-{p}-{at}.parquet"), p)));
    let files = files.map(|(path, p)| table.add_entry(&path, Some(p), 1)).collect();
    table.commit_at(EPOCH_MS, files);

    let first = FIRST.query(&server, json!({"maxFiles": 1, "includeRefreshToken": true})).await;
    let (page, refresh) = (end(&first, "nextPageToken"), end(&first, "refreshToken"));
    let range = end(&FIRST.query(&server, json!({"startingVersion": 0, "maxFiles": 1})).await, "nextPageToken");
    let feed = format!("{TABLE}/changes?startingVersion=0&maxFiles=1");
    let changes = end(&FIRST.get(&server, &feed).await, "nextPageToken");
    let all = || async {
        [
            FIRST.query(&server, json!({"maxFiles": 1, "pageToken": page})).await,
            FIRST.query(&server, json!({"refreshToken": refresh})).await,
            FIRST.query(&server, json!({"startingVersion": 0, "maxFiles": 1, "pageToken": range})).await,
            FIRST.get(&server, &format!("{feed}&pageToken={changes}")).await,
        ]
    };
    for answer in all().await {
        assert!(
            answer.status == 200 && answer.text.contains("of-a-") && !answer.text.contains("of-b-"),
            "{}",
            answer.text
        );
    }
    // Another value, no rule any more, and a rule with the same value of another column.
    let other_rule = json!([{"column": "p", "property": "part"}, {"column": "name", "value": "x"}]);
    for changed in [of("b"), one_table(), bound(other_rule, [json!({"part": "a"}), json!({})])] {
        catalog.become_like(&changed);
        for answer in all().await {
            assert!(answer.status == 400 && answer.text.contains(CHANGED), "{}", answer.text);
        }
    }
    catalog.become_like(&bound(rule("p"), [json!({}), json!({})]));
    for answer in all().await {
        assert!(answer.status == 403 && !answer.text.contains("of-"), "{}", answer.text);
    }
    catalog.become_like(&of("a"));
    for answer in all().await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

#[tokio::test]
async fn a_token_for_the_whole_table_is_none_for_a_part() {
    let (server, catalog) = serve(&one_table(), None).await;
    let mut table = TableBuilder::new(server.table("t"));
    let files = ["a", "b", "c"].map(|p| table.add_entry(&format!("of-{p}-1.parquet"), Some(p), 1));
    table.commit_at(EPOCH_MS, files.into());
    let first = FIRST.query(&server, json!({"maxFiles": 1, "includeRefreshToken": true})).await;
    let (page, refresh) = (end(&first, "nextPageToken"), end(&first, "refreshToken"));
    catalog.become_like(&bound(rule("p"), [json!({"part": "a"}), json!({})]));
    for body in [json!({"maxFiles": 1, "pageToken": page}), json!({"refreshToken": refresh})] {
        let answer = FIRST.query(&server, body).await;
        assert!(answer.status == 400 && answer.text.contains(CHANGED), "{}", answer.text);
    }
}
