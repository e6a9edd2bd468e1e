//! Statements out of tokens. Wherever a token does not fit, what would have is known: it is in the mistake, with the
//! nearest word when there is one, and it is what the prompt completes.
//!
//! Options stand in any order, each at most once. The whole script is read before any of it is done.

use std::ops::Range;

use super::lex::{Kind, Token, tokens};
use super::mistake::Mistake;
use super::statement::{Placed, Spot, Statement};
pub use expected::{Expected, NameOf};

mod expected;
mod grants;
mod recipients;
mod shares;
mod tables;

/// The first words of statements, which the prompt's own words are not among.
const STATEMENTS: [&str; 8] = ["CREATE", "ALTER", "DROP", "GRANT", "REVOKE", "SHOW", "DESCRIBE", "DESC"];

/// Words that follow where a name might: a name that is one of them needs backticks.
const RESERVED: [&str; 2] = ["IF", "RECIPIENT"];

/// Whether a name must be in backticks although it is a word.
pub fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word))
}

/// Reads a script.
///
/// # Errors
/// The first mistake.
pub fn script(text: &str) -> Result<Vec<Placed>, Mistake> {
    let tokens = tokens(text)?;
    let mut parser = Parser { text, tokens: &tokens, at: 0, expected: Vec::new() };
    let mut statements = Vec::new();
    loop {
        while parser.sign(';') {}
        if parser.peek().is_none() {
            return Ok(statements);
        }
        parser.expected.clear();
        let start = parser.here().start;
        let statement = parser.statement()?;
        let end = parser.previous_end();
        if parser.peek().is_some() && !parser.sign(';') {
            return Err(parser.unexpected());
        }
        statements.push(Placed { statement, at: start..end });
    }
}

