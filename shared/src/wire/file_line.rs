//! The line of one file, in both formats. This is the hot path: constant parts are copied, the log's own bytes stay as
//! they are, and nothing is allocated per file.

use std::io::Write;

use md5::Md5;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::model::capability::ResponseFormat;
use crate::model::file::{DataFile, DeletionVector, Text, VectorStorage};
use crate::model::table_state::Selected;
use crate::model::version::TimestampMs;
use crate::secret::SignedUrl;

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

    /// Appends the line of one file, newline included.
    ///
    /// # Errors
    /// When a file has a deletion vector and the format cannot say so; whoever chose the format has ruled that out.
    pub fn write(&self, file: &DataFile<'_>, urls: &FileUrls, out: &mut Vec<u8>) -> Result<(), Error> {
        match self.format {
            ResponseFormat::Parquet if file.deletion_vector.is_some() => {
                Err(Error::defect("a file with a deletion vector in a parquet answer"))
            }
            ResponseFormat::Parquet => self.write_parquet(file, &urls.data, out),
            ResponseFormat::Delta => self.write_delta(file, urls, out),
        }
    }

    fn write_parquet(&self, file: &DataFile<'_>, url: &SignedUrl, out: &mut Vec<u8>) -> Result<(), Error> {
        out.extend_from_slice(b"{\"file\":{\"url\":\"");
        out.extend_from_slice(url.reveal().as_bytes());
        out.extend_from_slice(b"\",\"id\":\"");
        self.id_hash.write(file.path, out);
        out.extend_from_slice(b"\",\"partitionValues\":");
        out.extend_from_slice(file.partition_values.as_bytes());
        write_number(b",\"size\":", file.size, out)?;
        write_stats(file.stats, out)?;
        out.extend_from_slice(&self.version);
        out.extend_from_slice(&self.expiration);
        out.extend_from_slice(b"}}\n");
        Ok(())
    }

    fn write_delta(&self, file: &DataFile<'_>, urls: &FileUrls, out: &mut Vec<u8>) -> Result<(), Error> {
        out.extend_from_slice(b"{\"file\":{\"id\":\"");
        self.id_hash.write(file.path, out);
        out.push(b'"');
        if let Some(DeletionVector { storage: VectorStorage::File { logged, .. }, .. }) = &file.deletion_vector {
            out.extend_from_slice(b",\"deletionVectorFileId\":\"");
            // One kind of hash whatever the caller asked for: it names the vector's file alike in every answer.
            IdHash::Delta.write(logged, out);
            out.push(b'"');
        }
        out.extend_from_slice(&self.version);
        out.extend_from_slice(&self.expiration);
        out.extend_from_slice(b",\"deltaSingleAction\":{\"add\":{\"path\":\"");
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
            write_text(provider, out)?;
        }
        if let Some(vector) = &file.deletion_vector {
            write_vector(vector, &urls.vector, out)?;
        }
        out.extend_from_slice(b"}}}}\n");
        Ok(())
    }
}

