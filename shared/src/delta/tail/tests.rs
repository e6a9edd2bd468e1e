//! Commits replayed: which files are active, and which of them may be shared.

use super::*;

struct Paths(Vec<String>);

impl FileSink for Paths {
    fn file(&mut self, file: &DataFile<'_>) -> Result<(), Error> {
        self.0.push(file.path.to_owned());
        Ok(())
    }
}

fn add(path: &str) -> String {
    format!(r#"{{"add":{{"path":"{path}","partitionValues":{{}},"size":10,"modificationTime":1,"dataChange":true}}}}"#)
}

fn remove(path: &str) -> String {
    format!(r#"{{"remove":{{"path":"{path}","dataChange":true}}}}"#)
}

fn table() -> TableLocation {
    TableLocation::new("b", "t").with_auxiliary([TableLocation::new("source", "s")])
}

/// Commits oldest first, as a table has them.
fn replay(commits: &[Vec<String>]) -> Result<(Vec<String>, Totals), Error> {
    let mut tail = Tail::new(table());
    for (version, lines) in commits.iter().enumerate().rev() {
        tail.apply(Version::new(version as u64), Bytes::from(lines.join("\n") + "\n"))?;
    }
    if let Some(problem) = tail.problem {
        return Err(problem.into());
    }
    let mut paths = Paths(Vec::new());
    for commit in &tail.commits {
        commit.emit(&table(), |_| panic!("kept"), &mut paths)?;
    }
    Ok((paths.0, tail.totals))
}

#[test]
fn newest_commit_first_and_file_order_within() {
    let (paths, totals) =
        replay(&[vec![add("a"), add("b")], vec![remove("a"), add("c"), add("d")], vec![add("e")]]).unwrap();
    assert_eq!(paths, ["e", "c", "d", "b"]);
    assert_eq!(totals, Totals { files: 4, bytes: 40, with_vectors: 0 });
}

#[test]
fn removed_and_added_again_is_there_once() {
    let (paths, totals) = replay(&[vec![add("a")], vec![remove("a")], vec![add("a")], vec![add("a")]]).unwrap();
    assert_eq!((paths, totals.files), (vec!["a".to_owned()], 1));
}

#[test]
fn within_one_commit_the_later_action_holds() {
    assert_eq!(replay(&[vec![add("a"), remove("a")]]).unwrap().0, Vec::<String>::new());
    assert_eq!(replay(&[vec![remove("a"), add("a")]]).unwrap().0, ["a"]);
}

#[test]
fn a_removal_in_another_spelling_still_removes() {
    assert_eq!(replay(&[vec![add("p=a%20b/f")], vec![remove("p=a b/f")]]).unwrap().0, Vec::<String>::new());
}

#[test]
fn what_cannot_be_shared_is_refused_only_while_active() {
    let clone = add("s3://other/f");
    assert!(matches!(replay(std::slice::from_ref(&vec![clone.clone()])), Err(Error::Unsupported(_))));
    assert!(replay(&[vec![clone], vec![remove("s3://other/f")]]).is_ok());
    assert!(matches!(replay(&[vec![add("../f")]]), Err(Error::BadTable(_))));
    assert!(matches!(replay(&[vec![add("s3://source/s/../f")]]), Err(Error::Unsupported(_))));
}

#[test]
fn an_absolute_path_into_an_auxiliary_location_is_a_file_like_any_other() {
    let (there, spelt) = ("s3://source/s/a%20b", "s3://source/s/a b");
    assert_eq!(replay(&[vec![add("a"), add(there)]]).unwrap().0, ["a", there]);
    assert_eq!(replay(&[vec![add(there)], vec![remove(spelt)]]).unwrap().0, Vec::<String>::new());
}

#[test]
fn a_file_is_told_by_its_path_and_its_vector() {
    let vector = |bytes: &str| {
        format!(r#","deletionVector":{{"storageType":"i","pathOrInlineDv":"{bytes}","sizeInBytes":4,"cardinality":1}}"#)
    };
    let with = |line: String, bytes: &str| line.replace(r#","dataChange""#, &(vector(bytes) + r#","dataChange""#));
    let (first, second) = (with(add("a"), "first"), with(add("a"), "second"));
    let replayed = replay(&[vec![add("a"), add("b")], vec![first.clone(), remove("a")]]).unwrap();
    assert_eq!(replayed.0, ["a", "b"]);
    assert_eq!(replayed.1, Totals { files: 2, bytes: 20, with_vectors: 1 });
    let moved = [vec![first], vec![with(remove("a"), "first"), second]];
    assert_eq!(replay(&moved).unwrap().1.with_vectors, 1);
    let gone = [&moved[..], &[vec![with(remove("a"), "second")]]].concat();
    assert_eq!(replay(&gone).unwrap().1, Totals::default());
}

#[test]
fn a_damaged_line_is_named() {
    let error = replay(&[vec![add("a"), "{\"add\":".into()]]).unwrap_err().public();
    assert!(error.contains("line 2 of version 0 is not JSON"), "{error}");
    for line in [r#"{"add":{"path":"x"}}"#, "[]"] {
        let error = replay(&[vec![line.into()]]).unwrap_err().public();
        assert!(error.contains("line 1 of version 0 is not an action"), "{error}");
    }
}