/// What may come next after a text that is the beginning of a script.
pub fn expected_after(text: &str) -> Vec<Expected> {
    let Ok(tokens) = tokens(text) else { return Vec::new() };
    let last = tokens.iter().rposition(|token| token.kind == Kind::Sign(';')).map_or(0, |at| at + 1);
    let mut parser = Parser { text, tokens: tokens.get(last..).unwrap_or_default(), at: 0, expected: Vec::new() };
    let _ = parser.statement();
    if parser.peek().is_some() {
        return Vec::new();
    }
    parser.expected
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    at: usize,
    /// What would have fit where the parser is.
    expected: Vec<Expected>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    /// The place of the next token; the end when there is none.
    fn here(&self) -> Range<usize> {
        let end = self.text.trim_end().len();
        self.tokens.get(self.at).map_or(end..end, |token| token.at.clone())
    }

    fn previous_end(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |token| token.at.end)
    }

    fn advance(&mut self) {
        self.at += 1;
        self.expected.clear();
    }

    /// Takes a word, in any case.
    fn word(&mut self, wanted: &'static str) -> bool {
        let found = matches!(self.peek(), Some(Kind::Word(word)) if word.eq_ignore_ascii_case(wanted));
        if found {
            self.advance();
        } else {
            self.expected.push(Expected::Word(wanted));
        }
        found
    }

    fn need(&mut self, wanted: &'static str) -> Result<(), Mistake> {
        if self.word(wanted) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Words that only make sense together.
    fn need_all(&mut self, wanted: &[&'static str]) -> Result<(), Mistake> {
        wanted.iter().try_for_each(|word| self.need(word))
    }

    fn sign(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(&Kind::Sign(wanted));
        if found {
            self.advance();
        } else {
            self.expected.push(Expected::Sign(wanted));
        }
        found
    }

    fn need_sign(&mut self, wanted: char) -> Result<(), Mistake> {
        if self.sign(wanted) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn name(&mut self, of: NameOf) -> Result<Spot, Mistake> {
        let at = self.here();
        match self.peek() {
            Some(Kind::Word(text) | Kind::Quoted(text)) => {
                let spot = Spot { text: text.clone(), at };
                self.advance();
                Ok(spot)
            }
            _ => {
                self.expected.push(Expected::Name(of));
                Err(self.unexpected())
            }
        }
    }

    /// `a`, `a.b`, …, as many parts as there are kinds at most.
    fn names(&mut self, kinds: &[NameOf]) -> Result<Vec<Spot>, Mistake> {
        let mut parts = Vec::new();
        for kind in kinds {
            parts.push(self.name(*kind)?);
            if parts.len() == kinds.len() || !self.sign('.') {
                break;
            }
        }
        Ok(parts)
    }

    fn text(&mut self, what: &'static str) -> Result<Spot, Mistake> {
        let at = self.here();
        if let Some(Kind::Text(text)) = self.peek() {
            let spot = Spot { text: text.clone(), at };
            self.advance();
            return Ok(spot);
        }
        self.expected.push(Expected::Text(what));
        Err(self.unexpected())
    }

    fn if_not_exists(&mut self) -> Result<bool, Mistake> {
        let found = self.word("IF");
        if found {
            self.need_all(&["NOT", "EXISTS"])?;
        }
        Ok(found)
    }

    fn if_exists(&mut self) -> Result<bool, Mistake> {
        let found = self.word("IF");
        if found {
            self.need("EXISTS")?;
        }
        Ok(found)
    }

    /// Takes the first word of an option that was not said yet.
    fn option<T>(&mut self, slot: Option<&T>, wanted: &'static str) -> Result<bool, Mistake> {
        let at = self.here();
        if slot.is_none() {
            return Ok(self.word(wanted));
        }
        match self.peek() {
            Some(Kind::Word(word)) if word.eq_ignore_ascii_case(wanted) => {
                Err(Mistake::new(at, format!("{wanted} was said already; once is enough")))
            }
            _ => Ok(false),
        }
    }

    /// As [`Parser::option`], of an option that is there or not.
    fn flag(&mut self, said: bool, wanted: &'static str) -> Result<bool, Mistake> {
        self.option(said.then_some(&()), wanted)
    }

    fn statement(&mut self) -> Result<Statement, Mistake> {
        if self.word("CREATE") {
            return self.create();
        }
        if self.word("ALTER") {
            return self.alter();
        }
        if self.word("DROP") {
            return self.drop_statement();
        }
        if self.word("GRANT") {
            return self.grant();
        }
        if self.word("REVOKE") {
            return self.revoke();
        }
        if self.word("SHOW") {
            return self.show();
        }
        if self.word("DESCRIBE") || self.word("DESC") {
            return self.describe();
        }
        Err(self.unexpected())
    }

    fn create(&mut self) -> Result<Statement, Mistake> {
        if self.word("SHARE") {
            return self.create_share();
        }
        if self.word("TABLE") {
            return self.create_table();
        }
        if self.word("RECIPIENT") {
            return self.create_recipient();
        }
        Err(self.unexpected())
    }

    fn alter(&mut self) -> Result<Statement, Mistake> {
        if self.word("SHARE") {
            return self.alter_share();
        }
        if self.word("RECIPIENT") {
            return self.alter_recipient();
        }
        Err(self.unexpected())
    }

    fn drop_statement(&mut self) -> Result<Statement, Mistake> {
        if self.word("SHARE") {
            let if_exists = self.if_exists()?;
            let share = self.name(NameOf::Share)?;
            return Ok(Statement::DropShare { share, if_exists, cascade: self.word("CASCADE") });
        }
        if self.word("TABLE") {
            let if_exists = self.if_exists()?;
            return Ok(Statement::DropTable { table: self.name(NameOf::Table)?, if_exists });
        }
        if self.word("RECIPIENT") {
            let if_exists = self.if_exists()?;
            return Ok(Statement::DropRecipient { recipient: self.name(NameOf::Recipient)?, if_exists });
        }
        Err(self.unexpected())
    }
}

#[cfg(test)]
mod tests;
