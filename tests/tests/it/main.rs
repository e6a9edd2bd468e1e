//! The tests that need more than one unit.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so and stop"
)]

// What the protocol's clients count on, statement by statement.
mod assertions;

// One file per route: status, headers and body as a client gets them.
mod routes;

// Every implementation of a port keeps the port's contract.
mod contract;
mod contract_catalog;
mod contract_tokens;

// Operators' programs: killed, several at once, on a large catalogue.
mod operators;

// Clients that are slow, idle or silent, beside such as read.
mod many_readers;

// What narrows that for one recipient.
mod rules;

// How tables are reached: where requests and URLs lead, and what the sessions of roles may do.
mod contract_reach;
mod contract_sessions;

// Delta logs in every state that this server reads, against another reader.
mod delta;

// Tables of every feature, answered in the formats that can carry them.
mod delta_features;

// What fuzzers have found, kept as tests.
mod fuzz;

// The functions as Lambda runs them.
mod functions;

// The repository's own rules.
mod repo;
