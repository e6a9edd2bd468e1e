//! A script that is cut off at any of its writes: what can be seen in between is whole, and running it again leaves what one
//! run would have left.

use tests::wire::Cut;

use super::bench::{Bench, Program, Whole, finds};

/// What is there before each script.
const BEFORE: &str = "
    CREATE TABLE old USING DELTA LOCATION 's3://b/old' WITHOUT VALIDATION;
    CREATE SHARE kept; ALTER SHARE kept ADD TABLE a.x LOCATION 's3://b/x' WITHOUT VALIDATION;
    ALTER SHARE kept ADD TABLE a.y LOCATION 's3://b/y' WITHOUT VALIDATION;
    CREATE SHARE gone COMMENT 'for a while'; ALTER SHARE gone ADD TABLE a.x LOCATION 's3://b/x' WITHOUT VALIDATION;
    ALTER SHARE gone ADD TABLE a.y LOCATION 's3://b/y' WITHOUT VALIDATION;
    ALTER SHARE gone ADD TABLE b.z LOCATION 's3://b/z' WITHOUT VALIDATION;
    CREATE RECIPIENT ada; CREATE RECIPIENT leaver;
    GRANT SELECT ON SHARE kept TO ada; GRANT SELECT ON SHARE gone TO ada;
    GRANT SELECT ON SHARE kept TO leaver; GRANT SELECT ON SHARE gone TO leaver;";

/// Scripts that say the same when they are run again, one of each kind of statement among them.
const SCRIPTS: [&str; 6] = [
    "CREATE TABLE IF NOT EXISTS t USING DELTA LOCATION 's3://b/t' WITHOUT VALIDATION;
     CREATE SHARE IF NOT EXISTS s COMMENT 'one'; ALTER SHARE s SET COMMENT 'two';
     ALTER SHARE s ADD TABLE IF NOT EXISTS t WITHOUT VALIDATION;
     ALTER SHARE s ADD TABLE IF NOT EXISTS t AS eu.u WITH HISTORY WITHOUT VALIDATION;
     ALTER SHARE s ADD TABLE IF NOT EXISTS eu.v LOCATION 's3://b/v' WITHOUT VALIDATION;
     CREATE RECIPIENT IF NOT EXISTS r COMMENT 'new' TOKEN LIFETIME '90 days';
     GRANT SELECT ON SHARE s TO r VALID UNTIL '2999-01-01T00:00:00Z';",
    "ALTER RECIPIENT ada PROPERTIES ('region' = 'EU'); ALTER RECIPIENT ada ROTATE TOKEN; ALTER RECIPIENT ada DISABLE;
     ALTER RECIPIENT ada ENABLE; ALTER RECIPIENT leaver REVOKE ALL TOKENS; REVOKE SELECT ON SHARE gone FROM ada;
     ALTER SHARE kept REMOVE TABLE IF EXISTS a.x; ALTER SHARE kept REMOVE TABLE IF EXISTS a.y;
     ALTER SHARE kept SET COMMENT ''; DROP TABLE IF EXISTS old;",
    "DROP SHARE IF EXISTS gone CASCADE; DROP RECIPIENT IF EXISTS leaver;",
    "DROP SHARE IF EXISTS gone CASCADE; CREATE SHARE gone; ALTER SHARE gone ADD TABLE a.x LOCATION 's3://b/new' WITHOUT
     VALIDATION; GRANT SELECT ON SHARE gone TO ada; DROP RECIPIENT IF EXISTS leaver; CREATE RECIPIENT leaver;
     GRANT SELECT ON SHARE gone TO leaver;",
    "CREATE SHARE IF NOT EXISTS gone; ALTER SHARE gone ADD TABLE IF NOT EXISTS c.w LOCATION 's3://b/w' WITHOUT VALIDATION;
     GRANT SELECT ON SHARE gone TO ada; DROP SHARE IF EXISTS gone CASCADE;",
    "CREATE RECIPIENT IF NOT EXISTS leaver; GRANT SELECT ON SHARE kept TO leaver; DROP RECIPIENT IF EXISTS leaver;",
];

/// More writes than any of the scripts has.
const WRITES_MAX: usize = 60;

async fn prepared(bench: &Bench) -> Program {
    let program = bench.program();
    program.does(BEFORE).await.unwrap();
    program
}

