//! A server of sample pages, with the headers of the true one, and with a stream that a test speaks into.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use allora_worker::page::{
    Board,
    view::{Choice, ICON, SCRIPT, STYLE, Section, document, section, sign_in},
};
use axum::{
    Router,
    body::Body,
    extract::{RawQuery, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::sync::broadcast;

/// What the true server sends.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A server that ends with the test.
pub(crate) struct Site {
    pub(crate) base: String,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

struct Shared {
    board: Mutex<Board>,
    lines: broadcast::Sender<String>,
    queries: Mutex<Vec<String>>,
    listeners: AtomicUsize,
    is_down: AtomicBool,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Site {
    pub(crate) async fn start(board: Board) -> Self {
        let shared = Arc::new(Shared {
            board: Mutex::new(board),
            lines: broadcast::channel(64).0,
            queries: Mutex::default(),
            listeners: AtomicUsize::new(0),
            is_down: AtomicBool::new(false),
        });
        let typed = |kind: &'static str, text: &'static str| {
            get(move || async move { headed(kind, text.to_owned()) })
        };
        let router = Router::new()
            .route("/", get(page))
            .route(
                "/sign-in",
                get(|| async { headed("text/html", sign_in(true).unwrap()) }),
            )
            .route("/events", get(events))
            .route("/page.css", typed("text/css", STYLE))
            .route("/page.js", typed("text/javascript", SCRIPT))
            .route("/icon.svg", typed("image/svg+xml", ICON))
            .with_state(shared.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            base,
            shared,
            server,
        }
    }

    /// The address of the page.
    pub(crate) fn base_page(&self) -> String {
        format!("{}/", self.base)
    }

    /// Changes the board, and sends open pages a section of it.
    pub(crate) fn change(&self, it: Section, generation: u64, change: impl FnOnce(&mut Board)) {
        let html = {
            let mut board = self.shared.board.lock().unwrap();
            change(&mut board);
            section(it, &board, &Choice::default()).unwrap()
        };
        let data = json!({"id": it.id(), "html": html, "generation": generation});
        self.send("section", &data);
    }

    /// Sends open pages an event.
    pub(crate) fn send(&self, event: &str, data: &Value) {
        let line = format!("event: {event}\ndata: {data}\n\n");
        // Nobody listens while a page is opened anew.
        let _ = self.shared.lines.send(line);
    }

    /// Ends all streams and refuses new ones, or takes them again.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.shared.is_down.store(is_down, Ordering::SeqCst);
        if is_down {
            let _ = self.shared.lines.send(String::new());
        }
    }

    /// Streams that were opened so far.
    pub(crate) fn listeners(&self) -> usize {
        self.shared.listeners.load(Ordering::SeqCst)
    }

    /// The queries that streams were opened with.
    pub(crate) fn queries(&self) -> Vec<String> {
        self.shared.queries.lock().unwrap().clone()
    }
}

fn headed(kind: &'static str, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, text).into_response()
}

async fn page(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let choice = Choice::from_query(&query.unwrap_or_default());
    let board = shared.board.lock().unwrap();
    headed("text/html", document(&board, &choice, 7).unwrap())
}

async fn events(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    if shared.is_down.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    shared
        .queries
        .lock()
        .unwrap()
        .push(query.unwrap_or_default());
    let heard = shared.lines.subscribe();
    shared.listeners.fetch_add(1, Ordering::SeqCst);
    let lines = futures_util::stream::unfold(heard, |mut heard| async move {
        let line = heard.recv().await.ok().filter(|it| !it.is_empty())?;
        Some((line, heard))
    });
    let first = futures_util::stream::iter([": here\n\n".to_owned()]);
    let body = Body::from_stream(first.chain(lines).map(Ok::<_, Infallible>));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}
