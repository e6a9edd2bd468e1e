//! The counts in the report that pytest writes. Only the attributes of its one `testsuite` element are read.

use crate::test::tally::Tally;

/// The counts, if the text is such a report.
pub(super) fn tally(report: &str) -> Option<Tally> {
    let (_, suite) = report.split_once("<testsuite ")?;
    let (attributes, _) = suite.split_once('>')?;
    let count = |name: &str| -> Option<u64> {
        let (_, value) = attributes.split_once(&format!("{name}=\""))?;
        value.split_once('"')?.0.parse().ok()
    };
    let failed = count("failures")? + count("errors")?;
    let skipped = count("skipped")?;
    Some(Tally { passed: count("tests")?.saturating_sub(failed + skipped), failed, skipped })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_counts_as_a_failure() {
        let report = r#"<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest"
            errors="1" failures="2" skipped="3" tests="10" time="0.5"><testcase name="a" /></testsuite></testsuites>"#;
        assert_eq!(tally(report), Some(Tally { passed: 4, failed: 3, skipped: 3 }));
    }

    #[test]
    fn another_text_is_no_report() {
        assert_eq!(tally("<testsuites/>"), None);
        assert_eq!(tally(r#"<testsuite name="pytest" tests="1">"#), None);
    }
}
