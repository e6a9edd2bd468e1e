//! What the tests share: tables written in a chosen state, the truth about them by another reader, a server to ask, an
//! AWS to ask it against.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on should say so and stop"
)]

pub mod bounded;
pub mod emulator;
pub mod large;
pub mod memory_chunks;
pub mod memory_store;
pub mod oracle;
pub mod raw;
pub mod samples;
pub mod server;
pub mod shown;
pub mod table_builder;
pub mod watched;
pub mod wire;
