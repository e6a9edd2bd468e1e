//! A script that makes a large catalogue: shares with tables, and recipients who may each read some shares.

use std::fmt::Write;

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub struct Large {
    /// Shares.
    pub shares: usize,
    /// Tables in each of them.
    pub tables_each: usize,
    /// Recipients, of whom each may read one share, and the first one all.
    pub recipients: usize,
}

impl Large {
    /// The script, which can be run again.
    pub fn script(&self) -> String {
        let mut script = String::new();
        for share in 0..self.shares {
            let _ = writeln!(script, "CREATE SHARE IF NOT EXISTS s{share} COMMENT 'number {share}';");
            for table in 0..self.tables_each {
                let _ = writeln!(
                    script,
                    "ALTER SHARE s{share} ADD TABLE IF NOT EXISTS c{}.t{table} LOCATION 's3://bucket/s{share}/t{table}' \
                     WITHOUT VALIDATION;",
                    table % 3
                );
            }
        }
        for recipient in 0..self.recipients {
            let _ = writeln!(script, "CREATE RECIPIENT IF NOT EXISTS r{recipient};");
            let _ = writeln!(script, "GRANT SELECT ON SHARE s{} TO r{recipient};", recipient % self.shares);
        }
        for share in 1..self.shares {
            let _ = writeln!(script, "GRANT SELECT ON SHARE s{share} TO r0;");
        }
        script
    }
}
