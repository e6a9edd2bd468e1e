//! HTTPS for the local server: a certificate from files, or one made at start-up.

use std::path::Path;
use std::sync::Arc;

use axum_server::tls_rustls::RustlsConfig;
use rcgen::{CertificateParams, KeyPair};

use crate::conf_yaml::Ssl;

/// A certificate in use.
#[derive(Debug, Clone)]
pub struct Tls {
    /// What the listener takes.
    pub config: RustlsConfig,
    /// The certificate, PEM, when it is one that no client knows yet.
    pub self_signed: Option<String>,
}

/// Prepares HTTPS. `host` is the name that a certificate made here is for, beside this machine's own names.
///
/// # Errors
/// A sentence for the person at the terminal.
pub async fn prepare(ssl: &Ssl, host: &str) -> Result<Tls, String> {
    install_provider();
    match ssl {
        Ssl::SelfSigned => self_signed(host).await,
        Ssl::Files { certificate, key } => {
            let (chain, key_text) = (read(certificate).await?, read(key).await?);
            let config = RustlsConfig::from_pem(chain, key_text)
                .await
                .map_err(|error| format!("{} or {} cannot be used: {error}", certificate.display(), key.display()))?;
            Ok(Tls { config, self_signed: None })
        }
    }
}

async fn self_signed(host: &str) -> Result<Tls, String> {
    let failed = |error: rcgen::Error| format!("cannot make a certificate: {error}");
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !names.iter().any(|name| name == host) {
        names.push(host.to_owned());
    }
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = CertificateParams::new(names).and_then(|params| params.self_signed(&key)).map_err(failed)?;
    let config = RustlsConfig::from_pem(certificate.pem().into_bytes(), key.serialize_pem().into_bytes())
        .await
        .map_err(|error| format!("cannot use the certificate made at start-up: {error}"))?;
    Ok(Tls { config, self_signed: Some(certificate.pem()) })
}

async fn read(path: &Path) -> Result<Vec<u8>, String> {
    tokio::fs::read(path).await.map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Several cryptography libraries are linked; rustls wants to be told which one to use.
fn install_provider() {
    // An error means that one is installed already.
    let _: Result<(), Arc<_>> = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
