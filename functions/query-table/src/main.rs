//! The function `query-table`: `POST …/tables/{table}/query`.

use shared::env::Env;
use shared::handlers::query_table::QueryTable;
use shared::lambda::{self, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = Env::read().await?;
    let (catalog, delta, presigner, tokens) = (env.tables(), env.delta(), env.presigner(), env.query_tokens());
    let handler = QueryTable { catalog, delta, presigner, tokens };
    lambda::serve("query-table", env.pipeline(handler)).await
}
