//! The log of a function: JSON lines on the standard output, where Lambda picks them up, with events and metrics in them.

use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

use crate::audit::log::{LogAudit, TARGET};
use crate::audit::metrics::EmbeddedMetrics;
use crate::audit::{All, Audit};
use crate::config::LOG_DEFAULT;

/// Starts the log and returns what keeps the events. To be called once, before anything else.
pub fn start(filter: Option<&str>) -> Arc<dyn Audit> {
    let filter = EnvFilter::try_new(filter.unwrap_or(LOG_DEFAULT)).unwrap_or_else(|_| EnvFilter::new(LOG_DEFAULT));
    // Whoever wants fewer lines still wants to know who read what.
    let filter = match format!("{TARGET}=info").parse::<Directive>() {
        Ok(always) => filter.add_directive(always),
        Err(_) => filter,
    };
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(std::io::stdout);
    // A second start, in a test, keeps the first one's log.
    let _ = subscriber.try_init();
    log_panics();
    Arc::new(All(vec![Arc::new(LogAudit), Arc::new(EmbeddedMetrics::to_stdout())]))
}

/// Logs where a panic was, and not its message, which may hold anything.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(target: "spillway", place, "a panic");
    }));
}
