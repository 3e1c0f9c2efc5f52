//! The Predict worker's own pages: metrics, health and readiness.

use std::sync::Arc;

use axum::{Router, extract::State, response::Response, routing::get};

use super::{facts::Faring, metrics};
use crate::{
    clock::SharedClock,
    ops::Mask,
    token::Gate,
    vitals::{attendant::Shared, heart::Heart, web},
};

/// What the pages show.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) faring: Shared<Faring>,
    pub(super) heart: Heart,
    pub(super) clock: SharedClock,
    pub(super) mask: Arc<Mask>,
}

/// All routes, for those who may see them.
pub(super) fn router(seen: Seen, gate: Option<&Gate>) -> Router {
    let routes = Router::new()
        .route("/", get(index))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(seen);
    web::guarded(routes, gate)
}

async fn index() -> &'static str {
    "/metrics  for Prometheus\n/healthz  200 while the process is alive\n/readyz   200 when a round could be made and stored now, else why not\n"
}

async fn metrics(State(seen): State<Seen>) -> Response {
    let faring = seen.faring.hold().clone();
    web::metrics(metrics::render(faring, seen.clock.now()), &seen.mask)
}

async fn healthz(State(seen): State<Seen>) -> Response {
    web::alive(&seen.heart)
}

async fn readyz(State(seen): State<Seen>) -> Response {
    let now = seen.clock.now();
    let (phase, hindrances) = {
        let faring = seen.faring.hold();
        ((faring.phase, faring.since), faring.hindrances(now))
    };
    web::readiness(phase, &hindrances, &seen.mask)
}
