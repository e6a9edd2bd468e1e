//! How much the log says of files, in bytes, and what an answer about them comes to at least. Known before any file is
//! read, so that an answer which cannot be sent is refused instead of broken off.

/// What is said of files, at least.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// Lines of an answer about them.
    pub lines: u64,
    /// Those among them about a file that no other line tells of.
    pub single: u64,
    /// Deletion vectors that lie in files; each has a URL.
    pub vectors: u64,
    /// Bytes of object keys, partition values and statistics.
    pub text: u64,
    /// What is left of these bytes when they are compressed.
    pub packed: u64,
}

impl Weight {
    /// Of one line with so many bytes of text.
    pub fn of_line(text: u64, single: bool, vector_in_file: bool) -> Self {
        Self { lines: 1, single: u64::from(single), vectors: u64::from(vector_in_file), text, packed: 0 }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            lines: self.lines.saturating_add(other.lines),
            single: self.single.saturating_add(other.single),
            vectors: self.vectors.saturating_add(other.vectors),
            text: self.text.saturating_add(other.text),
            packed: self.packed.saturating_add(other.packed),
        }
    }
}

/// What an answer's lines come to at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtLeast {
    /// Files that it tells of.
    pub files: u64,
    /// Bytes of the lines as they are.
    pub plain: u64,
    /// Bytes of the lines when they are compressed.
    pub packed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_to_what_can_be_counted() {
        let (a, b) = (Weight::of_line(10, true, false), Weight::of_line(5, false, true));
        assert_eq!(a.and(b), Weight { lines: 2, single: 1, vectors: 1, text: 15, packed: 0 });
        assert_eq!(Weight { text: u64::MAX, ..a }.and(b).text, u64::MAX);
    }
}
