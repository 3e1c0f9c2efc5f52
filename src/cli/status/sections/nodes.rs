//! The chain's nodes, as the worker sees them.

use super::{Line, Mark, line, mark};
use crate::{
    cli::status::words::ago,
    status::{Life, Status},
};

pub(super) fn lines(status: &Status) -> Vec<Line> {
    let mut lines = Vec::new();
    if status.process.life != Life::Runs {
        // What a worker saw last says nothing of now.
        return lines;
    }
    if let Some(height) = status.head.height {
        let heard = ago(status.head.heard, status.at);
        let block = status
            .head
            .block_ms
            .map(|ms| format!(", a block each {:.1} s", ms / 1e3));
        let text = format!("{height}, heard {heard}{}", block.unwrap_or_default());
        lines.push(line(Mark::None, "block", text).short(format!("{height}, {heard}")));
    }
    let socket = &status.socket;
    if socket.since.0.is_some() {
        let text = if socket.is_connected {
            format!("open to {}", socket.endpoint)
        } else {
            format!("lost {}: {}", ago(socket.since, status.at), socket.cause)
        };
        lines.push(line(mark(Some(socket.is_connected)), "socket", text));
    }
    for it in &status.endpoints {
        let latency = it
            .latency_ms
            .map(|ms| format!(", {ms:.0} ms"))
            .unwrap_or_default();
        let first = if it.is_pinned { ", first" } else { "" };
        let (state, short) = match &it.cause {
            Some(cause) if !it.is_healthy => (format!("{}: {cause}", it.endpoint), cause.clone()),
            _ => (it.endpoint.clone(), it.endpoint.clone()),
        };
        let text = format!("{state}{latency}{first}");
        lines.push(line(mark(Some(it.is_healthy)), "node", text).short(short));
    }
    lines
}
