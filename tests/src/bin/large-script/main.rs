//! Prints the script of a large catalogue: `large-script SHARES TABLES_EACH RECIPIENTS`, for `spillway sql -f`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::panic, reason = "a tool of the tests")]

use tests::large::Large;

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|number| number.parse().unwrap()).collect();
    let [shares, tables_each, recipients] = numbers[..] else { panic!("SHARES TABLES_EACH RECIPIENTS") };
    print!("{}", Large { shares, tables_each, recipients }.script());
}
