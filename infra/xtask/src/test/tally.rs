//! How many tests passed, failed and were skipped.

use std::fmt;

/// Counts of one layer or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tests that ran and hold.
    pub(crate) passed: u64,
    /// Tests that ran and do not hold.
    pub(crate) failed: u64,
    /// Tests that were left out.
    pub(crate) skipped: u64,
}

impl Tally {
    /// Adds another tally to this one.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// This tally of a program that ended with or without success: a failure that its tests did not count is one.
    pub(crate) fn of_program(mut self, success: bool) -> Self {
        if !success && self.failed == 0 {
            self.failed = 1;
        }
        self
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_nobody_counted_is_one() {
        let passed = Tally { passed: 3, ..Tally::default() };
        assert_eq!(passed.of_program(true).to_string(), "3 passed, 0 failed, 0 skipped");
        assert_eq!(passed.of_program(false).to_string(), "3 passed, 1 failed, 0 skipped");
        let failed = Tally { failed: 2, ..Tally::default() };
        assert_eq!(failed.of_program(false), failed);
    }
}
