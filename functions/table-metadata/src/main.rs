//! The function `table-metadata`: `GET …/tables/{table}/metadata`.

use shared::env::Env;
use shared::handlers::table_metadata::TableMetadata;
use shared::lambda::{self, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = Env::read().await?;
    let handler = TableMetadata { catalog: env.tables(), delta: env.delta() };
    lambda::serve("table-metadata", env.pipeline(handler)).await
}
