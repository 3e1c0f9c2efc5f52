//! A token that is asked of whoever reaches a port.

mod gate;
mod headers;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header::AUTHORIZATION},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

pub use gate::{Gate, SignIn};
pub(crate) use headers::strict;

/// The routes for those who know the token; for all, without one.
pub(crate) fn asked(router: Router, token: Option<&SecretString>) -> Router {
    let Some(token) = token else { return router };
    let digest = Sha256::digest(token.expose_secret()).to_vec();
    router.layer(from_fn_with_state(Arc::new(digest), admit))
}

async fn admit(State(digest): State<Arc<Vec<u8>>>, request: Request, next: Next) -> Response {
    // How long digests take to compare tells nothing of the token.
    if given(&request).is_some_and(|it| Sha256::digest(it)[..] == digest[..]) {
        return next.run(request).await;
    }
    refusal()
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
