//! How the processes' own pages are served: to this machine alone or to who knows the token, within bounds.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::Request,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, HOST},
    },
    middleware::{Next, from_fn, map_response},
    response::{IntoResponse, Response},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use serde::Serialize;
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::{Moment, heart::Heart};
use crate::{
    ops::{Mask, Phase},
    token::Gate,
};

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

/// The routes for those who may see them; a token is asked for when there is one. Without it only those who
/// reach the server by this machine's own names are answered: a page in a browser can't read it under a name
/// of its own.
pub(super) fn guarded(routes: Router, gate: Option<&Gate>) -> Router {
    let routes = routes.layer(map_response(fresh));
    match gate {
        Some(gate) => gate.guard(routes),
        None => routes.layer(from_fn(of_this_machine)),
    }
}

/// Serves routes to this machine for ever.
pub async fn serve_pages(listener: TcpListener, routes: Router) {
    serve(Arc::new(listener), guarded(routes, None)).await;
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
#[must_use]
pub fn is_local(address: SocketAddr) -> bool {
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

/// Metrics, as Prometheus takes them.
pub(super) fn metrics(text: String, mask: &Mask) -> Response {
    ([(CONTENT_TYPE, OPENMETRICS)], mask.clean(text)).into_response()
}

/// Whether the process is alive.
pub(super) fn alive(heart: &Heart) -> Response {
    match heart.silent() {
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

/// Whether the process can do its work: 200 with no hindrance, else 503 with all of them.
pub(super) fn readiness(
    (phase, since): (Option<Phase>, Moment),
    hindrances: &[impl Serialize],
    mask: &Mask,
) -> Response {
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
    let body = mask.clean(body.to_string());
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
