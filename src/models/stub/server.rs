//! What a stub model's server does with requests: as real ones, one call at a time.

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::{
    Behaviour, Caller, StubOptions,
    behaviour::Act,
    mind::Held,
    reply::{self, Reply},
};
use crate::models::{
    proto::{
        dynamic_subclass::{CallRequest, SetupRequest, SetupResponse},
        health::HealthCheckResponse,
    },
    wire::LARGEST,
};

/// What a stub's connections share.
pub(super) struct Shared {
    pub(super) options: StubOptions,
    pub(super) behaviours: Mutex<HashMap<String, Behaviour>>,
    pub(super) instance: Mutex<Option<Held>>,
    pub(super) is_busy: AtomicBool,
    /// Changes with each restart.
    pub(super) life: AtomicUsize,
    pub(super) is_frozen: watch::Sender<bool>,
    /// Each change cuts all connections.
    pub(super) cuts: watch::Sender<u64>,
    pub(super) setups: AtomicUsize,
    pub(super) calls: Mutex<Vec<(String, usize)>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Frees the server when the call is over, also when nobody waits any more.
struct Busy {
    shared: Arc<Shared>,
    life: usize,
    /// It is never free again.
    is_stuck: bool,
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.shared.life.load(Ordering::Relaxed) == self.life {
            self.shared.is_busy.store(self.is_stuck, Ordering::Relaxed);
        }
    }
}

