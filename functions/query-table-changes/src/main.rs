//! The function `query-table-changes`: `GET …/tables/{table}/changes`.

use shared::env::Env;
use shared::handlers::query_table_changes::QueryTableChanges;
use shared::lambda::{self, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = Env::read().await?;
    let handler = QueryTableChanges {
        catalog: env.catalog(),
        delta: env.delta(),
        presigner: env.presigner(),
        tokens: env.query_tokens(),
    };
    lambda::serve("query-table-changes", env.pipeline(handler)).await
}
