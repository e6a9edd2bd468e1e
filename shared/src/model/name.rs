//! Names of shares, schemas and tables: what the protocol allows, compared without case, shown as written.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use unicode_normalization::UnicodeNormalization;

use crate::limits::NAME_CHARS_MAX;

/// Why a text is not a name. `Display` completes the sentence "the name … ".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// No character at all.
    Empty,
    /// More characters than the protocol allows.
    TooLong,
    /// A character that the protocol forbids in this kind of name.
    Forbidden(char),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong => write!(f, "is longer than {NAME_CHARS_MAX} characters"),
            Self::Forbidden(' ') => f.write_str("contains a space"),
            Self::Forbidden('.') => f.write_str("contains a full stop"),
            Self::Forbidden('/') => f.write_str("contains a slash"),
            Self::Forbidden(c) => write!(f, "contains the character {c:?}"),
        }
    }
}

impl std::error::Error for NameError {}

/// The form in which names are compared: composed, without case. Two names that fold alike are the same name.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Upper case first, so that letters with one upper but several lower forms (ß, final sigma) meet.
    text.nfc().collect::<String>().to_uppercase().to_lowercase().nfc().collect()
}

fn parse(text: &str, forbidden: &[char]) -> Result<(String, String), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.chars().count() > NAME_CHARS_MAX {
        return Err(NameError::TooLong);
    }
    if let Some(c) = text.chars().find(|c| c.is_ascii_control() || forbidden.contains(c)) {
        return Err(NameError::Forbidden(c));
    }
    Ok((text.to_owned(), fold(text)))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $forbidden:expr) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name {
            shown: String,
            folded: String,
        }

        impl $name {
            /// Reads a name.
            ///
            /// # Errors
            /// When the text is empty, too long, or holds a character that the protocol forbids here.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let (shown, folded) = parse(text, $forbidden)?;
                Ok(Self { shown, folded })
            }

            /// The name as its owner spelt it.
            pub fn as_str(&self) -> &str {
                &self.shown
            }

            /// The name as it is compared and sorted.
            pub fn folded(&self) -> &str {
                &self.folded
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.folded == other.folded
            }
        }

        impl Eq for $name {}

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.folded.hash(state);
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                self.folded.cmp(&other.folded)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.shown)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.shown)
            }
        }
    };
}

name!(
    /// A share's name. May hold full stops.
    ShareName,
    &[' ', '/']
);
name!(
    /// A schema's name. No full stop: clients write `share.schema.table`.
    SchemaName,
    &[' ', '/', '.']
);
name!(
    /// A table's name. No full stop: clients write `share.schema.table`.
    TableName,
    &[' ', '/', '.']
);
name!(
    /// A recipient's name; only its provider uses it.
    RecipientName,
    &[' ', '/']
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn protocol_rules() {
        assert!(ShareName::parse("a.b+c%ä").is_ok());
        assert_eq!(TableName::parse("a.b").unwrap_err(), NameError::Forbidden('.'));
        assert_eq!(SchemaName::parse("a b").unwrap_err(), NameError::Forbidden(' '));
        assert_eq!(ShareName::parse("a/b").unwrap_err(), NameError::Forbidden('/'));
        assert_eq!(ShareName::parse("a\u{7f}").unwrap_err(), NameError::Forbidden('\u{7f}'));
        assert_eq!(ShareName::parse("").unwrap_err(), NameError::Empty);
        assert!(ShareName::parse(&"ä".repeat(255)).is_ok());
        assert_eq!(ShareName::parse(&"ä".repeat(256)).unwrap_err(), NameError::TooLong);
    }

    #[test]
    fn case_and_composition_do_not_matter() {
        assert_eq!(TableName::parse("Straße").unwrap(), TableName::parse("STRASSE").unwrap());
        assert_eq!(TableName::parse("caf\u{e9}").unwrap(), TableName::parse("CAFE\u{301}").unwrap());
    }

    proptest! {
        #[test]
        fn folding_is_stable(text in "\\PC{1,20}") {
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
        }

        #[test]
        fn ascii_case_never_matters(text in "[a-zA-Z0-9_%+-]{1,40}") {
            let (lower, upper) = (text.to_lowercase(), text.to_uppercase());
            prop_assert_eq!(ShareName::parse(&lower).unwrap(), ShareName::parse(&upper).unwrap());
        }

        #[test]
        fn ascii_folds_as_every_text_does(text in "[ -~]{1,40}") {
            let longer = fold(&format!("{text}ä"));
            prop_assert_eq!(format!("{}ä", fold(&text)), longer);
        }
    }
}
