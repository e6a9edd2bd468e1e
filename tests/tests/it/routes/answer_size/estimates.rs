//! What answers were known to come to before their first byte, held against what came, over tables of many shapes: never
//! more, so that nothing is refused that fits, and not far less, so that little breaks off.

use std::io::Write;
use std::path::PathBuf;

use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tests::bounded::Bounded;
use tests::server::document;
use tests::table_builder::TableBuilder;

use super::{CHANGES, came, changes, query};

mod shapes;

use shapes::{FACTORS, FILES, SHAPES, Shape, checkpointed, fill, nothing, reader_features, vector};

const DELTA: &str = "responseformat=delta;readerfeatures=deletionvectors,columnmapping";
const CODINGS: [&str; 3] = ["identity", "gzip", "zstd"];
/// Characters of a session's token: none, and as many as AWS makes.
const TOKENS: [usize; 2] = [0, 1_000];

/// Asks in every way and collects where less or far more came than was known.
struct Ledger {
    wrong: Vec<String>,
}

impl Ledger {
    fn enter(&mut self, what: &str, (least, came): (u64, u64), factor: Option<u64>) {
        if least > came || factor.is_some_and(|factor| came > factor * least) {
            self.wrong.push(format!("{what}: at least {least}, came {came}"));
        }
    }

    fn balance(self) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
    }
}

#[tokio::test]
async fn snapshots_of_every_shape() {
    let mut ledger = Ledger { wrong: Vec::new() };
    for Shape { name, write, delta_only, factors } in SHAPES {
        let folder = tempfile::tempdir().unwrap();
        write(TableBuilder::new(folder.path().join("t")));
        for token in TOKENS {
            let answers = Bounded::over(&["s.d.t"], folder.path(), token).await;
            for capabilities in ["", DELTA].into_iter().skip(usize::from(delta_only)) {
                for coding in CODINGS {
                    let came = came(&answers, None, query(&json!({}), coding, capabilities)).await;
                    let what = format!("{name}, {coding}, token of {token}, '{capabilities}'");
                    assert!(came.status == 200 && came.whole, "{what}: {}", String::from_utf8_lossy(&came.body));
                    let [Some(told), _] = answers.told() else { panic!("{what}: nothing was told") };
                    let (least, factor) = match coding {
                        "identity" => (told.plain, factors[0]),
                        _ => (told.packed, factors[1]),
                    };
                    ledger.enter(&what, (least, came.body.len() as u64), Some(factor));
                    if coding == "identity" {
                        // Who takes an answer slowly is sent less of it.
                        let small = small(&came.body);
                        ledger.enter(&format!("{what}, small"), (told.packed, small), Some(factors[1]));
                    }
                }
            }
        }
    }
    ledger.balance();
}

#[tokio::test]
async fn a_part_of_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let table = TableBuilder::new(folder.path().join("t"));
    // Most is said of files outside the part.
    drop(checkpointed(table, |chance, number, add| {
        let (p, length) = if number % 5 == 0 { ("a", 10) } else { ("b", 3_000) };
        add["partitionValues"] = json!({"p": p});
        add["stats"] = json!({"numRecords": 1, "maxValues": {"name": chance.hex(length)}}).to_string().into();
    }));
    let mut document = serde_json::to_value(document(&["s.d.t"])).unwrap();
    document["shares"][0]["schemas"][0]["tables"][0]["partitions"] = json!([{"column": "p", "value": "a"}]);
    let document = serde_json::from_value(document).unwrap();
    let answers = Bounded::serving(&document, folder.path(), 0).await;
    let mut ledger = Ledger { wrong: Vec::new() };
    for coding in CODINGS {
        let came = came(&answers, None, query(&json!({}), coding, "")).await;
        assert!(came.status == 200 && came.whole, "{}", String::from_utf8_lossy(&came.body));
        let [Some(told), _] = answers.told() else { panic!("nothing was told") };
        assert_eq!(told.files, FILES as u64 / 5);
        let (least, factor) = if coding == "identity" { (told.plain, FACTORS[0]) } else { (told.packed, FACTORS[1]) };
        ledger.enter(coding, (least, came.body.len() as u64), Some(factor));
    }
    ledger.balance();
}

/// What the best level that answers are sent with leaves of them.
fn small(lines: &[u8]) -> u64 {
    let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    packed.write_all(lines).unwrap();
    packed.finish().unwrap().len() as u64
}

/// Versions that add files, remove some, give some of the rest vectors over and over, and record changes.
fn changed(folder: PathBuf, vectors: bool, recorded: bool) {
    let table = TableBuilder::new(folder)
        .metadata(|metadata| metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"}));
    let mut table = if vectors { reader_features(table, &["deletionVectors"]) } else { table };
    fill(&mut table, nothing);
    let paths = table.live_paths();
    if vectors {
        let mut before: Option<Value> = None;
        for version in 1..20 {
            let (mut remove, mut add) = (table.remove(&paths[0]), table.add_entry(&paths[0], Some("a"), 1));
            if let Some(before) = before.take() {
                remove["remove"]["deletionVector"] = before;
            }
            add["add"]["deletionVector"] = vector(version, true);
            before = Some(vector(version, true));
            table.commit(vec![remove, add]);
        }
    }
    if recorded {
        let cdc = |number: usize| {
            json!({"cdc": {"path": format!("_change_data/{number:05}"), "partitionValues": {"p": "a"}, "size": 7,
                "dataChange": false}})
        };
        table.commit((0..FILES).map(cdc).collect());
    }
    let removed = paths.iter().skip(1).map(|path| table.remove(path)).collect();
    table.commit(removed);
}

#[tokio::test]
async fn ranges() {
    let mut ledger = Ledger { wrong: Vec::new() };
    for (vectors, recorded) in [(false, false), (true, false), (false, true)] {
        let folder = tempfile::tempdir().unwrap();
        changed(folder.path().join("t"), vectors, recorded);
        for token in TOKENS {
            let answers = Bounded::over(&["s.d.t"], folder.path(), token).await;
            for capabilities in ["", DELTA].into_iter().skip(usize::from(vectors)) {
                for (coding, from) in CODINGS.into_iter().flat_map(|coding| [(coding, 0), (coding, 1)]) {
                    let range = json!({"startingVersion": from});
                    let feed = CHANGES.replace("=0", &format!("={from}"));
                    for (at, asked) in [query(&range, coding, capabilities), changes(&feed, coding, capabilities)]
                        .into_iter()
                        .enumerate()
                    {
                        let what =
                            format!("{} from {from}, {coding}, token of {token}, vectors {vectors}", asked.uri());
                        let came = came(&answers, None, asked).await;
                        assert!(came.status == 200 && came.whole, "{what}: {}", String::from_utf8_lossy(&came.body));
                        let told = answers.told()[at].unwrap();
                        // Of compressed changes nothing is known but what was added, which these were not from the second on.
                        let (least, factor) = match coding {
                            "identity" => (told.plain, Some(FACTORS[0])),
                            _ => (told.packed, (from == 0).then_some(2 * FACTORS[1])),
                        };
                        ledger.enter(&what, (least, came.body.len() as u64), factor);
                    }
                }
            }
        }
    }
    ledger.balance();
}
