//! Whose turn it is while clients take nothing: an answer that keeps others waiting is paused and goes on where it was, and
//! is broken off only where too many are paused.

use super::*;
use crate::http::places::{Kept, Places};

const SOON: Duration = Duration::from_millis(20);
const NEVER: Duration = Duration::from_secs(3600);
/// More than fits in all the buffers on the way.
const MANY: u32 = 300_000;

/// So many places, which are kept for so long.
fn places(making: usize, paused: usize, kept: Kept) -> StreamPlaces {
    StreamPlaces { making: Places::new(making), paused: Places::new(paused), kept }
}

const STALLED: Kept = Kept { stalled: SOON, turn: NEVER, paused: NEVER };

fn begun(places: &StreamPlaces, producer: Producer, form: Form) -> (Body, Notes) {
    let terms = Terms { places: places.clone(), ..terms(None) };
    let notes = terms.notes.clone();
    (start(b"{}\n".to_vec(), producer, form, terms), notes)
}

/// Waits until it is so, which it is to be soon.
async fn until(what: impl Fn() -> bool) {
    let so = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), so).await.unwrap();
}

/// A whole body's lines.
async fn whole(body: Body, form: Form) -> Vec<u8> {
    let (bytes, broken) = tokio::time::timeout(Duration::from_secs(60), drained(body)).await.unwrap();
    assert!(!broken, "it broke off after {} bytes", bytes.len());
    unpacked_whole(&bytes, form)
}

fn unpacked_whole(bytes: &[u8], form: Form) -> Vec<u8> {
    let mut text = Vec::new();
    match form.coding {
        None => text.extend_from_slice(bytes),
        Some(Coding::Gzip) => drop(flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).unwrap()),
        #[cfg(feature = "zstd")]
        Some(Coding::Zstd) => {
            let (all, ended) = unpacked(bytes);
            assert!(ended);
            text = all;
        }
    }
    text
}

/// What [`counting`] makes, with the head.
fn counted(lines: u32) -> Vec<u8> {
    let lines = (0..lines).map(|number| format!("{{\"file\":{{\"number\":{number}}}}}\n"));
    std::iter::once("{}\n".to_owned()).chain(lines).collect::<String>().into_bytes()
}

fn forms() -> Vec<Form> {
    vec![
        PLAIN,
        PACKED,
        #[cfg(feature = "zstd")]
        SMALL,
    ]
}

/// Enough of them that compressed ones do not fit in the buffers either.
fn lines_of(form: Form) -> u32 {
    if form.coding.is_some() { 2 * MANY } else { MANY }
}

#[tokio::test]
async fn who_takes_nothing_makes_way_and_goes_on_where_it_was() {
    for form in forms() {
        let places = places(1, 3, STALLED);
        let mut waiting = Vec::new();
        for number in 1..=3 {
            waiting.push(begun(&places, counting(lines_of(form)), form));
            let (body, _) = begun(&places, counting(10), form);
            assert_eq!(whole(body, form).await, counted(10));
            assert_eq!(places.paused.free(), 3 - number);
        }
        for (body, notes) in waiting {
            assert!(whole(body, form).await == counted(lines_of(form)), "lines are lost, or there twice");
            assert!(!notes.is_client_stalled());
        }
        until(|| (places.making.free(), places.paused.free()) == (1, 3)).await;
    }
}

#[tokio::test]
async fn nobody_makes_way_for_nobody() {
    let places = places(1, 1, Kept { stalled: Duration::ZERO, turn: Duration::ZERO, paused: Duration::ZERO });
    let (body, _) = begun(&places, counting(MANY), PLAIN);
    until(|| places.making.free() == 0).await;
    tokio::time::sleep(10 * SOON).await;
    assert_eq!((places.making.free(), places.paused.free()), (0, 1));
    assert!(whole(body, PLAIN).await == counted(MANY));
}

#[tokio::test]
async fn answers_whose_clients_take_all_take_turns() {
    for form in forms() {
        let places = places(1, 2, Kept { stalled: NEVER, turn: SOON, paused: NEVER });
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let (body, _) = begun(&places, counting(lines_of(form)), form);
                tokio::spawn(async move { whole(body, form).await })
            })
            .collect();
        for reader in readers {
            assert!(reader.await.unwrap() == counted(lines_of(form)));
        }
    }
}

#[tokio::test]
async fn the_end_of_an_answer_needs_no_place() {
    let places = places(1, 1, STALLED);
    // It ends with a piece for which there is no room.
    let head = vec![b'\n'; 10 * 1024];
    let producer: Producer = Box::new(|out| {
        for _ in 0..STREAM_CHUNKS_QUEUED_MAX {
            out.buffer().extend(std::iter::repeat_n(b'\n', crate::limits::STREAM_CHUNK_BYTES));
            out.end_line()?;
        }
        Ok(Made::All)
    });
    let terms = Terms { places: places.clone(), ..terms(None) };
    let slow = start(head, producer, PLAIN, terms);
    let (body, _) = begun(&places, counting(10), PLAIN);
    assert_eq!(whole(body, PLAIN).await, counted(10));
    let all = 10 * 1024 + STREAM_CHUNKS_QUEUED_MAX * crate::limits::STREAM_CHUNK_BYTES;
    assert_eq!(whole(slow, PLAIN).await.len(), all);
    until(|| (places.making.free(), places.paused.free()) == (1, 1)).await;
}

