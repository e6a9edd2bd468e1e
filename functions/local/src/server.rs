//! One running server: a listener with the gateway behind it, and the embedded S3 server beside it. Built from settings
//! alone, so that a test's server is the one that people run.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::RustlsAcceptor;
use hyper_util::rt::TokioTimer;
use shared::audit::Audit;
use shared::auth::Gate;
use shared::auth::activation::{Activations, Codes, Links};
use shared::catalog::embedded::EmbeddedCatalog;
use shared::catalog::file::CatalogSource;
use shared::clock::Clock;
use shared::delta::DeltaLog;
use shared::discovery::Listing;
use shared::handlers::listing::PageTokens;
use shared::handlers::query_token::QueryTokens;
use shared::http::pipeline::Shared;
use shared::limits::CONNECTION_BUFFER_BYTES;
use shared::presign::session::SessionPresigner;
use shared::seal::Sealer;
use shared::storage::s3::{EmbeddedStore, LocalReach, Reaches, S3LogStore};
use tokio::task::JoinHandle;

use crate::connections::Bounded;
use crate::embedded_s3::{AccessKeys, EmbeddedS3, Roots};
use crate::gateway::{Gateway, Ports};
use crate::open_files;
use crate::tls::Tls;

/// How long a connection may take to send the head of a request.
const HEADER_WITHIN: Duration = Duration::from_secs(30);

/// How long a connection of HTTP/2 may be silent before it is asked whether anybody is still there.
const PROBE_AFTER: Duration = Duration::from_secs(30);

/// How long the embedded S3 server waits for downloads when it is stopped.
const DOWNLOADS_WITHIN: Duration = Duration::from_secs(30);

/// What a server is made of.
pub struct Settings {
    /// Where it listens; [`bind`] makes one.
    pub listener: TcpListener,
    /// The host's name in the endpoint's URL.
    pub host: String,
    /// What every path begins with; empty or beginning with a slash, never ending in one.
    pub endpoint: String,
    /// HTTPS, if wanted.
    pub tls: Option<Tls>,
    /// Shares, schemas and tables.
    pub catalog: Arc<dyn CatalogSource>,
    /// Lets recipients in.
    pub gate: Gate,
    /// Activation links.
    pub links: Arc<dyn Links>,
    /// Whom recipients ask.
    pub contact: Option<String>,
    /// Folders of this machine that the catalogue names.
    pub roots: Roots,
    /// An S3-compatible store to use instead of AWS.
    pub s3_endpoint: Option<String>,
    /// Time within which an answer begins; none for ever.
    pub first_byte_within: Option<Duration>,
    /// Life of presigned URLs, in seconds.
    pub url_ttl_secs: i64,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Keeps what became of every request.
    pub audit: Arc<dyn Audit>,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    endpoint: String,
    handle: Handle<SocketAddr>,
    serving: JoinHandle<io::Result<()>>,
    embedded_s3: EmbeddedS3,
}

/// Takes a port, before anything is written.
///
/// # Errors
/// A sentence for the person at the terminal.
pub async fn bind(host: &str, port: u16) -> Result<TcpListener, String> {
    let addresses = tokio::net::lookup_host((host, port)).await;
    let addresses: Vec<SocketAddr> =
        addresses.map_err(|error| format!("cannot find the host '{host}': {error}"))?.collect();
    // A name with two addresses: the one that clients try whatever their system prefers.
    let address = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    let address = address.ok_or_else(|| format!("the host '{host}' has no address"))?;
    let listener = TcpListener::bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("port {port} of {host} is in use; choose another with --port (0 picks a free one)")
        }
        io::ErrorKind::PermissionDenied => {
            format!("port {port} may not be used by this user; choose one above 1023 with --port")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("'{host}' is not an address of this machine; choose one with --host")
        }
        _ => format!("cannot listen on {host}, port {port}: {error}"),
    })?;
    listener.set_nonblocking(true).map_err(|error| format!("cannot listen on {host}, port {port}: {error}"))?;
    Ok(listener)
}

impl Server {
    /// Starts serving.
    ///
    /// # Errors
    /// A sentence for the person at the terminal.
    pub async fn start(settings: Settings) -> Result<Self, String> {
        let address = settings.listener.local_addr().map_err(|error| format!("cannot listen: {error}"))?;
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        let host = if settings.host.contains(':') { format!("[{}]", settings.host) } else { settings.host.clone() };
        let endpoint = format!("{scheme}://{host}:{}{}", address.port(), settings.endpoint);

        let (embedded_s3, reach) = stores(&settings.roots, settings.s3_endpoint.clone()).await?;
        let gateway = Arc::new(gateway(&settings, &reach)?);
        let handle = Handle::new();
        let serving = serve(settings.listener, settings.tls, gateway, handle.clone())
            .map_err(|error| format!("cannot listen: {error}"))?;
        Ok(Self { endpoint, handle, serving, embedded_s3 })
    }