impl Shared {
    pub(super) fn new(options: StubOptions) -> Self {
        Self {
            options,
            behaviours: Mutex::default(),
            instance: Mutex::default(),
            is_busy: AtomicBool::new(false),
            life: AtomicUsize::new(0),
            is_frozen: watch::Sender::new(false),
            cuts: watch::Sender::new(0),
            setups: AtomicUsize::new(0),
            calls: Mutex::default(),
        }
    }

    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener, cancel: CancellationToken) {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // The process has too many files open; some may close.
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            let connection = Arc::clone(&self).connection(stream);
            tokio::spawn(cancel.clone().run_until_cancelled_owned(connection));
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        // Without it answers come late, no more.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.options.tls else {
            return self.speak(stream, None).await;
        };
        let acceptor = TlsAcceptor::from(Arc::clone(tls));
        if let Ok(stream) = acceptor.accept(stream).await {
            let certificates = stream.get_ref().1.peer_certificates();
            let first = certificates
                .and_then(|all| all.first())
                .map(|it| it.to_vec());
            self.speak(stream, first).await;
        }
    }

    async fn speak(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        certificate: Option<Vec<u8>>,
    ) {
        let mut cut = self.cuts.subscribe();
        let shared = Arc::clone(&self);
        let service = service_fn(move |request| {
            let (shared, certificate) = (Arc::clone(&shared), certificate.clone());
            async move { shared.answer(request, certificate).await }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            // However it ended, the client sees it.
            _ = connection => {}
            _ = cut.changed() => {}
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        certificate: Option<Vec<u8>>,
    ) -> Result<Response<Reply>, Infallible> {
        let mut frozen = self.is_frozen.subscribe();
        // The sender lives in self.
        let _ = frozen.wait_for(|is_frozen| !is_frozen).await;
        let (parts, body) = request.into_parts();
        let is_health = parts.uri.path().ends_with("/Check");
        if let (false, Some(guard)) = (is_health, &self.options.guard) {
            let caller = Caller {
                headers: &parts.headers,
                certificate: certificate.as_deref(),
            };
            if let Err(reason) = guard(&caller) {
                return Ok(reply::error(Code::Unauthenticated, &reason));
            }
        }
        let limit = self.options.reads.unwrap_or(LARGEST + 5);
        let Ok(body) = Limited::new(body, limit).collect().await else {
            let text = "SERVER: Received message larger than max";
            return Ok(reply::error(Code::ResourceExhausted, text));
        };
        let body = body.to_bytes();
        let message = if body.len() < 5 {
            body
        } else {
            body.slice(5..)
        };
        let headers = self.options.headers.clone();
        let mut answer = match parts.uri.path() {
            "/grpc.health.v1.Health/Check" => reply::message(&HealthCheckResponse { status: 1 }),
            "/dynamic_subclass.DynamicSubclassService/Setup" => self.set_up(&message).await,
            "/dynamic_subclass.DynamicSubclassService/Call" => self.call(&message).await,
            _ => reply::error(Code::Unimplemented, "Method not found!"),
        };
        answer.headers_mut().extend(headers);
        Ok(answer)
    }

    /// Takes the server for a request, if it is free.
    fn take(self: &Arc<Self>) -> Option<Busy> {
        let was_busy = self.is_busy.swap(true, Ordering::Relaxed);
        (!was_busy).then(|| Busy {
            shared: Arc::clone(self),
            life: self.life.load(Ordering::Relaxed),
            is_stuck: false,
        })
    }

    async fn set_up(self: &Arc<Self>, message: &[u8]) -> Response<Reply> {
        let Some(_busy) = self.take() else {
            return reply::error(Code::ResourceExhausted, "Server busy");
        };
        let answer = |code: &str, text: &str| {
            reply::message(&SetupResponse {
                status: Some(reply::status(code, text)),
            })
        };
        if locked(&self.instance).is_some() {
            return answer("SUCCESS", "Instance already exists");
        }
        if SetupRequest::decode(message).is_err() {
            return reply::error(Code::Internal, "Exception deserializing request!");
        }
        sleep(self.options.setup_takes).await;
        if let Some((code, text)) = &self.options.setup_fails {
            return answer(code, text);
        }
        self.setups.fetch_add(1, Ordering::Relaxed);
        let mind = self.options.mind.as_ref().map(|make| make());
        *locked(&self.instance) = Some(Held(mind));
        answer("SUCCESS", "Instance created successfully")
    }

    async fn call(self: &Arc<Self>, message: &[u8]) -> Response<Reply> {
        let Some(mut busy) = self.take() else {
            return reply::error(Code::ResourceExhausted, "Server busy");
        };
        if locked(&self.instance).is_none() {
            let text = "Setup has not been called yet";
            return reply::outcome("FAILED_PRECONDITION", text, None);
        }
        let Ok(request) = CallRequest::decode(message) else {
            return reply::error(Code::Internal, "Exception deserializing request!");
        };
        if request.method_name.is_empty() {
            return reply::outcome("INVALID_ARGUMENT", "methodName cannot be empty", None);
        }
        self.note(&request.method_name, message.len());
        let load = self.options.load.as_ref();
        let _in_hand = load.and_then(|load| load.take(message.len()));
        match self.behaviour(&request).await.act(&request) {
            Act::Answer(answer) => answer,
            Act::Break => {
                self.cuts.send_modify(|cut| *cut += 1);
                std::future::pending().await
            }
            Act::Never => {
                // Busy for good, even when the client is gone.
                busy.is_stuck = true;
                std::future::pending().await
            }
            Act::AnswerAfter(time, answer) => {
                // A client that is gone does not stop the model's work.
                let done = tokio::spawn(async move {
                    sleep(time).await;
                    drop(busy);
                });
                let _ = done.await;
                answer
            }
        }
    }

    fn note(&self, method: &str, size: usize) {
        /// Calls that are remembered; a demonstration may go on for weeks.
        const MOST: usize = 1 << 16;
        let mut calls = locked(&self.calls);
        if calls.len() >= MOST {
            calls.drain(..MOST / 2);
        }
        calls.push((method.to_owned(), size));
    }

    /// How a call is taken: as the stub was told to, else as its instance thinks, else soundly.
    async fn behaviour(self: &Arc<Self>, request: &CallRequest) -> Behaviour {
        let told = {
            let behaviours = locked(&self.behaviours);
            let method = behaviours.get(&request.method_name);
            method.or_else(|| behaviours.get("")).cloned()
        };
        if let Some(told) = told {
            return told;
        }
        if self.options.mind.is_none() {
            return Behaviour::Sound;
        }
        // A month of prices takes a while to be read.
        let (shared, request) = (Arc::clone(self), request.clone());
        let thinking = tokio::task::spawn_blocking(move || {
            let mut instance = locked(&shared.instance);
            instance.as_mut().and_then(|held| held.take(&request))
        });
        match thinking.await {
            Ok(thought) => thought.unwrap_or_default(),
            Err(error) => Behaviour::Raises(error.to_string()),
        }
    }
}
