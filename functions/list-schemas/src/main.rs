//! The function `list-schemas`: `GET /shares/{share}/schemas`.

use shared::env::Env;
use shared::handlers::list_schemas::ListSchemas;
use shared::lambda::{self, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = Env::read().await?;
    let handler = ListSchemas { catalog: env.catalog(), tokens: env.page_tokens() };
    lambda::serve("list-schemas", env.pipeline(handler)).await
}
