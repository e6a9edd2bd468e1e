//! What a client is left with when an answer breaks off.

use std::io::Read;

use http_body_util::BodyExt;

use super::*;
use crate::clock::SystemClock;

const PLAIN: Form = Form { compress: false, end_of_stream: false };
const PACKED: Form = Form { compress: true, ..PLAIN };

fn terms(until: Option<Duration>) -> Terms<()> {
    Terms { held: (), notes: Notes::default(), clock: SystemClock::shared(), until }
}

fn line(out: &mut dyn LineOut) -> Result<(), Error> {
    out.buffer().extend_from_slice(b"{\"file\":{}}\n");
    out.end_line()
}

/// The bytes of a body up to its end, and whether it ended in an error.
async fn drained(mut body: Body) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap()),
            Err(_) => return (bytes, true),
        }
    }
    (bytes, false)
}

/// Every way in which a client may read lines of JSON finds the answer bad.
fn assert_unreadable(text: &[u8]) {
    let json = |line: &[u8]| serde_json::from_slice::<serde_json::Value>(line).is_ok();
    let ended: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    let (last, whole) = ended.split_last().unwrap();
    assert!(!whole.iter().all(|line| json(line)), "whole lines are all good");
    assert!(!last.is_empty() && !json(last), "the last line is good");
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<serde_json::Value>();
    assert!(values.any(|value| value.is_err()), "the values are all good");
}

fn failing() -> Producer {
    Box::new(|out| {
        (0..10_000).try_for_each(|_| line(out))?;
        // Half a line that never gets its end.
        out.buffer().extend_from_slice(b"{\"file\":");
        Err(Error::defect("the storage went away"))
    })
}

fn panicking() -> Producer {
    Box::new(|out| {
        line(out)?;
        panic!("a defect in a producer")
    })
}

#[tokio::test]
async fn a_plain_answer_that_broke_off_is_unreadable() {
    for producer in [failing(), panicking()] {
        let (bytes, broken) = drained(start(b"{}\n{}\n".to_vec(), producer, PLAIN, terms(None))).await;
        assert!(broken && bytes.starts_with(b"{}\n{}\n"));
        assert_unreadable(&bytes);
    }
}

#[tokio::test]
async fn a_compressed_answer_that_broke_off_is_unreadable_and_no_valid_member() {
    for producer in [failing(), panicking()] {
        let (bytes, broken) = drained(start(b"{}\n{}\n".to_vec(), producer, PACKED, terms(None))).await;
        assert!(broken);
        assert!(flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut Vec::new()).is_err());

        // What a decompressor hands on before it meets the block that is none.
        let (last, before) = bytes.split_last().unwrap();
        let mut text = Vec::new();
        assert!(flate2::read::GzDecoder::new(before).read_to_end(&mut text).is_err());
        assert_eq!(*last, NO_BLOCK);
        assert!(text.starts_with(b"{}\n{}\n"));
        assert_unreadable(&text);

        // A decompressor that would not miss a trailer still meets an error in the data.
        let mut inflate = flate2::Decompress::new(false);
        let mut out = Vec::with_capacity(1024 * 1024);
        assert!(inflate.decompress_vec(&bytes[10..], &mut out, flate2::FlushDecompress::None).is_err());
    }
}

#[tokio::test]
async fn an_answer_without_time_left_is_broken_off_and_says_why() {
    let terms = terms(Some(Duration::ZERO));
    let notes = terms.notes.clone();
    let (bytes, broken) = drained(start(b"{}\n".to_vec(), Box::new(line), PLAIN, terms)).await;
    assert!(broken);
    assert_unreadable(&[b"{}\n", &bytes[..]].concat());
    let mut event = crate::audit::tests::full();
    notes.complete(&mut event);
    assert!(event.problem.unwrap().contains("time"));
}

/// The one thing that the last line of a body says.
fn told(text: &[u8]) -> serde_json::Value {
    let lines: Vec<serde_json::Value> =
        text.split_inclusive(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect();
    let (last, before) = lines.split_last().unwrap();
    assert!(before.iter().all(|line| line.get("endStreamAction").is_none()));
    last["endStreamAction"].clone()
}

#[tokio::test]
async fn who_reads_the_last_line_is_told_there_why_an_answer_is_not_whole() {
    let wanted = serde_json::json!({
        "errorMessage": "The server failed. Give the request id to the share provider.",
        "httpStatusErrorCode": 500,
    });
    for form in [PLAIN, PACKED] {
        let terms = terms(None);
        let notes = terms.notes.clone();
        let form = Form { end_of_stream: true, ..form };
        let (bytes, broken) = drained(start(b"{}\n{}\n".to_vec(), failing(), form, terms)).await;
        assert!(!broken, "the line is not the last where the connection breaks");
        let mut text = bytes.clone();
        if form.compress {
            text.clear();
            flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut text).unwrap();
        }
        assert_eq!(told(&text), wanted);
        let mut event = crate::audit::tests::full();
        notes.complete(&mut event);
        assert!(event.problem.unwrap().contains("the storage went away"));
    }
}

#[tokio::test]
async fn an_answer_out_of_time_tells_so_unless_a_compressed_piece_was_lost() {
    let form = Form { end_of_stream: true, ..PLAIN };
    let (bytes, broken) = drained(start(b"{}\n".to_vec(), Box::new(line), form, terms(Some(Duration::ZERO)))).await;
    assert!(!broken);
    let told = told(&bytes);
    assert_eq!(told["httpStatusErrorCode"], 503);
    assert!(told["errorMessage"].as_str().unwrap().contains("in time"), "{told}");

    let form = Form { compress: true, ..form };
    let (bytes, broken) = drained(start(b"{}\n".to_vec(), Box::new(line), form, terms(Some(Duration::ZERO)))).await;
    assert!(broken && flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut Vec::new()).is_err());
}

#[tokio::test]
async fn a_panic_breaks_the_answer_for_every_reader() {
    for form in [PLAIN, PACKED] {
        let form = Form { end_of_stream: true, ..form };
        assert!(drained(start(b"{}\n".to_vec(), panicking(), form, terms(None))).await.1);
    }
}

#[tokio::test]
async fn a_complete_answer_ends_cleanly() {
    let (bytes, broken) = drained(start(b"{}\n".to_vec(), Box::new(line), PLAIN, terms(None))).await;
    assert_eq!((bytes.as_slice(), broken), (&b"{}\n{\"file\":{}}\n"[..], false));
}
