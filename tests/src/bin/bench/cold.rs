//! The start of the functions as they are deployed: from the process's start to its first request for an event, to its first
//! answer, and what it holds then. The Runtime API and the AWS services that a function asks while it starts are stood in for
//! on loopback, so what is measured is the program and not the way to AWS.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::clock::Clock;
use shared::route::{ROUTES, Route};

use crate::process::Watched;
use crate::report::{median, megabytes, milliseconds};

mod stand_in;

use stand_in::StandIn;

/// Starts of each function; the medians count.
const STARTS: usize = 5;
/// A function that has not answered by then never will.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Starts every function of a folder and prints a row for each.
///
/// # Errors
/// When there is none, or one does not answer.
pub(crate) async fn run(folder: &Path, clock: &Arc<dyn Clock>) -> Result<Vec<Value>, String> {
    println!("\nStarts of functions (median of {STARTS}; the answer is to a request without a token)\n");
    println!("{:<22}{:>9}{:>12}{:>14}{:>9}", "function", "size", "first next", "first answer", "RSS");
    println!("{:<22}{:>9}{:>12}{:>14}{:>9}", "", "MB", "ms", "ms", "MB");
    let mut all = Vec::new();
    for route in &ROUTES {
        let bootstrap = folder.join(route.id).join("bootstrap");
        let before = all.last().and_then(|row: &Value| row.get("function")).and_then(Value::as_str) == Some(route.id);
        if !before && bootstrap.is_file() {
            all.push(measure(route, &bootstrap, clock).await.map_err(|problem| format!("{}: {problem}", route.id))?);
        }
    }
    if all.is_empty() {
        return Err(format!(
            "there is no function in {}; each is FOLDER/NAME/bootstrap. `cargo lambda build --release --package NAME` leaves them in target/lambda",
            folder.display()
        ));
    }
    Ok(all)
}

async fn measure(route: &Route, bootstrap: &PathBuf, clock: &Arc<dyn Clock>) -> Result<Value, String> {
    let size = fs::metadata(bootstrap).map_err(|error| error.to_string())?.len();
    let (mut nexts, mut answers, mut held) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let stand_in = StandIn::start(event(route), Arc::clone(clock)).await?;
        let start = clock.uptime();
        let function =
            Running(command(bootstrap, route.id, &stand_in.address).spawn().map_err(|error| error.to_string())?);
        let seen = tokio::time::timeout(ANSWER_WITHIN, stand_in.answered()).await;
        let (next, answer) = seen.map_err(|_| format!("no answer within {} s", ANSWER_WITHIN.as_secs()))?;
        nexts.push(next.saturating_sub(start));
        answers.push(answer.saturating_sub(start));
        held.push(Watched::processes(&[function.0.id()]).held_bytes()?);
    }
    let (next, answer, held) = (median(nexts), median(answers), median(held));
    println!(
        "{:<22}{:>9}{:>12}{:>14}{:>9}",
        route.id,
        megabytes(size),
        milliseconds(next),
        milliseconds(answer),
        megabytes(held)
    );
    Ok(json!({
        "function": route.id,
        "bytes": size,
        "firstNextSeconds": next.as_secs_f64(),
        "firstAnswerSeconds": answer.as_secs_f64(),
        "heldBytes": held,
    }))
}

/// A process that ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing to do when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(bootstrap: &Path, name: &str, address: &str) -> Command {
    let mut command = Command::new(bootstrap);
    command
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", address)
        .env("AWS_LAMBDA_FUNCTION_NAME", name)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_ENDPOINT_URL", format!("http://{address}"))
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "for-the-benchmark")
        .env("AWS_SECRET_ACCESS_KEY", "for-the-benchmark")
        .env("TABLE_NAME", "catalogue")
        .env("KEYRING_SECRET_ARN", "arn:aws:secretsmanager:us-east-1:000000000000:secret:keyring")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// API Gateway's event for a request to the route, without a token.
fn event(route: &Route) -> String {
    let parts = route.path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
    let path = parts.collect::<Vec<_>>().join("/");
    json!({
        "resource": route.path,
        "path": path,
        "httpMethod": route.method,
        "headers": {},
        "multiValueHeaders": {},
        "requestContext": {
            "requestId": "for-the-benchmark",
            "resourcePath": route.path,
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": null,
        "isBase64Encoded": false,
    })
    .to_string()
}
