//! TLS, and the key that a server's certificate bears.

use std::sync::Arc;

use rustls::{
    ClientConfig,
    pki_types::{ServerName, alg_id},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::status::{Fault, FaultKind};

/// The name that a model's certificate bears, wherever its server is.
pub(super) fn server_name(model_id: &str) -> String {
    format!("model-node-{model_id}.crunchdao.internal")
}

/// Speaks TLS to a server that must prove to be `name`, and HTTP/2.
pub(super) async fn handshake(
    config: &Arc<ClientConfig>,
    name: &str,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, Fault> {
    let server = ServerName::try_from(name.to_owned())
        .map_err(|_| Fault::new(FaultKind::Untrusted, format!("{name:?} is no host's name")))?;
    let connector = TlsConnector::from(Arc::clone(config));
    let stream = connector.connect(server, stream).await.map_err(|error| {
        let is_about_trust = error.get_ref().is_some_and(|cause| {
            matches!(
                cause.downcast_ref(),
                Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)
            )
        });
        let kind = if is_about_trust {
            FaultKind::Untrusted
        } else {
            FaultKind::Unavailable
        };
        Fault::new(kind, format!("no TLS with {name}: {error}"))
    })?;
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        let detail = format!("{name} does not speak HTTP/2 over TLS");
        return Err(Fault::new(FaultKind::Untrusted, detail));
    }
    Ok(stream)
}

/// The server's key as a DER `SubjectPublicKeyInfo`. It must be RSA.
pub(super) fn server_key(stream: &TlsStream<TcpStream>) -> Result<Vec<u8>, Fault> {
    let fail = |detail: String| Fault::new(FaultKind::Untrusted, detail);
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let leaf = certificates
        .first()
        .ok_or_else(|| fail("the server shows no certificate".into()))?;
    let leaf = webpki::EndEntityCert::try_from(leaf)
        .map_err(|error| fail(format!("the server's certificate can't be read: {error}")))?;
    let key = leaf.subject_public_key_info().to_vec();
    if !is_rsa(&key) {
        return Err(fail(
            "the server's certificate does not bear an RSA key".into(),
        ));
    }
    Ok(key)
}

/// Whether the algorithm that stands first in the key is RSA.
pub(super) fn is_rsa(key: &[u8]) -> bool {
    // SEQUENCE and its length, of two to five bytes, then the algorithm's SEQUENCE and its length.
    let head = match key {
        [0x30, length, ..] if *length < 0x80 => 2,
        [0x30, length, ..] => 2 + usize::from(length & 0x7f),
        _ => return false,
    };
    let rsa: &[u8] = alg_id::RSA_ENCRYPTION.as_ref();
    key.get(head..).is_some_and(|rest| {
        rest.first() == Some(&0x30)
            && rest
                .get(1)
                .is_some_and(|&length| usize::from(length) == rsa.len())
            && rest.get(2..).is_some_and(|rest| rest.starts_with(rsa))
    })
}
