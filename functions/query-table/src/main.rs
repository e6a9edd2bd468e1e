//! The function `query-table`: `POST …/tables/{table}/query`.

use shared::env::Env;
use shared::handlers::query_table::QueryTable;
use shared::lambda::{self, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = Env::read().await?;
    let handler = QueryTable { catalog: env.catalog(), delta: env.delta(), presigner: env.presigner() };
    lambda::serve("query-table", env.pipeline(handler)).await
}
