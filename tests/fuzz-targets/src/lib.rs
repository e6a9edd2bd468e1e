//! The fuzz targets: functions that take any bytes for what a parser reads, and panic when something does not hold that
//! must hold of every input. Ordinary tests run them over the corpus in `../fuzz/corpus`, libFuzzer over everything else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a target says what does not hold by stopping"
)]

mod checkpoint;
mod commit;
mod predicate;
mod request;
mod seen;
mod token;
mod world;

pub use checkpoint::checkpoint;
pub use commit::commit;
pub use predicate::{predicate_json, predicate_sql};
pub use request::{capabilities, changes_query, query_body};
pub use token::{token, token_payloads};

/// A target.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its corpus and of its program.
pub const TARGETS: [(&str, Target); 8] = [
    ("capabilities", capabilities),
    ("changes_query", changes_query),
    ("checkpoint", checkpoint),
    ("commit", commit),
    ("predicate_json", predicate_json),
    ("predicate_sql", predicate_sql),
    ("query_body", query_body),
    ("token", token),
];
