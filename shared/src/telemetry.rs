//! The log of a function: JSON lines on the standard output, where Lambda picks them up, with events and metrics in them.

use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::audit::log::{LogAudit, TARGET};
use crate::audit::metrics::EmbeddedMetrics;
use crate::audit::{All, Audit};
use crate::config::LOG_DEFAULT;

/// Starts the log and returns what keeps the events. To be called once, before anything else.
pub fn start(filter: Option<&str>) -> Arc<dyn Audit> {
    // Whoever wants fewer lines still wants to know who read what.
    let filter = levels(filter, LOG_DEFAULT).with_target(TARGET, LevelFilter::INFO);
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_max_level(LevelFilter::TRACE)
        .with_writer(std::io::stdout)
        .finish()
        .with(filter);
    // A second start, in a test, keeps the first one's log.
    let _ = subscriber.try_init();
    log_panics();
    Arc::new(All(vec![Arc::new(LogAudit), Arc::new(EmbeddedMetrics::to_stdout())]))
}

/// What the log holds, by level and where in the code: `warn,spillway=debug`. What cannot be read is as if it were not said.
/// Patterns over spans and fields would need an engine for regular expressions, a tenth of a small function.
fn levels(said: Option<&str>, otherwise: &str) -> Targets {
    said.and_then(|said| said.parse().ok()).or_else(|| otherwise.parse().ok()).unwrap_or_default()
}

/// Logs where a panic was, and not its message, which may hold anything.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(target: "spillway", place, "a panic");
    }));
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn levels_are_read_or_those_of_no_word_hold() {
        let read = levels(Some("warn,spillway=trace"), LOG_DEFAULT);
        assert!(read.would_enable("spillway::x", &Level::TRACE) && read.would_enable("hyper", &Level::WARN));
        assert!(!read.would_enable("hyper", &Level::INFO));
        for said in [None, Some("spillway=loud"), Some("[{x=1}]")] {
            let otherwise = levels(said, "error");
            assert!(
                otherwise.would_enable("spillway", &Level::ERROR) && !otherwise.would_enable("spillway", &Level::WARN)
            );
        }
    }
}
