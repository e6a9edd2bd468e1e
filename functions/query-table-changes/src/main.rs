//! The function `query-table-changes`: `GET …/tables/{table}/changes`.

use shared::env::Env;
use shared::handlers::query_table_changes::QueryTableChanges;
use shared::lambda::{self, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = Env::read().await?;
    let (catalog, delta, presigner, tokens) = (env.tables(), env.delta(), env.presigner(), env.query_tokens());
    let handler = QueryTableChanges { catalog, delta, presigner, tokens };
    lambda::serve("query-table-changes", env.pipeline(handler)).await
}
