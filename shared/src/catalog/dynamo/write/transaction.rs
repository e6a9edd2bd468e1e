//! Writes that happen whole or not at all: actions with conditions, and what became of them.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update};

use crate::catalog::dynamo::failure::Failed;
use crate::catalog::dynamo::rows::{RowStore, attributes, pause};
use crate::catalog::item::Item;
use crate::catalog::key::Key;
use crate::catalog::write::WriteError;
use crate::entropy;
use crate::limits::CATALOG_ATTEMPTS_MAX;

const OPERATION: &str = "TransactWriteItems";

/// Actions in one transaction; a limit of DynamoDB.
pub(super) const ACTIONS_MAX: usize = 100;

/// What became of a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All of it is written.
    Written,
    /// Nothing is, because these actions' conditions do not hold.
    Refused(Vec<usize>),
    /// Nothing is, because other writes were in the way each time.
    Contended,
}

impl Verdict {
    /// Whether the condition of an action was one that did not hold.
    pub(super) fn refused(&self, action: usize) -> bool {
        matches!(self, Self::Refused(actions) if actions.contains(&action))
    }
}

/// A text's value.
pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number's value.
pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A condition, in which `#name` stands for the attribute of that name, with the values that it and the update name.
#[derive(Debug)]
pub(super) struct When {
    condition: String,
    values: HashMap<String, AttributeValue>,
}

/// The action is done only if this holds.
pub(super) fn when(condition: impl Into<String>) -> When {
    When { condition: condition.into(), values: HashMap::new() }
}

impl When {
    pub(super) fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}

/// The attributes that expressions name.
fn names_in(expressions: &[&str]) -> HashMap<String, String> {
    let mut names = HashMap::new();
    for expression in expressions {
        for part in expression.split('#').skip(1) {
            let name: String = part.chars().take_while(char::is_ascii_alphanumeric).collect();
            names.insert(format!("#{name}"), name);
        }
    }
    names
}

/// Actions to be done together.
#[derive(Debug)]
pub(super) struct Transaction<'a> {
    rows: &'a RowStore,
    actions: Vec<TransactWriteItem>,
    broken: bool,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(rows: &'a RowStore) -> Self {
        Self { rows, actions: Vec::new(), broken: false }
    }

    /// Writes an item.
    pub(super) fn put(self, item: Item, when: When) -> Self {
        let put = Put::builder()
            .table_name(&self.rows.table_name)
            .set_item(Some(item))
            .set_expression_attribute_names(Some(names_in(&[&when.condition])))
            .set_expression_attribute_values(when.values())
            .condition_expression(when.condition)
            .build();
        self.and(put.ok().map(|put| TransactWriteItem::builder().put(put)))
    }

    /// Removes an item.
    pub(super) fn delete(self, key: &Key, when: When) -> Self {
        let delete = Delete::builder()
            .table_name(&self.rows.table_name)
            .set_key(Some(attributes(key)))
            .set_expression_attribute_names(Some(names_in(&[&when.condition])))
            .set_expression_attribute_values(when.values())
            .condition_expression(when.condition)
            .build();
        self.and(delete.ok().map(|delete| TransactWriteItem::builder().delete(delete)))
    }

    /// Changes an item.
    pub(super) fn update(self, key: &Key, change: &str, when: When) -> Self {
        let update = Update::builder()
            .table_name(&self.rows.table_name)
            .set_key(Some(attributes(key)))
            .update_expression(change)
            .set_expression_attribute_names(Some(names_in(&[change, &when.condition])))
            .set_expression_attribute_values(when.values())
            .condition_expression(when.condition)
            .build();
        self.and(update.ok().map(|update| TransactWriteItem::builder().update(update)))
    }

    /// Leaves an item as it is.
    pub(super) fn check(self, key: &Key, when: When) -> Self {
        let check = ConditionCheck::builder()
            .table_name(&self.rows.table_name)
            .set_key(Some(attributes(key)))
            .set_expression_attribute_names(Some(names_in(&[&when.condition])))
            .set_expression_attribute_values(when.values())
            .condition_expression(when.condition)
            .build();
        self.and(check.ok().map(|check| TransactWriteItem::builder().condition_check(check)))
    }

    /// Keeps the event of what is done, after all else, so that the places of the other actions stay as they are.
    pub(super) fn with_event(self, event: Option<Item>) -> Self {
        match event {
            Some(event) => self.put(event, when("attribute_not_exists(#PK)")),
            None => self,
        }
    }

    fn and(mut self, action: Option<aws_sdk_dynamodb::types::builders::TransactWriteItemBuilder>) -> Self {
        match action {
            Some(action) => self.actions.push(action.build()),
            None => self.broken = true,
        }
        self
    }

    /// Does it. Tried again while other writes are in the way, which changed nothing. One attempt has one token, so that a
    /// request whose answer was lost, and is sent again, is not done twice.
    pub(super) async fn write(self) -> Result<Verdict, WriteError> {
        if self.broken {
            return Err(Failed::unbuilt(OPERATION).into());
        }
        let mut token = new_token()?;
        for attempt in 0..CATALOG_ATTEMPTS_MAX {
            let request = self.rows.client.transact_write_items().set_transact_items(Some(self.actions.clone()));
            let sent = request.client_request_token(&token).send().await;
            let Err(error) = sent else { return Ok(Verdict::Written) };
            match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    let codes = cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None"));
                    match verdict(codes) {
                        Some(verdict) => return Ok(verdict),
                        None if is_passing(cancelled.cancellation_reasons().iter().filter_map(|r| r.code())) => {
                            token = new_token()?;
                        }
                        None => return Err(Failed::new(OPERATION, &error).into()),
                    }
                }
                // Sent twice, and the first is still at work: its outcome is asked for.
                Some(TransactWriteItemsError::TransactionInProgressException(_)) => {}
                _ => return Err(Failed::new(OPERATION, &error).into()),
            }
            pause(attempt).await;
        }
        Ok(Verdict::Contended)
    }
}

fn new_token() -> Result<String, WriteError> {
    entropy::bytes::<16>().map(hex::encode).map_err(|error| WriteError::Unavailable(Box::new(error)))
}

/// The conditions that did not hold, if any.
fn verdict<'a>(codes: impl Iterator<Item = &'a str>) -> Option<Verdict> {
    let refused: Vec<usize> =
        codes.enumerate().filter(|(_, code)| *code == "ConditionalCheckFailed").map(|(at, _)| at).collect();
    (!refused.is_empty()).then_some(Verdict::Refused(refused))
}

/// Whether everything that was wrong passes by itself.
fn is_passing<'a>(mut codes: impl Iterator<Item = &'a str>) -> bool {
    codes.all(|code| {
        matches!(code, "None" | "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_from_the_expressions() {
        let names = names_in(&["SET #tables = #tables + :one", "attribute_not_exists(#PK) OR #shareId <> :share"]);
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort();
        let pair = |name: &str| (format!("#{name}"), name.to_owned());
        assert_eq!(names, [pair("PK"), pair("shareId"), pair("tables")]);
    }

    #[test]
    fn a_condition_that_does_not_hold_outweighs_a_conflict() {
        let codes = ["None", "TransactionConflict", "ConditionalCheckFailed"];
        assert_eq!(verdict(codes.into_iter()), Some(Verdict::Refused(vec![2])));
        assert_eq!(verdict(["None", "TransactionConflict"].into_iter()), None);
        assert!(is_passing(["None", "TransactionConflict"].into_iter()));
        assert!(!is_passing(["ValidationError"].into_iter()));
    }
}
