//! What a client is left with when an answer breaks off.

use std::io::Read;

use http_body_util::BodyExt;

use super::*;
use crate::clock::SystemClock;

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
        let (bytes, broken) = drained(start(b"{}\n{}\n".to_vec(), producer, false, terms(None))).await;
        assert!(broken && bytes.starts_with(b"{}\n{}\n"));
        assert_unreadable(&bytes);
    }
}

#[tokio::test]
async fn a_compressed_answer_that_broke_off_is_unreadable_and_no_valid_member() {
    for producer in [failing(), panicking()] {
        let (bytes, broken) = drained(start(b"{}\n{}\n".to_vec(), producer, true, terms(None))).await;
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
    let (bytes, broken) = drained(start(b"{}\n".to_vec(), Box::new(line), false, terms)).await;
    assert!(broken);
    assert_unreadable(&[b"{}\n", &bytes[..]].concat());
    let mut event = crate::audit::tests::full();
    notes.complete(&mut event);
    assert!(event.problem.unwrap().contains("time"));
}

#[tokio::test]
async fn a_complete_answer_ends_cleanly() {
    let (bytes, broken) = drained(start(b"{}\n".to_vec(), Box::new(line), false, terms(None))).await;
    assert_eq!((bytes.as_slice(), broken), (&b"{}\n{\"file\":{}}\n"[..], false));
}
