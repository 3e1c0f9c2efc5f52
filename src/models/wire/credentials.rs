//! The three ways of speaking to models, and what each needs from files. Keys are never shown.

use std::{fmt, path::Path, sync::Arc};

use ring::rsa::KeyPair;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use crate::{
    config::secret_file,
    models::{ModelsConfig, ModelsError},
};

/// How models are spoken to.
#[derive(Debug)]
pub(crate) enum Security {
    /// HTTP/2 in plaintext.
    Plaintext,
    /// Mutual TLS, and the wallet's proof on each answer.
    Secure(Secure),
    /// TLS up to a gateway, and a signature on each request.
    Gateway(Box<Gateway>),
}

/// Credentials for mutual TLS.
pub(crate) struct Secure {
    pub(super) tls: Arc<ClientConfig>,
}

/// Credentials for a gateway.
pub(crate) struct Gateway {
    pub(super) tls: Arc<ClientConfig>,
    pub(super) key: KeyPair,
}

impl fmt::Debug for Secure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secure")
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gateway")
    }
}

impl Security {
    /// Reads what the configuration names.
    ///
    /// # Errors
    /// Which file can't be used, and why.
    pub(crate) fn load(config: &ModelsConfig) -> Result<Self, ModelsError> {
        match (&config.secure_credentials, &config.gateway_credentials) {
            (Some(folder), _) => Secure::load(folder).map(Self::Secure),
            (None, Some(folder)) => Gateway::load(folder).map(|it| Self::Gateway(Box::new(it))),
            (None, None) => Ok(Self::Plaintext),
        }
    }

    /// Whether answers must bear the proof of the model's wallet.
    pub(crate) const fn wants_proof(&self) -> bool {
        matches!(self, Self::Secure(_))
    }
}

impl Secure {
    fn load(folder: &Path) -> Result<Self, ModelsError> {
        let (ca, certificate, key) = (
            folder.join("ca.crt"),
            folder.join("tls.crt"),
            folder.join("tls.key"),
        );
        let mut roots = RootCertStore::empty();
        trust(&mut roots, &ca)?;
        let chain = certificates(&certificate)?;
        let remedy =
            "tls.crt and tls.key must belong together, as the coordinator's registration made them";
        let tls = builder(roots).and_then(|builder| {
            builder
                .with_client_auth_cert(chain, private_key(&key)?)
                .map_err(|error| refused(&key, &error, remedy))
        })?;
        Ok(Self { tls: for_h2(tls) })
    }
}

impl Gateway {
    fn load(folder: &Path) -> Result<Self, ModelsError> {
        let mut roots = RootCertStore::empty();
        for certificate in rustls_native_certs::load_native_certs().certs {
            // One that can't be read is of no use, and no harm.
            let _ = roots.add(certificate);
        }
        let ca = folder.join("ca.crt");
        if ca.is_file() {
            trust(&mut roots, &ca)?;
        }
        let path = folder.join("tls.key");
        let remedy = "it must be an RSA key of at least 2048 bits, PKCS#8 or PKCS#1 in PEM";
        let key = match private_key(&path)? {
            PrivateKeyDer::Pkcs8(key) => KeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => KeyPair::from_der(key.secret_pkcs1_der()),
            _ => return Err(refused(&path, "it is no RSA key", remedy)),
        };
        let key = key.map_err(|error| refused(&path, &error, remedy))?;
        let tls = builder(roots)?.with_no_client_auth();
        Ok(Self {
            tls: for_h2(tls),
            key,
        })
    }
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

fn builder(roots: RootCertStore) -> Result<Builder, ModelsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| ModelsError::Config {
        key: "secure_credentials",
        wrong: format!("can't be used: {error}"),
        right: "this build lacks TLS 1.2 and 1.3; build it anew",
    })?;
    Ok(builder.with_root_certificates(roots))
}

fn for_h2(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

fn trust(roots: &mut RootCertStore, path: &Path) -> Result<(), ModelsError> {
    for certificate in certificates(path)? {
        let remedy = "it must hold the certificates of authorities in PEM";
        roots
            .add(certificate)
            .map_err(|error| refused(path, &error, remedy))?;
    }
    Ok(())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ModelsError> {
    let remedy = "it must hold certificates in PEM, readable for this user";
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| refused(path, &error, remedy))?;
    if found.is_empty() {
        return Err(refused(path, "it holds no certificate", remedy));
    }
    Ok(found)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ModelsError> {
    let remedy = "it must hold a private key in PEM, readable for this user alone";
    let text = secret_file(path).map_err(|error| refused(path, &error, remedy))?;
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| refused(path, &error, remedy))
}

fn refused(path: &Path, cause: &(impl ToString + ?Sized), remedy: &'static str) -> ModelsError {
    ModelsError::Credentials {
        path: path.to_owned(),
        cause: cause.to_string(),
        remedy,
    }
}
