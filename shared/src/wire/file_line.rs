//! The line of one file, in both formats. This is the hot path: constant parts are copied, the log's own bytes stay as
//! they are, and nothing is allocated per file.

use md5::Md5;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::model::capability::ResponseFormat;
use crate::model::change::Change;
use crate::model::file::{DataFile, DeletionVector, Text, VectorStorage};
use crate::model::table_state::Selected;
use crate::model::version::{TimestampMs, Version};
use crate::secret::SignedUrl;
use crate::wire::json_text;

mod change_line;

/// How file ids are made from the path as logged (protocol, header `fileidhash`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdHash {
    /// MD5, 32 hex digits: what parquet answers use.
    Parquet,
    /// SHA-256, 64 hex digits: what delta answers use.
    Delta,
}

impl IdHash {
    /// Reads the `fileidhash` header.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for any value but the two.
    pub fn parse(header: Option<&str>) -> Result<Option<Self>, Error> {
        let Some(raw) = header else { return Ok(None) };
        match raw.trim().to_lowercase().as_str() {
            "parquet" => Ok(Some(Self::Parquet)),
            "delta" => Ok(Some(Self::Delta)),
            _ => Err(Error::InvalidParameter(format!(
                "Unsupported fileidhash: '{}'. Supported: parquet, delta",
                crate::model::shorten(raw)
            ))),
        }
    }

    /// The header's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Delta => "delta",
        }
    }

    /// The hash that goes with a format when the caller asks for none.
    pub fn of_format(format: ResponseFormat) -> Self {
        match format {
            ResponseFormat::Parquet => Self::Parquet,
            ResponseFormat::Delta => Self::Delta,
        }
    }

    /// Bytes of an id before they are written as text.
    pub fn digest_bytes(self) -> u64 {
        match self {
            Self::Parquet => 16,
            Self::Delta => 32,
        }
    }

    fn write(self, path: &str, out: &mut Vec<u8>) {
        let mut digits = [0; 64];
        let written = match self {
            Self::Parquet => hex_into(&Md5::digest(path.as_bytes()), &mut digits),
            Self::Delta => hex_into(&Sha256::digest(path.as_bytes()), &mut digits),
        };
        out.extend_from_slice(written);
    }
}

fn hex_into<'a>(bytes: &[u8], digits: &'a mut [u8; 64]) -> &'a [u8] {
    let target = digits.get_mut(..bytes.len() * 2).unwrap_or_default();
    // Both digests fit by construction.
    hex::encode_to_slice(bytes, target).unwrap_or_default();
    target
}

/// The signed URLs of one file; buffers that are used again from file to file.
#[derive(Debug, Clone, Default)]
pub struct FileUrls {
    /// Of the data file.
    pub data: SignedUrl,
    /// Of the deletion vector's file, where the file has a vector that lies in one.
    pub vector: SignedUrl,
}

/// What a line of the parquet format is made of.
struct Flat<'a> {
    key: &'static str,
    path: &'a str,
    partition_values: &'a str,
    size: u64,
    stats: Option<Text<'a>>,
}

impl<'a> Flat<'a> {
    fn of_file(key: &'static str, file: &DataFile<'a>) -> Self {
        let DataFile { path, partition_values, size, stats, .. } = *file;
        Self { key, path, partition_values, size, stats }
    }
}

/// Writes file lines of one answer.
#[derive(Debug, Clone)]
pub struct FileLines {
    format: ResponseFormat,
    id_hash: IdHash,
    /// `,"version":…,"timestamp":…` for a version that the caller named.
    version: Vec<u8>,
    /// `,"expirationTimestamp":…`
    expiration: Vec<u8>,
}

impl FileLines {
    /// Prepares what is the same on every line.
    pub fn new(
        format: ResponseFormat,
        id_hash: IdHash,
        selected: Selected,
        committed_at: Option<TimestampMs>,
        expires_at: TimestampMs,
    ) -> Self {
        let mut version = String::new();
        if let Selected::Named(number) = selected {
            version.push_str(&format!(",\"version\":{number}"));
            if let Some(at) = committed_at {
                version.push_str(&format!(",\"timestamp\":{}", at.millis()));
            }
        }
        let expiration = format!(",\"expirationTimestamp\":{}", expires_at.millis());
        Self { format, id_hash, version: version.into_bytes(), expiration: expiration.into_bytes() }
    }

    /// Lines of a range: every one tells its commit, which [`FileLines::of_commit`] sets.
    pub fn of_range(format: ResponseFormat, id_hash: IdHash, expires_at: TimestampMs) -> Self {
        Self::new(format, id_hash, Selected::Latest(Version::ZERO), None, expires_at)
    }

    /// Says what commit the next lines are of.
    ///
    /// # Errors
    /// None in practice; a number could not be written.
    pub fn of_commit(&mut self, version: Version, at: TimestampMs) -> Result<(), Error> {
        self.version.clear();
        write_number(b",\"version\":", version.number(), &mut self.version)?;
        write_number(b",\"timestamp\":", at.millis(), &mut self.version)
    }

    /// Appends the line of one change, newline included.
    ///
    /// # Errors
    /// As [`FileLines::write`].
    pub fn write_change(&self, change: &Change<'_>, urls: &FileUrls, out: &mut Vec<u8>) -> Result<(), Error> {
        match self.format {
            ResponseFormat::Parquet => change_line::write_parquet(self, change, &urls.data, out),
            ResponseFormat::Delta => change_line::write_delta(self, change, urls, out),
        }
    }

