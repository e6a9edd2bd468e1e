//! The fuzz targets over their corpus: what a fuzzer has found stays found. Needs no fuzzer.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use fuzz_targets::{TARGETS, Target};

/// Most of an input, so that the corpus stays small.
const INPUT_BYTES_MAX: usize = 16 * 1024;
/// Places at which every input is cut short as well.
const CUTS: usize = 16;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder(target)).unwrap_or_else(|error| panic!("the corpus of {target}: {error}"));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut inputs: Vec<_> =
        paths.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())).collect();
    inputs.sort();
    inputs
}

fn holds(name: &str, target: Target) {
    let inputs = inputs(name);
    assert!(inputs.len() >= 5, "the corpus of {name} is gone");
    let mut failed = Vec::new();
    for (input, bytes) in inputs {
        assert!(bytes.len() <= INPUT_BYTES_MAX, "{name}/{input} is too large to be kept");
        for cut in (1..=CUTS).map(|part| bytes.len() * part / CUTS) {
            if catch_unwind(AssertUnwindSafe(|| target(&bytes[..cut]))).is_err() {
                failed.push(format!("{name}/{input}, its first {cut} of {} bytes", bytes.len()));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

macro_rules! each_target_holds {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            holds(stringify!($name), fuzz_targets::$name);
        })*

        #[test]
        fn every_target_is_here_and_is_a_program() {
            assert_eq!(TARGETS.map(|(name, _)| name), [$(stringify!($name)),*]);
            for (name, _) in TARGETS {
                let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fuzz/targets/{name}.rs"));
                assert!(fs::read_to_string(program).unwrap().contains(&format!("fuzz_targets::{name}(data)")), "{name}");
            }
        }
    };
}

each_target_holds!(capabilities changes_query checkpoint commit predicate_json predicate_sql query_body token);