/// A vector in a file becomes one at an absolute path: the signed URL (protocol, "Deletion Vector").
fn write_vector(vector: &DeletionVector<'_>, url: &SignedUrl, out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(b",\"deletionVector\":{\"storageType\":");
    match vector.storage {
        VectorStorage::Inline(bytes) => {
            out.extend_from_slice(b"\"i\",\"pathOrInlineDv\":");
            write_text(bytes, out)?;
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
        Text::Plain(text) => write_text(text, out)?,
    }
    Ok(())
}

fn write_text(text: &str, out: &mut Vec<u8>) -> Result<(), Error> {
    serde_json::to_writer(out, text).map_err(|cause| Error::internal("a text could not be written as JSON", cause))
}

fn write_number(label: &[u8], number: impl std::fmt::Display, out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(label);
    write!(out, "{number}").map_err(|cause| Error::internal("a number could not be written", cause))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::version::Version;

    #[test]
    fn ids_are_the_reference_hashes() {
        let id = |hash: IdHash, path: &str| {
            let mut out = Vec::new();
            hash.write(path, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(id(IdHash::Parquet, "part-00000-0001.snappy.parquet"), "92b0cbb261a0b1954a1f70842eb78ef0");
        assert_eq!(id(IdHash::Parquet, "d=y%2520z/part-0.parquet"), "eaf1dc85433f72e91ef5cc0a84e3fa1c");
        assert_eq!(
            id(IdHash::Delta, "date=2021-04-28/part-00000-a.c000.snappy.parquet"),
            "06431fb60d56e5df8fd67455d6c50634fa98ae5f1b4be9c47ade6863e2991bb4"
        );
    }

    fn file<'a>() -> DataFile<'a> {
        DataFile {
            path: "d=1/p.parquet",
            key: "d=1/p.parquet",
            partition_values: r#"{"d":"1"}"#,
            size: 1204,
            modification_time: 5,
            data_change: true,
            stats: Some(Text::JsonLiteral(r#""{\"numRecords\":3}""#)),
            tags: Some(r#"{"k":"v"}"#),
            base_row_id: None,
            default_row_commit_version: None,
            clustering_provider: None,
            deletion_vector: None,
        }
    }

    fn line(format: ResponseFormat, selected: Selected, file: &DataFile<'_>) -> serde_json::Value {
        let mut urls = FileUrls::default();
        urls.data.buffer().push_str("https://b/p.parquet?X-Amz-Signature=s");
        urls.vector.buffer().push_str("https://b/v.bin?X-Amz-Signature=s");
        let at = Some(TimestampMs::new(77));
        let lines = FileLines::new(format, IdHash::of_format(format), selected, at, TimestampMs::new(99));
        let mut out = Vec::new();
        lines.write(file, &urls, &mut out).unwrap();
        assert_eq!(out.last(), Some(&b'\n'));
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn parquet_lines() {
        let latest = Selected::Latest(Version::new(4));
        assert_eq!(
            line(ResponseFormat::Parquet, latest, &file()),
            serde_json::json!({"file": {"url": "https://b/p.parquet?X-Amz-Signature=s",
                "id": hex::encode(Md5::digest(b"d=1/p.parquet")),
                "partitionValues": {"d": "1"}, "size": 1204, "stats": "{\"numRecords\":3}", "expirationTimestamp": 99}})
        );
        let named = line(ResponseFormat::Parquet, Selected::Named(Version::new(4)), &file());
        assert_eq!((&named["file"]["version"], &named["file"]["timestamp"]), (&4.into(), &77.into()));
    }

    #[test]
    fn delta_lines_hold_a_complete_add_action() {
        let mut file = file();
        file.stats = Some(Text::Plain("{\"numRecords\":3}"));
        let line = line(ResponseFormat::Delta, Selected::Latest(Version::new(4)), &file);
        assert_eq!(
            line["file"]["deltaSingleAction"]["add"],
            serde_json::json!({"path": "https://b/p.parquet?X-Amz-Signature=s", "partitionValues": {"d": "1"}, "size": 1204,
                "modificationTime": 5, "dataChange": true, "stats": "{\"numRecords\":3}", "tags": {"k": "v"}})
        );
    }

    #[test]
    fn a_vector_in_a_file_is_signed_and_one_in_the_log_is_copied() {
        let stored = DeletionVector {
            storage: VectorStorage::File { logged: "ab^-aqEH.-t@S}K{vb[*k^", key: "ab/deletion_vector_x.bin" },
            offset: Some(4),
            size_in_bytes: 40,
            cardinality: 6,
        };
        let mut file = DataFile { deletion_vector: Some(stored), ..file() };
        let latest = Selected::Latest(Version::new(4));
        let shown = line(ResponseFormat::Delta, latest, &file);
        assert_eq!(
            shown["file"]["deltaSingleAction"]["add"]["deletionVector"],
            serde_json::json!({"storageType": "p", "pathOrInlineDv": "https://b/v.bin?X-Amz-Signature=s", "offset": 4,
                "sizeInBytes": 40, "cardinality": 6})
        );
        assert_eq!(
            shown["file"]["deletionVectorFileId"],
            hex::encode(Sha256::digest(b"ab^-aqEH.-t@S}K{vb[*k^")).as_str()
        );
        file.deletion_vector =
            Some(DeletionVector { storage: VectorStorage::Inline("wi5b=\"000"), offset: None, ..stored });
        let shown = line(ResponseFormat::Delta, latest, &file);
        assert_eq!(
            shown["file"]["deltaSingleAction"]["add"]["deletionVector"],
            serde_json::json!({"storageType": "i", "pathOrInlineDv": "wi5b=\"000", "sizeInBytes": 40, "cardinality": 6})
        );
        assert!(shown["file"].get("deletionVectorFileId").is_none());
    }

    #[test]
    fn a_vector_is_never_dropped() {
        let vector =
            DeletionVector { storage: VectorStorage::Inline("x"), offset: None, size_in_bytes: 1, cardinality: 1 };
        let file = DataFile { deletion_vector: Some(vector), ..file() };
        let (format, latest) = (ResponseFormat::Parquet, Selected::Latest(Version::new(4)));
        let lines = FileLines::new(format, IdHash::of_format(format), latest, None, TimestampMs::new(99));
        let mut out = Vec::new();
        assert!(lines.write(&file, &FileUrls::default(), &mut out).is_err() && out.is_empty());
    }

    #[test]
    fn fileidhash_header() {
        assert_eq!(IdHash::parse(None).unwrap(), None);
        assert_eq!(IdHash::parse(Some(" Delta ")).unwrap(), Some(IdHash::Delta));
        for bad in ["sha512", "md5", "none", "", "  ", "\t"] {
            assert!(matches!(IdHash::parse(Some(bad)), Err(Error::InvalidParameter(_))), "{bad:?}");
        }
    }
}
