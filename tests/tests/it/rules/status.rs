//! Whoever or whatever is disabled or taken back is closed on every route, and open again once it is not.

use serde_json::{Value, json};
use tests::samples::three_versions;

use super::{FIRST, OTHER, one_table, serve};

/// What is done to the catalogue.
type Change = fn(&mut Value);

#[tokio::test]
async fn recipients_tokens_and_shares_close_every_route() {
    let (server, catalog) = serve(&one_table(), None).await;
    three_versions(server.table("t"));
    let changes: [(&str, u16, Change); 6] = [
        ("a recipient that is disabled", 401, |document| document["recipients"][0]["status"] = "disabled".into()),
        ("a token that is disabled", 401, |document| {
            document["recipients"][0]["tokens"][0]["status"] = "disabled".into();
        }),
        ("a token that has ended", 401, |document| {
            document["recipients"][0]["tokens"][0]["expires"] = "2020-01-01T00:00:00Z".into();
        }),
        ("a recipient that is gone", 401, |document| drop(document["recipients"].as_array_mut().unwrap().remove(0))),
        ("a grant that was taken back", 404, |document| document["recipients"][0]["grants"] = json!([])),
        ("a share that was made anew", 404, |document| document["shares"][0]["id"] = "another".into()),
    ];
    for (what, status, change) in changes {
        let mut document = one_table();
        change(&mut document);
        catalog.become_like(&document);
        let mut answers = FIRST.every_table_route(&server).await;
        for path in ["/shares/s", "/shares/s/schemas", "/shares/s/schemas/d/tables", "/shares/s/all-tables"] {
            answers.push(FIRST.get(&server, path).await);
        }
        for answer in answers {
            assert_eq!(answer.status, status, "{what}: {}", answer.text);
        }
        let shares = FIRST.get(&server, "/shares").await;
        match status {
            401 => assert_eq!(shares.status, 401, "{what}"),
            _ => assert_eq!(shares.json()["items"], json!([]), "{what}"),
        }
        if !what.contains("share") {
            assert_eq!(OTHER.query(&server, json!({})).await.status, 200, "{what} closes another's door");
        }
        catalog.become_like(&one_table());
        assert_eq!(FIRST.query(&server, json!({})).await.status, 200);
    }
}
