//! DynamoDB Local, AWS's own stand-in for DynamoDB, as a second opinion beside the emulator. It needs Java and Maven.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::aws_local::free_port;
use crate::process::{cannot_start, command, said, succeeds};
use crate::repository::Repository;

/// How long it may take to listen.
const READY_MAX: Duration = Duration::from_secs(60);

/// A running DynamoDB Local; dropping it ends it.
#[derive(Debug)]
pub(crate) struct DynamoDbLocal {
    child: Child,
    port: u16,
}

impl DynamoDbLocal {
    /// Fetches it where it is not there, starts it on a free port of 127.0.0.1 and waits until it listens.
    ///
    /// # Errors
    /// What is missing, or went wrong.
    pub(crate) fn start(repository: &Repository) -> Result<Self, String> {
        said(&mut command(repository, "java", &["--version"])).ok_or("java is missing")?;
        let folder = fetched(repository)?;
        let port = free_port()?;
        let log = folder.join("log.txt");
        let io = |error: std::io::Error| format!("{}: {error}", log.display());
        let output = File::create(&log).map_err(io)?;
        let libraries = ["-Xmx512m", "-Dsqlite4java.library.path=lib", "-cp", "lib/*", "Ddb.java"];
        let mut java = command(repository, "java", &libraries);
        java.args(["-inMemory", "-disableTelemetry", "-port", &port.to_string()]).current_dir(&folder);
        java.stdin(Stdio::null()).stderr(output.try_clone().map_err(io)?).stdout(output);
        let child = java.spawn().map_err(|error| cannot_start(&java, &error))?;
        let mut local = Self { child, port };
        let end = Instant::now() + READY_MAX;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > end || !matches!(local.child.try_wait(), Ok(None)) {
                return Err(format!("it did not begin. See {}.", log.display()));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(local)
    }

    /// Its address.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for DynamoDbLocal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The folder with its libraries and the class that starts it.
fn fetched(repository: &Repository) -> Result<PathBuf, String> {
    let folder = repository.target.join("dynamodb-local");
    let source = repository.root.join("infra/local-stack");
    let io = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(io)?;
    fs::copy(source.join("Ddb.java"), folder.join("Ddb.java")).map_err(io)?;
    let wanted = fs::read_to_string(source.join("ddb-pom.xml")).map_err(io)?;
    let stamp = folder.join("fetched.xml");
    if fs::read_to_string(&stamp).is_ok_and(|fetched| fetched == wanted) {
        return Ok(folder);
    }
    said(&mut command(repository, "mvn", &["--version"])).ok_or("mvn is missing")?;
    fs::write(folder.join("pom.xml"), &wanted).map_err(io)?;
    let copy = ["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib", "-DincludeScope=runtime"];
    if !succeeds(command(repository, "mvn", &copy).current_dir(&folder))? {
        return Err("mvn could not fetch it".to_owned());
    }
    fs::write(stamp, wanted).map_err(io)?;
    Ok(folder)
}
