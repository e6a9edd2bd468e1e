//! Several operators at once, each with a program of its own: what one was told is done is there at the end, and what was
//! refused for another's sake was not done and says that it may be tried again.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::catalog::write::{Deletion, ProviderCatalog, Status, WriteError};
use shared::model::name::{RecipientName, SchemaName, ShareName, TableName};
use shared::model::rule::Window;
use shared::model::version::TimestampMs;

use super::bench::Bench;
use crate::contract_catalog::backends::{recipient, share, table, token};

/// Operators at work.
const OPERATORS: usize = 6;
/// What each does.
const CHANGES: usize = 24;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

fn common() -> ShareName {
    ShareName::parse("common").unwrap()
}

/// What one operator was told is so, of what only this one changes.
#[derive(Debug, Default)]
struct Told {
    tables: BTreeMap<String, bool>,
    granted: bool,
    disabled: bool,
    comments: Vec<String>,
}

/// What to note when it was done.
fn told_of(note: impl FnOnce(&mut Told) + Send + 'static) -> Box<dyn FnOnce(&mut Told) + Send> {
    Box::new(note)
}

async fn works(catalog: Arc<dyn ProviderCatalog>, number: usize, seed: u64) -> Told {
    let (mut told, mut dice) = (Told::default(), Dice(seed * 1_000 + number as u64));
    let own = RecipientName::parse(&format!("r{number}")).unwrap();
    for step in 0..CHANGES {
        let name = format!("t{number}-{}", dice.roll(4));
        let schema = ["a", "b"][dice.roll(2)];
        let full_name = format!("common/{schema}/{name}");
        let there = told.tables.get(&full_name).copied().unwrap_or_default();
        let (done, note) = match dice.roll(5) {
            0 | 1 if there => {
                let (schema, name) = (SchemaName::parse(schema).unwrap(), TableName::parse(&name).unwrap());
                let removed = catalog.remove_table(&common(), &schema, &name).await;
                (removed, told_of(|told| _ = told.tables.insert(full_name, false)))
            }
            0 | 1 => {
                let added = catalog.add_table(&table(&full_name)).await;
                (added, told_of(|told| _ = told.tables.insert(full_name, true)))
            }
            2 if told.granted => (catalog.revoke(&common(), &own).await, told_of(|told| told.granted = false)),
            2 => {
                let granted = catalog.grant(&common(), &own, Window::default(), TimestampMs::new(1)).await;
                (granted, told_of(|told| told.granted = true))
            }
            3 => {
                let status = if told.disabled { Status::Active } else { Status::Disabled };
                let set = catalog.set_recipient_status(&own, status).await;
                (set, told_of(|told| told.disabled = !told.disabled))
            }
            _ => {
                let comment = format!("{number} at {step}");
                let set = catalog.set_share_comment(&common(), Some(&comment)).await;
                (set, told_of(|told| told.comments.push(comment)))
            }
        };
        match done {
            Ok(()) => note(&mut told),
            Err(conflict @ WriteError::Conflict { .. }) => assert!(conflict.to_string().ends_with("try again")),
            Err(other) => panic!("operator {number}, step {step}: {other:?}"),
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn what_each_operator_was_told_is_there_at_the_end() {
    for seed in 1..=3 {
        for bench in Bench::everywhere().await {
            let catalog = bench.catalog();
            catalog.create_share(&share("common", "id of common")).await.unwrap();
            for number in 0..OPERATORS {
                let (name, id) = (format!("r{number}"), format!("id-of-r{number}"));
                catalog.create_recipient(&recipient(&name, &id), &token(&id, "first", 1)).await.unwrap();
            }
            let all = (0..OPERATORS).map(|number| tokio::spawn(works(bench.catalog(), number, seed)));
            let mut told = Vec::new();
            for operator in all.collect::<Vec<_>>() {
                told.push(operator.await.unwrap());
            }
            let whole = bench.whole().await;
            let mut tables = 0;
            for (number, told) in told.iter().enumerate() {
                for (name, there) in &told.tables {
                    let name = format!("table {}", name.replace('/', "."));
                    assert_eq!(whole.0.contains_key(&name), *there, "seed {seed}: {name}");
                    tables += usize::from(*there);
                }
                let granted = whole.0.contains_key(&format!("grant common to r{number}"));
                assert_eq!(granted, told.granted, "seed {seed}: r{number}");
                let status = if told.disabled { "Disabled" } else { "Active" };
                assert!(whole.0[&format!("recipient r{number}")].contains(status), "seed {seed}: r{number}");
            }
            assert_eq!(whole.0.keys().filter(|name| name.starts_with("table ")).count(), tables, "seed {seed}");
            let comment = &whole.0["share common"];
            let last = |told: &Told| told.comments.last().cloned().map(|text| format!("Some({text:?})"));
            assert!(told.iter().filter_map(last).any(|last| last == *comment), "seed {seed}: {comment}");
            // The share has counted its grants right, and the schemas their tables.
            let grants = told.iter().filter(|told| told.granted).count();
            let deleted = catalog.delete_share(&common(), Deletion::OnlyIfUnused).await;
            match deleted {
                Ok(()) => assert_eq!(grants, 0),
                Err(WriteError::InUse { by, .. }) => assert!(by.starts_with(&format!("{grants} grant")), "{by}"),
                Err(other) => panic!("{other:?}"),
            }
            catalog.delete_share(&common(), Deletion::WithDependents).await.or_else(missing).unwrap();
            assert_eq!(bench.left_over().await, Vec::<String>::new());
        }
    }
}

fn missing(error: WriteError) -> Result<(), WriteError> {
    if matches!(error, WriteError::Missing { .. }) { Ok(()) } else { Err(error) }
}

/// While one deletes a share with all that hangs on it and makes it anew, others add to it. Whatever comes of it, nothing of
/// an old share shows in a new one and nothing is left of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_is_deleted_and_made_anew_takes_nothing_along() {
    for bench in Bench::everywhere().await {
        let catalog = bench.catalog();
        for number in 0..3 {
            let (name, id) = (format!("r{number}"), format!("id-of-r{number}"));
            catalog.create_recipient(&recipient(&name, &id), &token(&id, "first", 1)).await.unwrap();
        }
        catalog.create_share(&share("common", "0")).await.unwrap();
        let replacing = bench.catalog();
        let replaced = tokio::spawn(async move {
            for number in 1..8 {
                loop {
                    match replacing.delete_share(&common(), Deletion::WithDependents).await {
                        Ok(()) | Err(WriteError::Missing { .. }) => break,
                        Err(WriteError::Conflict { .. }) => {}
                        Err(other) => panic!("{other:?}"),
                    }
                }
                replacing.create_share(&share("common", &number.to_string())).await.unwrap();
            }
        });
        let adding = (0..3).map(|number| {
            let catalog = bench.catalog();
            tokio::spawn(async move {
                let own = RecipientName::parse(&format!("r{number}")).unwrap();
                for step in 0..30 {
                    let added = catalog.add_table(&table(&format!("common/a/t{number}-{step}"))).await;
                    let granted = catalog.grant(&common(), &own, Window::default(), TimestampMs::new(1)).await;
                    for outcome in [added, granted] {
                        let is_fine = match &outcome {
                            Ok(()) => true,
                            Err(error) => matches!(
                                error,
                                WriteError::Missing { .. }
                                    | WriteError::BeingDeleted { .. }
                                    | WriteError::Conflict { .. }
                                    | WriteError::Exists { .. }
                            ),
                        };
                        assert!(is_fine, "{outcome:?}");
                    }
                }
            })
        });
        for operator in adding.collect::<Vec<_>>() {
            operator.await.unwrap();
        }
        replaced.await.unwrap();
        bench.whole().await;
        assert_eq!(catalog.share(&common()).await.unwrap().unwrap().id, "7");
        assert_eq!(bench.left_over().await, Vec::<String>::new());
    }
}
