//! The names of a log folder's objects (Delta protocol, "Delta Log Entries" and "Checkpoints"), read into types. A name
//! that is none of them is not part of the log.

use percent_encoding::percent_decode_str;

use crate::model::version::Version;

/// What an object of `_delta_log/` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogFile {
    /// `00000000000000000012.json`
    Commit(Version),
    /// `00000000000000000012.checkpoint.parquet`, one part; or one of several,
    /// `00000000000000000012.checkpoint.0000000001.0000000003.parquet`.
    Checkpoint {
        /// The version that it holds the state of.
        version: Version,
        /// This part, from 1.
        part: u32,
        /// All parts.
        parts: u32,
    },
    /// A version 2 checkpoint: `00000000000000000012.checkpoint.<uuid>.json` or `.parquet`.
    UuidCheckpoint(Version),
}

/// Whether an object of the log is JSON lines; it is Parquet otherwise.
pub fn is_json(name: &str) -> bool {
    name.ends_with(".json")
}

/// The name below `_delta_log/` of a v2 checkpoint's sidecar. The log holds a URI; a sidecar always lies in the log's
/// own folder for them, so what stands before the last slash says nothing (Delta protocol, "Sidecar File Information").
pub fn sidecar_name(path: &str) -> Option<String> {
    let last = path.rsplit('/').next().unwrap_or(path);
    let name = percent_decode_str(last).decode_utf8().ok()?;
    let plain = !matches!(name.as_ref(), "" | "." | "..") && !name.contains(['/', '\0']);
    plain.then(|| format!("_sidecars/{name}"))
}

/// Reads an object's name.
pub fn parse(name: &str) -> Option<LogFile> {
    let (digits, rest) = name.split_once('.')?;
    let version = Version::new(number(digits, 20)?);
    if rest == "json" {
        return Some(LogFile::Commit(version));
    }
    if rest == "checkpoint.parquet" {
        return Some(LogFile::Checkpoint { version, part: 1, parts: 1 });
    }
    let middle = rest.strip_prefix("checkpoint.")?;
    let (middle, kind) = middle.rsplit_once('.')?;
    if !matches!(kind, "parquet" | "json") {
        return None;
    }
    if kind == "parquet"
        && let Some((part, parts)) = middle.split_once('.')
    {
        let (part, parts) = (u32::try_from(number(part, 10)?).ok()?, u32::try_from(number(parts, 10)?).ok()?);
        return (1 <= part && part <= parts).then_some(LogFile::Checkpoint { version, part, parts });
    }
    let uuid = middle.len() == 36 && middle.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    uuid.then_some(LogFile::UuidCheckpoint(version))
}

/// The name after which a listing holds everything of `version` and later, and nothing of what came before.
pub fn start_after(version: Version) -> String {
    format!("{version:020}")
}

/// The name of a commit.
pub fn commit_name(version: Version) -> String {
    format!("{version:020}.json")
}

/// The names of a classic checkpoint's parts, in their order; of the one object where it is not said that there are several.
pub fn checkpoint_names(version: Version, parts: Option<u32>) -> Vec<String> {
    match parts {
        None => vec![format!("{version:020}.checkpoint.parquet")],
        Some(parts) => {
            (1..=parts).map(|part| format!("{version:020}.checkpoint.{part:010}.{parts:010}.parquet")).collect()
        }
    }
}

fn number(digits: &str, width: usize) -> Option<u64> {
    (digits.len() == width && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_every_kind() {
        let version = Version::new(12);
        assert_eq!(parse("00000000000000000012.json"), Some(LogFile::Commit(version)));
        assert_eq!(
            parse("00000000000000000012.checkpoint.parquet"),
            Some(LogFile::Checkpoint { version, part: 1, parts: 1 })
        );
        assert_eq!(
            parse("00000000000000000012.checkpoint.0000000002.0000000003.parquet"),
            Some(LogFile::Checkpoint { version, part: 2, parts: 3 })
        );
        for kind in ["json", "parquet"] {
            let name = format!("00000000000000000012.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.{kind}");
            assert_eq!(parse(&name), Some(LogFile::UuidCheckpoint(version)));
        }
    }

    #[test]
    fn the_parts_of_a_checkpoint_are_named_as_they_are_read() {
        let version = Version::new(12);
        let parsed =
            |parts| checkpoint_names(version, parts).iter().map(|name| parse(name).unwrap()).collect::<Vec<_>>();
        let part = |part, parts| LogFile::Checkpoint { version, part, parts };
        assert_eq!(parsed(None), [part(1, 1)]);
        assert_eq!(parsed(Some(2)), [part(1, 2), part(2, 2)]);
    }

    #[test]
    fn a_sidecar_lies_in_the_logs_own_folder() {
        for path in ["x%20y.parquet", "s3://b/t/_delta_log/_sidecars/x%20y.parquet", "_sidecars/x y.parquet"] {
            assert_eq!(sidecar_name(path).as_deref(), Some("_sidecars/x y.parquet"));
        }
        for path in ["", "a/", "..", "a/%2E%2E", "%2e%2e%2f%2e%2e%2fx", "%00", "%ff"] {
            assert_eq!(sidecar_name(path), None, "{path}");
        }
    }

    #[test]
    fn other_names_are_not_the_log() {
        for name in [
            "_last_checkpoint",
            "00000000000000000012.crc",
            "00000000000000000012.00000000000000000013.compacted.json",
            "0000000000000000012.json",
            "00000000000000000012.json.tmp",
            ".00000000000000000012.json.crc",
            "00000000000000000012.checkpoint.0000000004.0000000003.parquet",
            "00000000000000000012.checkpoint.0000000000.0000000003.parquet",
            "00000000000000000012.checkpoint.x.parquet",
            "00000000000000000012",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_listing_starts_right(version in 0..u64::MAX / 2) {
            let version = Version::new(version);
            prop_assert_eq!(parse(&commit_name(version)), Some(LogFile::Commit(version)));
            prop_assert!(commit_name(version) > start_after(version));
            if version.number() > 0 {
                prop_assert!(commit_name(Version::new(version.number() - 1)) < start_after(version));
            }
        }
    }
}
