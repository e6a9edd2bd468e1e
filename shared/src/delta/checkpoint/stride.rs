//! The pieces in which a column of a large checkpoint is fetched. Most bytes lie in one column, the statistics; with one
//! piece of it on its way at a time the decoder would wait for the storage's answer at each.

use std::ops::Range;

use crate::limits::{
    CHECKPOINT_PIECES_AHEAD_MAX, CHECKPOINT_PIECES_AHEAD_MIN, CHECKPOINT_PIECES_TOGETHER, CHECKPOINT_WIDE_COLUMN_BYTES,
    CHECKPOINT_WIDE_WINDOW_BYTES, CHECKPOINT_WINDOW_BYTES,
};

/// How a column chunk is walked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stride {
    /// Bytes of a piece.
    pub(super) piece: u64,
    /// Pieces on their way while one is decoded.
    pub(super) ahead: usize,
}

impl Stride {
    /// For a column chunk of so many bytes, one of so many columns that are read together.
    pub(super) fn of(chunk_bytes: u64, columns: usize) -> Self {
        let piece = piece(chunk_bytes);
        if chunk_bytes < CHECKPOINT_WIDE_COLUMN_BYTES {
            return Self { piece, ahead: 1 };
        }
        let share = CHECKPOINT_PIECES_TOGETHER / columns.max(1);
        Self { piece, ahead: share.clamp(CHECKPOINT_PIECES_AHEAD_MIN, CHECKPOINT_PIECES_AHEAD_MAX) }
    }

    /// All pieces of a column chunk that lies there.
    pub(super) fn pieces(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let piece = piece(range.end.saturating_sub(range.start));
        let step = usize::try_from(piece).unwrap_or(usize::MAX);
        range.clone().step_by(step).map(move |from| from..from.saturating_add(piece).min(range.end))
    }
}

/// Larger pieces once there are many of them: every request costs its own.
fn piece(chunk_bytes: u64) -> u64 {
    let many = chunk_bytes >= CHECKPOINT_WIDE_COLUMN_BYTES * 4;
    if many { CHECKPOINT_WIDE_WINDOW_BYTES } else { CHECKPOINT_WINDOW_BYTES }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_one_another_to_the_end() {
        for bytes in
            [1, CHECKPOINT_WINDOW_BYTES, CHECKPOINT_WIDE_COLUMN_BYTES + 1, CHECKPOINT_WIDE_COLUMN_BYTES * 4 + 7]
        {
            let pieces: Vec<_> = Stride::pieces(100..100 + bytes).collect();
            assert_eq!((pieces[0].start, pieces[pieces.len() - 1].end), (100, 100 + bytes));
            assert!(pieces.windows(2).all(|two| two[0].end == two[1].start));
            assert!(pieces.iter().all(|piece| piece.end - piece.start <= Stride::of(bytes, 1).piece));
        }
    }

    #[test]
    fn only_large_columns_are_fetched_far_ahead() {
        let narrow = Stride { piece: CHECKPOINT_WINDOW_BYTES, ahead: 1 };
        assert_eq!(Stride::of(CHECKPOINT_WIDE_COLUMN_BYTES - 1, 1), narrow);
        assert_eq!(Stride::of(CHECKPOINT_WIDE_COLUMN_BYTES, 1).ahead, CHECKPOINT_PIECES_AHEAD_MAX);
        assert_eq!(Stride::of(u64::MAX, usize::MAX).piece, CHECKPOINT_WIDE_WINDOW_BYTES);
    }

    #[test]
    fn the_fewer_columns_are_read_the_further_each_is_fetched_ahead() {
        let ahead = |columns| Stride::of(u64::MAX, columns).ahead;
        assert_eq!([ahead(0), ahead(1), ahead(5), ahead(11), ahead(100)], [8, 8, 6, 2, 2]);
        for columns in 1..=CHECKPOINT_PIECES_TOGETHER / CHECKPOINT_PIECES_AHEAD_MIN {
            assert!(columns * ahead(columns) <= CHECKPOINT_PIECES_TOGETHER);
        }
    }
}
