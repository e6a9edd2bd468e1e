//! `fuzz_targets::changes_query` under libFuzzer.
#![no_main]

use fuzz as _;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::changes_query(data));
