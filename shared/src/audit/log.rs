//! Events as structured lines of the log, under a target of their own, so that they can be kept apart and longer.

use super::{Audit, Event, Outcome};

/// The target of the lines.
pub const TARGET: &str = "spillway::audit";

/// Writes events to the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogAudit;

macro_rules! write_line {
    ($level:ident, $event:ident, $message:literal) => {
        tracing::$level!(
            target: TARGET,
            requestId = $event.request_id,
            upstreamId = $event.upstream_id,
            route = $event.route,
            share = $event.share,
            schema = $event.schema,
            table = $event.table,
            tableId = $event.table_id,
            recipientId = $event.recipient_id,
            tokenId = $event.token_id,
            sourceIp = $event.source_ip,
            userAgent = $event.user_agent,
            version = $event.version.map(|version| version.number()),
            responseFormat = $event.format.map(tracing::field::display),
            status = $event.status,
            errorCode = $event.error_code,
            outcome = $event.outcome.as_str(),
            filesReturned = $event.files,
            bytesSent = $event.bytes,
            urlExpiresAt = $event.urls_expire_at.map(|moment| moment.millis()),
            cacheHits = (!$event.cache_hits.is_empty()).then(|| $event.cache_hits.join(",")),
            chunksRead = some($event.chunks.read),
            chunksMissing = some($event.chunks.missing),
            chunksUnfit = some($event.chunks.unfit),
            chunksWritten = some($event.chunks.written),
            latencyMs = u64::try_from($event.latency.as_millis()).unwrap_or(u64::MAX),
            cold = $event.cold,
            why = $event.problem,
            $message
        )
    };
}

/// A count, where there is any.
fn some(count: u64) -> Option<u64> {
    (count > 0).then_some(count)
}

impl Audit for LogAudit {
    fn record(&self, event: &Event) {
        match event.outcome {
            Outcome::Failed => write_line!(error, event, "failed"),
            Outcome::ClientGone => write_line!(info, event, "client gone"),
            Outcome::Completed if event.error_code.is_some() => write_line!(info, event, "refused"),
            Outcome::Completed => write_line!(info, event, "answered"),
        }
    }
}
