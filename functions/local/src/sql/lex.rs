//! A text cut into tokens by `sqlparser`'s tokenizer, each with its place in the text. A name in backticks or double
//! quotes is taken as it is, text stands in single quotes, and `--` and `/* */` are comments.

use std::ops::Range;

use sqlparser::dialect::Dialect;
use sqlparser::tokenizer::{Location, Token as Raw, TokenWithSpan, Tokenizer};

use super::mistake::Mistake;

/// Bytes of one script. What a person or program writes is far below; it is held whole.
pub const SCRIPT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its bytes in the text.
    pub at: Range<usize>,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A word of a statement, or a name.
    Word(String),
    /// A name in backticks or double quotes.
    Quoted(String),
    /// `'…'`
    Text(String),
    /// Digits.
    Number(String),
    /// A sign.
    Sign(char),
    /// Anything that no statement has.
    Other,
}

/// Letters, digits and `_` make a word; everything else of a name needs quotes.
#[derive(Debug)]
struct Words;

impl Dialect for Words {
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_'
    }
}

/// Cuts a text into tokens.
///
/// # Errors
/// At quotes or a comment that do not end, and for a text that is too long.
pub fn tokens(text: &str) -> Result<Vec<Token>, Mistake> {
    if text.len() > SCRIPT_BYTES_MAX {
        return Err(Mistake::new(0..0, format!("a script has at most {} MiB", SCRIPT_BYTES_MAX >> 20)));
    }
    let mut raw = Vec::new();
    let outcome = Tokenizer::new(&Words, text).tokenize_with_location_into_buf(&mut raw);
    let mut places = Places::new(text);
    let mut tokens: Vec<Token> = Vec::with_capacity(raw.len());
    for TokenWithSpan { token, span } in raw {
        let at = places.offset(span.start)..places.offset(span.end);
        if let Some(kind) = kind(token) {
            tokens.push(Token { kind, at });
        }
    }
    match outcome {
        Ok(()) => Ok(tokens),
        Err(error) => {
            let from = tokens.last().map_or(0, |last| last.at.end);
            let rest = text.get(from..).unwrap_or_default();
            let start = from + (rest.len() - rest.trim_start().len());
            // The tokenizer names the end of the text or the beginning, as the token has it; quotes begin it for certain.
            let opened = text.get(start..).and_then(|rest| rest.find(['\'', '"', '`'])).map_or(start, |at| start + at);
            let unended = |what: &str| Mistake::unfinished(opened..text.len().min(opened + 1), what.into());
            Err(match text.get(opened..).and_then(|rest| rest.chars().next()) {
                _ if error.message.contains("comment") => unended("this comment does not end; close it with */"),
                Some('\'') => {
                    unended("this text does not end; close it with a single quote, and write '' for one inside")
                }
                Some(quote @ ('`' | '"')) => unended(&format!("this name does not end; close it with {quote}")),
                _ => Mistake::new(places.offset(error.location)..text.len(), "this cannot be read".into()),
            })
        }
    }
}

fn kind(token: Raw) -> Option<Kind> {
    let sign = |sign| Some(Kind::Sign(sign));
    match token {
        Raw::Whitespace(_) | Raw::EOF => None,
        Raw::Word(word) if word.quote_style.is_some() => Some(Kind::Quoted(word.value)),
        Raw::Word(word) => Some(Kind::Word(word.value)),
        Raw::SingleQuotedString(text) => Some(Kind::Text(text)),
        Raw::Number(number, _) => Some(Kind::Number(number)),
        Raw::Comma => sign(','),
        Raw::Period => sign('.'),
        Raw::LParen => sign('('),
        Raw::RParen => sign(')'),
        Raw::Eq => sign('='),
        Raw::SemiColon => sign(';'),
        Raw::Backslash => sign('\\'),
        Raw::Question => sign('?'),
        _ => Some(Kind::Other),
    }
}

/// Lines and columns of the tokenizer as bytes. Places come in order, so the text is walked once.
struct Places<'a> {
    text: &'a str,
    at: usize,
    line: u64,
    column: u64,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, line: 1, column: 1 }
    }

    fn offset(&mut self, place: Location) -> usize {
        if (place.line, place.column) < (self.line, self.column) {
            *self = Self::new(self.text);
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        for c in rest.chars() {
            if (place.line, place.column) <= (self.line, self.column) {
                break;
            }
            self.at += c.len_utf8();
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.at
    }
}

/// A name as a statement must have it: in backticks, unless it is a plain word.
pub fn quoted(name: &str) -> String {
    let mut chars = name.chars();
    let plain = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_')
        && !super::parse::is_reserved(name);
    if plain { name.to_owned() } else { format!("`{}`", name.replace('`', "``")) }
}

/// A text as a statement must have it.
pub fn quoted_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
