//! The routes, one file each, and what holds for all of them.

mod activation;
mod answer_size;
mod every_route;
mod list_shares;
mod lists;
mod query_table;
mod query_table_changes;
mod table_metadata;
mod table_version;
