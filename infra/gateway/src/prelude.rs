//! The beginning of a streamed answer: status and headers as JSON, eight NUL bytes, then the body.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};

use crate::answer;

const DELIMITER: [u8; 8] = [0; 8];
/// Within how many bytes the delimiter must come.
pub const PRELUDE_BYTES_MAX: usize = 16 * 1024;

/// What the bytes of a stream have come to so far.
#[derive(Debug)]
pub enum Progress {
    /// The delimiter has not come yet.
    More,
    /// The answer's head, and the first bytes of its body.
    Begins(StatusCode, HeaderMap, Bytes),
    /// This is no streamed answer.
    Malformed,
}

/// Collects the beginning.
#[derive(Debug, Default)]
pub struct Prelude(BytesMut);

impl Prelude {
    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Progress {
        self.0.extend_from_slice(bytes);
        let window = self.0.windows(DELIMITER.len()).take(PRELUDE_BYTES_MAX);
        let Some(at) = window.into_iter().position(|window| window == DELIMITER) else {
            return if self.0.len() > PRELUDE_BYTES_MAX { Progress::Malformed } else { Progress::More };
        };
        let json = self.0.split_to(at);
        let body = self.0.split().freeze().slice(DELIMITER.len()..);
        match serde_json::from_slice(&json).ok().and_then(|json| answer::head(&json)) {
            Some((status, headers)) => Progress::Begins(status, headers, body),
            None => Progress::Malformed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_found_wherever_the_bytes_are_cut() {
        let whole = b"{\"statusCode\":207,\"headers\":{\"x-a\":\"1\"}}\0\0\0\0\0\0\0\0line\n\0";
        for cut in 1..whole.len() {
            let mut prelude = Prelude::default();
            let (first, second) = whole.split_at(cut);
            let (begins, late) = match prelude.push(first) {
                Progress::More => (prelude.push(second), &b""[..]),
                begins => (begins, second),
            };
            let Progress::Begins(status, headers, body) = begins else { panic!("cut at {cut}") };
            assert_eq!((status.as_u16(), &headers["x-a"]), (207, &"1".parse().unwrap()));
            assert_eq!([&body, late].concat(), b"line\n\0");
        }
    }

    #[test]
    fn an_envelope_is_no_stream() {
        assert!(matches!(Prelude::default().push(br#"{"statusCode":200,"body":"x"}"#), Progress::More));
        assert!(matches!(Prelude::default().push(&[b'a'; PRELUDE_BYTES_MAX + 1]), Progress::Malformed));
        assert!(matches!(Prelude::default().push(b"text\0\0\0\0\0\0\0\0"), Progress::Malformed));
    }
}
