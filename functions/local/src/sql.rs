//! `sql`: what a provider does, written as statements. A text is cut into tokens ([`lex`]), read into statements
//! ([`parse`], [`statement`]), and each is one call of [`shared::provider`] ([`run`]), the same that the commands make.
//! Whatever is wrong is shown at its place in the text ([`mistake`]).

pub mod complete;
pub mod lex;
pub mod mistake;
pub mod output;
pub mod parse;
pub mod prompt;
mod report;
pub mod run;
pub mod session;
pub mod statement;
