//! The function `activation`: `GET` and `POST /activate/{code}`.

use shared::env::Env;
use shared::handlers::activation::Activation;
use shared::lambda::{self, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = Env::read().await?;
    let (activations, shares, tables, contact) = (env.activations(), env.catalog(), env.catalog(), env.contact());
    lambda::serve("activation", env.public_pipeline(Activation { activations, shares, tables, contact })).await
}
