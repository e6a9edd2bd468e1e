//! The words of a condition in SQL.

use crate::predicate::tree::{Comparison, Value};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A keyword or a name.
    Word(String),
    /// A name in backticks.
    Name(String),
    /// `'…'`
    Text(String),
    /// `"…"`
    Quoted(String),
    /// A number, if it is one that everyone reads the same way.
    Number(Option<Value>),
    /// A comparison, and whether the opposite is meant.
    Comparison(Comparison, bool),
    Open,
    Close,
    Comma,
    Dot,
}

/// Longest first.
const SYMBOLS: [(&str, Token); 13] = [
    ("<=>", Token::Comparison(Comparison::SameOrBothNull, false)),
    ("<>", Token::Comparison(Comparison::Equal, true)),
    ("!=", Token::Comparison(Comparison::Equal, true)),
    ("==", Token::Comparison(Comparison::Equal, false)),
    ("<=", Token::Comparison(Comparison::LessOrEqual, false)),
    (">=", Token::Comparison(Comparison::GreaterOrEqual, false)),
    ("=", Token::Comparison(Comparison::Equal, false)),
    ("<", Token::Comparison(Comparison::Less, false)),
    (">", Token::Comparison(Comparison::Greater, false)),
    ("(", Token::Open),
    (")", Token::Close),
    (",", Token::Comma),
    (".", Token::Dot),
];

/// Cuts a text into tokens, or nothing when any of it is none.
pub(super) fn all(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '\'' | '"' | '`' => quoted(rest, first)?,
            '0'..='9' | '-' => number(rest)?,
            _ if is_word(first) => {
                let (word, after) = rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
                (Token::Word(word.to_owned()), after)
            }
            _ => SYMBOLS.iter().find_map(|(symbol, token)| Some((token.clone(), rest.strip_prefix(symbol)?)))?,
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Some(tokens)
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Dialects differ in what a backslash does, and in what two quotes in a row are.
fn quoted(text: &str, quote: char) -> Option<(Token, &str)> {
    let (inside, after) = text.strip_prefix(quote)?.split_once(quote)?;
    if inside.contains('\\') || after.trim_start().starts_with(['\'', '"', '`']) {
        return None;
    }
    let inside = inside.to_owned();
    let token = match quote {
        '\'' => Token::Text(inside),
        '"' => Token::Quoted(inside),
        _ => Token::Name(inside),
    };
    Some((token, after))
}

/// Digits with or without a fraction and an exponent. A suffix, or a minus sign that may be an operator, is not understood.
fn number(text: &str) -> Option<(Token, &str)> {
    /// Digits that a double holds exactly enough to come back the same.
    const DIGITS_MAX: usize = 15;
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut length = usize::from(text.starts_with('-'));
    let after = |length: usize| text.get(length..).unwrap_or_default();
    let whole = digits(after(length));
    if whole == 0 {
        return None;
    }
    length += whole;
    let mut fraction = 0;
    let mut is_whole = true;
    if after(length).starts_with('.') {
        is_whole = false;
        fraction = digits(after(length + 1));
        length += 1 + fraction;
    }
    if after(length).starts_with(['e', 'E']) {
        is_whole = false;
        let sign = usize::from(after(length + 1).starts_with(['+', '-']));
        let exponent = digits(after(length + 1 + sign));
        if exponent == 0 {
            return None;
        }
        length += 1 + sign + exponent;
    }
    if after(length).starts_with(|c| is_word(c) || c == '.') {
        return None;
    }
    let literal = text.get(..length)?;
    let value = if is_whole {
        literal.parse().ok().map(Value::Int)
    } else if whole + fraction <= DIGITS_MAX {
        literal.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Number)
    } else {
        None
    };
    Some((Token::Number(value), after(length)))
}
