//! Operators at work: killed at any write, several at once, on a catalogue that is large.

mod bench;
mod interrupted;
mod large;
mod together;
