//! The worker's own pages: metrics, health and readiness. Further pages are added to its router.

use std::sync::Arc;

use axum::{Router, extract::State, response::Response, routing::get};

use super::{Deliveries, heart::Heart, keeper::Shared, metrics, web};
use crate::{clock::SharedClock, ops::Mask, token::Gate};

/// What the pages show.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) vitals: Shared,
    pub(super) heart: Heart,
    pub(super) clock: SharedClock,
    pub(super) mask: Arc<Mask>,
    pub(super) deliveries: Deliveries,
}

/// All routes, for those who may see them.
pub(super) fn router(seen: Seen, gate: Option<&Gate>, page: Option<Router>) -> Router {
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(seen);
    let page = page.unwrap_or_else(|| Router::new().route("/", get(index)));
    web::guarded(routes.merge(page), gate)
}

async fn index() -> &'static str {
    "/metrics  for Prometheus\n/healthz  200 while the process is alive\n/readyz   200 when a window could be answered now, else why not\n"
}

async fn metrics(State(seen): State<Seen>) -> Response {
    let vitals = seen.vitals.hold().clone();
    let text = metrics::render(vitals, seen.clock.now(), (seen.deliveries)());
    web::metrics(text, &seen.mask)
}

async fn healthz(State(seen): State<Seen>) -> Response {
    web::alive(&seen.heart)
}

async fn readyz(State(seen): State<Seen>) -> Response {
    let now = seen.clock.now();
    let (phase, hindrances) = {
        let vitals = seen.vitals.hold();
        let process = &vitals.process;
        ((process.phase, process.since), vitals.hindrances(now))
    };
    web::readiness(phase, &hindrances, &seen.mask)
}
