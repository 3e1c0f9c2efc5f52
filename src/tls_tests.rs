//! Nodes that prove who they are, and nodes that don't, over each way of speaking to them.

use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rstest::rstest;
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::{
    chain::{
        ChainConfig, Rpc, Version,
        feed::{Feed, FeedEvent},
    },
    types::Height,
};

const LIMIT: Duration = Duration::from_secs(5);

/// What a server shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Good,
    Expired,
    SelfSigned,
    WrongName,
}

/// An authority whose certificate lies in a file, and the certificates that it makes.
struct Site {
    folder: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Site {
    fn new() -> Self {
        install();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        Self { folder, authority }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn server(
        &self,
        shown: Shown,
        protocols: &[&'static rustls::SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        let name = if shown == Shown::WrongName {
            "elsewhere.example"
        } else {
            "localhost"
        };
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if shown == Shown::Expired {
            params.not_before = OffsetDateTime::now_utc() - Duration::from_hours(72);
            params.not_after = OffsetDateTime::now_utc() - Duration::from_hours(48);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = match shown {
            Shown::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &self.authority),
        };
        let chain = vec![certificate.unwrap().der().clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_protocol_versions(protocols).unwrap();
        let mut config = builder
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

/// A server that tells of each connection whether its handshake succeeded, and the first bytes that a
/// client then sends.
async fn serve(config: Arc<ServerConfig>) -> (u16, mpsc::UnboundedReceiver<Option<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, told) = (TlsAcceptor::from(Arc::clone(&config)), told.clone());
            tokio::spawn(async move { told.send(first_bytes(acceptor, socket).await) });
        }
    });
    (port, heard)
}

async fn first_bytes(acceptor: TlsAcceptor, socket: TcpStream) -> Option<Vec<u8>> {
    let mut socket = acceptor.accept(socket).await.ok()?;
    let mut bytes = vec![0; 64];
    let read = socket.read(&mut bytes).await.ok()?;
    bytes.truncate(read);
    (read > 0).then_some(bytes)
}

/// Speaks to a port over a way until it gives up or is cut off; gives what the client says.
async fn speak(way: &str, port: u16, ca_file: Option<PathBuf>) -> String {
    let (name, address) = ("localhost", SocketAddr::from(([127, 0, 0, 1], port)));
    let url = format!("{way}://{name}:{}", address.port());
    let trust = Trust::with_file(ca_file.as_deref()).unwrap();
    if way == "wss" {
        let (events, mut told) = mpsc::channel(8);
        let config = ChainConfig {
            ca_file,
            ..ChainConfig::default()
        };
        let (_versions, version) = watch::channel(Version::V10);
        let (_heads, head) = watch::channel(Height(1));
        let of = String::new();
        let feed = Feed::new(config, vec![url], of.clone(), of, version, head, events).unwrap();
        let cancel = tokio_util::sync::CancellationToken::new();
        let task = tokio::spawn(feed.run(cancel.clone()));
        let said = match told.recv().await.unwrap() {
            FeedEvent::Lost { cause, .. } => cause,
            other => format!("{other:?}"),
        };
        cancel.cancel();
        task.abort();
        return said;
    }
    let rpc = Rpc::trusting(&[url], LIMIT, &trust).unwrap();
    let asked = tokio::time::timeout(LIMIT, rpc.status()).await;
    format!("{asked:?}")
}

#[rstest]
#[case::https("https", b"POST ")]
#[case::wss("wss", b"GET /")]
#[case::grpc("grpc+https", b"PRI *")]
#[tokio::test]
async fn a_node_is_spoken_to_when_its_certificate_is_right_and_not_otherwise(
    #[case] way: &str,
    #[case] hello: &[u8; 5],
) {
    let site = Site::new();
    let all = [&rustls::version::TLS13, &rustls::version::TLS12];
    for shown in [
        Shown::Good,
        Shown::Expired,
        Shown::SelfSigned,
        Shown::WrongName,
    ] {
        let (port, mut heard) = serve(site.server(shown, &all)).await;
        let said = tokio::spawn(speak_owned(way.to_owned(), port, Some(site.file())));
        let first = tokio::time::timeout(LIMIT, heard.recv())
            .await
            .unwrap()
            .unwrap();
        match shown {
            Shown::Good => assert_eq!(&first.unwrap()[..5], hello, "{way}"),
            // Not a byte of a request has left.
            _ => assert_eq!(first, None, "{way} {shown:?}"),
        }
        said.abort();
    }
    // Without the operator's file the same authority is nobody.
    let (port, mut heard) = serve(site.server(Shown::Good, &all)).await;
    let said = tokio::spawn(speak_owned(way.to_owned(), port, None));
    assert_eq!(heard.recv().await.unwrap(), None, "{way}");
    said.abort();
}

async fn speak_owned(way: String, port: u16, ca_file: Option<PathBuf>) -> String {
    speak(&way, port, ca_file).await
}

#[rstest]
#[case::https("https")]
#[case::wss("wss")]
#[case::grpc("grpc+https")]
#[tokio::test]
async fn tls_1_2_is_taken_and_1_1_is_not(#[case] way: &str) {
    let site = Site::new();
    let (port, mut heard) = serve(site.server(Shown::Good, &[&rustls::version::TLS12])).await;
    let said = tokio::spawn(speak_owned(way.to_owned(), port, Some(site.file())));
    let first = tokio::time::timeout(LIMIT, heard.recv())
        .await
        .unwrap()
        .unwrap();
    assert!(first.is_some(), "{way}");
    said.abort();

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let said = tokio::spawn(speak_owned(way.to_owned(), port, Some(site.file())));
    let (mut socket, _) = listener.accept().await.unwrap();
    let answer = async {
        let mut bytes = vec![0; 4096];
        let read = socket.read(&mut bytes).await.unwrap();
        assert_eq!(bytes[0], 0x16, "a handshake");
        assert!(read > 5);
        socket.write_all(&server_hello_of_1_1()).await.unwrap();
        // The client's last word: an alert, fatal, protocol_version or illegal_parameter.
        let read = socket.read(&mut bytes).await.unwrap();
        bytes.truncate(read);
        bytes
    };
    let last = tokio::time::timeout(LIMIT, answer).await.unwrap();
    assert_eq!((last[0], last[5]), (0x15, 2), "{way}: {last:?}");
    assert!([47, 70].contains(&last[6]), "{way}: {last:?}");
    said.abort();
}

/// The answer of a server that knows nothing newer than TLS 1.1: its version, 32 random bytes, no
/// session, a suite of its time, no compression.
fn server_hello_of_1_1() -> Vec<u8> {
    let mut hello = vec![0x03, 0x02];
    hello.extend([7; 32]);
    hello.extend([0, 0xc0, 0x13, 0]);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![0x16, 0x03, 0x02, 0, length + 4, 0x02, 0, 0, length];
    record.extend(hello);
    record
}

#[test]
fn a_file_without_authorities_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let refused = |path: &Path| Trust::with_file(Some(path)).unwrap_err().to_string();
    assert!(refused(&path).contains("can't be read"));
    for text in [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        fs::write(&path, text).unwrap();
        assert!(refused(&path).contains("authorities"), "{text:?}");
    }
    assert!(Trust::with_file(None).unwrap().own().is_empty());
}
