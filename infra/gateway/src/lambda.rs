//! Lambda on this machine: functions as pools of processes, called one event at a time.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use crate::api::Function;
use crate::aws::Emulator;
use crate::logs::Logs;

mod environment;
mod pool;
mod runtime_api;

pub use runtime_api::{BrokenOff, Piece};

use pool::Pool;

/// What a call comes to.
#[derive(Debug)]
pub enum Reply {
    /// A whole answer: the text of an envelope.
    Whole(Bytes),
    /// The pieces of a streamed answer, the prelude first.
    Streamed(mpsc::Receiver<Piece>),
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The function said that it failed, ended, or never began.
    Function(String),
    /// The function ran out of its own time.
    TimedOut,
    /// The answer is larger than Lambda takes.
    TooLarge,
    /// The caller waited no longer; the function goes on.
    NotWaited,
}

/// What all functions have in common.
#[derive(Debug)]
pub struct Surroundings {
    /// The folder with one folder for each function, each with a `bootstrap`.
    pub bootstraps: PathBuf,
    /// The region.
    pub region: String,
    /// The account.
    pub account: String,
    /// The emulator of AWS.
    pub emulator: Option<Arc<Emulator>>,
    /// Becomes true when everything must end.
    pub ending: watch::Receiver<bool>,
    /// Held by every process's keeper until the process has ended.
    pub alive: mpsc::Sender<()>,
}

/// The functions.
#[derive(Debug)]
pub struct Lambda {
    pools: HashMap<String, Arc<Pool>>,
}

impl Lambda {
    /// The functions of an API. Nothing is started yet.
    ///
    /// # Errors
    /// A sentence when a function has no bootstrap.
    pub fn new(functions: &[Function], surroundings: Surroundings, logs: &Logs) -> Result<Self, String> {
        let surroundings = Arc::new(surroundings);
        let mut pools = HashMap::new();
        for function in functions {
            let bootstrap = surroundings.bootstraps.join(&function.folder).join("bootstrap");
            if !bootstrap.is_file() {
                return Err(format!("{}: there is no {}", function.id, bootstrap.display()));
            }
            let sink = logs.sink(&function.folder, function.log_group.clone())?;
            let pool = Pool::new(function.clone(), bootstrap, Arc::clone(&surroundings), sink);
            pools.insert(function.id.clone(), Arc::new(pool));
        }
        Ok(Self { pools })
    }

    /// Calls a function and waits so long for the beginning of its answer.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn invoke(&self, function: &str, event: Bytes, wait: Duration) -> Result<Reply, Failure> {
        let pool = self.pools.get(function).ok_or_else(|| Failure::Function(format!("there is no {function}")))?;
        match tokio::time::timeout(wait, Arc::clone(pool).invoke(event)).await {
            Ok(reply) => reply,
            Err(_) => Err(Failure::NotWaited),
        }
    }
}
