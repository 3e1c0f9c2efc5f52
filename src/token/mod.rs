//! A token that is asked of whoever reaches a port.

mod gate;
mod headers;

use axum::{
    Router,
    extract::Request,
    http::{StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
};
use secrecy::SecretString;

pub use gate::{Gate, SignIn};
pub(crate) use headers::strict;

/// The routes for those who know the token; for all, without one.
pub(crate) fn asked(router: Router, token: Option<&SecretString>) -> Router {
    match token {
        Some(token) => Gate::new(token, None).guard(router),
        None => router,
    }
}

/// The answer to whoever does not know it.
fn refusal() -> Response {
    let right = "a token is asked for: Authorization: Bearer TOKEN, or ?token=TOKEN\n";
    (StatusCode::UNAUTHORIZED, right).into_response()
}

/// What a request gives as token.
fn given(request: &Request) -> Option<&str> {
    let header = request.headers().get(AUTHORIZATION);
    let header = header.and_then(|it| it.to_str().ok()?.strip_prefix("Bearer "));
    let mut query = request.uri().query().unwrap_or_default().split('&');
    header.or_else(|| query.find_map(|it| it.strip_prefix("token=")))
}
