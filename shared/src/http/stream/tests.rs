//! What a client is left with when an answer breaks off.

use std::io::Read;

use http_body_util::BodyExt;

mod turns;

use super::*;
use crate::clock::SystemClock;
use crate::handlers::Made;
use crate::http::gzip::NO_BLOCK;
use crate::wire::ndjson::LineOut;

const PLAIN: Form = Form { coding: None, end_of_stream: false };
const PACKED: Form = Form { coding: Some(Coding::Gzip), ..PLAIN };
#[cfg(feature = "zstd")]
const SMALL: Form = Form { coding: Some(Coding::Zstd), ..PLAIN };

fn terms(until: Option<Duration>) -> Terms {
    let places = StreamPlaces::default();
    Terms { places, place: None, notes: Notes::default(), clock: SystemClock::shared(), until, bytes_max: None }
}

fn line(out: &mut dyn LineOut) -> Result<(), Error> {
    out.buffer().extend_from_slice(b"{\"file\":{}}\n");
    out.end_line()
}

/// One line.
fn single() -> Producer {
    Box::new(|out| line(out).map(|()| Made::All))
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
        let before = bytes.strip_suffix(NO_BLOCK).unwrap();
        let mut text = Vec::new();
        assert!(flate2::read::GzDecoder::new(before).read_to_end(&mut text).is_err());
        assert!(text.starts_with(b"{}\n{}\n"));
        assert_unreadable(&text);

        // A decompressor that would not miss a trailer still meets an error in the data.
        let mut inflate = flate2::Decompress::new(false);
        let mut out = Vec::with_capacity(1024 * 1024);
        assert!(inflate.decompress_vec(&bytes[10..], &mut out, flate2::FlushDecompress::None).is_err());
    }
}

/// What a frame's beginning holds, and whether its end is there.
#[cfg(feature = "zstd")]
fn unpacked(bytes: &[u8]) -> (Vec<u8>, bool) {
    let (mut text, mut decoder) = (Vec::new(), ::zstd::stream::read::Decoder::new(bytes).unwrap());
    let whole = decoder.read_to_end(&mut text).is_ok();
    (text, whole)
}

#[cfg(feature = "zstd")]
#[tokio::test]
async fn an_answer_in_zstd_that_broke_off_is_unreadable_and_no_whole_frame() {
    for producer in [failing(), panicking()] {
        let (bytes, broken) = drained(start(b"{}\n{}\n".to_vec(), producer, SMALL, terms(None))).await;
        assert!(broken && bytes.ends_with(crate::http::zstd::NO_BLOCK));
        let (text, whole) = unpacked(&bytes);
        assert!(!whole && text.starts_with(b"{}\n{}\n"));
        assert_unreadable(&text);
    }
    let (bytes, broken) = drained(start(b"{}\n".to_vec(), single(), SMALL, terms(None))).await;
    assert!(!broken);
    assert_eq!(unpacked(&bytes), (b"{}\n{\"file\":{}}\n".to_vec(), true));
}

#[tokio::test]
async fn an_answer_without_time_left_is_broken_off_and_says_why() {
    let terms = terms(Some(Duration::ZERO));
    let notes = terms.notes.clone();
    let (bytes, broken) = drained(start(b"{}\n".to_vec(), single(), PLAIN, terms)).await;
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
        if form.coding.is_some() {
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
    let (bytes, broken) = drained(start(b"{}\n".to_vec(), single(), form, terms(Some(Duration::ZERO)))).await;
    assert!(!broken);
    let told = told(&bytes);
    assert_eq!(told["httpStatusErrorCode"], 503);
    assert!(told["errorMessage"].as_str().unwrap().contains("in time"), "{told}");

    let form = Form { coding: Some(Coding::Gzip), ..form };
    let (bytes, broken) = drained(start(b"{}\n".to_vec(), single(), form, terms(Some(Duration::ZERO)))).await;
    assert!(broken && flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut Vec::new()).is_err());
}

#[tokio::test]
async fn a_panic_breaks_the_answer_for_every_reader() {
    for form in [PLAIN, PACKED] {
        let form = Form { end_of_stream: true, ..form };
        assert!(drained(start(b"{}\n".to_vec(), panicking(), form, terms(None))).await.1);
    }
}

/// A large answer, of which each line says where it stands.
fn counting(lines: u32) -> Producer {
    let mut made = 0;
    Box::new(move |out| {
        while made < lines {
            if out.pauses() {
                return Ok(Made::SoFar);
            }
            out.buffer().extend_from_slice(format!("{{\"file\":{{\"number\":{made}}}}}\n").as_bytes());
            made += 1;
            out.end_line()?;
        }
        Ok(Made::All)
    })
}

#[tokio::test]
async fn a_compressed_answer_holds_all_lines_in_their_order() {
    let (plain, _) = drained(start(b"{}\n".to_vec(), counting(200_000), PLAIN, terms(None))).await;
    let (packed, broken) = drained(start(b"{}\n".to_vec(), counting(200_000), PACKED, terms(None))).await;
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut text).unwrap();
    assert!(!broken && plain.len() > 4_000_000 && text == plain);
}

#[tokio::test]
async fn the_place_is_let_go_when_the_client_goes_away() {
    for form in [PLAIN, PACKED] {
        let terms = terms(None);
        let places = terms.places.clone();
        let all = places.making.free();
        let mut body = start(b"{}\n".to_vec(), counting(u32::MAX), form, terms);
        body.frame().await.unwrap().unwrap();
        assert_eq!(places.making.free(), all - 1);
        drop(body);
        tokio::time::timeout(Duration::from_secs(30), async {
            while places.making.free() < all {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_complete_answer_ends_cleanly() {
    let (bytes, broken) = drained(start(b"{}\n".to_vec(), single(), PLAIN, terms(None))).await;
    assert_eq!((bytes.as_slice(), broken), (&b"{}\n{\"file\":{}}\n"[..], false));
}

#[tokio::test]
async fn an_answer_that_outgrows_its_bound_breaks_off_within_it() {
    use crate::limits::ANSWER_END_BYTES;
    let random = || -> Producer {
        Box::new(|out| {
            let mut state = 1_u64;
            for _ in 0..300_000 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                out.buffer().extend_from_slice(format!("{{\"file\":\"{state:016x}\"}}\n").as_bytes());
                out.end_line()?;
            }
            Ok(Made::All)
        })
    };
    let max = ANSWER_END_BYTES + 1_200_000;
    for coding in [None, Some(Coding::Gzip)] {
        for end_of_stream in [false, true] {
            let terms = Terms { bytes_max: Some(max), ..terms(None) };
            let (bytes, broken) =
                drained(start(b"{}\n".to_vec(), random(), Form { coding, end_of_stream }, terms)).await;
            assert_eq!(broken, !end_of_stream, "{coding:?}");
            assert!((800_000..=max).contains(&(bytes.len() as u64)), "{} bytes", bytes.len());
            let mut text = bytes;
            if coding.is_some() {
                let packed = std::mem::take(&mut text);
                let read = flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut text);
                assert_eq!(read.is_ok(), end_of_stream);
            }
            if end_of_stream {
                let last = text.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap();
                let last: serde_json::Value = serde_json::from_slice(last).unwrap();
                assert_eq!(last["endStreamAction"]["httpStatusErrorCode"], 400);
                assert!(last["endStreamAction"]["errorMessage"].as_str().unwrap().contains("maxFiles"));
            } else if coding.is_none() {
                assert_unreadable(&text);
            }
        }
    }
}
