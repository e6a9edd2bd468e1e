//! Every catalogue keeps the contracts of its ports: what recipients read and what providers write. One suite for all, run
//! on a catalogue file and on every DynamoDB that there is to test against.

pub(crate) mod backends;

mod dynamo;
mod events;
mod file;
mod links;
mod read;
mod register;
mod schemas;
mod stub;
mod write;
