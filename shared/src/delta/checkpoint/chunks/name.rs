//! The names of chunks: digests of the table's place, of the checkpoint's object as it was listed, and of which rows they
//! hold. Nothing of a table can be read off them.

use sha2::{Digest, Sha256};

use super::chunk::VERSION;
use crate::model::location::{DataRole, Endpoint, Reach, TableLocation};
use crate::storage::LogEntry;

/// The folder of all chunks.
const FOLDER: &str = "chunks";

/// Names the chunks of one object.
#[derive(Debug, Clone)]
pub(super) struct Names(Sha256);

impl Names {
    /// The chunks, of so many rows, of this object; nothing where the storage does not tell its content from any other.
    pub(super) fn of(table: &TableLocation, entry: &LogEntry, rows: u64) -> Option<Self> {
        let etag = entry.etag.as_deref()?;
        let mut names = Self(Sha256::new());
        names.add(&[VERSION]);
        // How a table is reached decides which object it is, and who may read it.
        let Reach { region, endpoint, role } = table.reach();
        let (kind, url) = match endpoint {
            Endpoint::Standard => ("standard", None),
            Endpoint::DualStack => ("dual-stack", None),
            Endpoint::Fips => ("fips", None),
            Endpoint::Custom(url) => ("custom", Some(url)),
        };
        let role = role.as_ref();
        let external_id = role.and_then(|DataRole { external_id, .. }| external_id.as_ref());
        let reach = [region.as_ref(), url, role.map(|role| &role.arn), external_id];
        for text in [table.bucket(), table.prefix(), kind, &entry.name, etag] {
            names.add(text.as_bytes());
        }
        for text in reach {
            names.add(&[u8::from(text.is_some())]);
            names.add(text.map_or(&[], |text| text.as_bytes()));
        }
        names.add(&entry.size.to_be_bytes());
        names.add(&entry.modified.millis().to_be_bytes());
        names.add(&rows.to_be_bytes());
        Some(names)
    }

    /// The chunk of this number in the row group of this number.
    pub(super) fn name(&self, group: usize, number: u64) -> String {
        let mut name = self.clone();
        name.add(&(group as u64).to_be_bytes());
        name.add(&number.to_be_bytes());
        format!("{FOLDER}/{}", hex::encode(name.0.finalize()))
    }

    /// With its length in front, so that no two lists of parts look alike.
    fn add(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::version::TimestampMs;

    fn entry() -> LogEntry {
        LogEntry { name: "a".into(), size: 1, modified: TimestampMs::new(1), etag: Some("\"1\"".into()) }
    }

    #[test]
    fn whatever_differs_has_another_name() {
        let table = || TableLocation::new("b", "t");
        let by = |reach: Reach| table().reached_by(reach);
        let role = |external_id: Option<&str>| {
            Some(DataRole { arn: "arn:role".into(), external_id: external_id.map(str::to_owned) })
        };
        let tables = [
            table(),
            TableLocation::new("b", "u"),
            TableLocation::new("bt", ""),
            by(Reach { region: Some("eu-west-1".into()), ..Reach::default() }),
            by(Reach { endpoint: Endpoint::Fips, ..Reach::default() }),
            by(Reach { endpoint: Endpoint::Custom("https://a".into()), ..Reach::default() }),
            by(Reach { endpoint: Endpoint::Custom("https://b".into()), ..Reach::default() }),
            by(Reach { role: role(None), ..Reach::default() }),
            by(Reach { role: role(Some("1")), ..Reach::default() }),
        ];
        let entries = [
            entry(),
            LogEntry { name: "b".into(), ..entry() },
            LogEntry { size: 2, ..entry() },
            LogEntry { modified: TimestampMs::new(2), ..entry() },
            LogEntry { etag: Some("\"2\"".into()), ..entry() },
        ];
        let mut all = BTreeSet::new();
        for table in &tables {
            for entry in &entries {
                for rows in [10, 20] {
                    let names = Names::of(table, entry, rows).unwrap();
                    all.extend([(0, 0), (0, 1), (1, 0)].map(|(group, number)| names.name(group, number)));
                }
            }
        }
        assert_eq!(all.len(), tables.len() * entries.len() * 2 * 3);
        assert!(all.iter().all(|name| name.len() == "chunks/".len() + 64 && !name.contains("arn")));
        assert!(Names::of(&table(), &LogEntry { etag: None, ..entry() }, 10).is_none());
    }
}
