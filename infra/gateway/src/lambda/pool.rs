//! The processes of one function. A call takes one that is idle or starts another, and has it for itself until the answer
//! has come or the function's time is over.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

use super::environment::Environment;
use super::runtime_api::{Invocation, Posted};
use super::{Failure, Reply, Surroundings};
use crate::api::Function;
use crate::aws::Session;
use crate::logs::Sink;
use crate::now;

/// Processes of one function at once: what this machine can bear. Further calls wait.
const PROCESSES_MAX: usize = 16;
/// A process ends before its credentials do: no call may outlive them.
const CREDENTIALS_REST: Duration = Duration::from_secs(600);
/// How long after a broken connection a process's end is waited for.
const EXIT_WAIT: Duration = Duration::from_secs(1);

/// A function and its processes.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) function: Function,
    pub(super) bootstrap: PathBuf,
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) sink: Sink,
    idle: Mutex<Vec<Environment>>,
    session: tokio::sync::Mutex<Option<Session>>,
    room: Arc<Semaphore>,
}

impl Pool {
    pub(super) fn new(function: Function, bootstrap: PathBuf, surroundings: Arc<Surroundings>, sink: Sink) -> Self {
        Self {
            function,
            bootstrap,
            surroundings,
            sink,
            idle: Mutex::default(),
            session: tokio::sync::Mutex::default(),
            room: Arc::new(Semaphore::new(PROCESSES_MAX)),
        }
    }

    /// Calls the function; what becomes of the caller does not matter to the call.
    pub(super) async fn invoke(self: Arc<Self>, event: Bytes) -> Result<Reply, Failure> {
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move { self.drive(event, sender).await });
        receiver.await.unwrap_or_else(|_| Err(Failure::Function("the call was lost".into())))
    }

    async fn drive(&self, event: Bytes, reply: oneshot::Sender<Result<Reply, Failure>>) {
        let (mut environment, room) = match self.ready().await {
            Ok(ready) => ready,
            Err(why) => {
                self.note("-", "error", &why);
                drop(reply.send(Err(Failure::Function(why))));
                return;
            }
        };
        let timeout = self.function.timeout;
        let end = Instant::now() + timeout;
        let (posted, answer) = oneshot::channel();
        let (done, over) = oneshot::channel();
        let id = now::fresh_id();
        let deadline_ms = now::millis() + u64::try_from(timeout.as_millis()).unwrap_or(0);
        let trace_id =
            format!("Root=1-{:08x}-{}", now::millis() / 1000, id.replace('-', "").get(..24).unwrap_or_default());
        let Surroundings { region, account, .. } = &*self.surroundings;
        let arn = format!("arn:aws:lambda:{region}:{account}:function:{}:live", self.function.name);
        environment.call(Invocation { id: id.clone(), deadline_ms, arn, trace_id, event, posted, done }).await;

        let first = tokio::select! {
            answer = answer => match answer {
                Ok(posted) => Ok(posted),
                Err(_) => {
                    let ended = tokio::time::timeout(EXIT_WAIT, environment.ended()).await;
                    Err(Failure::Function(ended.unwrap_or_else(|_| "it left the call without an answer".into())))
                }
            },
            status = environment.ended() => Err(Failure::Function(format!("Runtime.ExitError: {status}"))),
            () = tokio::time::sleep_until(end) => Err(Failure::TimedOut),
        };
        let (replied, keeps) = match first {
            Ok(Posted::Whole(bytes)) => (Ok(Reply::Whole(bytes)), true),
            Ok(Posted::TooLarge) => (Err(Failure::TooLarge), true),
            Ok(Posted::Error(words)) => (Err(Failure::Function(words)), true),
            Ok(Posted::Streamed(pieces)) => {
                drop(reply.send(Ok(Reply::Streamed(pieces))));
                let whole = tokio::select! {
                    // A process whose connection broke is about to end, though it may still be there.
                    over = over => over.is_ok() && environment.is_alive(),
                    _ = environment.ended() => false,
                    () = tokio::time::sleep_until(end) => {
                        self.note(&id, "timeout", &format!("the stream took longer than {} s", timeout.as_secs()));
                        false
                    }
                };
                self.give_back(environment, room, whole);
                return;
            }
            Err(failure) => {
                environment.kill();
                // The caller is not told before it is so.
                environment.ended().await;
                (Err(failure), false)
            }
        };
        match &replied {
            Err(Failure::TimedOut) => {
                self.note(&id, "timeout", &format!("Task timed out after {} s", timeout.as_secs()))
            }
            Err(Failure::TooLarge) => self.note(&id, "error", "Function.ResponseSizeTooLarge"),
            Err(Failure::Function(why)) => self.note(&id, "error", why),
            _ => {}
        }
        // Given back first: who has the answer may call again at once.
        self.give_back(environment, room, keeps);
        drop(reply.send(replied));
    }

    /// An environment that can take a call.
    async fn ready(&self) -> Result<(Environment, OwnedSemaphorePermit), String> {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|error| error.to_string())?;
        let usable = |environment: &Environment| environment.is_alive() && is_good(environment.good_until_ms);
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(usable);
            idle.pop()
        };
        let environment = match idle {
            Some(environment) => environment,
            None => Environment::start(self, self.session().await?).await?,
        };
        Ok((environment, room))
    }

    fn give_back(&self, environment: Environment, _room: OwnedSemaphorePermit, keeps: bool) {
        if keeps && environment.is_alive() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(environment);
        }
    }

    /// The session of the function's own role, shared by its processes.
    async fn session(&self) -> Result<Option<Session>, String> {
        let (Some(emulator), Some(role)) = (&self.surroundings.emulator, &self.function.role) else { return Ok(None) };
        let mut session = self.session.lock().await;
        if !session.as_ref().is_some_and(|session| is_good(Some(session.until_ms))) {
            *session = Some(emulator.assume_role(role, &self.function.name).await?);
        }
        Ok(session.clone())
    }

    /// What Lambda itself writes to a function's log.
    fn note(&self, id: &str, status: &str, words: &str) {
        let line = json!({
            "time": now::date().to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            "type": "platform.report",
            "record": {"requestId": id, "status": status, "errorType": words},
        });
        self.sink.write(&self.sink.platform_stream(), now::millis(), line.to_string());
    }
}

fn is_good(until_ms: Option<u64>) -> bool {
    let rest = u64::try_from(CREDENTIALS_REST.as_millis()).unwrap_or(0);
    until_ms.is_none_or(|until| until > now::millis() + rest)
}
