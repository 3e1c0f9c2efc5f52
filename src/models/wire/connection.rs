//! The connection itself. It is never mended: a lost one is replaced, so that whoever holds it knows
//! that the server behind the next one may be another.

use std::{sync::Arc, time::Duration};

use http::{Request, Response, Uri, uri::PathAndQuery};
use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use prost::bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tonic::{
    client::{Grpc, GrpcService},
    metadata::MetadataMap,
};

use super::{
    codec::{LARGEST, Raw, Shared},
    credentials::Security,
    secure,
    status::{Fault, FaultKind},
    wallet::{self, Expected},
};

/// Servers tolerate one ping in five minutes, and none while nothing is asked.
const KEEP_ALIVE: Duration = Duration::from_secs(300);
/// How long the answer to such a ping may take.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// How much of an answer may be under way: a day of predictions in one go.
const WINDOW: u32 = 1 << 20;

/// Where a model's server is, and how it is spoken to.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) model_id: String,
    pub(crate) security: Arc<Security>,
}

/// An open connection. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    service: Service,
    origin: Uri,
    target: Arc<Target>,
    /// The key that the server's certificate bears (DER `SubjectPublicKeyInfo`), over mutual TLS.
    key: Option<Arc<[u8]>>,
    over: CancellationToken,
}

/// An answer, with the moment at which it was there.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) message: Bytes,
    pub(crate) at: Instant,
}

impl Connection {
    /// Connects. The server need not answer for this: ask it for its health.
    pub(crate) async fn open(target: Arc<Target>) -> Result<Self, Fault> {
        let fail = |error: &std::io::Error| Fault::new(FaultKind::Unavailable, error.to_string());
        let stream = TcpStream::connect((target.host.as_str(), target.port)).await;
        let stream = stream.map_err(|error| fail(&error))?;
        stream.set_nodelay(true).map_err(|error| fail(&error))?;
        let name = match &*target.security {
            Security::Plaintext | Security::Gateway(_) => target.host.clone(),
            Security::Secure(_) => secure::server_name(&target.model_id),
        };
        match &*target.security {
            Security::Plaintext => Self::over(stream, "http", &name, &target, None).await,
            Security::Secure(credentials) => {
                let stream = secure::handshake(&credentials.tls, &name, stream).await?;
                let key = secure::server_key(&stream)?;
                Self::over(stream, "https", &name, &target, Some(key.into())).await
            }
            Security::Gateway(credentials) => {
                let stream = secure::handshake(&credentials.tls, &name, stream).await?;
                Self::over(stream, "https", &name, &target, None).await
            }
        }
    }

    async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        scheme: &str,
        name: &str,
        target: &Arc<Target>,
        key: Option<Arc<[u8]>>,
    ) -> Result<Self, Fault> {
        let fail = |error: String| Fault::new(FaultKind::Unavailable, error);
        let host = if name.contains(':') {
            format!("[{name}]")
        } else {
            name.to_owned()
        };
        let origin = Uri::builder()
            .scheme(scheme)
            .authority(format!("{host}:{}", target.port))
            .path_and_query("/")
            .build()
            .map_err(|error| fail(format!("{name:?} is no host's name: {error}")))?;
        let (sender, driver) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(false)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| fail(super::status::innermost(&error)))?;
        let over = CancellationToken::new();
        let guard = over.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = driver => {}
                () = guard.cancelled() => {}
            }
            guard.cancel();
        });
        let target = Arc::clone(target);
        let service = Service {
            sender,
            body: Bytes::new(),
        };
        Ok(Self {
            service,
            origin,
            target,
            key,
            over,
        })
    }

    /// Ends when the connection has.
    pub(crate) async fn ended(&self) {
        self.over.cancelled().await;
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.over.is_cancelled() || self.service.sender.is_closed()
    }

    /// Ends the connection, and whatever is asked over it.
    pub(crate) fn close(&self) {
        self.over.cancel();
    }

    /// One request with a framed message. With `expected`, the server must prove on this answer that it
    /// is the model's; `limit` is told to the server, not enforced.
    pub(crate) async fn ask(
        &self,
        path: PathAndQuery,
        body: Bytes,
        expected: Option<&Expected>,
        limit: Duration,
    ) -> Result<Answer, Fault> {
        let mut request = tonic::Request::new(());
        request.set_timeout(limit);
        if let Security::Gateway(credentials) = &*self.target.security {
            credentials.sign(request.metadata_mut(), &self.target.model_id)?;
        }
        let service = Service {
            body,
            ..self.service.clone()
        };
        let mut client =
            Grpc::with_origin(service, self.origin.clone()).max_decoding_message_size(LARGEST);
        let fault = |status: tonic::Status| Fault::of(&status, !self.has_ended());
        let asked = client.server_streaming(request, path, Raw);
        let mut answer = self.while_open(asked).await?.map_err(fault)?;
        self.verify(answer.metadata(), expected)?;
        let message = self
            .while_open(answer.get_mut().message())
            .await?
            .map_err(fault)?;
        let at = Instant::now();
        // The status comes behind the message.
        let trailers = self.while_open(answer.get_mut().trailers()).await?;
        trailers.map_err(fault)?;
        let missing = || Fault::new(FaultKind::Nonsense, "the answer holds no message");
        Ok(Answer {
            message: message.ok_or_else(missing)?,
            at,
        })
    }

    async fn while_open<T>(&self, asked: impl Future<Output = T>) -> Result<T, Fault> {
        tokio::select! {
            biased;
            answer = asked => Ok(answer),
            () = self.over.cancelled() => Err(Fault::new(FaultKind::Unavailable, "the connection was lost")),
        }
    }

    fn verify(&self, metadata: &MetadataMap, expected: Option<&Expected>) -> Result<(), Fault> {
        let (Some(key), Some(expected)) = (&self.key, expected) else {
            return Ok(());
        };
        wallet::verify(metadata, key, expected).inspect_err(|_| self.close())
    }
}

/// Sends the shared bytes in place of the body that is made for each request.
#[derive(Clone, Debug)]
struct Service {
    sender: http2::SendRequest<Shared>,
    body: Bytes,
}

impl GrpcService<tonic::body::Body> for Service {
    type ResponseBody = Incoming;
    type Error = hyper::Error;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Response<Incoming>, hyper::Error>> + Send>>;

    fn poll_ready(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), hyper::Error>> {
        self.sender.poll_ready(context)
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        let body = Shared::new(self.body.clone());
        Box::pin(self.sender.send_request(request.map(|_| body)))
    }
}
