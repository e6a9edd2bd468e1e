//! What the benchmark and the measurements of single hot paths share: logs of any size, made quickly and the same on every
//! run ([`log`]), and the hot paths themselves ([`subject`]).

pub mod checkpoint;
mod columns;
pub mod file;
pub mod log;
mod memory_log;
pub mod schema;
pub mod shape;
pub mod subject;
