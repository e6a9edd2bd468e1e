//! The hot paths, each on its own and ready to run any number of times: what is prepared once per answer is prepared, what
//! is done per file, row or token is what runs.

mod lines;
mod predicates;
mod presigner;
mod rows;
mod samples;
mod tokens;

/// A hot path.
pub struct Subject {
    /// What it is called.
    pub name: &'static str,
    /// What it makes one of.
    pub unit: &'static str,
    /// How many of those a call makes.
    pub units_per_call: u64,
    /// Makes them.
    pub call: Box<dyn FnMut()>,
}

/// Makes a subject ready.
type Make = fn() -> Result<Subject, String>;

/// Names and makers of all subjects.
const SUBJECTS: [(&str, Make); 12] = [
    ("presigner", presigner::with_token),
    ("presigner, no session token", presigner::without_token),
    ("line, delta", lines::delta),
    ("line, parquet", lines::parquet),
    ("checkpoint row, statistics as text", rows::text),
    ("checkpoint row, typed statistics", rows::typed),
    ("predicate on a partition", predicates::partition),
    ("predicate on statistics", predicates::statistics),
    ("predicate in JSON, of both", predicates::json),
    ("predicate read", predicates::read),
    ("token sealed", tokens::seal),
    ("token opened", tokens::open),
];

/// The names, in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    SUBJECTS.iter().map(|(name, _)| *name)
}

impl Subject {
    /// The subject of this name.
    ///
    /// # Errors
    /// When there is none, or it cannot be prepared.
    pub fn prepare(name: &str) -> Result<Self, String> {
        let found = SUBJECTS.iter().find(|(known, _)| *known == name);
        let (_, prepare) = found.ok_or_else(|| format!("there is no hot path '{name}'"))?;
        prepare()
    }

    fn new(name: &'static str, unit: &'static str, call: impl FnMut() + 'static) -> Self {
        Self { name, unit, units_per_call: 1, call: Box::new(call) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subject_is_what_it_is_called_and_runs() {
        for name in names() {
            let mut subject = Subject::prepare(name).unwrap();
            assert_eq!(subject.name, name);
            (subject.call)();
        }
        assert!(Subject::prepare("presign").is_err());
    }
}
