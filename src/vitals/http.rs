//! The worker's own HTTP server: metrics, health and readiness. Further pages are added to its router.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, HOST},
    },
    middleware::{Next, from_fn, map_response},
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::{heart::Heart, keeper::Shared, metrics};
use crate::{clock::SharedClock, ops::Mask, token::Gate};

/// Connections at once; further ones wait.
const CONNECTIONS: usize = 64;
/// How long a request's head may take, from the connection or the last answer on.
const HEAD: Duration = Duration::from_secs(20);
/// How long a connection may last; who follows a page connects anew.
const LONGEST: Duration = Duration::from_mins(60);
/// Bytes and fields of a request's head.
const HEAD_BYTES: usize = 16 << 10;
const HEAD_FIELDS: usize = 64;
/// A pause after the system refused a connection, which it does when descriptors are short.
const PAUSE: Duration = Duration::from_millis(500);

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the pages show.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) vitals: Shared,
    pub(super) heart: Heart,
    pub(super) clock: SharedClock,
    pub(super) mask: Arc<Mask>,
    pub(super) deliveries: Arc<dyn Fn() -> metrics::Deliveries + Send + Sync>,
}

/// All routes; a token is asked for when there is one. Without it only those who reach the server by this
/// machine's own names are answered: a page in a browser can't read it under a name of its own.
pub(super) fn router(seen: Seen, gate: Option<&Gate>, page: Option<Router>) -> Router {
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(seen);
    let page = page.unwrap_or_else(|| Router::new().route("/", get(index)));
    guarded(routes.merge(page), gate)
}

/// Routes for those who may look.
pub(crate) fn guarded(routes: Router, gate: Option<&Gate>) -> Router {
    let routes = routes.layer(map_response(fresh));
    match gate {
        Some(gate) => gate.guard(routes),
        None => routes.layer(from_fn(of_this_machine)),
    }
}

/// Answers for ever.
pub(super) async fn serve(listener: Arc<TcpListener>, router: Router) {
    let turns = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    answer(stream, router).await;
                    drop(turn);
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn answer(stream: TcpStream, router: Router) {
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_FIELDS);
    let service = TowerToHyperService::new(router);
    let served = server
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // How it ended is the client's matter.
    let _ended = timeout(LONGEST, served).await;
}

/// Whether an address is reached from this machine alone.
pub(crate) fn is_local(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

async fn of_this_machine(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|it| it.to_str().ok());
    if host.is_none_or(names_this_machine) {
        return next.run(request).await;
    }
    let right = "ask for it as 127.0.0.1 or localhost\n";
    (StatusCode::MISDIRECTED_REQUEST, right).into_response()
}

fn names_this_machine(host: &str) -> bool {
    let without_port = |host: &str| match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|it| it.is_ascii_digit()) => name.to_owned(),
        _ => host.to_owned(),
    };
    let name = without_port(host);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let address = name.parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|it| it.is_loopback())
}

async fn fresh(mut response: Response) -> Response {
    let headers = response.headers_mut().entry(CACHE_CONTROL);
    headers.or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn index() -> &'static str {
    "/metrics  for Prometheus\n/healthz  200 while the process is alive\n/readyz   200 when a window could be answered now, else why not\n"
}

async fn metrics(State(seen): State<Seen>) -> Response {
    let vitals = seen.vitals.hold().clone();
    let text = metrics::render(vitals, seen.clock.now(), (seen.deliveries)());
    ([(CONTENT_TYPE, OPENMETRICS)], seen.mask.clean(text)).into_response()
}

async fn healthz(State(seen): State<Seen>) -> Response {
    match seen.heart.silent() {
        None => "alive\n".into_response(),
        Some((task, lasted)) => {
            let words = format!(
                "the task {task:?} has given no sign of life for {} s; the process begins anew by itself, unless ops.restart is off\n",
                lasted.as_secs()
            );
            (StatusCode::SERVICE_UNAVAILABLE, words).into_response()
        }
    }
}

async fn readyz(State(seen): State<Seen>) -> Response {
    let now = seen.clock.now();
    let (phase, since, hindrances) = {
        let vitals = seen.vitals.hold();
        let process = &vitals.process;
        (process.phase, process.since, vitals.hindrances(now))
    };
    let status = if hindrances.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({
        "ready": hindrances.is_empty(),
        "phase": phase,
        "since": since,
        "reasons": hindrances,
    });
    let body = seen.mask.clean(body.to_string());
    match serde_json::from_str::<serde_json::Value>(&body) {
        Ok(body) => (status, Json(body)).into_response(),
        Err(_) => (status, body).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_this_machine_is_told_from_others() {
        for host in [
            "127.0.0.1:9467",
            "localhost",
            "LOCALHOST:1",
            "[::1]:9467",
            "[::1]",
        ] {
            assert!(names_this_machine(host), "{host}");
        }
        for host in [
            "evil.example:9467",
            "10.0.0.1",
            "localhost.evil.example",
            "",
        ] {
            assert!(!names_this_machine(host), "{host}");
        }
        assert!(is_local("[::ffff:127.0.0.1]:1".parse().unwrap()));
        assert!(!is_local("0.0.0.0:1".parse().unwrap()));
    }
}
