//! The function `get-share`: `GET /shares/{share}`.

use shared::env::Env;
use shared::handlers::get_share::GetShare;
use shared::lambda::{self, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = Env::read().await?;
    let handler = GetShare { catalog: env.catalog() };
    lambda::serve("get-share", env.pipeline(handler)).await
}
