//! Where lines are written to: a buffer that is handed on, compressed and sent as it fills, while the work goes on.

use crate::error::Error;

/// Takes the lines of an answer.
pub trait LineOut {
    /// The buffer to append to. A line is whole, newline included, before [`LineOut::end_line`] is called.
    fn buffer(&mut self) -> &mut Vec<u8>;

    /// Says that the buffer ends with a whole line; may hand it on and wait until there is room.
    ///
    /// # Errors
    /// When the client has gone away or takes nothing any more; the work must stop.
    fn end_line(&mut self) -> Result<(), Error>;

    /// How many bytes the whole answer may come to, on its way; nothing when there is no bound.
    fn bytes_max(&self) -> Option<u64> {
        None
    }

    /// Whether others want their turn: the work is to stop before its next file, to go on there later.
    fn pauses(&self) -> bool {
        false
    }
}

/// Lines in memory, for tests and small answers.
#[derive(Debug, Default)]
pub struct Collected(pub Vec<u8>);

impl LineOut for Collected {
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }

    fn end_line(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