#[tokio::test]
async fn where_too_many_are_paused_the_longest_is_visibly_broken_off() {
    for form in forms() {
        let form = Form { end_of_stream: true, ..form };
        let long = 10 * SOON;
        let places = places(1, 2, Kept { paused: long, ..STALLED });
        let mut stalled = Vec::new();
        for paused in [0, 1, 2] {
            stalled.push(begun(&places, counting(lines_of(form)), form));
            until(|| places.making.free() == 0 && places.paused.free() == 2 - paused).await;
            tokio::time::sleep(2 * long).await;
        }
        // The third has no place to go to before the first is broken off.
        let (body, _) = begun(&places, counting(10), form);
        assert_eq!(whole(body, form).await, counted(10));
        let mut ends = Vec::new();
        for (body, notes) in stalled {
            let (bytes, broken) = tokio::time::timeout(Duration::from_secs(60), drained(body)).await.unwrap();
            assert_eq!(broken, notes.is_client_stalled());
            if !broken {
                assert!(unpacked_whole(&bytes, form) == counted(lines_of(form)));
            }
            ends.push(broken);
        }
        assert_eq!(ends, [true, false, false]);
    }
}

#[tokio::test]
async fn where_all_who_are_paused_wait_for_a_place_one_that_nobody_takes_is_broken_off() {
    let places = places(1, 1, Kept { paused: SOON, ..STALLED });
    let (paused, _) = begun(&places, counting(MANY), PLAIN);
    until(|| places.making.free() == 0).await;
    let (stalled, notes) = begun(&places, counting(MANY), PLAIN);
    until(|| places.paused.free() == 0).await;
    // It is taken from again, and waits for a place that the other cannot give up for want of one.
    assert!(whole(paused, PLAIN).await == counted(MANY));
    let (_, broken) = tokio::time::timeout(Duration::from_secs(60), drained(stalled)).await.unwrap();
    assert!(broken && notes.is_client_stalled());
}

#[tokio::test]
async fn who_takes_something_in_time_is_never_broken_off() {
    let places = places(1, 1, Kept { stalled: Duration::ZERO, turn: Duration::ZERO, paused: 50 * SOON });
    let slow = |(mut body, _): (Body, Notes)| async move {
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            bytes.extend_from_slice(&frame.unwrap().into_data().unwrap());
            tokio::time::sleep(SOON / 4).await;
        }
        assert!(bytes == counted(MANY));
    };
    let readers: Vec<_> = (0..4).map(|_| tokio::spawn(slow(begun(&places, counting(MANY), PLAIN)))).collect();
    for reader in readers {
        tokio::time::timeout(Duration::from_secs(60), reader).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_failure_after_a_pause_is_visible() {
    for form in forms() {
        let places = places(1, 1, STALLED);
        let mut made = 0;
        // It fails when it is asked to make way.
        let producer: Producer = Box::new(move |out| {
            while !out.pauses() {
                made += 1;
                out.buffer().extend_from_slice(format!("{{\"file\":{{\"number\":{made}}}}}\n").as_bytes());
                out.end_line()?;
            }
            Err(Error::defect("the storage went away"))
        });
        let (slow, _) = begun(&places, producer, form);
        let (body, _) = begun(&places, counting(10), form);
        assert_eq!(whole(body, form).await, counted(10));
        let (bytes, broken) = tokio::time::timeout(Duration::from_secs(60), drained(slow)).await.unwrap();
        assert!(broken);
        if form.coding.is_none() {
            assert_unreadable(&bytes);
        }
    }
}

#[tokio::test]
async fn whoever_goes_away_while_paused_leaves_nothing_behind() {
    let places = places(1, 1, STALLED);
    let (slow, _) = begun(&places, counting(MANY), PLAIN);
    let (body, _) = begun(&places, counting(10), PLAIN);
    assert_eq!(whole(body, PLAIN).await, counted(10));
    assert_eq!(places.paused.free(), 0);
    drop(slow);
    until(|| (places.making.free(), places.paused.free()) == (1, 1)).await;
}

#[tokio::test]
async fn work_that_does_not_make_way_waits_for_its_client() {
    for form in forms() {
        let places = places(1, 1, STALLED);
        let producer: Producer = Box::new(move |out| {
            let text = counted(lines_of(form));
            for line in text.split_inclusive(|byte| *byte == b'\n').skip(1) {
                out.buffer().extend_from_slice(line);
                out.end_line()?;
            }
            Ok(Made::All)
        });
        let (slow, _) = begun(&places, producer, form);
        let (body, _) = begun(&places, counting(10), form);
        let (slow, quick) = tokio::join!(whole(slow, form), whole(body, form));
        assert!(slow == counted(lines_of(form)) && quick == counted(10));
    }
}

#[tokio::test]
async fn a_thousand_that_take_nothing_keep_nobody_waiting() {
    let line = [vec![b'x'; 8 * 1024], vec![b'\n']].concat();
    let lines = move |count: usize| -> Producer {
        let (line, mut made) = (line.clone(), 0);
        Box::new(move |out| {
            while made < count {
                if out.pauses() {
                    return Ok(Made::SoFar);
                }
                made += 1;
                out.buffer().extend_from_slice(&line);
                out.end_line()?;
            }
            Ok(Made::All)
        })
    };
    let places = places(32, 1_024, STALLED);
    let idle: Vec<_> = (0..1_000).map(|_| begun(&places, lines(100), PLAIN).0).collect();
    let busy: Vec<_> = (0..64).map(|_| tokio::spawn(whole(begun(&places, lines(300), PLAIN).0, PLAIN))).collect();
    for busy in busy {
        assert_eq!(busy.await.unwrap().len(), 3 + 300 * (8 * 1024 + 1));
    }
    assert!(places.paused.free() <= 1_024 - (1_000 - 32));
    for idle in idle {
        assert_eq!(whole(idle, PLAIN).await.len(), 3 + 100 * (8 * 1024 + 1));
    }
}
