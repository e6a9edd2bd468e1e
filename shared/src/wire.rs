//! The protocol's own shapes: request bodies and query strings on the way in, JSON and lines on the way out. Wire types
//! are separate from the model, so that neither a field's name nor its order changes by accident.

pub mod action;
pub mod changes_request;
pub mod end_of_stream;
pub mod error_body;
pub mod file_line;
mod json_text;
pub mod list;
pub mod ndjson;
pub mod profile;
pub mod query_string;
pub mod request;
pub mod schema_string;
