//! `fuzz_targets::predicate_json` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::predicate_json(data));
