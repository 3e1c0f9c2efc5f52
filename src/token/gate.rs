//! Who may look, where a token is asked for: programs give it with each request, people sign in once.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{
        Method, StatusCode,
        header::{ACCEPT, COOKIE, LOCATION, SET_COOKIE},
    },
    middleware::{Next, from_fn_with_state, map_response},
    response::{Html, IntoResponse, Response},
    routing::post,
};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio::{sync::Semaphore, time::sleep};

use super::{given, headers, refusal};

const COOKIE_NAME: &str = "allora_worker";
/// How long a browser stays signed in, seconds: 30 days.
const STAYS: u32 = 30 * 86_400;
/// From a wrong token to the answer; tries stand in line.
const WRONG: Duration = Duration::from_secs(1);
/// The longest form that is read, bytes.
const FORM: usize = 4_096;

/// How people sign in.
#[derive(Clone)]
pub struct SignIn {
    /// The page with the form, which posts the field `token` to `/sign-in`; told whether the last try was
    /// wrong.
    pub form: fn(wrong: bool) -> Option<String>,
    /// What that page needs, open to all.
    pub assets: Router,
}

/// Knows the token by digests alone.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    digest: Vec<u8>,
    /// What a browser that has signed in shows: of no use anywhere else.
    pass: String,
    tries: Semaphore,
    sign_in: Option<SignIn>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("Gate")
    }
}

impl Gate {
    /// For a token; without a way to sign in, for programs alone.
    #[must_use]
    pub fn new(token: &SecretString, sign_in: Option<SignIn>) -> Self {
        let pass = Sha256::new()
            .chain_update("allora-worker page\0")
            .chain_update(token.expose_secret())
            .finalize();
        Self(Arc::new(Inner {
            digest: Sha256::digest(token.expose_secret()).to_vec(),
            pass: hex::encode(pass),
            tries: Semaphore::new(1),
            sign_in,
        }))
    }

    /// The routes for those who know the token, and a form for those who don't yet.
    pub fn guard(&self, routes: Router) -> Router {
        let routes = routes.layer(from_fn_with_state(self.clone(), admit));
        let Some(open) = self.0.sign_in.as_ref() else {
            return routes;
        };
        let sign_in = Router::new()
            .route("/sign-in", post(sign_in))
            .layer(map_response(headers::strict))
            .with_state(self.clone());
        routes.merge(sign_in).merge(open.assets.clone())
    }

    fn is_token(&self, given: &str) -> bool {
        // How long digests take to compare tells nothing of the token.
        Sha256::digest(given)[..] == self.0.digest[..]
    }

    fn has_signed_in(&self, request: &Request) -> bool {
        let cookies = request.headers().get_all(COOKIE);
        let mut cookies = cookies.iter().filter_map(|it| it.to_str().ok());
        cookies.any(|all| {
            all.split(';').any(|one| {
                let pass = one.trim().strip_prefix(COOKIE_NAME);
                let pass = pass.and_then(|it| it.strip_prefix('='));
                pass.is_some_and(|it| Sha256::digest(it) == Sha256::digest(&self.0.pass))
            })
        })
    }

    fn form(&self, wrong: bool) -> Response {
        let page = self.0.sign_in.as_ref().and_then(|it| (it.form)(wrong));
        match page {
            Some(page) => (StatusCode::UNAUTHORIZED, Html(page)).into_response(),
            None => refusal(),
        }
    }

    fn cookie(&self) -> String {
        let pass = &self.0.pass;
        format!("{COOKIE_NAME}={pass}; Path=/; Max-Age={STAYS}; HttpOnly; SameSite=Strict")
    }
}

async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let wants_page = request.method() == Method::GET
        && request
            .headers()
            .get(ACCEPT)
            .and_then(|it| it.to_str().ok())
            .is_some_and(|it| it.contains("text/html"));
    let given = given(&request).is_some_and(|it| gate.is_token(it));
    let in_the_address = request
        .uri()
        .query()
        .is_some_and(|it| it.contains("token="));
    if given && wants_page && in_the_address && gate.0.sign_in.is_some() {
        // The token is not to stay in the address.
        let home = [
            (LOCATION, request.uri().path().to_owned()),
            (SET_COOKIE, gate.cookie()),
        ];
        return (StatusCode::SEE_OTHER, home).into_response();
    }
    if given || gate.has_signed_in(&request) {
        return next.run(request).await;
    }
    if wants_page {
        return headers::strict(gate.form(false)).await;
    }
    refusal()
}

async fn sign_in(State(gate): State<Gate>, body: Bytes) -> Response {
    let text = std::str::from_utf8(&body).unwrap_or_default();
    let text = if text.len() > FORM { "" } else { text };
    let mut fields = form_urlencoded::parse(text.as_bytes());
    let given = fields.find(|(name, _)| name == "token");
    if given.is_some_and(|(_, value)| gate.is_token(value.trim())) {
        let home = [(LOCATION, "/".to_owned()), (SET_COOKIE, gate.cookie())];
        return (StatusCode::SEE_OTHER, home).into_response();
    }
    let _turn = gate.0.tries.acquire().await;
    sleep(WRONG).await;
    gate.form(true)
}
