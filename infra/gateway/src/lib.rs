//! What API Gateway and Lambda do for `template.yaml`, on this machine. It is a tool of development and tests and part of
//! nothing that is deployed.
//!
//! The template decides, as AWS's own translator transformed it: routes, permissions, transfer modes, time limits, the
//! environment of the functions, the gateway's own answers. What it decides wrongly is wrong here too: a route that API
//! Gateway may not call keeps this program from starting.
//!
//! * A request becomes an event of payload version 1 ([`event`]), its answer a response ([`answer`], [`prelude`]).
//! * One execution environment is one `bootstrap` process with a Runtime API of its own ([`lambda`]). It takes one call at
//!   a time; more calls at once are more processes.
//! * A process runs under the session of its function's own role, which the emulator of AWS hands out ([`aws`]).
//! * What a process writes goes to a file and to the emulator's log groups ([`logs`]).
//!
//! What is not here: throttling, web ACLs, caches, custom domains, memory limits, the bandwidth caps of streams, the
//! bounds on the size of headers. What AWS does there is not shown by anything that runs here.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a tool of development: it tells the terminal what it does, and has clocks and identifiers of its own"
)]

pub mod answer;
pub mod api;
pub mod aws;
pub mod deployed;
pub mod event;
pub mod intrinsic;
pub mod lambda;
pub mod logs;
pub mod mock;
pub mod now;
pub mod permission;
pub mod prelude;
pub mod refusal;
pub mod server;
