//! The function `list-all-tables`: `GET /shares/{share}/all-tables`.

use shared::env::Env;
use shared::handlers::list_all_tables::ListAllTables;
use shared::lambda::{self, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = Env::read().await?;
    let handler = ListAllTables { catalog: env.catalog(), tokens: env.page_tokens() };
    lambda::serve("list-all-tables", env.pipeline(handler)).await
}