    /// Appends the line of one file, newline included.
    ///
    /// # Errors
    /// When a file has a deletion vector and the format cannot say so; whoever chose the format has ruled that out.
    pub fn write(&self, file: &DataFile<'_>, urls: &FileUrls, out: &mut Vec<u8>) -> Result<(), Error> {
        match self.format {
            ResponseFormat::Parquet if file.deletion_vector.is_some() => Err(vector_in_parquet()),
            ResponseFormat::Parquet => self.write_parquet(file, &urls.data, out),
            ResponseFormat::Delta => self.write_delta(file, urls, out),
        }
    }

    fn write_parquet(&self, file: &DataFile<'_>, url: &SignedUrl, out: &mut Vec<u8>) -> Result<(), Error> {
        self.write_flat(&Flat::of_file("file", file), url, out)
    }

    /// A line of the parquet format under any key.
    fn write_flat(&self, line: &Flat<'_>, url: &SignedUrl, out: &mut Vec<u8>) -> Result<(), Error> {
        out.extend_from_slice(b"{\"");
        out.extend_from_slice(line.key.as_bytes());
        out.extend_from_slice(b"\":{\"url\":\"");
        out.extend_from_slice(url.reveal().as_bytes());
        out.extend_from_slice(b"\",\"id\":\"");
        self.id_hash.write(line.path, out);
        out.extend_from_slice(b"\",\"partitionValues\":");
        out.extend_from_slice(line.partition_values.as_bytes());
        write_number(b",\"size\":", line.size, out)?;
        write_stats(line.stats, out)?;
        out.extend_from_slice(&self.version);
        out.extend_from_slice(&self.expiration);
        out.extend_from_slice(b"}}\n");
        Ok(())
    }

    /// A line of the delta format up to its action.
    fn begin_delta(&self, path: &str, vector: Option<&DeletionVector<'_>>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"file\":{\"id\":\"");
        self.id_hash.write(path, out);
        out.push(b'"');
        if let Some(DeletionVector { storage: VectorStorage::File { logged, .. }, .. }) = vector {
            out.extend_from_slice(b",\"deletionVectorFileId\":\"");
            // One kind of hash whatever the caller asked for: it names the vector's file alike in every answer.
            IdHash::Delta.write(logged, out);
            out.push(b'"');
        }
        out.extend_from_slice(&self.version);
        out.extend_from_slice(&self.expiration);
        out.extend_from_slice(b",\"deltaSingleAction\":");
    }

    fn write_delta(&self, file: &DataFile<'_>, urls: &FileUrls, out: &mut Vec<u8>) -> Result<(), Error> {
        self.begin_delta(file.path, file.deletion_vector.as_ref(), out);
        out.extend_from_slice(b"{\"add\":{\"path\":\"");
        out.extend_from_slice(urls.data.reveal().as_bytes());
        out.extend_from_slice(b"\",\"partitionValues\":");
        out.extend_from_slice(file.partition_values.as_bytes());
        write_number(b",\"size\":", file.size, out)?;
        write_number(b",\"modificationTime\":", file.modification_time, out)?;
        out.extend_from_slice(if file.data_change { b",\"dataChange\":true" } else { b",\"dataChange\":false" });
        write_stats(file.stats, out)?;
        if let Some(tags) = file.tags {
            out.extend_from_slice(b",\"tags\":");
            out.extend_from_slice(tags.as_bytes());
        }
        if let Some(id) = file.base_row_id {
            write_number(b",\"baseRowId\":", id, out)?;
        }
        if let Some(version) = file.default_row_commit_version {
            write_number(b",\"defaultRowCommitVersion\":", version, out)?;
        }
        if let Some(provider) = file.clustering_provider {
            out.extend_from_slice(b",\"clusteringProvider\":");
            json_text::write(provider, out)?;
        }
        if let Some(vector) = &file.deletion_vector {
            write_vector(vector, &urls.vector, out)?;
        }
        out.extend_from_slice(b"}}}}\n");
        Ok(())
    }
}

/// Whoever chose the format has ruled this out.
fn vector_in_parquet() -> Error {
    Error::defect("a file with a deletion vector in a parquet answer")
}

/// A vector in a file becomes one at an absolute path: the signed URL (protocol, "Deletion Vector").
fn write_vector(vector: &DeletionVector<'_>, url: &SignedUrl, out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(b",\"deletionVector\":{\"storageType\":");
    match vector.storage {
        VectorStorage::Inline(bytes) => {
            out.extend_from_slice(b"\"i\",\"pathOrInlineDv\":");
            json_text::write(bytes, out)?;
        }
        VectorStorage::File { .. } => {
            out.extend_from_slice(b"\"p\",\"pathOrInlineDv\":\"");
            out.extend_from_slice(url.reveal().as_bytes());
            out.push(b'"');
        }
    }
    if let Some(offset) = vector.offset {
        write_number(b",\"offset\":", offset, out)?;
    }
    write_number(b",\"sizeInBytes\":", vector.size_in_bytes, out)?;
    write_number(b",\"cardinality\":", vector.cardinality, out)?;
    out.push(b'}');
    Ok(())
}

fn write_stats(stats: Option<Text<'_>>, out: &mut Vec<u8>) -> Result<(), Error> {
    let Some(stats) = stats else { return Ok(()) };
    out.extend_from_slice(b",\"stats\":");
    match stats {
        Text::JsonLiteral(literal) => out.extend_from_slice(literal.as_bytes()),
        Text::Plain(text) => json_text::write(text, out)?,
    }
    Ok(())
}

fn write_number(label: &[u8], number: impl Serialize, out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(label);
    serde_json::to_writer(out, &number).map_err(|cause| Error::internal("a number could not be written", cause))
}

#[cfg(test)]
mod tests;
