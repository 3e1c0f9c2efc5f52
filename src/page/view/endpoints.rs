//! The endpoints, and the WebSocket.

use askama::Template;

use super::words::{self, Stamp};
use crate::{
    page::Board,
    status::Life,
    vitals::{Endpoint, Socket},
};

#[derive(Template)]
#[template(path = "page/endpoints.html")]
pub(super) struct Endpoints<'a> {
    /// Whether what was seen last is of now.
    is_running: bool,
    /// The newest block, and how far apart blocks are.
    head: Option<(String, Option<String>)>,
    socket: Option<Line<'a>>,
    rows: Vec<Row<'a>>,
}

struct Line<'a> {
    socket: &'a Socket,
    since: Option<Stamp>,
}

struct Row<'a> {
    endpoint: &'a Endpoint,
    since: Option<Stamp>,
    latency: Option<String>,
}

pub(super) fn endpoints(board: &Board) -> Endpoints<'_> {
    let status = &board.status;
    let is_running = status.process.life == Life::Runs;
    let pace = status.head.block_ms.map(|ms| format!("{:.1} s", ms / 1e3));
    let rows = status.endpoints.iter().map(|endpoint| Row {
        endpoint,
        since: endpoint.since.0.map(words::short),
        latency: endpoint.latency_ms.map(words::millis),
    });
    let socket = &status.socket;
    Endpoints {
        is_running,
        head: status.head.height.map(|it| (it.to_string(), pace)),
        socket: socket.since.0.map(|at| Line {
            socket,
            since: Some(words::short(at)),
        }),
        rows: rows.collect(),
    }
}
