//! A large catalogue: what a statement or a list costs does not grow with it. Requests are counted, time is not.

use std::collections::BTreeMap;

use shared::catalog::{FindTable, ListAllTables, ListShares};
use tests::large::Large;

use super::bench::{Bench, Program};
use crate::contract_catalog::backends::admitted;

const SMALL: Large = Large { shares: 2, tables_each: 3, recipients: 2 };
const LARGE: Large = Large { shares: 50, tables_each: 10, recipients: 50 };

/// The most requests that a statement of each kind makes where there is a DynamoDB to make them to.
const REQUESTS: [(&str, usize); 12] = [
    ("CREATE SHARE new", 1),
    ("CREATE SHARE IF NOT EXISTS s1", 2),
    ("ALTER SHARE new ADD TABLE a.t LOCATION 's3://b/t' WITHOUT VALIDATION", 2),
    ("ALTER SHARE new ADD TABLE IF NOT EXISTS a.t LOCATION 's3://b/t' WITHOUT VALIDATION", 1),
    ("CREATE TABLE t USING DELTA LOCATION 's3://b/t' WITHOUT VALIDATION", 2),
    ("CREATE RECIPIENT new", 4),
    ("GRANT SELECT ON SHARE new TO new", 7),
    ("REVOKE SELECT ON SHARE new FROM new", 9),
    ("SHOW SHARES", 1),
    ("SHOW RECIPIENTS", 1),
    ("SHOW ALL IN SHARE s1", 6),
    ("SHOW GRANTS TO r1", 9),
];

async fn made(bench: &Bench, large: Large) -> Program {
    let program = bench.program();
    program.does(&large.script()).await.unwrap();
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_costs_as_much_in_a_large_catalogue_as_in_a_small_one() {
    for bench in Bench::dynamo().await {
        let small = bench.beside().await;
        for (bench, large) in [(&small, SMALL), (&bench, LARGE)] {
            let program = made(bench, large).await;
            bench.wire.operations();
            for (statement, most) in REQUESTS {
                program.does(statement).await.unwrap();
                let operations = bench.wire.operations();
                assert!(operations.len() <= most, "{statement}: {operations:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipients_lists_cost_what_their_page_holds() {
    for bench in Bench::dynamo().await {
        made(&bench, LARGE).await;
        let catalog = bench.catalog();
        let recipients = catalog.recipients().await.unwrap();
        let one = recipients.iter().find(|recipient| recipient.name.as_str() == "r0").unwrap();
        let (reader, reads) = (admitted(&one.id).await, bench.watched_reads());
        for limit in [1, 10, 49] {
            bench.wire.operations();
            let page = reads.list_shares(&reader, None, limit).await.unwrap();
            assert!(page.items.len() == limit && page.more);
            assert_eq!(bench.wire.operations(), ["Query", "BatchGetItem"]);
        }
        let page = reads.list_all_tables(&reader, "s7", None, 5).await.unwrap();
        assert!(page.items.len() == 5 && page.more);
        assert_eq!(bench.wire.operations().len(), 2);
        reads.find_table(&reader, "s7", "c0", "t3").await.unwrap();
        assert_eq!(bench.wire.operations(), ["BatchGetItem"]);
    }
}

/// What it takes to tell of a recipient who may read ten shares: its name and its item for each of the three questions about
/// it, its tokens, its grants with their shares; then of each share its item, its tables, and its places.
const PLAN_REQUESTS: usize = 3 * 2 + 3 + 10 * 6;

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_costs_what_the_recipient_may_read() {
    for bench in Bench::dynamo().await {
        let small = bench.beside().await;
        let mut made_of = Vec::new();
        for (bench, large) in [(&small, Large { shares: 10, ..SMALL }), (&bench, Large { tables_each: 3, ..LARGE })] {
            let program = made(bench, large).await;
            for share in (0..10).filter(|share| *share != 1) {
                program.does(&format!("GRANT SELECT ON SHARE s{share} TO r1")).await.unwrap();
            }
            program.has_state();
            bench.wire.operations();
            let told = program.plans("r1").await;
            let mut operations = bench.wire.operations();
            assert!(operations.len() <= PLAN_REQUESTS, "{}: {operations:?}", operations.len());
            assert_eq!(told["tables"].as_array().unwrap().len(), 30, "{told}");
            operations.sort();
            made_of.push(operations);
        }
        assert_eq!(made_of[0], made_of[1], "what others may read is asked for");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_script_leaves_what_it_says_and_may_be_run_again() {
    for bench in Bench::everywhere().await {
        let program = made(&bench, LARGE).await;
        let whole = bench.whole().await;
        let mut kinds = BTreeMap::new();
        for name in whole.0.keys() {
            *kinds.entry(name.split(' ').next().unwrap()).or_insert(0) += 1;
        }
        let wanted = [("grant", 50 + 49), ("recipient", 50), ("share", 50), ("table", 500)];
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), wanted);
        for outcome in program.does(&LARGE.script()).await.unwrap() {
            assert_eq!(outcome.json["changed"], false, "{}", outcome.text);
        }
        assert_eq!(bench.whole().await, whole);
    }
}
