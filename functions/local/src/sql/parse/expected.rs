//! What would have fit at a place, and how it is told to whoever wrote something else there.

use shared::provider::names::nearest;

use super::{Parser, STATEMENTS};
use crate::sql::lex::Kind;
use crate::sql::mistake::Mistake;

/// What may stand at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// This word.
    Word(&'static str),
    /// This sign.
    Sign(char),
    /// A name of this kind.
    Name(NameOf),
    /// A text in single quotes; what it says.
    Text(&'static str),
    /// A number.
    Number,
}

/// Whose name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameOf {
    /// A share's.
    Share,
    /// A registered table's.
    Table,
    /// A table's of a share.
    SharedTable,
    /// A schema's.
    Schema,
    /// A recipient's.
    Recipient,
    /// A partition column's.
    Column,
    /// One that is not there yet.
    New(&'static str),
}

impl Expected {
    pub(super) fn told(self) -> String {
        match self {
            Self::Word(word) => word.into(),
            Self::Sign(sign) => format!("'{sign}'"),
            Self::Name(NameOf::New(kind)) => format!("a name for the {kind}"),
            Self::Name(NameOf::Share) => "the name of a share".into(),
            Self::Name(NameOf::Table | NameOf::SharedTable) => "the name of a table".into(),
            Self::Name(NameOf::Schema) => "the name of a schema".into(),
            Self::Name(NameOf::Recipient) => "the name of a recipient".into(),
            Self::Name(NameOf::Column) => "a partition column".into(),
            Self::Text(what) => format!("{what} in single quotes"),
            Self::Number => "a number".into(),
        }
    }
}

impl Parser<'_> {
    /// That the next token does not fit, and what would.
    pub(super) fn unexpected(&self) -> Mistake {
        let fitting_name = self.expected.iter().any(|expected| matches!(expected, Expected::Name(_)));
        let mut fitting: Vec<Expected> = Vec::new();
        for expected in &self.expected {
            if !fitting.contains(expected) && *expected != Expected::Word("DESC") {
                fitting.push(*expected);
            }
        }
        // What can be left out is told last.
        fitting.sort_by_key(|expected| matches!(expected, Expected::Word("IF" | "RECIPIENT")) && fitting_name);
        let options: Vec<String> = fitting.iter().map(|expected| expected.told()).collect();
        let wanted = match options.split_last() {
            None => "the end of the statement, or ';'".to_owned(),
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
        };
        let at = self.here();
        let Some(found) = self.peek() else {
            return Mistake::unfinished(at, format!("the statement ends too early; next is {wanted}"));
        };
        if let Kind::Word(word) = found {
            let begins = STATEMENTS.iter().any(|first| first.eq_ignore_ascii_case(word));
            if begins && fitting.contains(&Expected::Sign(';')) {
                return Mistake::new(at, "a ';' is missing before this statement".into());
            }
            let words = fitting.iter().filter_map(|expected| match expected {
                Expected::Word(word) => Some(*word),
                _ => None,
            });
            if let Some(near) = nearest(word, words) {
                return Mistake::new(at, format!("'{word}' does not fit here; did you mean {near}?"));
            }
        }
        let fitting_text = matches!(fitting.as_slice(), [Expected::Text(_)]);
        let hint = match found {
            Kind::Quoted(_) | Kind::Word(_) if fitting_text => "; write 'text' in single quotes",
            Kind::Text(_) if fitting_name => "; names stand without quotes, or in `backticks`",
            Kind::Number(_) if fitting_name => "; a name that begins with a digit stands in `backticks`",
            Kind::Other if self.at > 0 => {
                "; a name with other signs than letters, digits and '_' stands in `backticks`"
            }
            _ => "",
        };
        let shown = self.text.get(at.clone()).map(shared::model::shorten).unwrap_or_default();
        let found = if matches!(found, Kind::Text(_)) { format!("the text {shown}") } else { format!("'{shown}'") };
        Mistake::new(at, format!("{found} does not fit here; next is {wanted}{hint}"))
    }
}
