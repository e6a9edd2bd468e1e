//! The provider's reasons in the words of statements: what to do next is a statement, and the place is that of the name at
//! fault.

use shared::provider::ProviderError;

use crate::commands::Failed;
use crate::sql::lex::quoted;
use crate::sql::mistake::Mistake;
use crate::sql::statement::Spot;

/// At this name.
pub(super) fn at(spot: &Spot) -> impl FnOnce(ProviderError) -> Mistake {
    let at = spot.at.clone();
    move |error| Mistake::new(at, sentence(error))
}

/// At the share's name when the share is at fault, at the other one otherwise.
pub(super) fn at_either<E: Into<Failed>>(share: &Spot, other: &Spot) -> impl FnOnce(E) -> Mistake {
    let (share, other) = (share.at.clone(), other.at.clone());
    move |error| match error.into() {
        Failed::Said(sentence) | Failed::Partitions(sentence) => Mistake::new(other, sentence),
        Failed::Provider(error) => {
            let of_share = subject(&error).is_some_and(|what| what.starts_with("share "));
            Mistake::new(if of_share { share } else { other }, sentence(error))
        }
    }
}

fn subject(error: &ProviderError) -> Option<&str> {
    match error {
        ProviderError::Exists { what, .. }
        | ProviderError::Missing { what, .. }
        | ProviderError::InUse { what, .. }
        | ProviderError::Conflict { what } => Some(what),
        // A name that is none: `the share name 'x' …`.
        ProviderError::Invalid(why) => why.strip_prefix("the "),
        ProviderError::Unavailable { .. } | ProviderError::Refused(_) => None,
    }
}

fn sentence(error: ProviderError) -> String {
    match error {
        ProviderError::Missing { what, near, .. } => {
            let (near, next) = (near.map(|near| format!("; did you mean {}?", quoted(&near))), missing(&what));
            match (near, next) {
                (Some(near), Some(next)) => format!("there is no {what}{near} {next}"),
                (Some(near), None) => format!("there is no {what}{near}"),
                (None, Some(next)) => format!("there is no {what}. {next}"),
                (None, None) => format!("there is no {what}"),
            }
        }
        ProviderError::Exists { what, .. } => match kind_and_name(&what) {
            Some(("table", _)) => format!("{what} exists already; ADD TABLE IF NOT EXISTS leaves it as it is"),
            Some(("share", _)) => format!("{what} exists already; CREATE SHARE IF NOT EXISTS leaves it as it is"),
            Some(("recipient", name)) => format!(
                "{what} exists already; CREATE RECIPIENT IF NOT EXISTS leaves it as it is, ALTER RECIPIENT {} ROTATE TOKEN \
                 gives it another token",
                quoted(name)
            ),
            Some(("registered table", _)) => {
                format!("{what} exists already; CREATE TABLE IF NOT EXISTS leaves it as it is")
            }
            _ => format!("{what} exists already"),
        },
        ProviderError::InUse { what, by, .. } => match kind_and_name(&what) {
            Some(("share", name)) => {
                format!("{what} still has {by}; DROP SHARE {} CASCADE takes that away as well", quoted(name))
            }
            _ => format!("{what} still has {by}"),
        },
        other => crate::commands::told(other),
    }
}

/// What to do about something that is not there.
fn missing(what: &str) -> Option<String> {
    let (kind, name) = kind_and_name(what)?;
    let name = quoted(name);
    match kind {
        "share" => Some(format!("A new share of that name is made by: CREATE SHARE {name}")),
        "recipient" => Some(format!("A new recipient of that name is made by: CREATE RECIPIENT {name}")),
        "registered table" => Some(format!(
            "A table is registered by: CREATE TABLE {name} USING DELTA LOCATION '…'; or say here where it lies, with \
             LOCATION '…'"
        )),
        _ => None,
    }
}

/// `share 'x'` taken apart.
fn kind_and_name(what: &str) -> Option<(&str, &str)> {
    let (kind, rest) = what.split_once(" '")?;
    Some((kind, rest.strip_suffix('\'')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_next_is_a_statement() {
        let missing = |what: &str, near: Option<&str>| {
            sentence(ProviderError::Missing {
                what: what.into(),
                near: near.map(Into::into),
                next: "spillway x".into(),
            })
        };
        assert_eq!(
            missing("recipient 'frends'", Some("friends")),
            "there is no recipient 'frends'; did you mean friends? A new recipient of that name is made by: CREATE \
             RECIPIENT frends"
        );
        assert_eq!(
            missing("share 'a-b'", None),
            "there is no share 'a-b'. A new share of that name is made by: CREATE SHARE `a-b`"
        );
        let in_use = ProviderError::InUse { what: "share 's'".into(), by: "2 grants".into(), next: "--force".into() };
        assert_eq!(sentence(in_use), "share 's' still has 2 grants; DROP SHARE s CASCADE takes that away as well");
    }
}
