//! `predicateHints`: conditions in SQL (protocol, "SQL expressions for filtering"). A small grammar whose meaning all dialects
//! share; a hint outside of it is not understood as a whole.
//!
//! ```text
//! condition = conjunction { OR conjunction }
//! conjunction = negation { AND negation }
//! negation = NOT negation | predicate
//! predicate = operand [ comparison operand | IS [NOT] NULL | [NOT] IN (operand, …) | [NOT] BETWEEN operand AND operand ]
//! operand = ( condition ) | column | literal | function(…)
//! ```

use super::text;
use super::tree::{Column, Comparison, Node, Operand, Value};
use crate::limits::{PREDICATE_BYTES_MAX, PREDICATE_DEPTH_MAX, PREDICATE_LEAVES_MAX};
use token::Token;

mod token;

/// Reads all hints: every row wanted fulfils each of them. Nothing when there are none.
pub(super) fn parse(hints: &[String]) -> Option<Node> {
    let hints: Vec<&str> = hints.iter().map(|hint| hint.trim()).filter(|hint| !hint.is_empty()).collect();
    if hints.is_empty() {
        return None;
    }
    let (mut bytes, mut leaves) = (PREDICATE_BYTES_MAX, PREDICATE_LEAVES_MAX);
    let mut read = |hint: &str| {
        bytes = bytes.checked_sub(hint.len())?;
        let node = one(hint)?;
        leaves = leaves.checked_sub(node.leaves())?;
        Some(node)
    };
    let mut nodes = Vec::new();
    let mut understood = true;
    for hint in hints {
        match read(hint) {
            Some(node) => nodes.push(node),
            None => understood = false,
        }
    }
    if !understood {
        nodes.push(Node::Unknown);
    }
    Some(Node::And(nodes))
}

fn one(hint: &str) -> Option<Node> {
    let mut parser = Parser { tokens: token::all(hint)?, at: 0 };
    let node = parser.condition(PREDICATE_DEPTH_MAX)?.into_node()?;
    (parser.at == parser.tokens.len()).then_some(node)
}

/// What stands between operators: only what follows tells whether `a` is a value or a condition.
enum Term {
    Operand(Operand),
    Node(Node),
}

impl Term {
    fn into_node(self) -> Option<Node> {
        match self {
            Self::Operand(operand) => operand.into_condition(),
            Self::Node(node) => Some(node),
        }
    }

    fn into_operand(self) -> Option<Operand> {
        match self {
            Self::Operand(operand) => Some(operand),
            Self::Node(_) => None,
        }
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

/// Words that are never a column's name unless in backticks.
const RESERVED: [&str; 18] = [
    "and", "or", "not", "is", "null", "in", "between", "like", "ilike", "rlike", "exists", "case", "select",
    "interval", "escape", "collate", "distinct", "from",
];

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, wanted: &Token) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    /// Takes an unquoted word, in any case.
    fn word(&mut self, wanted: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(found);
        found
    }

    /// `levels` may still be opened within.
    fn condition(&mut self, levels: usize) -> Option<Term> {
        self.chain(levels, "or", Self::conjunction, Node::Or)
    }

    fn conjunction(&mut self, levels: usize) -> Option<Term> {
        self.chain(levels, "and", Self::negation, Node::And)
    }

    fn chain(
        &mut self,
        levels: usize,
        between: &str,
        part: fn(&mut Self, usize) -> Option<Term>,
        join: fn(Vec<Node>) -> Node,
    ) -> Option<Term> {
        let first = part(self, levels)?;
        if !self.word(between) {
            return Some(first);
        }
        let mut nodes = vec![first.into_node()?];
        loop {
            nodes.push(part(self, levels)?.into_node()?);
            if !self.word(between) {
                return Some(Term::Node(join(nodes)));
            }
        }
    }

    fn negation(&mut self, levels: usize) -> Option<Term> {
        if self.word("not") {
            let node = self.negation(levels.checked_sub(1)?)?.into_node()?;
            return Some(Term::Node(node.negated()));
        }
        self.predicate(levels)
    }

