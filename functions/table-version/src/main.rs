//! The function `table-version`: `GET …/tables/{table}/version` and `HEAD …/tables/{table}`.

use shared::env::Env;
use shared::handlers::table_version::TableVersion;
use shared::lambda::{self, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = Env::read().await?;
    let handler = TableVersion { catalog: env.tables(), delta: env.delta() };
    lambda::serve("table-version", env.pipeline(handler)).await
}
