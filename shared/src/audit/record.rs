//! Events as whoever looks back reads them: the lines of a function's log and those of the local server's file have one
//! form. Why something was refused is not in it, for that may name what only the log may hold.

use serde::{Deserialize, Serialize};

use super::Event;
use super::log::TARGET;
use crate::model::version::TimestampMs;

/// What is left of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// When the answer ended, as an ISO 8601 text.
    pub timestamp: String,
    /// The id in the answer's header.
    pub request_id: String,
    /// The route's id; `none` for a path that no route has.
    pub route: String,
    /// The share that the path names, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
    /// The schema that the path names, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The table that the path names, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The id of the table that was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_id: Option<String>,
    /// The recipient, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient_id: Option<String>,
    /// The public part of its token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
    /// Where the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// What the client calls itself, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The table's version that the answer is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The dialect of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_format: Option<String>,
    /// The status code.
    pub status: u16,
    /// The error code of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// How the answer ended.
    pub outcome: String,
    /// Files of the table in the answer.
    pub files_returned: u64,
    /// Bytes of the body, as sent.
    pub bytes_sent: u64,
    /// When the URLs of the answer end, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_expires_at: Option<i64>,
    /// From the request to the end of the answer.
    pub latency_ms: u64,
}

impl Record {
    /// What is left of an event.
    pub fn of(event: &Event) -> Self {
        let latency_ms = u64::try_from(event.latency.as_millis()).unwrap_or(u64::MAX);
        let ended = event.at.millis().saturating_add(i64::try_from(latency_ms).unwrap_or(i64::MAX));
        Self {
            timestamp: TimestampMs::new(ended).to_iso(),
            request_id: event.request_id.clone(),
            route: event.route.to_owned(),
            share: event.share.clone(),
            schema: event.schema.clone(),
            table: event.table.clone(),
            table_id: event.table_id.clone(),
            recipient_id: event.recipient_id.clone(),
            token_id: event.token_id.clone(),
            source_ip: event.source_ip.clone(),
            user_agent: event.user_agent.clone(),
            version: event.version.map(|version| version.number()),
            response_format: event.format.map(|format| format.to_string()),
            status: event.status,
            error_code: event.error_code.map(str::to_owned),
            outcome: event.outcome.to_string(),
            files_returned: event.files,
            bytes_sent: event.bytes,
            url_expires_at: event.urls_expire_at.map(TimestampMs::millis),
            latency_ms,
        }
    }

    /// Reads a line; nothing when it is no event's.
    pub fn read(line: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Targeted {
            target: Option<String>,
        }
        let record: Self = serde_json::from_slice(line).ok()?;
        let Targeted { target } = serde_json::from_slice(line).ok()?;
        target.is_none_or(|target| target == TARGET).then_some(record)
    }

    /// When the answer ended; nothing when that is no moment.
    pub fn at(&self) -> Option<TimestampMs> {
        TimestampMs::parse(&self.timestamp)
    }

    /// What was asked for, `share.schema.table` as far as the path says it.
    pub fn asked_for(&self) -> Option<String> {
        let names = [&self.share, &self.schema, &self.table].into_iter().map_while(Option::as_deref);
        Some(names.collect::<Vec<_>>().join(".")).filter(|name| !name.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::audit::Audit;
    use crate::audit::log::LogAudit;
    use crate::audit::tests::full;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What a function's log says of an event.
    fn logged(event: &Event) -> Vec<u8> {
        let kept = Kept::default();
        let writer = kept.clone();
        let log = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(log, || LogAudit.record(event));
        let line = kept.0.lock().unwrap().clone();
        assert!(line.ends_with(b"\n"));
        line
    }

    #[test]
    fn a_line_of_the_log_is_read_as_the_event_that_it_was_written_for() {
        let mut refused = full();
        (refused.version, refused.format, refused.recipient_id, refused.urls_expire_at) = (None, None, None, None);
        (refused.status, refused.error_code) = (404, Some("TABLE_NOT_FOUND"));
        for event in [full(), refused] {
            let mut read = Record::read(&logged(&event)).unwrap();
            assert!(read.at().is_some(), "{read:?}");
            read.timestamp = Record::of(&event).timestamp;
            assert_eq!(read, Record::of(&event));
        }
    }

    #[test]
    fn a_record_survives_being_written_down_and_says_nothing_of_why() {
        let event = Event { problem: Some("the reason".into()), ..full() };
        let text = serde_json::to_string(&Record::of(&event)).unwrap();
        assert_eq!(Record::read(text.as_bytes()), Some(Record::of(&event)));
        assert!(!text.contains("the reason") && !text.contains('\n'), "{text}");
        assert_eq!(Record::of(&event).timestamp, "2023-11-14T22:13:20.012Z");
    }

    #[test]
    fn other_lines_are_no_events() {
        let mut line: serde_json::Value = serde_json::from_slice(&logged(&full())).unwrap();
        line["target"] = "elsewhere".into();
        assert_eq!(Record::read(line.to_string().as_bytes()), None);
        for text in ["", "{}", "no JSON", r#"{"Route":"query-table","requestId":"x"}"#] {
            assert_eq!(Record::read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_was_asked_for_ends_where_the_path_ends() {
        let asked = |share: Option<&str>, table: Option<&str>| {
            let text = |text: Option<&str>| text.map(str::to_owned);
            let event = Event { share: text(share), schema: text(table.and(Some("d"))), table: text(table), ..full() };
            Record::of(&event).asked_for()
        };
        assert_eq!(asked(Some("s"), Some("t")).as_deref(), Some("s.d.t"));
        assert_eq!(asked(Some("s"), None).as_deref(), Some("s"));
        assert_eq!(asked(None, None), None);
    }
}
