//! Writes the seeds of the fuzz targets' corpus anew, beside what a fuzzer has found: `cargo run --package tests --bin
//! fuzz-seeds`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a panic tells whoever runs it")]

use std::fs;
use std::io;
use std::path::Path;

use fuzz_targets::TARGETS;

mod seeds;

fn main() -> io::Result<()> {
    for (name, _) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in seeds::of(name).into_iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:02}")), seed)?;
        }
    }
    Ok(())
}