/// What holds at every moment: the provider's view is whole ([`Bench::whole`] sees to it), a share is seen with all of its
/// tables or not at all, and nobody sees what was not granted.
async fn sound(bench: &Bench, at: &str) {
    let whole = bench.whole().await;
    for (recipient, shares) in bench.seen().await {
        for (share, tables) in shares {
            let prefix = format!("table {share}.");
            let all = whole.0.keys().filter(|name| name.starts_with(&prefix)).count();
            assert_eq!(tables, all, "{at}: {recipient} sees another share {share} than there is");
            assert!(whole.0.contains_key(&format!("grant {share} to {recipient}")), "{at}: {share}, {recipient}");
            assert!(share != "gone" || whole.0.contains_key("share gone"), "{at}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_cut_off_at_any_write_is_finished_by_running_it_again() {
    for first in Bench::dynamo().await {
        prepared(&first).await;
        for script in SCRIPTS {
            let file = Bench::file();
            prepared(&file).await.does(script).await.unwrap();
            let undisturbed = file.whole().await;
            for number in 0..WRITES_MAX {
                let before = cut_off(&first, script, Cut::Before(number), &undisturbed).await;
                let after = cut_off(&first, script, Cut::After(number), &undisturbed).await;
                // Writes that meet each other are made again, so their number is not the same each time.
                if !before && !after {
                    break;
                }
                assert!(number + 1 < WRITES_MAX, "{script} has more writes than are looked at");
            }
        }
    }
}

/// Cuts a script off on a catalogue like the first and runs it again. False when it was done before the cut.
async fn cut_off(first: &Bench, script: &str, cut: Cut, undisturbed: &Whole) -> bool {
    let (bench, at) = (first.copied().await, format!("{script}\n{cut:?}"));
    bench.wire.cut_at(cut);
    let outcome = bench.program().does(script).await;
    let was_cut = bench.wire.is_cut();
    assert_eq!(outcome.is_err(), was_cut, "{at}: {outcome:?}");
    bench.wire.mend();
    sound(&bench, &at).await;
    bench.program().does(script).await.unwrap_or_else(|why| panic!("{at}: {why}"));
    sound(&bench, &at).await;
    assert_eq!(bench.whole().await, *undisturbed, "{at}");
    assert_eq!(bench.left_over().await, Vec::<String>::new(), "{at}");
    was_cut
}

/// A catalogue file is written in one step, so a program that is killed has done some statements whole and left a file that
/// nobody reads.
#[tokio::test]
async fn a_script_cut_off_between_two_writes_of_a_file_is_finished_by_running_it_again() {
    for script in SCRIPTS {
        let whole_run = Bench::file();
        prepared(&whole_run).await.does(script).await.unwrap();
        let undisturbed = whole_run.whole().await;
        let statements: Vec<&str> = script.split_inclusive(';').collect();
        for done in 0..=statements.len() {
            let bench = Bench::file();
            prepared(&bench).await.does(&statements[..done].concat()).await.unwrap();
            bench.leave_half_a_file();
            sound(&bench, script).await;
            bench.program().does(script).await.unwrap_or_else(|why| panic!("{script} after {done}: {why}"));
            assert_eq!(bench.whole().await, undisturbed, "{script} after {done}");
            // The next write takes its place.
            assert!(done > 0 || !bench.has_half_a_file(), "{script} after {done}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_whose_deletion_was_cut_off_is_seen_by_nobody() {
    for bench in Bench::dynamo().await {
        prepared(&bench).await;
        let ada = bench.catalog().recipients().await.unwrap().remove(0).id;
        assert!(finds(&bench, &ada, "gone").await);
        let cut_off = bench.program();
        bench.wire.cut_at(Cut::After(0));
        cut_off.does("DROP SHARE gone CASCADE").await.unwrap_err();
        assert!(!finds(&bench, &ada, "gone").await);
        assert!(!bench.whole().await.0.contains_key("share gone"));
        // An operator who knows nothing of that may take the name, and finishes what was begun.
        bench.wire.mend();
        bench.program().does("CREATE SHARE gone").await.unwrap();
        assert!(!finds(&bench, &ada, "gone").await);
        assert_eq!(bench.left_over().await, Vec::<String>::new());
    }
}
