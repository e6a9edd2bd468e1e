//! Rows of the catalogue's table: GetItem, BatchGetItem and Query, and nothing that reads the whole of it.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use super::failure::Failed;
use crate::catalog::item::{Item, primary_key};
use crate::catalog::key::{GSI1, GSI1PK, GSI1SK, Key, PK, Prefix, SK};
use crate::limits::{CATALOG_ATTEMPTS_MAX, CATALOG_LIST_READS_MAX};

/// Keys of one BatchGetItem; a limit of DynamoDB.
const BATCH_KEYS_MAX: usize = 100;
/// Rows of one Query; more than any list route asks for at once.
const QUERY_ROWS_MAX: usize = 1000;
/// First pause before what was left out is asked for again; it doubles.
const PAUSE: Duration = Duration::from_millis(20);

/// Whether a read may be a moment behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It may; at half the price.
    Eventual,
    /// It sees every write that came before.
    Consistent,
}

impl Reading {
    fn is_consistent(self) -> bool {
        self == Self::Consistent
    }
}

/// Some rows of a partition and where to go on; `next` may be there although nothing follows.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) rows: Vec<Item>,
    pub(crate) next: Option<Item>,
}

/// Rows of a batch, by key. What is not there is missing.
#[derive(Debug, Default)]
pub(crate) struct Found(HashMap<(String, String), Item>);

impl Found {
    pub(crate) fn get(&self, key: &Key) -> Option<&Item> {
        self.0.get(&(key.pk().to_owned(), key.sk().to_owned()))
    }
}

/// The table.
#[derive(Debug, Clone)]
pub(crate) struct RowStore {
    pub(crate) client: Client,
    pub(crate) table_name: String,
}

/// A key as a request has it.
pub(crate) fn attributes(key: &Key) -> Item {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    HashMap::from([(PK.to_owned(), text(key.pk())), (SK.to_owned(), text(key.sk()))])
}

/// Waits a little longer each time.
pub(crate) async fn pause(attempt: u32) {
    tokio::time::sleep(PAUSE.saturating_mul(1 << attempt.min(6))).await;
}

impl RowStore {
    /// One row.
    pub(crate) async fn get(&self, key: &Key, reading: Reading) -> Result<Option<Item>, Failed> {
        let request = self.client.get_item().table_name(&self.table_name).set_key(Some(attributes(key)));
        let answer = request.consistent_read(reading.is_consistent()).send().await;
        Ok(answer.map_err(|error| Failed::new("GetItem", &error))?.item)
    }

    /// Several rows in as few requests as there can be. What DynamoDB leaves out is asked for again.
    pub(crate) async fn batch(&self, keys: &[Key], reading: Reading) -> Result<Found, Failed> {
        let mut found = Found::default();
        for keys in keys.chunks(BATCH_KEYS_MAX) {
            let mut wanted = Some(
                KeysAndAttributes::builder()
                    .set_keys(Some(keys.iter().map(attributes).collect()))
                    .consistent_read(reading.is_consistent())
                    .build()
                    .map_err(|_| Failed::unbuilt("BatchGetItem"))?,
            );
            for attempt in 0..CATALOG_ATTEMPTS_MAX {
                let Some(request) = wanted.take() else { break };
                let answer = self
                    .client
                    .batch_get_item()
                    .request_items(&self.table_name, request)
                    .send()
                    .await
                    .map_err(|error| Failed::new("BatchGetItem", &error))?;
                for row in answer.responses.into_iter().flatten().flat_map(|(_, rows)| rows) {
                    let key = primary_key(&row).map(|(pk, sk)| (pk.to_owned(), sk.to_owned()));
                    found.0.insert(key.map_err(|_| Failed::unbuilt("BatchGetItem"))?, row);
                }
                wanted = answer.unprocessed_keys.into_iter().flatten().map(|(_, keys)| keys).next();
                if wanted.as_ref().is_some_and(|wanted| wanted.keys.is_empty()) {
                    wanted = None;
                }
                if wanted.is_some() {
                    pause(attempt).await;
                }
            }
            if wanted.is_some() {
                return Err(Failed::unfinished("BatchGetItem"));
            }
        }
        Ok(found)
    }

    /// Rows that a prefix matches, in the order of their sort keys, after a row's key; at most `limit`.
    pub(crate) async fn query(
        &self,
        prefix: &Prefix,
        after: Option<Item>,
        limit: usize,
        reading: Reading,
    ) -> Result<Rows, Failed> {
        let answer = self
            .client
            .query()
            .table_name(&self.table_name)
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :sk)")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", AttributeValue::S(prefix.pk().to_owned()))
            .expression_attribute_values(":sk", AttributeValue::S(prefix.sk().to_owned()))
            .consistent_read(reading.is_consistent())
            .set_exclusive_start_key(after)
            .limit(i32::try_from(limit.clamp(1, QUERY_ROWS_MAX)).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| Failed::new("Query", &error))?;
        Ok(Rows { rows: answer.items.unwrap_or_default(), next: answer.last_evaluated_key })
    }

    /// Every row that a prefix matches, consistently.
    pub(crate) async fn all(&self, prefix: &Prefix) -> Result<Vec<Item>, Failed> {
        let (mut rows, mut after) = (Vec::new(), None);
        for _ in 0..CATALOG_LIST_READS_MAX {
            let page = self.query(prefix, after.take(), QUERY_ROWS_MAX, Reading::Consistent).await?;
            rows.extend(page.rows);
            after = page.next;
            if after.is_none() {
                return Ok(rows);
            }
        }
        Err(Failed::endless("Query"))
    }

    /// Every row of a partition of the index whose index sort key begins with `sk_prefix`; a moment behind.
    pub(crate) async fn indexed(&self, pk: &str, sk_prefix: &str) -> Result<Vec<Item>, Failed> {
        let (mut rows, mut after) = (Vec::new(), None);
        for _ in 0..CATALOG_LIST_READS_MAX {
            let mut request = self
                .client
                .query()
                .table_name(&self.table_name)
                .index_name(GSI1)
                .expression_attribute_names("#pk", GSI1PK)
                .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
                .set_exclusive_start_key(after.take());
            request = if sk_prefix.is_empty() {
                request.key_condition_expression("#pk = :pk")
            } else {
                request
                    .key_condition_expression("#pk = :pk AND begins_with(#sk, :sk)")
                    .expression_attribute_names("#sk", GSI1SK)
                    .expression_attribute_values(":sk", AttributeValue::S(sk_prefix.to_owned()))
            };
            let answer = request.send().await.map_err(|error| Failed::new("Query", &error))?;
            rows.extend(answer.items.unwrap_or_default());
            after = answer.last_evaluated_key;
            if after.is_none() {
                return Ok(rows);
            }
        }
        Err(Failed::endless("Query"))
    }

    /// Rows of a partition whose sort keys are not below `floor`, the last ones first, after a row's key.
    pub(crate) async fn latest(&self, pk: &str, floor: &str, after: Option<Item>) -> Result<Rows, Failed> {
        let answer = self
            .client
            .query()
            .table_name(&self.table_name)
            .key_condition_expression("#pk = :pk AND #sk >= :floor")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()))
            .expression_attribute_values(":floor", AttributeValue::S(floor.to_owned()))
            .consistent_read(true)
            .scan_index_forward(false)
            .set_exclusive_start_key(after)
            .send()
            .await
            .map_err(|error| Failed::new("Query", &error))?;
        Ok(Rows { rows: answer.items.unwrap_or_default(), next: answer.last_evaluated_key })
    }
}
