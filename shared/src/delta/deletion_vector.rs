//! Where a deletion vector lies (Delta protocol, "Deletion Vector Descriptor Schema"). A vector in a file of the table is
//! named by a UUID in Z85, perhaps after a folder; one in the log carries its own bytes; one by absolute path lies where the
//! table may name files.

use std::fmt::Write;

use super::action;
use super::features::absolute_path_refused;
use super::problem::Problem;
use crate::error::Error;
use crate::model::area::ObjectKey;
use crate::model::file::{DeletionVector, VectorStorage};
use crate::model::location::TableLocation;

/// Characters that a UUID takes in Z85.
const UUID_CHARS: usize = 20;

/// The Z85 alphabet (<https://rfc.zeromq.org/spec/32/>).
const ALPHABET: &[u8; 85] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// Why a vector cannot be shared, if it cannot.
pub(super) fn problem(table: &TableLocation, logged: &action::DeletionVector<'_>) -> Option<Problem> {
    resolve(table, logged, &mut String::new()).err().map(Problem::from)
}

/// A logged vector in the model's terms; `key` is a buffer for its object key.
pub(super) fn resolve<'a>(
    table: &TableLocation,
    logged: &'a action::DeletionVector<'_>,
    key: &'a mut String,
) -> Result<DeletionVector<'a>, Error> {
    let storage = match logged.storage_type.as_ref() {
        "i" => VectorStorage::Inline(&logged.path_or_inline_dv),
        "u" => {
            key.clear();
            write_key(&logged.path_or_inline_dv, key)?;
            VectorStorage::File { logged: &logged.path_or_inline_dv, object: ObjectKey::in_table(key) }
        }
        "p" => {
            let found = table.absolute_object(&logged.path_or_inline_dv).map_err(|_| absolute_path_refused())?;
            let ObjectKey { root, key: found } = found.as_key();
            key.clear();
            key.push_str(found);
            VectorStorage::File { logged: &logged.path_or_inline_dv, object: ObjectKey { root, key } }
        }
        other => {
            return Err(Error::Unsupported(format!(
                "Unsupported Delta Table Properties: a file of the table has a deletion vector of the unknown storage type \
                 '{}', which this server does not serve.",
                crate::model::shorten(other)
            )));
        }
    };
    Ok(DeletionVector {
        storage,
        offset: logged.offset,
        size_in_bytes: logged.size_in_bytes,
        cardinality: logged.cardinality,
    })
}

/// Appends the object key below the table's root that a relative vector's name stands for.
fn write_key(path_or_inline: &str, key: &mut String) -> Result<(), Error> {
    let split = path_or_inline.len().checked_sub(UUID_CHARS).filter(|&at| path_or_inline.is_char_boundary(at));
    let (prefix, uuid) = path_or_inline.split_at(split.ok_or_else(damaged)?);
    if !prefix.is_empty() {
        let leaves = prefix.split('/').any(|segment| matches!(segment, "" | "." | ".."));
        if leaves || prefix.contains('\0') {
            return Err(damaged());
        }
        key.push_str(prefix);
        key.push('/');
    }
    let uuid = uuid_of(uuid).ok_or_else(damaged)?;
    write!(key, "deletion_vector_{}.bin", uuid.hyphenated())
        .map_err(|cause| Error::internal("a name could not be written", cause))
}

fn uuid_of(text: &str) -> Option<uuid::Uuid> {
    let mut bytes = [0; 16];
    for (group, target) in text.as_bytes().chunks_exact(5).zip(bytes.chunks_exact_mut(4)) {
        let mut number: u32 = 0;
        for byte in group {
            let digit = u32::try_from(ALPHABET.iter().position(|known| known == byte)?).ok()?;
            number = number.checked_mul(85)?.checked_add(digit)?;
        }
        target.copy_from_slice(&number.to_be_bytes());
    }
    Some(uuid::Uuid::from_bytes(bytes))
}

fn damaged() -> Error {
    Error::BadTable(
        "The table's log names a deletion vector that cannot be found in the table. Ask the share provider to repair it."
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::area::Root;

    fn table() -> TableLocation {
        TableLocation::new("own", "t").with_auxiliary([TableLocation::new("source", "s")])
    }

    fn vector<'a>(storage_type: &'a str, path_or_inline_dv: &'a str) -> action::DeletionVector<'a> {
        action::DeletionVector {
            storage_type: storage_type.into(),
            path_or_inline_dv: path_or_inline_dv.into(),
            offset: Some(1),
            size_in_bytes: 34,
            cardinality: 2,
        }
    }

    fn problem_of(storage_type: &str, path_or_inline: &str) -> Option<Error> {
        problem(&table(), &vector(storage_type, path_or_inline)).map(Error::from)
    }

    fn key_of(name: &str) -> Result<String, Error> {
        let mut key = String::new();
        write_key(name, &mut key).map(|()| key)
    }

    #[test]
    fn the_protocols_own_example() {
        let uuid = "d2c639aa-8816-431a-aaf6-d3fe2512ff61";
        assert_eq!(key_of("ab^-aqEH.-t@S}K{vb[*k^").unwrap(), format!("ab/deletion_vector_{uuid}.bin"));
        assert_eq!(key_of("^-aqEH.-t@S}K{vb[*k^").unwrap(), format!("deletion_vector_{uuid}.bin"));
    }

    #[test]
    fn what_is_no_name_is_damage() {
        for bad in [
            "",
            "short",
            "^-aqEH.-t@S}K{vb[*k~",
            "../^-aqEH.-t@S}K{vb[*k^",
            "a//b^-aqEH.-t@S}K{vb[*k^",
            "####################",
        ] {
            assert!(matches!(key_of(bad), Err(Error::BadTable(_))), "{bad}");
        }
    }

    #[test]
    fn absolute_and_unknown_kinds_are_refused() {
        assert!(problem_of("i", "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L").is_none());
        for path in ["s3://b/x.bin", "s3://source/s/../x.bin", "s3://source/s2/x.bin", "x.bin"] {
            let problem = problem_of("p", path);
            assert!(matches!(problem, Some(Error::Unsupported(text)) if text.contains("absolute paths")), "{path}");
        }
        assert!(matches!(problem_of("q", "x"), Some(Error::Unsupported(text)) if text.contains("'q'")));
        assert!(problem_of("u", "short").is_some());
    }

    #[test]
    fn an_absolute_vector_lies_where_its_path_says() {
        let (logged, mut key) = (vector("p", "s3a://source/s/a%20b.bin"), "of another".to_owned());
        assert!(problem(&table(), &logged).is_none());
        let resolved = resolve(&table(), &logged, &mut key).unwrap();
        let object = ObjectKey { root: Root::Auxiliary(0), key: "a b.bin" };
        assert_eq!(resolved.storage, VectorStorage::File { logged: "s3a://source/s/a%20b.bin", object });
        assert!(resolve(&table(), &vector("p", "s3://b/x.bin"), &mut String::new()).is_err());
    }

    proptest! {
        #[test]
        fn a_key_stays_below_the_root(name in "\\PC{0,40}|[a./]{0,6}[0-9a-zA-Z]{20}") {
            if let Ok(key) = key_of(&name) {
                prop_assert!(key.split('/').all(|part| !part.is_empty() && part != "." && part != ".."));
                prop_assert!(key.ends_with(".bin"));
            }
        }
    }
}
