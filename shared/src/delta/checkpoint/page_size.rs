//! What a page of a column chunk says of its own size, read before the decoder makes room for as much: a few bytes may
//! claim to be gigabytes (Parquet's `PageHeader`, in Thrift's compact protocol).

use crate::limits::{CHECKPOINT_DICTIONARY_BYTES_MAX, CHECKPOINT_PAGE_BYTES_MAX};

/// Bytes of a header that are needed at most: five numbers, each with its field's byte, and a byte for the structure.
pub(super) const HEADER_BYTES: usize = 5 * 6 + 1;

/// `DICTIONARY_PAGE` of the enumeration `PageType`.
const DICTIONARY: i64 = 2;
/// A field with the next number that holds an `i32`.
const NEXT_I32: u8 = 0x15;
/// Field 7, the dictionary's header, after field 3 or 4.
const DICTIONARY_HEADER: [u8; 2] = [0x4c, 0x3c];
/// Least bytes of a value in a dictionary: truth values have none, and text has its length in front.
const VALUE_BYTES_MIN: i64 = 4;

/// Whether the page that begins with these bytes is within bounds. One whose header is not in the order of its fields, as
/// every writer has it, is not.
pub(super) fn is_bounded(header: &[u8]) -> bool {
    within(&mut Fields(header)).unwrap_or(false)
}

fn within(fields: &mut Fields<'_>) -> Option<bool> {
    let kind = fields.next_i32()?;
    let sizes = [fields.next_i32()?, fields.next_i32()?];
    let at_most = |max: usize| sizes.iter().all(|&size| usize::try_from(size).is_ok_and(|size| size <= max));
    if kind != DICTIONARY {
        return Some(at_most(CHECKPOINT_PAGE_BYTES_MAX));
    }
    if fields.0.first() == Some(&NEXT_I32) {
        // A checksum.
        fields.next_i32()?;
    }
    let (opens, rest) = fields.0.split_first()?;
    fields.0 = rest;
    let values = fields.next_i32()?;
    let [uncompressed, _] = sizes;
    let fits = (0..=uncompressed / VALUE_BYTES_MIN).contains(&values);
    Some(DICTIONARY_HEADER.contains(opens) && fits && at_most(CHECKPOINT_DICTIONARY_BYTES_MAX))
}

/// The fields that are left.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// The next field, when it is a number: seven bits a byte, lowest first, the sign in the last bit.
    fn next_i32(&mut self) -> Option<i64> {
        let (field, mut rest) = self.0.split_first()?;
        if *field != NEXT_I32 {
            return None;
        }
        let mut number = 0u64;
        for shift in [0, 7, 14, 21, 28] {
            let (byte, after) = rest.split_first()?;
            rest = after;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                self.0 = rest;
                let magnitude = i64::try_from(number >> 1).ok()?;
                return Some(if number & 1 == 0 { magnitude } else { -magnitude - 1 });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: i64) -> Vec<u8> {
        let mut left = ((number << 1) ^ (number >> 63)) as u64;
        let mut bytes = vec![NEXT_I32];
        while left > 0x7f {
            bytes.push((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        bytes.push(left as u8);
        bytes
    }

    fn page(kind: i64, uncompressed: i64, compressed: i64, rest: &[u8]) -> bool {
        is_bounded(&[&field(kind), &field(uncompressed), &field(compressed), rest].concat())
    }

    fn dictionary(uncompressed: i64, opens: u8, values: i64) -> bool {
        page(DICTIONARY, uncompressed, 10, &[&[opens], field(values).as_slice()].concat())
    }

    #[test]
    fn a_page_may_be_as_large_as_the_bound() {
        let max = CHECKPOINT_PAGE_BYTES_MAX as i64;
        assert!(page(0, max, max, &[]) && page(3, 0, 0, &[]));
        assert!(!page(0, max + 1, 1, &[]) && !page(0, 1, max + 1, &[]));
        assert!(!page(0, -1, 1, &[]) && !page(0, 1, -1, &[]) && !page(0, i64::from(i32::MAX), 1, &[]));
    }

    #[test]
    fn a_dictionary_holds_no_more_values_than_it_has_room_for() {
        assert!(dictionary(40, 0x4c, 10) && dictionary(0, 0x4c, 0));
        assert!(!dictionary(40, 0x4c, 11) && !dictionary(40, 0x4c, -1) && !dictionary(40, 0x4d, 1));
        assert!(!dictionary(CHECKPOINT_DICTIONARY_BYTES_MAX as i64 + 1, 0x4c, 1));
        let checksum = |opens| [field(-7), vec![opens], field(10)].concat();
        assert!(page(DICTIONARY, 40, 40, &checksum(0x3c)) && !page(DICTIONARY, 39, 40, &checksum(0x3c)));
    }

    #[test]
    fn what_is_no_header_is_not_bounded() {
        for bad in [&b""[..], b"PAR1", &[0x15], &[0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], &[0x05, 0x02, 0x00]] {
            assert!(!is_bounded(bad), "{bad:?}");
        }
    }
}
