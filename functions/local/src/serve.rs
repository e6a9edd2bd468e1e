//! The `serve` command: takes the port, gathers what is to be served, starts the server, says how to connect, and waits
//! for the signal to stop.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use shared::audit::log::LogAudit;
use shared::audit::{All, Audit};
use shared::clock::{Clock, SystemClock};
use shared::config::Environment;
use tokio::signal::unix::{SignalKind, signal};

use crate::audit_file::AuditFile;
use crate::cli::ServeArgs;
use crate::conf_yaml::{self, ServerConfig};
use crate::content::Content;
use crate::embedded_s3::Roots;
use crate::output::{self, Started};
use crate::profiles;
use crate::server::{self, Server, Settings};
use crate::state::StateFolder;
use crate::tls;

const HOST_DEFAULT: &str = "127.0.0.1";
const PORT_DEFAULT: u16 = 8080;

/// Runs the command until a signal ends it.
///
/// # Errors
/// A sentence for the person at the terminal.
pub async fn run(args: ServeArgs, environment: Environment) -> Result<(), String> {
    let config = args.config.as_deref().map(conf_yaml::read).transpose()?;
    let host = args.host.clone().or_else(|| config.as_ref()?.host.clone()).unwrap_or_else(|| HOST_DEFAULT.into());
    let port = args.port.or_else(|| config.as_ref()?.port).unwrap_or(PORT_DEFAULT);
    let listener = server::bind(&host, port).await?;
    let loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    if !loopback {
        check_authorization(config.as_ref())?;
    }
    let tls = match config.as_ref().and_then(|config| config.ssl.as_ref()) {
        Some(ssl) => Some(tls::prepare(ssl, &host).await?),
        None => None,
    };

    let state = StateFolder::open(&args.state)?;
    if args.reset {
        state.reset()?;
    }
    let (clock, roots) = (SystemClock::shared(), Roots::new());
    let own_catalogue = config.is_none() && args.path.is_none();
    let mut content = match (config, &args.path) {
        (Some(config), _) => of_config(config, args.config.as_deref(), &roots, &clock)?,
        (None, Some(path)) => Content::of_folder(path, &state, &roots, &clock)?,
        (None, None) => Content::of_state(&state, &roots, &clock).await?,
    };
    if !loopback && content.has_folders {
        let note =
            "file URLs of folders on this machine lead to 127.0.0.1: clients elsewhere can only read tables on S3";
        content.notes.push(note.into());
    }

    let audit_file = Arc::new(AuditFile::start(state.path(), Arc::clone(&clock))?);
    let kept: Vec<Arc<dyn Audit>> = vec![Arc::new(LogAudit), Arc::clone(&audit_file) as Arc<dyn Audit>];
    let certificate = tls.as_ref().and_then(|tls| tls.self_signed.clone());
    let settings = Settings {
        listener,
        host: shown_host(&host),
        endpoint: content.endpoint,
        tls,
        catalog: content.catalog,
        gate: content.gate,
        links: content.links,
        contact: args.contact,
        roots,
        s3_endpoint: environment.s3_endpoint,
        first_byte_within: content.first_byte_within,
        url_ttl_secs: content.url_ttl_secs,
        clock,
        audit: Arc::new(All(kept)),
    };
    let server = Server::start(settings).await?;
    if own_catalogue {
        state.note_endpoint(server.endpoint())?;
    }
    let files = match &content.profile {
        Some(of) => Some(profiles::write(&state, of, server.endpoint(), certificate.as_deref())?),
        None => None,
    };
    output::started(&Started {
        endpoint: server.endpoint(),
        files: files.as_ref(),
        tables: &content.tables,
        sample_data: content.sample_data,
        notes: &content.notes,
    });
    stop_signal().await?;
    output::stopping();
    let stopped = tokio::select! {
        () = server.stop() => Ok(()),
        again = stop_signal() => again,
    };
    audit_file.finish().await;
    stopped
}

/// A configuration that lets everybody in may do so on this machine alone.
fn check_authorization(config: Option<&ServerConfig>) -> Result<(), String> {
    match config {
        Some(config) if config.bearer_token.is_none() => {
            Err("the configuration has no 'authorization', so everybody could read everything; that is allowed on \
             127.0.0.1 only. Add 'authorization: {bearerToken: …}' or use --host 127.0.0.1"
                .into())
        }
        _ => Ok(()),
    }
}

/// What a configuration file serves, under the file's own name.
fn of_config(
    config: ServerConfig,
    file: Option<&Path>,
    roots: &Roots,
    clock: &Arc<dyn Clock>,
) -> Result<Content, String> {
    let name = file.and_then(Path::file_stem).and_then(|stem| stem.to_str()).unwrap_or("config");
    let base = std::path::absolute(".").map_err(|error| format!("cannot use the current folder: {error}"))?;
    Content::of_config(config, name, &base, roots, clock)
}

/// A host that clients on this machine can connect to.
fn shown_host(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => HOST_DEFAULT.to_owned(),
        _ => host.to_owned(),
    }
}

/// Waits for Ctrl-C or SIGTERM.
async fn stop_signal() -> Result<(), String> {
    let unheard = |error: std::io::Error| format!("cannot listen for signals: {error}");
    let mut terminate = signal(SignalKind::terminate()).map_err(unheard)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unheard)?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}
