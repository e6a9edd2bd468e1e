//! The function `list-shares`: `GET /shares`.

use shared::env::Env;
use shared::handlers::list_shares::ListShares;
use shared::lambda::{self, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = Env::read().await?;
    let handler = ListShares { catalog: env.catalog(), tokens: env.page_tokens() };
    lambda::serve("list-shares", env.pipeline(handler)).await
}
