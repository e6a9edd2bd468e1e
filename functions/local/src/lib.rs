//! The whole server as one process: the same handlers as on AWS behind one listener, a catalogue in a file, an S3 server
//! embedded in the process for the folders of this machine. This is the library half; `main.rs` only calls [`cli::run`],
//! and tests start servers through [`server::Server`].

// What a person types and reads
pub mod cli;
pub mod commands;
pub mod glue;
pub mod inspect;
pub mod output;
pub mod serve;
pub mod sql;

// What is served
pub mod conf_yaml;
pub mod content;
pub mod demo;
pub mod folders;
pub mod locations;
pub mod profiles;
pub mod stable_id;
pub mod state;

// Serving it
pub mod audit_file;
pub mod connections;
pub mod embedded_s3;
pub mod gateway;
pub mod memory;
pub mod open_files;
pub mod server;
pub mod tls;

#[cfg(test)]
mod aws_stub;
