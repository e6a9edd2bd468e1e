//! The benchmark's options.

use std::path::PathBuf;
use std::time::Duration;

use crate::storage::Distance;

/// What `--help` says.
pub(crate) const HELP: &str = "\
Measures the server and its engines. Needs no network; tables are kept in the build folder for the next run.

Usage: make bench [ARGS=\"OPTION...\"]

Options:
  --sizes N,N,...     tables to answer from, by the files in their checkpoint, 1,000 or more each
                      [default: 1000,10000,100000,1000000]
  --large             a table of 10,000,000 files as well, in one object and in parts
  --latency MS        how long every request to the storage waits [default: 15]
  --bandwidth MB      how many MB a second a connection to the storage carries; 0 for no bound [default: 90]
  --load              only the load: lists, many readers, slow readers, readers that take nothing
  --cold FOLDER       only the start of functions, FOLDER/NAME/bootstrap each: target/lambda after
                      `cargo lambda build --release --package NAME`
  --json FILE         also write all figures to FILE
  --server FILE       measure this spillway executable [default: the one beside this program]
  --kept FOLDER       where tables are kept [default: bench-tables in the build folder]
  --against PROFILE   ask another server the same in the same run, by its profile; it runs on this machine already
  --pid N             the other server's process; repeat it for several
  --tables A.B.C,...  the other server's tables
  --help              show this text

It writes tables that consist of a log only: one checkpoint of N files, then ten commits that add 1,000 files and remove
100; of one size also in parts, with sidecars, with typed statistics, without partitions, and with other tails. It starts
`spillway serve` on them as a process of its own, with an S3 server in between whose requests wait as those to S3 do, and
asks for all files of each table in both response formats, plain and compressed, for pages of the largest table, for one
partition of it, for its version and metadata, and once more as a slow reader. Another server is asked the same of tables
that it shares already. Then it compares the URL signer with that of aws-sdk-s3, and reading the log with the deltalake
crate. It fails when an answer is not whole.
";

/// The sizes that are measured when none are named.
const SIZES_DEFAULT: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// What `--large` adds.
const SIZE_LARGE: u64 = 10_000_000;
/// What a request to S3 waits within its region.
const LATENCY_MS_DEFAULT: u64 = 15;
/// What one connection to S3 carries, in MB a second.
const BANDWIDTH_MB_DEFAULT: u64 = 90;
/// Fewer would not leave enough files for the commits to remove.
const SIZE_MIN: u64 = 1_000;

/// The options, read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Files in the checkpoint of each table, ascending.
    pub(crate) sizes: Vec<u64>,
    /// Where to write all figures.
    pub(crate) json: Option<PathBuf>,
    /// The server to measure.
    pub(crate) server: Option<PathBuf>,
    /// Where tables are kept from run to run.
    pub(crate) kept: Option<PathBuf>,
    /// What is measured.
    pub(crate) part: Part,
    /// How far away the storage is.
    pub(crate) distance: Distance,
    /// Another server to measure beside it.
    pub(crate) against: Option<Against>,
}

/// A part of the benchmark.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) enum Part {
    /// Everything but the others.
    #[default]
    Answers,
    /// Many clients at once.
    Load,
    /// The start of the functions in a folder.
    Cold(PathBuf),
}

/// Another server, which runs already.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Against {
    /// Its profile.
    pub(crate) profile: PathBuf,
    /// Its processes.
    pub(crate) pids: Vec<u32>,
    /// Its tables, each `share.schema.table`.
    pub(crate) tables: Vec<String>,
}

