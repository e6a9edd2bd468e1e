//! Texts as JSON strings, eight bytes at a time. Statistics are the largest part of most lines, and every sixth character
//! of theirs is a quotation mark; copying what lies between, run by run, would cost more than the copying itself.

use std::cell::RefCell;

use crate::error::Error;

/// Bytes of text that are escaped before they are handed on.
const BLOCK: usize = 256;
/// Room for every byte of a block to be escaped, and for whole words behind the last.
const ROOM: usize = 2 * BLOCK + 16;
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

thread_local! {
    /// Kept from text to text: to clear so many bytes for each block shows.
    static ESCAPED: RefCell<[u8; ROOM]> = const { RefCell::new([0; ROOM]) };
}

/// Appends a text as a JSON string, as `serde_json` writes it.
///
/// # Errors
/// None in practice; serialisation is fallible by type.
pub(super) fn write(text: &str, out: &mut Vec<u8>) -> Result<(), Error> {
    let begin = out.len();
    out.reserve(text.len() + text.len() / 4 + 2);
    out.push(b'"');
    let plain =
        ESCAPED.with_borrow_mut(|room| text.as_bytes().chunks(BLOCK).all(|block| write_block(block, room, out)));
    if !plain {
        out.truncate(begin);
        return write_rare(text, out);
    }
    out.push(b'"');
    Ok(())
}

/// A text with control characters, which have escapes of their own.
#[cold]
fn write_rare(text: &str, out: &mut Vec<u8>) -> Result<(), Error> {
    serde_json::to_writer(out, text).map_err(|cause| Error::internal("a text could not be written as JSON", cause))
}

/// Escapes a block; false, with nothing written, where it holds a control character.
fn write_block(block: &[u8], room: &mut [u8; ROOM], out: &mut Vec<u8>) -> bool {
    let (mut at, mut control) = (0, 0);
    let (words, rest) = block.as_chunks::<8>();
    for bytes in words {
        let word = u64::from_le_bytes(*bytes);
        control |= word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let mut marks = equal(word, b'"') | equal(word, b'\\');
        put(room, at, *bytes);
        while marks != 0 {
            let mark = marks.trailing_zeros() / 8;
            let place = at + mark as usize;
            put(room, place, [b'\\']);
            // The mark itself and what follows it in the word move on by one.
            put(room, place + 1, (word >> (8 * mark)).to_le_bytes());
            at += 1;
            marks &= marks - 1;
        }
        at += 8;
    }
    for &byte in rest {
        control |= u64::from(byte < 0x20);
        if matches!(byte, b'"' | b'\\') {
            put(room, at, [b'\\']);
            at += 1;
        }
        put(room, at, [byte]);
        at += 1;
    }
    if control == 0 {
        out.extend_from_slice(room.get(..at).unwrap_or_default());
    }
    control == 0
}

/// The highest bit of every byte of a word that is `byte`, and no other bit.
fn equal(word: u64, byte: u8) -> u64 {
    let differs = word ^ (ONES * u64::from(byte));
    !(((differs & !HIGH) + !HIGH) | differs | !HIGH)
}

fn put<const N: usize>(room: &mut [u8], at: usize, bytes: [u8; N]) {
    if let Some(place) = room.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = bytes;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_same(text: &str) {
        let (mut own, mut expected) = (b"before".to_vec(), b"before".to_vec());
        write(text, &mut own).unwrap();
        serde_json::to_writer(&mut expected, text).unwrap();
        assert_eq!(String::from_utf8(own).unwrap(), String::from_utf8(expected).unwrap());
    }

    #[test]
    fn every_character_of_one_byte_is_written_at_every_place_of_a_word() {
        for byte in 0..128_u8 {
            for place in 0..17 {
                let mut text = vec![b'a'; 17];
                text[place] = byte;
                assert_same(std::str::from_utf8(&text).unwrap());
            }
        }
    }

    #[test]
    fn blocks_of_nothing_but_marks_have_room() {
        for length in [0, 1, 7, 8, 9, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5, 10_000] {
            assert_same(&"\"".repeat(length));
            assert_same(&"\\".repeat(length));
            assert_same(&"\"\\a".repeat(length));
            assert_same(&format!("{}\u{1}", "\"".repeat(length)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn any_text_is_written_as_serde_json_writes_it(text in "[\"\\\\a-c]{0,600}|\\PC{0,300}|([\"\\\\!#\\[\\]\u{7f}\u{80}\u{a2}\u{dc}]{0,40})|.{0,300}") {
            assert_same(&text);
        }
    }
}
