//! Where a table lies, and how a path of its log becomes an object key. Percent signs are decoded exactly once; a path
//! that would leave the table is not a path.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::area::Area;

/// A table's root in an object store: a bucket, a prefix, and how the bucket is reached. Never shown to recipients.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TableLocation {
    area: Area,
    reach: Reach,
    /// Where else the table's log may name files. They are reached as the table is.
    auxiliary: Arc<[Area]>,
}

/// How a table's bucket is reached. Nothing set: in the server's own region, with the credentials it has.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Reach {
    /// The bucket's region.
    pub region: Option<String>,
    /// Which of the region's endpoints, or a store that is not AWS.
    pub endpoint: Endpoint,
    /// The role that reads the log and signs URLs.
    pub role: Option<DataRole>,
}

/// The endpoint that requests and signed URLs go to.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// The region's ordinary endpoint.
    #[default]
    Standard,
    /// The region's endpoint for IPv4 and IPv6.
    DualStack,
    /// The region's endpoint with validated cryptography.
    Fips,
    /// An S3-compatible store, addressed in path style: `https://host`.
    Custom(String),
}

/// A role that the server assumes to reach a table.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DataRole {
    /// Its ARN.
    pub arn: String,
    /// What its trust policy asks for, when it belongs to another account.
    pub external_id: Option<String>,
}

/// Why a text is not a table location. `Display` completes "the location … ".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocationError {
    /// The scheme is not one that this server reads.
    Scheme,
    /// No bucket between the scheme and the first slash.
    NoBucket,
}

impl fmt::Display for LocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "must begin with s3://, s3a:// or s3n://",
            Self::NoBucket => "names no bucket",
        })
    }
}

impl std::error::Error for LocationError {}

impl TableLocation {
    /// A location from its parts. Slashes around the prefix do not matter.
    pub fn new(bucket: impl Into<String>, prefix: &str) -> Self {
        Self { area: Area::new(bucket, prefix), reach: Reach::default(), auxiliary: Arc::default() }
    }

    /// The same place, which is how this folder of the machine is served. `folder` is its absolute path.
    pub fn of_folder(self, folder: &str) -> Self {
        Self { area: self.area.of_folder(folder), ..self }
    }

    /// The same place, reached in this way.
    pub fn reached_by(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    /// The same table, whose log may also name files in these places by their absolute paths. Their order and how often
    /// one is named do not matter.
    pub fn with_auxiliary(self, places: impl IntoIterator<Item = Self>) -> Self {
        let mut areas: Vec<Area> = places.into_iter().map(|place| place.area).collect();
        areas.sort();
        areas.dedup();
        Self { auxiliary: areas.into(), ..self }
    }

    /// The table in the folder of that name directly in this place, reached as the place is; nothing when it is no name
    /// of a folder.
    pub fn below(&self, name: &str) -> Option<Self> {
        let area = self.area.below(name)?;
        Some(Self { area, reach: self.reach.clone(), auxiliary: Arc::default() })
    }

    /// Reads `s3://bucket/prefix`; `s3a` and `s3n` are the same thing under Hadoop's names.
    ///
    /// # Errors
    /// When the scheme is another or the bucket is missing.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        let rest = ["s3://", "s3a://", "s3n://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .ok_or(LocationError::Scheme)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(LocationError::NoBucket);
        }
        Ok(Self::new(bucket, prefix))
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        self.area.bucket()
    }

    /// The key of the table's root without slashes around it; empty for a table that is a whole bucket.
    pub fn prefix(&self) -> &str {
        self.area.prefix()
    }

    /// The table's root without how it is reached.
    pub fn area(&self) -> &Area {
        &self.area
    }

    /// Where else the table's log may name files.
    pub fn auxiliary(&self) -> &[Area] {
        &self.auxiliary
    }

    /// How the bucket is reached.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// The key of the table's root with a slash at its end, or nothing for a table that is a whole bucket.
    pub fn root_key(&self) -> String {
        self.area.root_key()
    }

    /// The key of an object in the table's log folder.
    pub fn log_key(&self, name: &str) -> String {
        format!("{}_delta_log/{name}", self.root_key())
    }
}

/// Shows no more than that there is a location: buckets and keys stay out of logs and messages.
impl fmt::Debug for TableLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TableLocation(***)")
    }
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reach(***)")
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "Standard",
            Self::DualStack => "DualStack",
            Self::Fips => "Fips",
            Self::Custom(_) => "Custom(***)",
        })
    }
}

impl fmt::Debug for DataRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataRole(***)")
    }
}

/// Why a file's path in the log cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathError {
    /// Not relative to the table's root (a shallow clone writes such paths), nor in a place that the table may name.
    Absolute,
    /// Empty, or with `.`, `..` or empty segments, or not UTF-8 once decoded.
    Malformed,
}

