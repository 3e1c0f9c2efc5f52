//! How long answers took.

use super::{Line, Mark, line};
use crate::status::Status;

pub(super) fn lines(status: &Status) -> Vec<Line> {
    let latency = &status.latency;
    let mut lines = Vec::new();
    if let (Some(p50), Some(p99)) = (latency.p50_ms, latency.p99_ms) {
        let text = format!(
            "p50 {p50:.0} ms, p99 {p99:.0} ms from event to mempool ({} in this run)",
            latency.count
        );
        let short = format!("p50 {p50:.0} ms, p99 {p99:.0} ms");
        lines.push(line(Mark::None, "latency", text).short(short));
    }
    if let Some(blocks) = &latency.blocks {
        let text = format!(
            "p50 {}, p99 {} after the opening block",
            blocks.p50, blocks.p99
        );
        let short = format!("p50 +{}, p99 +{}", blocks.p50, blocks.p99);
        lines.push(line(Mark::None, "blocks", text).short(short));
    }
    lines
}