impl Arguments {
    /// Reads the command line; `None` when help is asked for.
    ///
    /// # Errors
    /// The beginning of a sentence for the person at the terminal.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Option<Self>, String> {
        let (mut latency_ms, mut bandwidth_mb) = (LATENCY_MS_DEFAULT, BANDWIDTH_MB_DEFAULT);
        let (mut sizes, mut json, mut server, mut against) = (SIZES_DEFAULT.to_vec(), None, None, Against::default());
        let (mut kept, mut part, mut large) = (None, Part::default(), false);
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
                "--sizes" => sizes = read_sizes(&value()?)?,
                "--large" => large = true,
                "--load" => part = Part::Load,
                "--cold" => part = Part::Cold(value()?.into()),
                "--kept" => kept = Some(value()?.into()),
                "--latency" => latency_ms = number(&option, &value()?)?,
                "--bandwidth" => bandwidth_mb = number(&option, &value()?)?,
                "--json" => json = Some(value()?.into()),
                "--server" => server = Some(value()?.into()),
                "--against" => against.profile = value()?.into(),
                "--pid" => against.pids.push(number(&option, &value()?)?),
                "--tables" => against.tables.extend(value()?.split(',').map(str::to_owned)),
                _ => return Err(format!("there is no option '{option}'")),
            }
        }
        let latency = Duration::from_millis(latency_ms);
        let distance = Distance { latency, bandwidth: (bandwidth_mb > 0).then_some(bandwidth_mb * 1_000_000) };
        sizes.extend((large && !sizes.contains(&SIZE_LARGE)).then_some(SIZE_LARGE));
        sizes.sort_unstable();
        Ok(Some(Self { sizes, json, server, kept, part, distance, against: against.checked()? }))
    }
}

impl Against {
    /// Itself, when all of it is said; nothing when nothing is.
    fn checked(self) -> Result<Option<Self>, String> {
        match (self.profile.as_os_str().is_empty(), self.pids.is_empty(), self.tables.is_empty()) {
            (true, true, true) => Ok(None),
            (false, false, false) => match self.tables.iter().find(|table| table.split('.').count() != 3) {
                None => Ok(Some(self)),
                Some(table) => Err(format!("'{table}' is no table; write share.schema.table")),
            },
            _ => Err("--against, --pid and --tables go together".into()),
        }
    }
}

fn number<N: std::str::FromStr>(option: &str, text: &str) -> Result<N, String> {
    text.trim().parse().map_err(|_| format!("{option} takes a whole number, not '{text}'"))
}

fn read_sizes(text: &str) -> Result<Vec<u64>, String> {
    let one = |size: &str| match size.trim().parse() {
        Ok(size) if size >= SIZE_MIN => Ok(size),
        _ => Err(format!("'{size}' is no size of a table; write whole numbers from {SIZE_MIN}, separated by commas")),
    };
    let mut sizes = text.split(',').map(one).collect::<Result<Vec<u64>, String>>()?;
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
        assert_eq!((read.sizes, read.json, read.server), (vec![1_000, 10_000], Some("out.json".into()), None));
        let usual = Distance { latency: Duration::from_millis(15), bandwidth: Some(90_000_000) };
        assert_eq!((read.distance, read.against), (usual, None));
        assert_eq!(parse(&["--sizes=1000", "--help"]), Ok(None));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert!(parse(&["--size", "1000"]).unwrap_err().contains("'--size'"));
        assert!(parse(&["--sizes", "10"]).unwrap_err().contains("'10'"));
        assert!(parse(&["--latency", "1 s"]).unwrap_err().contains("'1 s'"));
        assert!(parse(&["--json"]).unwrap_err().contains("--json needs a value"));
    }

    #[test]
    fn large_tables_and_parts_are_asked_for_by_name() {
        let read = parse(&["--large", "--sizes=1000", "--load"]).unwrap().unwrap();
        assert_eq!((read.sizes, read.part), (vec![1_000, 10_000_000], Part::Load));
        let read = parse(&["--cold", "target/lambda"]).unwrap().unwrap();
        assert_eq!((read.sizes.last(), read.part), (Some(&1_000_000), Part::Cold("target/lambda".into())));
    }

    #[test]
    fn a_distance_of_nothing_is_none() {
        let read = parse(&["--latency=0", "--bandwidth=0"]).unwrap().unwrap();
        assert_eq!(read.distance, Distance { latency: Duration::ZERO, bandwidth: None });
    }

    #[test]
    fn another_server_is_named_whole_or_not_at_all() {
        let read = parse(&["--against", "a.share", "--pid=1", "--pid=2", "--tables", "s.d.t,s.d.u"]).unwrap().unwrap();
        let tables = vec!["s.d.t".to_owned(), "s.d.u".to_owned()];
        assert_eq!(read.against, Some(Against { profile: "a.share".into(), pids: vec![1, 2], tables }));
        assert!(parse(&["--against", "a.share"]).unwrap_err().contains("go together"));
        assert!(parse(&["--against", "a", "--pid", "1", "--tables", "s.t"]).unwrap_err().contains("'s.t'"));
    }
}
