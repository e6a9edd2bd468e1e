//! Where else a table's log may name files by absolute paths: the rules that every such list keeps, whoever wrote it down.
//! The sentences name no location, for some of them are logged.

use crate::limits::{AUXILIARY_LOCATION_BYTES_MAX, AUXILIARY_LOCATIONS_MAX};
use crate::model::area::is_name;
use crate::model::location::{LocationError, TableLocation};

/// Checks a list of auxiliary locations beside the table's own.
///
/// # Errors
/// A sentence about the one that breaks a rule.
pub fn check(location: &str, auxiliary: &[String]) -> Result<(), String> {
    if auxiliary.len() > AUXILIARY_LOCATIONS_MAX {
        return Err(format!("a table has at most {AUXILIARY_LOCATIONS_MAX} auxiliary locations"));
    }
    for (text, number) in auxiliary.iter().zip(1..) {
        check_one(location, text).map_err(|why| format!("auxiliary location {number} {why}"))?;
    }
    Ok(())
}

/// One root serves requests for both, with the same keys, so both are of one kind.
fn check_one(location: &str, text: &str) -> Result<(), String> {
    if text.len() > AUXILIARY_LOCATION_BYTES_MAX {
        return Err(format!("is longer than {AUXILIARY_LOCATION_BYTES_MAX} bytes"));
    }
    let in_bucket = match TableLocation::parse(text) {
        Ok(place) => Some(place),
        Err(LocationError::Scheme) => None,
        Err(error) => return Err(error.to_string()),
    };
    if in_bucket.is_some() == matches!(TableLocation::parse(location), Err(LocationError::Scheme)) {
        return Err("is no place of the table's own kind: both are in buckets, or both are folders".into());
    }
    let clean = match in_bucket {
        Some(place) => place.prefix().is_empty() || place.prefix().split('/').all(is_name),
        None => text.strip_prefix("file:").unwrap_or(text).trim_matches('/').split('/').all(is_name),
    };
    if clean { Ok(()) } else { Err("holds an empty segment, '.' or '..', or is everything there is".into()) }
}

/// A table's location with its auxiliary ones, `text` being what the first was read from.
///
/// # Errors
/// A sentence about the one that breaks a rule or that `locate` does not know.
pub fn located(
    (location, text): (TableLocation, &str),
    auxiliary: &[String],
    locate: &dyn Fn(&str) -> Result<TableLocation, String>,
) -> Result<TableLocation, String> {
    if auxiliary.is_empty() {
        return Ok(location);
    }
    check(text, auxiliary)?;
    let places = auxiliary
        .iter()
        .zip(1..)
        .map(|(text, number)| locate(text).map_err(|why| format!("auxiliary location {number} {why}")));
    Ok(location.with_auxiliary(places.collect::<Result<Vec<_>, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(location: &str, auxiliary: &[&str]) -> Result<(), String> {
        let auxiliary: Vec<String> = auxiliary.iter().map(|&text| text.to_owned()).collect();
        check(location, &auxiliary)
    }

    #[test]
    fn places_of_the_tables_own_kind_will_do() {
        assert_eq!(said("s3://b/t", &["s3://b/u", "s3a://c/x/y/", "s3://whole"]), Ok(()));
        assert_eq!(said("/data/t", &["/data/u", "file:///data/v/", "file:/data/w", "beside"]), Ok(()));
        assert_eq!(said("s3://b/t", &[]), Ok(()));
    }

    #[test]
    fn the_one_at_fault_is_told_by_its_number_alone() {
        for (location, text, why) in [
            ("s3://b/t", "/data/u", "own kind"),
            ("/data/t", "s3://b/secret", "own kind"),
            ("s3://b/t", "s3:///secret", "names no bucket"),
            ("s3://b/t", "s3://b/secret/../u", "'..'"),
            ("s3://b/t", "s3://b/secret//u", "empty segment"),
            ("/data/t", "/data/secret/./u", "'.'"),
            ("/data/t", "/", "everything"),
            ("/data/t", "file:///", "everything"),
            ("/data/t", "", "everything"),
        ] {
            let good = location.replace("/t", "/good");
            let error = said(location, &[&good, text]).unwrap_err();
            assert!(error.starts_with("auxiliary location 2 ") && error.contains(why), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let long = format!("s3://b/{}", "x".repeat(AUXILIARY_LOCATION_BYTES_MAX));
        assert!(said("s3://b/t", &[&long]).unwrap_err().contains("longer than"));
        assert!(said("s3://b/t", &["s3://b/u"; AUXILIARY_LOCATIONS_MAX + 1]).unwrap_err().contains("at most"));
    }

    #[test]
    fn a_list_is_a_part_of_the_tables_location() {
        let locate = |text: &str| TableLocation::parse(text).map_err(|error| error.to_string());
        let own = || (TableLocation::new("b", "t"), "s3://b/t");
        let found = located(own(), &["s3://c/x".into()], &locate).unwrap();
        assert_eq!(found, TableLocation::new("b", "t").with_auxiliary([TableLocation::new("c", "x")]));
        assert_eq!(located(own(), &[], &locate), Ok(TableLocation::new("b", "t")));
        assert!(located(own(), &["s3://c/../x".into()], &locate).is_err());
    }
}