    fn predicate(&mut self, levels: usize) -> Option<Term> {
        let term = self.operand(levels)?;
        if let Some(&Token::Comparison(comparison, negated)) = self.peek() {
            self.at += 1;
            let node = Node::Compare(comparison, term.into_operand()?, self.operand(levels)?.into_operand()?);
            return Some(Term::Node(if negated { node.negated() } else { node }));
        }
        if self.word("is") {
            let negated = self.word("not");
            if !self.word("null") {
                return None;
            }
            let node = Node::IsNull(term.into_operand()?);
            return Some(Term::Node(if negated { node.negated() } else { node }));
        }
        let negated = self.word("not");
        let node = if self.word("in") {
            self.list(levels, &term.into_operand()?)?
        } else if self.word("between") {
            let operand = term.into_operand()?;
            let low = self.operand(levels)?.into_operand()?;
            let high = self.word("and").then(|| self.operand(levels))??.into_operand()?;
            Node::And(vec![
                Node::Compare(Comparison::GreaterOrEqual, operand.clone(), low),
                Node::Compare(Comparison::LessOrEqual, operand, high),
            ])
        } else if negated {
            return None;
        } else {
            return Some(term);
        };
        Some(Term::Node(if negated { node.negated() } else { node }))
    }

    fn list(&mut self, levels: usize, operand: &Operand) -> Option<Node> {
        if !self.take(&Token::Open) {
            return None;
        }
        let mut nodes = Vec::new();
        loop {
            let one = self.operand(levels)?.into_operand()?;
            nodes.push(Node::Compare(Comparison::Equal, operand.clone(), one));
            if self.take(&Token::Close) {
                return Some(Node::Or(nodes));
            }
            if !self.take(&Token::Comma) || nodes.len() > PREDICATE_LEAVES_MAX {
                return None;
            }
        }
    }

    fn operand(&mut self, levels: usize) -> Option<Term> {
        let token = self.peek()?.clone();
        self.at += 1;
        let operand = match token {
            Token::Open => {
                let term = self.condition(levels.checked_sub(1)?)?;
                return self.take(&Token::Close).then_some(term);
            }
            Token::Text(text) => Operand::Literal(Value::String(text)),
            Token::Quoted(text) => Operand::Quoted(text),
            Token::Number(value) => value.map_or(Operand::Unknown, Operand::Literal),
            Token::Name(name) => self.column(name)?,
            Token::Word(word) => self.worded(word)?,
            Token::Close | Token::Comma | Token::Dot | Token::Comparison(..) => return None,
        };
        Some(Term::Operand(operand))
    }

    /// A literal that begins with a word, a function, or a column.
    fn worded(&mut self, word: String) -> Option<Operand> {
        let lower = word.to_ascii_lowercase();
        if let (Some(Token::Text(text)), "date" | "timestamp") = (self.peek(), lower.as_str()) {
            let value = if lower == "date" {
                text::date(text).map(Value::Date)
            } else {
                // In the reader's time zone when it has none of its own.
                text::moment(text).map(Value::Timestamp)
            };
            self.at += 1;
            return Some(value.map_or(Operand::Unknown, Operand::Literal));
        }
        match lower.as_str() {
            "true" | "false" => Some(Operand::Literal(Value::Bool(lower == "true"))),
            "null" => Some(Operand::Null),
            _ if RESERVED.contains(&lower.as_str()) => None,
            _ if self.take(&Token::Open) => self.skip_arguments(),
            _ => self.column(word),
        }
    }

    /// What a function makes of its arguments is not known.
    fn skip_arguments(&mut self) -> Option<Operand> {
        let mut open = 1_usize;
        while open > 0 {
            match self.peek()? {
                Token::Open => open += 1,
                Token::Close => open -= 1,
                _ => {}
            }
            self.at += 1;
        }
        Some(Operand::Unknown)
    }

    /// A name, or two: then only `partitionValues.name` is a column for certain.
    fn column(&mut self, first: String) -> Option<Operand> {
        let column = |name, partition| Operand::Column(Column { name, kind: None, partition });
        if !self.take(&Token::Dot) {
            return Some(column(first, false));
        }
        let Some(Token::Word(second) | Token::Name(second)) = self.peek().cloned() else { return None };
        self.at += 1;
        if matches!(self.peek(), Some(Token::Dot | Token::Open)) {
            return None;
        }
        let partition = first.eq_ignore_ascii_case("partitionValues");
        Some(if partition { column(second, true) } else { Operand::Unknown })
    }
}

#[cfg(test)]
mod tests;
