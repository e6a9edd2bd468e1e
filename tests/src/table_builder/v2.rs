//! Version 2 checkpoints: a manifest in JSON or Parquet, with the file actions in sidecars or in the manifest itself
//! (Delta protocol, "V2 Spec").

use std::fs;

use serde_json::{Value, json};

use super::checkpoint::{schema, typed};
use super::data::write_parquet;
use super::{EPOCH_MS, TableBuilder};

/// In which form the manifest of a v2 checkpoint is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manifest {
    /// Lines of JSON.
    Json,
    /// Rows of a Parquet file.
    Parquet,
}

/// Stands in the names of manifests and sidecars.
const UUID: &str = "80a083e8-7026-4e79-81be-64bd76c43a11";

impl TableBuilder {
    /// Writes a v2 checkpoint of the newest version and `_last_checkpoint`. The file actions stand in `sidecars` sidecars
    /// (some of them empty when there are fewer actions), or in the manifest where that is 0. Returns the name of the
    /// manifest.
    pub fn checkpoint_v2(&mut self, manifest: Manifest, sidecars: usize) -> String {
        let version = self.version().expect("a checkpoint needs a commit before it");
        let files = typed(self.state.file_rows(), self.checkpoints.typed);
        let mut rows = vec![json!({"checkpointMetadata": {"version": version}})];
        match sidecars {
            0 => rows.extend(files),
            sidecars => rows.extend(self.write_sidecars(version, &files, sidecars)),
        }
        rows.extend(self.state.table_rows());
        let name = match manifest {
            Manifest::Json => {
                let name = format!("{version:020}.checkpoint.{UUID}.json");
                let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
                self.write_log(&name, text);
                name
            }
            Manifest::Parquet => {
                let name = format!("{version:020}.checkpoint.{UUID}.parquet");
                self.write_rows(&name, &rows);
                name
            }
        };
        let hint = json!({
            "version": version,
            "size": rows.len(),
            "v2Checkpoint": {
                "path": name,
                "sizeInBytes": fs::metadata(self.log_file(&name)).unwrap().len(),
                "modificationTime": EPOCH_MS,
                "sidecarFiles": rows.iter().filter_map(|row| row.get("sidecar")).collect::<Vec<_>>(),
            },
        });
        self.write_log("_last_checkpoint", hint.to_string());
        name
    }

    /// The names of the sidecars of the newest version, in order.
    pub fn sidecar_names(&self, sidecars: usize) -> Vec<String> {
        let version = self.version().unwrap();
        (1..=sidecars).map(|at| format!("{version:020}.checkpoint.{at:010}.{sidecars:010}.{UUID}.parquet")).collect()
    }

    /// Writes the sidecars and returns the manifest's rows about them.
    fn write_sidecars(&self, version: u64, files: &[Value], sidecars: usize) -> Vec<Value> {
        fs::create_dir_all(self.log_file("_sidecars")).unwrap();
        let (each, more) = (files.len() / sidecars, files.len() % sidecars);
        let mut rest = files;
        let mut rows = Vec::new();
        for (at, name) in self.sidecar_names(sidecars).into_iter().enumerate() {
            let (mine, others) = rest.split_at(each + usize::from(at < more));
            rest = others;
            let size = self.write_rows(&format!("_sidecars/{name}"), mine);
            let modified = EPOCH_MS + i64::try_from(version).unwrap();
            rows.push(json!({"sidecar": {"path": name, "sizeInBytes": size, "modificationTime": modified}}));
        }
        rows
    }

    fn write_rows(&self, name: &str, rows: &[Value]) -> u64 {
        let options = &self.checkpoints;
        write_parquet(&self.log_file(name), &schema(rows), rows, options.compression, options.row_group)
    }
}
