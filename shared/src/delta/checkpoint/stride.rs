//! The pieces in which a column of a large checkpoint is fetched. Most bytes lie in one column, the statistics; with one
//! piece of it on its way at a time the decoder would wait for the storage's answer at each.

use std::ops::Range;

use crate::limits::{
    CHECKPOINT_PIECES_AHEAD, CHECKPOINT_WIDE_COLUMN_BYTES, CHECKPOINT_WIDE_WINDOW_BYTES, CHECKPOINT_WINDOW_BYTES,
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
    /// For a column chunk of so many bytes.
    pub(super) fn of(chunk_bytes: u64) -> Self {
        if chunk_bytes < CHECKPOINT_WIDE_COLUMN_BYTES {
            return Self { piece: CHECKPOINT_WINDOW_BYTES, ahead: 1 };
        }
        // Larger pieces once there are many of them: every request costs its own.
        let many = chunk_bytes >= CHECKPOINT_WIDE_COLUMN_BYTES * 4;
        let piece = if many { CHECKPOINT_WIDE_WINDOW_BYTES } else { CHECKPOINT_WINDOW_BYTES };
        Self { piece, ahead: CHECKPOINT_PIECES_AHEAD }
    }

    /// All pieces of a column chunk that lies there.
    pub(super) fn pieces(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let Self { piece, .. } = Self::of(range.end.saturating_sub(range.start));
        let step = usize::try_from(piece).unwrap_or(usize::MAX);
        range.clone().step_by(step).map(move |from| from..from.saturating_add(piece).min(range.end))
    }
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
            assert!(pieces.iter().all(|piece| piece.end - piece.start <= Stride::of(bytes).piece));
        }
    }

    #[test]
    fn only_large_columns_are_fetched_far_ahead() {
        let narrow = Stride { piece: CHECKPOINT_WINDOW_BYTES, ahead: 1 };
        assert_eq!(Stride::of(CHECKPOINT_WIDE_COLUMN_BYTES - 1), narrow);
        assert_eq!(Stride::of(CHECKPOINT_WIDE_COLUMN_BYTES).ahead, CHECKPOINT_PIECES_AHEAD);
        assert_eq!(Stride::of(u64::MAX).piece, CHECKPOINT_WIDE_WINDOW_BYTES);
    }
}
