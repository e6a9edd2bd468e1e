//! Tables that `deltalake` wrote, as a provider's own would be: the sample tables, with their partitions and checkpoint.

use serde_json::json;
use tests::server::{TestServer, document};
use tests::shown::agreed;

#[tokio::test]
async fn the_sample_tables_are_read_as_their_writer_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let tables = local::demo::write_tables(&root).await.unwrap();
    let names = [&tables.covid, &tables.cars].map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    let document = document(&names.each_ref().map(|name| format!("s.d.{name}")).each_ref().map(String::as_str));
    let server = TestServer::over(document, &root, |_| {}).await;
    for name in &names {
        let newest = tests::oracle::truth(&server.table(name), None).await;
        assert!(newest.version > 0 && !newest.files.is_empty());
        assert_eq!(agreed(&server, name, 0..=newest.version).await, newest);
    }
}

#[tokio::test]
async fn every_file_of_the_sample_tables_can_be_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let tables = local::demo::write_tables(&root).await.unwrap();
    let name = tables.covid.file_name().unwrap().to_str().unwrap();
    let server = TestServer::over(document(&[&format!("s.d.{name}")]), &root, |_| {}).await;
    for line in &server.query(name, json!({}), "").await.lines()[2..] {
        let (status, bytes) = server.fetch(line["file"]["url"].as_str().unwrap()).await;
        assert_eq!((status, Some(bytes.len() as u64)), (200, line["file"]["size"].as_u64()));
        assert_eq!((&bytes[..4], &bytes[bytes.len() - 4..]), (&b"PAR1"[..], &b"PAR1"[..]));
    }
}