    /// What a profile's `endpoint` says.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Finishes the answers under way, then ends.
    pub async fn stop(self) {
        self.handle.graceful_shutdown(None);
        if let Ok(Err(error)) = self.serving.await {
            tracing::warn!("the listener ended with an error: {error}");
        }
        self.embedded_s3.stop(DOWNLOADS_WITHIN).await;
    }
}

/// Where tables are read: the embedded S3 server of these folders, and S3 or what stands in for it.
///
/// # Errors
/// A sentence for the person at the terminal.
pub async fn stores(roots: &Roots, s3_endpoint: Option<String>) -> Result<(EmbeddedS3, Arc<dyn Reaches>), String> {
    let keys = AccessKeys::generate().map_err(|error| error.to_string())?;
    let (id, secret) = (keys.access_key_id.clone(), keys.secret_access_key.clone());
    let embedded_s3 = EmbeddedS3::start(roots.clone(), keys)
        .await
        .map_err(|error| format!("cannot start the embedded S3 server: {error}"))?;
    let own = EmbeddedStore::new(embedded_s3.endpoint(), id, &secret);
    let reach = LocalReach::shared(Some(own), s3_endpoint);
    Ok((embedded_s3, reach))
}

fn gateway(settings: &Settings, reach: &Arc<dyn Reaches>) -> Result<Gateway, String> {
    let clock = Arc::clone(&settings.clock);
    let sealer = Arc::new(Sealer::for_this_process().map_err(|error| error.to_string())?);
    let logs = Arc::new(S3LogStore::new(Arc::clone(reach)));
    let catalog = EmbeddedCatalog::new(Arc::clone(&settings.catalog), Arc::clone(&clock));
    let ports = Ports {
        catalog: Listing::new(catalog, logs.clone(), logs.clone(), Arc::clone(&clock)),
        activations: Activations::new(Codes::plain(), Arc::clone(&settings.links), Arc::clone(&clock)),
        contact: settings.contact.clone(),
        tokens: PageTokens::new(sealer.clone(), Arc::clone(&clock)),
        query_tokens: QueryTokens::new(sealer, Arc::clone(&clock)),
        delta: DeltaLog::new(logs),
        presigner: Arc::new(SessionPresigner::new(Arc::clone(reach), Arc::clone(&clock), settings.url_ttl_secs)),
    };
    let shared = Shared::new(settings.gate.clone(), clock, Arc::clone(&settings.audit), settings.first_byte_within);
    Ok(Gateway::new(&settings.endpoint, ports, shared))
}

fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    gateway: Arc<Gateway>,
    handle: Handle<SocketAddr>,
) -> io::Result<JoinHandle<io::Result<()>>> {
    let connections = tower::service_fn(move |peer: SocketAddr| {
        let gateway = Arc::clone(&gateway);
        let service = tower::service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let gateway = Arc::clone(&gateway);
            async move { Ok::<_, std::convert::Infallible>(gateway.answer(request, Some(peer.ip())).await) }
        });
        async move { Ok::<_, std::convert::Infallible>(service) }
    });
    let mut server = axum_server::from_tcp(listener)?.handle(handle);
    let http = server.http_builder();
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_WITHIN).max_buf_size(CONNECTION_BUFFER_BYTES);
    http.http2()
        .timer(TokioTimer::new())
        .max_send_buf_size(CONNECTION_BUFFER_BYTES)
        .keep_alive_interval(PROBE_AFTER)
        .keep_alive_timeout(HEADER_WITHIN);
    let most = open_files::connections();
    Ok(match tls {
        None => {
            let acceptor = Bounded::new(NoDelayAcceptor::new(), most, HEADER_WITHIN);
            tokio::spawn(server.acceptor(acceptor).serve(connections))
        }
        Some(tls) => {
            let acceptor = RustlsAcceptor::new(tls.config).acceptor(NoDelayAcceptor::new());
            tokio::spawn(server.acceptor(Bounded::new(acceptor, most, HEADER_WITHIN)).serve(connections))
        }
    })
}
