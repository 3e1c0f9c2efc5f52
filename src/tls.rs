//! The one TLS stack of the process: rustls with ring, TLS 1.2 and 1.3, certificates always verified.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// Makes rustls with ring the process's TLS provider. Clients need it before they are built; calling
/// it again does nothing.
pub fn install() {
    // Fails only when a provider is installed already, which is the aim.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Why a file of authorities can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It can't be read.
    #[error(
        "{path} can't be read: {cause}; name a file with the certificates of authorities in PEM"
    )]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// It holds none, or one that makes no sense.
    #[error("{path} holds no certificates of authorities: {cause}; they must be there in PEM")]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// This build can't speak TLS.
    #[error("TLS can't be set up: {0}; build it anew")]
    Build(#[from] rustls::Error),
}

/// Authorities whose certificates are taken: the system's, and those of an operator's own nodes.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    own: Vec<CertificateDer<'static>>,
    pem: Option<Vec<u8>>,
}

impl Trust {
    /// The system's authorities, and those in the file, if there is one.
    ///
    /// # Errors
    /// When the file can't be read or holds no authority.
    pub fn with_file(path: Option<&Path>) -> Result<Self, TrustError> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let malformed = |cause: String| TrustError::Malformed {
            path: path.to_owned(),
            cause,
        };
        let text = std::fs::read(path).map_err(|cause| TrustError::Unreadable {
            path: path.to_owned(),
            cause,
        })?;
        let own: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let own = own.map_err(|cause| malformed(cause.to_string()))?;
        let mut roots = RootCertStore::empty();
        for certificate in &own {
            let added = roots.add(certificate.clone());
            added.map_err(|cause| malformed(cause.to_string()))?;
        }
        if own.is_empty() {
            return Err(malformed("it is empty".into()));
        }
        let pem = Some(text);
        Ok(Self { own, pem })
    }

    /// The operator's own authorities.
    pub(crate) fn own(&self) -> &[CertificateDer<'static>] {
        &self.own
    }

    /// The same as they stand in their file.
    pub(crate) fn pem(&self) -> Option<&[u8]> {
        self.pem.as_deref()
    }

    /// A client that takes nothing but verified certificates, by TLS 1.2 or 1.3.
    ///
    /// # Errors
    /// When this build can't speak TLS.
    pub(crate) fn client(&self) -> Result<Arc<ClientConfig>, TrustError> {
        let mut roots = RootCertStore::empty();
        // One of the system's that can't be read is of no use, and no harm.
        let system = rustls_native_certs::load_native_certs().certs;
        roots.add_parsable_certificates(system);
        roots.add_parsable_certificates(self.own.iter().cloned());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
