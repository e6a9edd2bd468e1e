//! The repository's own rules.

mod docs;
mod layering;
