//! `fuzz_targets::query_body` under libFuzzer.
#![no_main]

use fuzz as _;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::query_body(data));
