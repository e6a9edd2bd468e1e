//! What the lines of an answer come to at least, told before the first of them.
//!
//! An estimate errs in one of two ways. Too high, it refuses a client that may know no other way to ask; too low, the answer
//! ends in a visible break after some minutes. The second is the lesser harm, so what is told here is meant to be less than
//! what comes: everything that is not known counts for nothing, and where the client itself leaves files out (predicates that
//! are understood, a limit, a page) nothing is told at all. Bytes are counted as they are sent, whatever was told.
//!
//! Uncompressed, most of a line is the same on all of them, and is measured on one: the session's token is in it. Compressed,
//! that part is all but gone. What nothing makes smaller are a line's digest and signature, where no other line has the
//! same; what the log's own texts come to is known by what their writer's compressor left of them, and not well.

use crate::error::Error;
use crate::model::area::ObjectKey;
use crate::model::capability::ResponseFormat;
use crate::model::file::{DataFile, Mark};
use crate::model::weight::{AtLeast, Weight};
use crate::presign::UrlSigner;
use crate::wire::file_line::{FileLines, FileUrls, IdHash};

/// Bytes of a signature before they are written as text.
const SIGNATURE_BYTES: u64 = 32;

/// Characters of the digest that names a vector's file.
const VECTOR_ID_CHARS: u64 = 64;

/// A file of which there is nothing to say. A removal has no time of modification, which the version that every line of a
/// range tells outweighs.
const BARE: DataFile<'_> = DataFile {
    mark: Mark { part: 0, row: 0 },
    path: "",
    object: ObjectKey::in_table(""),
    partition_values: "",
    size: 0,
    modification_time: 0,
    data_change: true,
    stats: None,
    tags: None,
    base_row_id: None,
    default_row_commit_version: None,
    clustering_provider: None,
    deletion_vector: None,
};

/// The least that lines about these files come to.
///
/// # Errors
/// When a line cannot be written; the first of the answer could not either.
pub(super) fn at_least(
    weight: Weight,
    (lines, format, id_hash): (&FileLines, ResponseFormat, IdHash),
    signer: &UrlSigner,
) -> Result<AtLeast, Error> {
    let mut line = Vec::new();
    lines.write(&BARE, &FileUrls::default(), &mut line)?;
    let url = signer.url_bytes_min();

    let Weight { lines: files, single, vectors, text, packed } = weight;
    // Only the one format tells of vectors.
    let vectors = if format == ResponseFormat::Delta { vectors } else { 0 };
    let each = |bytes: u64, of: u64| bytes.saturating_mul(of);
    let plain =
        each(line.len() as u64 + url, files).saturating_add(each(url + VECTOR_ID_CHARS, vectors)).saturating_add(text);
    // One file holds the vectors of many files, so their URLs may be all the same.
    let digests = each(SIGNATURE_BYTES + id_hash.digest_bytes(), single);
    Ok(AtLeast { files, plain, packed: digests.saturating_add(packed).min(plain) })
}
