//! The tests that need more than one unit.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so and stop"
)]

// One file per route: status, headers and body as a client gets them.
mod routes;

// Every implementation of a port keeps the port's contract.
mod contract;

// Delta logs in every state that this server reads, against another reader.
mod delta;

// Tables of every feature, answered in the formats that can carry them.
mod delta_features;

// The repository's own rules.
mod repo;
