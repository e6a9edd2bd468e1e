//! The function `list-tables`: `GET /shares/{share}/schemas/{schema}/tables`.

use shared::env::Env;
use shared::handlers::list_tables::ListTables;
use shared::lambda::{self, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = Env::read().await?;
    let handler = ListTables { catalog: env.catalog(), tokens: env.page_tokens() };
    lambda::serve("list-tables", env.pipeline(handler)).await
}
