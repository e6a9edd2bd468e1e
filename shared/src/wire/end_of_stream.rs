//! The `endStreamAction` line, always an answer's last: tokens to go on with, when the first URL ends, or why the answer
//! ends before its time. Sent only to whoever asked for it: other clients take no line they do not know.

use serde::Serialize;

use crate::error::Error;

/// What the line says.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndOfStream {
    /// Asks for the same snapshot again, with new URLs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Asks for the page after this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
    /// When the first of the answer's URLs ends, in milliseconds since the epoch; nothing when it has no URLs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_url_expiration_timestamp: Option<i64>,
    /// Why the answer is not whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// The status that the answer would have had, had it failed before its first byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status_error_code: Option<u16>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    end_stream_action: &'a EndOfStream,
}

impl EndOfStream {
    /// The end of an answer that failed.
    pub fn failed(message: String, status: u16) -> Self {
        Self { error_message: Some(message), http_status_error_code: Some(status), ..Self::default() }
    }

    /// Appends the line, newline included.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        serde_json::to_writer(&mut *out, &Line { end_stream_action: self })
            .map_err(|cause| Error::internal("the last line could not be written as JSON", cause))?;
        out.push(b'\n');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(end: &EndOfStream) -> String {
        let mut out = Vec::new();
        end.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_what_there_is_to_say() {
        assert_eq!(line(&EndOfStream::default()), "{\"endStreamAction\":{}}\n");
        let end = EndOfStream {
            refresh_token: Some("r".into()),
            next_page_token: Some("n".into()),
            min_url_expiration_timestamp: Some(7),
            ..EndOfStream::default()
        };
        let wanted = r#"{"endStreamAction":{"refreshToken":"r","nextPageToken":"n","minUrlExpirationTimestamp":7}}"#;
        assert_eq!(line(&end), format!("{wanted}\n"));
        let wanted = r#"{"endStreamAction":{"errorMessage":"no \"x\"","httpStatusErrorCode":503}}"#;
        assert_eq!(line(&EndOfStream::failed("no \"x\"".into(), 503)), format!("{wanted}\n"));
    }
}
