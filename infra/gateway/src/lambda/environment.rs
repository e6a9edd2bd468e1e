//! One execution environment: a process and the interface that it alone talks to.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::pool::Pool;
use super::runtime_api::{Init, Invocation, RuntimeApi};
use crate::aws::Session;
use crate::logs::{Sink, Stream};
use crate::now;

/// How long a process may take to ask for its first event, at least.
const INIT_MIN: Duration = Duration::from_secs(10);

/// A process that takes one call at a time. Dropping it ends the process.
#[derive(Debug)]
pub(super) struct Environment {
    /// Until when its credentials are good, if it has any.
    pub(super) good_until_ms: Option<u64>,
    invocations: mpsc::Sender<Invocation>,
    exited: watch::Receiver<Option<String>>,
    kill: Arc<Notify>,
    interface: JoinHandle<()>,
}

impl Environment {
    /// Starts a process and waits until it asks for its first event.
    pub(super) async fn start(pool: &Pool, session: Option<Session>) -> Result<Self, String> {
        let began = Instant::now();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let stream = Stream::fresh(&pool.function.name);
        let mut command = command(pool, &address.to_string(), &stream, session.as_ref());
        let mut child = command.spawn().map_err(|error| format!("the process cannot be started: {error}"))?;
        let pid = child.id().unwrap_or_default();
        if let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) {
            tokio::spawn(logged(stdout, pool.sink.clone(), stream.clone()));
            tokio::spawn(logged(stderr, pool.sink.clone(), stream.clone()));
        }
        let (invocations, next) = mpsc::channel(1);
        let (init, mut initialised) = watch::channel(Init::Running);
        let (exit, exited) = watch::channel(None);
        let kill = Arc::new(Notify::new());
        let interface = tokio::spawn(Arc::new(RuntimeApi::new(next, init)).serve(listener));
        tokio::spawn(kept(
            child,
            Arc::clone(&kill),
            pool.surroundings.ending.clone(),
            exit,
            pool.surroundings.alive.clone(),
        ));
        let good_until_ms = session.map(|session| session.until_ms);
        let mut environment = Self { good_until_ms, invocations, exited, kill, interface };
        let allowed = INIT_MIN.max(pool.function.timeout);
        let ready = tokio::select! {
            ready = tokio::time::timeout(allowed, initialised.wait_for(|init| *init != Init::Running)) => match ready {
                Ok(Ok(init)) => match &*init {
                    Init::Failed(why) => Err(format!("it cannot begin: {why}")),
                    _ => Ok(()),
                },
                _ => Err(format!("it did not begin within {} s", allowed.as_secs())),
            },
            exit = environment.ended() => Err(exit),
        };
        ready?;
        let function = &pool.function.folder;
        println!("{function}: process {pid} is ready after {} ms", began.elapsed().as_millis());
        Ok(environment)
    }

    /// Hands it a call. Its end, should it come, is seen through [`Self::ended`].
    pub(super) async fn call(&self, invocation: Invocation) {
        drop(self.invocations.send(invocation).await);
    }

    /// Waits for the process's end and says how it ended.
    pub(super) async fn ended(&mut self) -> String {
        match self.exited.wait_for(Option::is_some).await {
            Ok(status) => status.clone().unwrap_or_default(),
            Err(_) => "the process was lost".to_owned(),
        }
    }

    /// Whether the process can take another call.
    pub(super) fn is_alive(&self) -> bool {
        self.exited.borrow().is_none()
    }

    /// Ends the process.
    pub(super) fn kill(&self) {
        self.kill.notify_one();
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.kill();
        self.interface.abort();
    }
}

fn command(pool: &Pool, api: &str, stream: &Stream, session: Option<&Session>) -> Command {
    let function = &pool.function;
    let folder = pool.bootstrap.parent().unwrap_or(&pool.bootstrap);
    let mut command = Command::new(&pool.bootstrap);
    command.current_dir(folder).env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.envs(function.environment.iter().map(|(name, value)| (name, value)));
    command
        .env("LANG", "en_US.UTF-8")
        .env("TZ", ":UTC")
        .env("LAMBDA_TASK_ROOT", folder)
        .env("LAMBDA_RUNTIME_DIR", folder)
        .env("_HANDLER", &function.handler)
        .env("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023")
        .env("AWS_LAMBDA_RUNTIME_API", api)
        .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        .env("AWS_LAMBDA_FUNCTION_NAME", &function.name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &function.memory_mb)
        .env("AWS_LAMBDA_LOG_GROUP_NAME", function.log_group.as_deref().unwrap_or("/aws/lambda"))
        .env("AWS_LAMBDA_LOG_STREAM_NAME", stream.name())
        .env("AWS_REGION", &pool.surroundings.region)
        .env("AWS_DEFAULT_REGION", &pool.surroundings.region);
    if let Some(emulator) = &pool.surroundings.emulator {
        command.env("AWS_ENDPOINT_URL", emulator.url());
    }
    if let Some(session) = session {
        command
            .env("AWS_ACCESS_KEY_ID", &session.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &session.secret_access_key)
            .env("AWS_SESSION_TOKEN", &session.token);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Watches a process until it has ended, by itself or because it must.
async fn kept(
    mut child: Child,
    kill: Arc<Notify>,
    mut ending: watch::Receiver<bool>,
    exit: watch::Sender<Option<String>>,
    _alive: mpsc::Sender<()>,
) {
    let status = tokio::select! {
        status = child.wait() => status.map_or_else(|error| error.to_string(), |status| status.to_string()),
        () = kill.notified() => "it was ended".to_owned(),
        _ = ending.wait_for(|ending| *ending) => "everything ends".to_owned(),
    };
    drop(child.kill().await);
    exit.send_replace(Some(status));
}

/// Hands each line of a process to the log.
async fn logged(output: impl AsyncRead + Unpin, sink: Sink, stream: Stream) {
    let mut lines = BufReader::new(output);
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line).await, Ok(read) if read > 0) {
        let text = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
        sink.write(&stream, now::millis(), text);
        line.clear();
    }
}
