//! How much memory the server holds on to. The C library gives threads pools of their own and keeps in each what was once
//! freed there: a server with many threads would hold several times what its largest answer needs. It takes another
//! word on that only from the environment it is started with, so the program starts once more, in the same process.

use std::os::unix::process::CommandExt;
use std::process::Command;

use shared::config::{Environment, MALLOC_POOLS};

/// One pool: threads rarely wait for it, and what one has freed the next one uses.
const POOLS: &str = "1";

/// Starts the program again with one pool of memory, unless it was started so or by somebody with a wish of their own.
/// Returns when there is nothing to do, or when starting again is not possible; then it runs as it is, only larger.
pub fn keep_small(environment: &Environment) {
    if environment.malloc_pools.is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let failed = Command::new(program).args(std::env::args_os().skip(1)).env(MALLOC_POOLS, POOLS).exec();
    tracing::debug!("cannot start again with one pool of memory: {failed}");
}
