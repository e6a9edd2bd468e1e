//! Page tokens, sealed and opened.

use std::hint::black_box;

use shared::seal::Sealer;

use super::Subject;

/// About as long as what a page token holds.
const PAYLOAD: [u8; 160] = [b'p'; 160];
const CONTEXT: [&str; 3] = ["query-page", "recipient", "8ba4f5c3-5d0c-4b43-9f4d-1a2b3c4d5e6f"];

/// A token made.
pub(super) fn seal() -> Result<Subject, String> {
    let sealer = Sealer::new(&[7; 32]);
    Ok(Subject::new("token sealed", "token", move || {
        // Only the system's randomness could fail.
        let _ = black_box(sealer.seal(&CONTEXT, black_box(&PAYLOAD)));
    }))
}

/// A token read.
pub(super) fn open() -> Result<Subject, String> {
    let sealer = Sealer::new(&[7; 32]);
    let token = sealer.seal(&CONTEXT, &PAYLOAD).map_err(|error| error.to_string())?;
    Ok(Subject::new("token opened", "token", move || {
        black_box(sealer.open(&CONTEXT, black_box(&token)));
    }))
}
