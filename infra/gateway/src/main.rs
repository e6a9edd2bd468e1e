//! The gateway as a program: reads the template and what its deployment made, listens on this machine, and ends with all
//! its processes when it is told to.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a tool of development talks to the terminal")]

use std::convert::Infallible;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aws_gateway::api::Api;
use aws_gateway::aws::Emulator;
use aws_gateway::deployed::Deployed;
use aws_gateway::lambda::{Lambda, Surroundings};
use aws_gateway::logs::Logs;
use aws_gateway::server::Gateway;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

const USAGE: &str = "\
aws-gateway --template FILE --deployed FILE --bootstraps DIR --logs DIR [--port PORT]

  --template    the transformed template, JSON (infra/local-stack/transform.py)
  --deployed    what its deployment made, JSON (infra/local-stack/stack.py)
  --bootstraps  a folder with FUNCTION/bootstrap
  --logs        the folder for logs, one file for each function
  --port        the port on 127.0.0.1 [default: a free one]
";
/// How long processes and logs may take to end.
const END_MAX: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
struct Options {
    template: PathBuf,
    deployed: PathBuf,
    bootstraps: PathBuf,
    logs: PathBuf,
    port: u16,
}

fn options(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options::default();
    while let Some(name) = arguments.next() {
        let value = arguments.next()?;
        match name.as_str() {
            "--template" => options.template = value.into(),
            "--deployed" => options.deployed = value.into(),
            "--bootstraps" => options.bootstraps = std::path::absolute(value).ok()?,
            "--logs" => options.logs = value.into(),
            "--port" => options.port = value.parse().ok()?,
            _ => return None,
        }
    }
    let given = [&options.template, &options.deployed, &options.bootstraps, &options.logs];
    given.iter().all(|path| !path.as_os_str().is_empty()).then_some(options)
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(options) = options(std::env::args().skip(1)) else {
        print!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            println!("aws-gateway does not start: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), String> {
    let text = |path: &PathBuf| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let template = serde_json::from_str(&text(&options.template)?)
        .map_err(|error| format!("{}: {error}", options.template.display()))?;
    let deployed = Deployed::parse(&text(&options.deployed)?)?;
    let api = Api::read(&template, &deployed)?;
    let emulator =
        deployed.endpoint.as_deref().map(|url| Emulator::new(url, &deployed.region)).transpose()?.map(Arc::new);

    let (end, ending) = watch::channel(false);
    let (alive, mut all_ended) = mpsc::channel(1);
    let (writing, mut all_written) = mpsc::channel(1);
    let logs = Logs::new(options.logs, emulator.clone(), writing)?;
    let surroundings = Surroundings {
        bootstraps: options.bootstraps,
        region: deployed.region.clone(),
        account: deployed.account.clone(),
        emulator,
        ending,
        alive,
    };
    let lambda = Lambda::new(&api.functions, surroundings, &logs)?;
    let access = match &api.access_log {
        Some((_, group)) => Some(logs.sink("access", group.clone())?),
        None => None,
    };
    drop(logs);
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    for route in &api.routes {
        println!("{:6} {} -> {} ({:?})", route.method, route.path, route.function, route.transfer);
    }
    println!("listening on http://{address}/{}", api.stage);
    let gateway = Arc::new(Gateway::new(api, lambda, access));
    let failed = |error: std::io::Error| error.to_string();
    let mut terminated = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::select! {
        () = serve(listener, Arc::clone(&gateway)) => {}
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    end.send_replace(true);
    drop(gateway);
    let ended = tokio::time::timeout(END_MAX, async {
        // Each ends when the last process, and the last writer, has let go of its end.
        while all_ended.recv().await.is_some() {}
        while all_written.recv().await.is_some() {}
    });
    let clean = ended.await.is_ok();
    println!("ended{}", if clean { "" } else { ", but not everything in time" });
    Ok(())
}

async fn serve(listener: TcpListener, gateway: Arc<Gateway>) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                println!("a connection was lost: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        drop(stream.set_nodelay(true));
        let gateway = Arc::clone(&gateway);
        let service = service_fn(move |request| {
            let gateway = Arc::clone(&gateway);
            async move { Ok::<_, Infallible>(gateway.answer(request, peer).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move { drop(connection.await) });
    }
}
