//! Where everything is.

use super::{
    figures::figures,
    follow::follow,
    hub::{Hub, Snapshot},
};
use crate::{
    page::view::{self, Choice, Section},
    token::{SignIn, strict},
};
use axum::{
    Json, Router,
    extract::{Path, RawQuery, State},
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
    },
    middleware::map_response,
    response::{Html, IntoResponse, Response},
    routing::get,
};

/// Of texts that come under an address with their digest.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The page, its live updates, and its figures as JSON; without [`assets`].
pub fn routes(hub: Hub) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/events", get(events))
        .route("/api/board", get(all))
        .route("/api/{section}", get(one))
        .layer(map_response(strict))
        .with_state(hub)
}

/// How people sign in where a token is asked for.
#[must_use]
pub fn sign_in() -> SignIn {
    SignIn {
        form: |wrong| view::sign_in(wrong).ok(),
        assets: assets(),
    }
}

/// What every page needs, and nobody has to hide.
pub fn assets() -> Router {
    Router::new()
        .route("/page.css", get(style))
        .route("/page.js", get(script))
        .route("/icon.svg", get(icon))
        .layer(map_response(strict))
}

async fn page(State(hub): State<Hub>, RawQuery(query): RawQuery) -> Response {
    let Some(now) = hub.fresh().await else {
        return unread();
    };
    match view::document(&now.board, &chosen(query.as_deref()), now.generation) {
        Ok(document) => Html(document).into_response(),
        Err(cause) => unrendered(&cause.to_string()),
    }
}

async fn events(State(hub): State<Hub>, RawQuery(query): RawQuery) -> Response {
    let query = query.as_deref();
    if let Some(events) = follow(&hub, chosen(query), since(query)) {
        return events.into_response();
    }
    let words = "too many pages are open: close some\n";
    let again = [(RETRY_AFTER, "30")];
    (StatusCode::SERVICE_UNAVAILABLE, again, words).into_response()
}

async fn all(State(hub): State<Hub>) -> Response {
    match hub.fresh().await {
        Some(now) => Json(&now.board).into_response(),
        None => unread(),
    }
}

async fn one(
    State(hub): State<Hub>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(section) = Section::ALL.iter().find(|it| it.id() == name) else {
        let known: Vec<_> = Section::ALL.iter().map(|it| it.id()).collect();
        let words = format!(
            "no figures are called so; there are: board, {}\n",
            known.join(", ")
        );
        return (StatusCode::NOT_FOUND, words).into_response();
    };
    let of = |now: &Snapshot| figures(*section, &now.board, &chosen(query.as_deref()));
    match hub.fresh().await {
        Some(now) => Json(of(&now)).into_response(),
        None => unread(),
    }
}

fn chosen(query: Option<&str>) -> Choice {
    Choice::from_query(query.unwrap_or_default())
}

/// The generation that a page shows.
fn since(query: Option<&str>) -> u64 {
    let query = query.unwrap_or_default().as_bytes();
    let mut pairs = form_urlencoded::parse(query);
    let found = pairs.find(|(name, _)| name == "since");
    found.and_then(|(_, it)| it.parse().ok()).unwrap_or(0)
}

fn unread() -> Response {
    let words = "the worker's files can't be read in time: look at its disk, and try again\n";
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")], words).into_response()
}

fn unrendered(cause: &str) -> Response {
    let words = format!("the page can't be rendered: {cause}; /api/board has its figures\n");
    (StatusCode::INTERNAL_SERVER_ERROR, words).into_response()
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, FOR_EVER)], text).into_response()
}

async fn style() -> Response {
    asset("text/css; charset=utf-8", view::STYLE)
}

async fn script() -> Response {
    asset("text/javascript; charset=utf-8", view::SCRIPT)
}

async fn icon() -> Response {
    asset("image/svg+xml", view::ICON)
}