/// Checks a path as the log has it and decodes it to the part of the object key below the table's root.
///
/// The log holds URIs (Delta protocol, "Add File and Remove File"): `d=y%2520z/f` names the key `d=y%20z/f`.
///
/// # Errors
/// When the path is absolute or could name something outside the table.
pub fn key_of_log_path(path: &str) -> Result<Cow<'_, str>, PathError> {
    if is_plain_key(path) {
        return Ok(Cow::Borrowed(path));
    }
    if path.starts_with('/') || has_scheme(path) {
        return Err(PathError::Absolute);
    }
    let key = if path.as_bytes().contains(&b'%') {
        percent_decode_str(path).decode_utf8().map_err(|_| PathError::Malformed)?
    } else {
        Cow::Borrowed(path)
    };
    if key.starts_with('/') {
        return Err(PathError::Absolute);
    }
    if key.split('/').any(|segment| matches!(segment, "" | "." | "..")) || key.contains('\0') {
        return Err(PathError::Malformed);
    }
    Ok(key)
}

/// Whether a path is a key as it stands, at one look: nothing in it could be an escape or a scheme, and every segment
/// begins like a name. Nearly all paths of nearly all tables are such.
fn is_plain_key(path: &str) -> bool {
    let bytes = path.as_bytes();
    let (Some(first), Some(last), Some(seconds)) = (bytes.first(), bytes.last(), bytes.get(1..)) else { return false };
    // Every byte is looked at, so that several are looked at together.
    let odd = bytes.iter().fold(false, |odd, byte| odd | (*byte == b'%') | (*byte == b':') | (*byte == 0));
    let no_name = bytes
        .iter()
        .zip(seconds)
        .fold(false, |no_name, (byte, next)| no_name | ((*byte == b'/') & ((*next == b'/') | (*next == b'.'))));
    !odd && !no_name && !matches!(first, b'/' | b'.') && *last != b'/'
}

/// Whether a path begins with a URI scheme (RFC 3986, 3.1). Writers encode a colon in a relative path.
fn has_scheme(path: &str) -> bool {
    let Some((scheme, _)) = path.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_schemes_one_meaning() {
        for text in ["s3://b/a/t", "s3a://b/a/t/", "s3n://b//a/t"] {
            assert_eq!(TableLocation::parse(text), Ok(TableLocation::new("b", "a/t")), "{text}");
        }
        assert_eq!(TableLocation::parse("s3://"), Err(LocationError::NoBucket));
        assert_eq!(TableLocation::parse("gs://b/t"), Err(LocationError::Scheme));
        assert_eq!(TableLocation::new("b", "").log_key("x"), "_delta_log/x");
    }

    #[test]
    fn a_table_below_a_place_stays_below_it() {
        let place = TableLocation::new("b", "eu").reached_by(Reach { region: Some("r".into()), ..Reach::default() });
        let table = place.below("a%2Fb").unwrap();
        assert_eq!((table.bucket(), table.prefix(), table.reach()), ("b", "eu/a%2Fb", place.reach()));
        assert_eq!(TableLocation::new("b", "").below("t"), Some(TableLocation::new("b", "t")));
        let folder = TableLocation::new("b", "").of_folder("/data/eu").below("t");
        assert_eq!(folder, Some(TableLocation::new("b", "t").of_folder("/data/eu/t")));
        for no_name in ["", ".", "..", "a/b", "../a", "a\0"] {
            assert_eq!(place.below(no_name), None, "{no_name:?}");
        }
    }

    #[test]
    fn log_paths_are_decoded_once() {
        assert_eq!(key_of_log_path("d=y%2520z/f.parquet").unwrap(), "d=y%20z/f.parquet");
        assert_eq!(key_of_log_path("t=12:00/f").unwrap(), "t=12:00/f");
        assert_eq!(key_of_log_path("a+b/f").unwrap(), "a+b/f");
    }

    #[test]
    fn what_could_leave_the_table_is_no_path() {
        for path in ["s3://b/k", "file:/x", "abfss://c@a/x", "/x", "%2Fx"] {
            assert_eq!(key_of_log_path(path), Err(PathError::Absolute), "{path}");
        }
        for path in ["", "../x", "a/../x", "a/%2e%2e/x", "a//b", "./x", "a/", "%ff", "a%00"] {
            assert_eq!(key_of_log_path(path), Err(PathError::Malformed), "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_key_is_what_the_long_way_finds_too(path in "\\PC{0,40}|([a.%/2eEfF5c:\\x00]{0,20})|[ab/.]{1,6}") {
            if is_plain_key(&path) {
                prop_assert!(!has_scheme(&path) && !path.contains(['%', '\0']));
                prop_assert!(path.split('/').all(|segment| !matches!(segment, "" | "." | "..")), "{path:?}");
            } else {
                // What it leaves to the long way has a reason to be looked at.
                let segments = path.split('/').any(|segment| segment.is_empty() || segment.starts_with('.'));
                prop_assert!(segments || path.contains(['%', ':', '\0']), "{path:?}");
            }
        }

        #[test]
        fn an_accepted_path_stays_below_the_root(path in "\\PC{0,40}|([a.%/2eEfF5c:]{0,20})") {
            if let Ok(key) = key_of_log_path(&path) {
                prop_assert!(!key.starts_with('/'));
                prop_assert!(key.split('/').all(|s| !s.is_empty() && s != "." && s != ".."));
            }
        }
    }
}
