//! The benchmark's options.

use std::path::PathBuf;

/// What `--help` says.
pub(crate) const HELP: &str = "\
Measures the server and its engines. Needs no network; writes only to a temporary folder.

Usage: make bench [ARGS=\"OPTION...\"]

Options:
  --sizes N,N,...  tables to answer from, by the files in their checkpoint, 1,000 or more each
                   [default: 1000,10000,100000]
  --json FILE      also write all figures to FILE
  --server FILE    measure this spillway executable [default: the one beside this program]
  --help           show this text

It writes tables that consist of a log only (one checkpoint of N files, then ten commits that add 1,000 files and remove
100), starts `spillway serve` on them as a process of its own, and asks for all files of each table in both response
formats, plain and compressed. Then it compares the URL signer with that of aws-sdk-s3, and reading the log of the
largest table with the deltalake crate. It fails when an answer is not whole.
";

/// The sizes that are measured when none are named.
const SIZES_DEFAULT: [usize; 3] = [1_000, 10_000, 100_000];
/// Fewer would not leave enough files for the commits to remove.
const SIZE_MIN: usize = 1_000;

/// The options, read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Files in the checkpoint of each table, ascending.
    pub(crate) sizes: Vec<usize>,
    /// Where to write all figures.
    pub(crate) json: Option<PathBuf>,
    /// The server to measure.
    pub(crate) server: Option<PathBuf>,
}

impl Arguments {
    /// Reads the command line; `None` when help is asked for.
    ///
    /// # Errors
    /// The beginning of a sentence for the person at the terminal.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Option<Self>, String> {
        let mut read = Self { sizes: SIZES_DEFAULT.to_vec(), json: None, server: None };
        let mut rest = arguments.into_iter();
        while let Some(argument) = rest.next() {
            let (option, attached) = match argument.split_once('=') {
                Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            if matches!(option.as_str(), "--help" | "-h") {
                return Ok(None);
            }
            let mut value = || attached.clone().or_else(|| rest.next()).ok_or(format!("{option} needs a value"));
            match option.as_str() {
                "--sizes" => read.sizes = sizes(&value()?)?,
                "--json" => read.json = Some(value()?.into()),
                "--server" => read.server = Some(value()?.into()),
                _ => return Err(format!("there is no option '{option}'")),
            }
        }
        Ok(Some(read))
    }
}

fn sizes(text: &str) -> Result<Vec<usize>, String> {
    let one = |size: &str| match size.trim().parse() {
        Ok(size) if size >= SIZE_MIN => Ok(size),
        _ => Err(format!("'{size}' is no size of a table; write whole numbers from {SIZE_MIN}, separated by commas")),
    };
    let mut sizes = text.split(',').map(one).collect::<Result<Vec<usize>, String>>()?;
    sizes.sort_unstable();
    sizes.dedup();
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Option<Arguments>, String> {
        Arguments::parse(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn options_in_both_spellings() {
        let read = parse(&["--sizes", "10000,1000", "--json=out.json"]).unwrap().unwrap();
        assert_eq!(read, Arguments { sizes: vec![1_000, 10_000], json: Some("out.json".into()), server: None });
        assert_eq!(parse(&["--sizes=1000", "--help"]), Ok(None));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert!(parse(&["--size", "1000"]).unwrap_err().contains("'--size'"));
        assert!(parse(&["--sizes", "10"]).unwrap_err().contains("'10'"));
        assert!(parse(&["--json"]).unwrap_err().contains("--json needs a value"));
    }
}
