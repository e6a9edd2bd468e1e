//! An S3 server for folders of this machine, in this process, on 127.0.0.1: each shared folder is a bucket that can only
//! be read. The `s3s` crate speaks the protocol and verifies every signature; what is here only reads files. Nothing
//! outside a shared folder can be named, by `..` or through a link.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use hyper_util::rt::TokioTimer;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use shared::entropy;
use shared::error::Error;
use shared::secret::Secret;
use tokio::task::JoinHandle;

mod listing;
mod object;
mod operations;
mod roots;

pub use roots::Roots;

/// How long a connection may take to send the head of a request.
const HEADER_WITHIN: Duration = Duration::from_secs(30);

/// The one key pair that the server accepts.
#[derive(Clone)]
pub struct AccessKeys {
    /// Its public half, part of every signed URL.
    pub access_key_id: String,
    /// Its secret half.
    pub secret_access_key: Secret,
}

impl AccessKeys {
    /// Makes a key pair that ends with this process.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn generate() -> Result<Self, Error> {
        let id = hex::encode_upper(entropy::bytes::<8>()?);
        Ok(Self {
            access_key_id: format!("LOCL{id}"),
            secret_access_key: Secret::new(hex::encode(entropy::bytes::<20>()?)),
        })
    }
}

impl fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKeys").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// The running server.
#[derive(Debug)]
pub struct EmbeddedS3 {
    endpoint: String,
    handle: Handle<SocketAddr>,
    serving: JoinHandle<io::Result<()>>,
}

impl EmbeddedS3 {
    /// Starts serving the shared folders, also those shared later, on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(roots: Roots, keys: AccessKeys) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let endpoint = format!("http://{}", listener.local_addr()?);

        let mut builder = S3ServiceBuilder::new(operations::ReadOnly::new(roots));
        builder.set_auth(SimpleAuth::from_single(keys.access_key_id, keys.secret_access_key.reveal()));
        let connections = tower::make::Shared::new(builder.build());
        let handle = Handle::new();
        let mut server = axum_server::from_tcp(listener)?.handle(handle.clone()).acceptor(NoDelayAcceptor::new());
        server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEADER_WITHIN);
        let serving = tokio::spawn(server.serve(connections));
        Ok(Self { endpoint, handle, serving })
    }

    /// Where it answers: `http://127.0.0.1:port`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Takes no new connection and waits for running answers, at most this long.
    pub async fn stop(self, grace: Duration) {
        self.handle.graceful_shutdown(Some(grace));
        if let Ok(Err(error)) = self.serving.await {
            tracing::warn!("the embedded S3 server ended with an error: {error}");
        }
    }
}
