//! What a query's hints say of its rows, and which files that rules out (Delta Sharing protocol, "Predicates for
//! Filtering"). A hint may be ignored, a row never lost: whatever is not understood, or not known of a file, keeps the
//! file.

mod evaluate;
mod facts;
mod json;
mod known;
pub mod partitions;
mod sql;
mod table;
mod text;
pub mod tree;

pub use evaluate::{Filter, Verdict};

use crate::model::table_state::Metadata;
use tree::Node;

/// The filter that a query's hints make for a version of a table; nothing when there are none.
///
/// Some clients send every predicate in both forms, and the SQL one in a wording of their own: beside a JSON hint it is not
/// read, but still known to ask for more than the other form.
pub fn filter(sql: &[String], json: Option<&str>, metadata: &Metadata) -> Option<Filter> {
    let node = match json {
        None => sql::parse(sql)?,
        Some(json) => {
            let node = json::parse(json).unwrap_or(Node::Unknown);
            let more = sql.iter().any(|hint| !hint.trim().is_empty()).then_some(Node::Unknown);
            Node::And([node].into_iter().chain(more).collect())
        }
    };
    Some(Filter::new(node, metadata))
}

#[cfg(test)]
mod tests;
