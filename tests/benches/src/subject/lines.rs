//! One file's line, its URL signed already.

use std::hint::black_box;

use shared::model::capability::ResponseFormat;
use shared::model::table_state::Selected;
use shared::model::version::Version;
use shared::wire::file_line::{FileLines, FileUrls, IdHash};

use super::Subject;
use super::presigner::{signer, token};
use super::samples::{Sample, Turn};
use shared::limits::STREAM_CHUNK_BYTES;

/// Of the delta format.
pub(super) fn delta() -> Result<Subject, String> {
    subject("line, delta", ResponseFormat::Delta)
}

/// Of the parquet format.
pub(super) fn parquet() -> Result<Subject, String> {
    subject("line, parquet", ResponseFormat::Parquet)
}

fn subject(name: &'static str, format: ResponseFormat) -> Result<Subject, String> {
    let mut signer = signer(Some(token()))?;
    let selected = Selected::Latest(Version::new(20));
    let lines = FileLines::new(format, IdHash::of_format(format), selected, None, signer.expires_at());
    let (samples, mut turn) = (Sample::several()?, Turn::new());
    let mut urls = FileUrls::default();
    signer.sign(samples.first().map(Sample::path).unwrap_or_default(), &mut urls.data);
    let mut out = Vec::with_capacity(2 * STREAM_CHUNK_BYTES);
    Ok(Subject::new(name, "line", move || {
        if out.len() >= STREAM_CHUNK_BYTES {
            out.clear();
        }
        if let Some(sample) = turn.of(&samples) {
            // Lines of these files cannot fail; a line that did would be none, and soon be noticed.
            let _ = black_box(lines.write(black_box(&sample.data_file()), &urls, &mut out));
        }
    }))
}
