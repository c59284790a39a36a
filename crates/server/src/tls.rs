//! TLS with a certificate from files, which are reloaded when they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

/// How often the files are checked.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// A certificate with its key.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    certificate: PathBuf,
    key: PathBuf,
    config: RwLock<Arc<ServerConfig>>,
}

/// Why TLS cannot be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or contains no PEM section of this kind.
    #[error("cannot read the {what} `{}`: {error}", path.display())]
    File {
        /// What the file should contain.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        error: pem::Error,
    },
    /// The key does not match the certificate, or one of them cannot be used.
    #[error("cannot use the certificate `{}`: {error}", path.display())]
    Certificate {
        /// The file of the certificate.
        path: PathBuf,
        /// The reason.
        error: rustls::Error,
    },
}

impl Tls {
    /// Reads a chain of certificates, the server's first, and its private key, both PEM.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let config = RwLock::new(Arc::new(read(certificate, key)?));
        Ok(Self(Arc::new(Inner { certificate: certificate.to_owned(), key: key.to_owned(), config })))
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0.config.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Reloads the files whenever they change. If the new files cannot be used, the old certificate stays in use.
    pub(crate) async fn keep_fresh(self) {
        let mut seen = self.modified();
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            let modified = self.modified();
            if modified == seen {
                continue;
            }
            seen = modified;
            match read(&self.0.certificate, &self.0.key) {
                Ok(config) => {
                    *self.0.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                    tracing::info!("reloaded the certificate");
                }
                Err(error) => {
                    tracing::error!(%error, "the certificate has changed but cannot be used: the old one stays in use");
                }
            }
        }
    }

    fn modified(&self) -> [Option<SystemTime>; 2] {
        [&self.0.certificate, &self.0.key].map(|path| std::fs::metadata(path).and_then(|file| file.modified()).ok())
    }
}

fn read(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let failed = |what, path: &Path| {
        let path = path.to_owned();
        move |error| TlsError::File { what, path, error }
    };
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(failed("certificate", certificate))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(failed("private key", key))?;
    let unusable = |error| TlsError::Certificate { path: certificate.to_owned(), error };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(unusable)?.with_no_client_auth();
    let mut config = builder.with_single_cert(chain, private).map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
