//! The vocabulary: names, tables, versions, files. Pure data with fallible ways in; no I/O, no serialisation.

pub mod area;
pub mod capability;
pub mod change;
pub mod file;
pub mod known;
pub mod location;
pub mod name;
pub mod network;
pub mod page;
pub mod recipient;
pub mod rule;
pub mod securable;
pub mod table_state;
pub mod version;
pub mod weight;

/// A caller's text cut to a length that an error message can carry.
pub fn shorten(text: &str) -> String {
    const SHOWN_CHARS: usize = 100;
    if text.chars().count() <= SHOWN_CHARS {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(SHOWN_CHARS).collect();
    out.push('…');
    out
}
