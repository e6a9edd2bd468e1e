//! `fuzz_targets::checkpoint` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::decoder_may_panic();
    fuzz_targets::checkpoint(data)
});
