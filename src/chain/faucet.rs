//! A faucet of a test network: asked over HTTP for coins for an address.

use std::time::Duration;

use reqwest::{
    Client, Response, StatusCode, Url,
    header::{CONTENT_TYPE, LOCATION, RETRY_AFTER},
};

use crate::limits;

/// Where coins are asked for, below the faucet's address.
const PATH: &str = "api/request";
/// Redirects that are followed.
const MOST_REDIRECTS: usize = 5;
/// How long one request may take: a faucet may wait for a block.
const LIMIT: Duration = Duration::from_secs(30);
/// The largest answer that is read, bytes.
const LARGEST: usize = 64 << 10;
/// Characters of an answer that are shown.
const SHOWN: usize = 200;

/// Why a faucet gave no coins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaucetError {
    /// The URL can't be used.
    #[error(
        "{url} is no faucet's address: {cause}; write https://HOST (faucet of the network's file, or --url)"
    )]
    BadUrl {
        /// What was given.
        url: String,
        /// Why.
        cause: String,
    },
    /// It was not reached.
    #[error("{host} can't be reached: {cause}; check the network, or name another faucet (--url)")]
    Unreachable {
        /// Who was asked.
        host: String,
        /// What happened.
        cause: String,
    },
    /// It sends us to another site.
    #[error(
        "{host} has moved to {to}, which is another site: if it is the right one, name it (--url {to})"
    )]
    Elsewhere {
        /// Who was asked.
        host: String,
        /// Where it sends us, as far as it may be shown.
        to: String,
    },
    /// It sends us round and round.
    #[error(
        "{host} redirects in circles, or more than {MOST_REDIRECTS} times; name another faucet (--url), or open it in a browser"
    )]
    Circle {
        /// Who was asked.
        host: String,
    },
    /// It gives no more for now.
    #[error("{host} gives no more for now ({said}); {}, or ask another wallet's owner for coins", again(*retry_after))]
    TooMany {
        /// Who was asked.
        host: String,
        /// Its words.
        said: String,
        /// How long to wait, when it says so.
        retry_after: Option<Duration>,
    },
    /// A page for people came.
    #[error("{host} answered with a web page (status {status}){}; open https://{host} in a browser and give it the address", captcha(*has_captcha))]
    WebPage {
        /// Who was asked.
        host: String,
        /// The HTTP status.
        status: u16,
        /// Whether it wants a proof that a person asks.
        has_captcha: bool,
    },
    /// It refused.
    #[error(
        "{host} refused with {status}: {said}; do as it says, or open https://{host} in a browser"
    )]
    Refused {
        /// Who was asked.
        host: String,
        /// The HTTP status.
        status: u16,
        /// Its words.
        said: String,
    },
}

fn again(retry_after: Option<Duration>) -> String {
    match retry_after {
        Some(wait) => format!("try again in {} minutes", wait.as_secs().div_ceil(60)),
        None => "try again tomorrow".into(),
    }
}

const fn captcha(has_captcha: bool) -> &'static str {
    if has_captcha {
        " that wants a proof that a person asks (captcha)"
    } else {
        ""
    }
}

/// A faucet.
#[derive(Clone, Debug)]
pub struct Faucet {
    client: Client,
    url: Url,
}

impl Faucet {
    /// The faucet at an address. `https`, or `http` on this machine.
    ///
    /// # Errors
    /// When that is no such address.
    pub fn at(url: &str) -> Result<Self, FaucetError> {
        let bad = |cause: &str| FaucetError::BadUrl {
            url: super::redacted(url),
            cause: cause.into(),
        };
        let mut parsed: Url = url.parse().map_err(|_| bad("it can't be read"))?;
        if !is_safe(&parsed) {
            return Err(bad("it is not https"));
        }
        let path = parsed.path().trim_end_matches('/').to_owned();
        if !path.ends_with(PATH) {
            parsed.set_path(&format!("{path}/{PATH}"));
        }
        crate::tls::install();
        let client = Client::builder()
            .timeout(LIMIT)
            .connect_timeout(LIMIT / 3)
            // They are followed here, with what was asked.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("allora-worker/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| bad(&error.to_string()))?;
        Ok(Self {
            client,
            url: parsed,
        })
    }

    /// Asks for coins; gives the faucet's words. Redirects are followed with the same POST, also by those
    /// statuses after which browsers ask with GET (301, 302, 303): a GET asks for nothing here. They are
    /// followed to the same host or one below it, never from https to http.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn ask(&self, chain_id: &str, address: &str) -> Result<String, FaucetError> {
        let mut url = self.url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.post(&url, chain_id, address).await?;
            let Some(to) = target(&url, &answer)? else {
                return read(&host(&url), answer).await;
            };
            url = to;
        }
        let host = host(&self.url);
        Err(FaucetError::Circle { host })
    }

    async fn post(&self, url: &Url, chain: &str, address: &str) -> Result<Response, FaucetError> {
        let mut form = url.clone();
        form.query_pairs_mut()
            .clear()
            .append_pair("chain", chain)
            .append_pair("address", address);
        let body = form.query().unwrap_or_default().to_owned();
        let asked = self.client.post(url.clone()).body(body);
        let asked = asked
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            // Those that give coins without a key still want to be told that there is none.
            .header("x-api-key", "None");
        asked
            .send()
            .await
            .map_err(|error| FaucetError::Unreachable {
                host: host(url),
                cause: in_full(&error.without_url()),
            })
    }
}

/// Where an answer sends us; none when it is one.
fn target(from: &Url, answer: &Response) -> Result<Option<Url>, FaucetError> {
    let is_redirect = matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = answer.headers().get(LOCATION).filter(|_| is_redirect);
    let Some(location) = location else {
        return Ok(None);
    };
    let named = location.to_str().ok().and_then(|it| from.join(it).ok());
    let elsewhere = |to: String| FaucetError::Elsewhere {
        host: host(from),
        to,
    };
    let to = named.ok_or_else(|| elsewhere("an address that can't be read".into()))?;
    let same_site = host(&to) == host(from) || host(&to).ends_with(&format!(".{}", host(from)));
    let is_downgrade = from.scheme() == "https" && to.scheme() != "https";
    if !same_site || is_downgrade || !is_safe(&to) {
        return Err(elsewhere(super::redacted(to.as_str())));
    }
    Ok(Some(to))
}

/// https, or http on this machine.
fn is_safe(url: &Url) -> bool {
    let host = host(url);
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    let is_here = host == "localhost" || address.is_ok_and(|it| it.is_loopback());
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

async fn read(host: &str, answer: Response) -> Result<String, FaucetError> {
    let host = host.to_owned();
    let (status, headers) = (answer.status(), answer.headers());
    let is_html = headers
        .get(CONTENT_TYPE)
        .and_then(|it| it.to_str().ok())
        .is_some_and(|it| it.contains("html"));
    let retry_after = headers.get(RETRY_AFTER).and_then(|it| it.to_str().ok());
    let retry_after = retry_after.and_then(|it| it.parse().ok());
    let retry_after = retry_after.map(Duration::from_secs);
    let body = limits::body(answer, LARGEST).await;
    let text = match &body {
        Ok(body) => String::from_utf8_lossy(body).into_owned(),
        Err(_) => "an answer that can't be read".into(),
    };
    let said = shown(&text);
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Err(FaucetError::TooMany {
            host,
            said,
            retry_after,
        });
    }
    let lower = text.to_lowercase();
    if is_html
        || lower.trim_start().starts_with("<!doctype")
        || lower.trim_start().starts_with("<html")
    {
        return Err(FaucetError::WebPage {
            host,
            status: status.as_u16(),
            has_captcha: lower.contains("captcha") || lower.contains("turnstile"),
        });
    }
    if !status.is_success() || complains(&text) {
        return Err(FaucetError::Refused {
            host,
            status: status.as_u16(),
            said,
        });
    }
    Ok(said)
}

/// Whether an answer with a good status tells of a failure all the same.
fn complains(text: &str) -> bool {
    let Ok(answer) = serde_json::from_str::<serde_json::Value>(text) else {
        return false;
    };
    let error = answer
        .get("error")
        .is_some_and(|it| !it.is_null() && it != false);
    error || answer.get("success").is_some_and(|it| it == false)
}

/// One line, without what a terminal would take for orders.
fn shown(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let clean: String = line
        .chars()
        .filter(|it| !it.is_control())
        .take(SHOWN)
        .collect();
    match clean.as_str() {
        "" => "without a word".into(),
        _ => clean,
    }
}

fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
#[path = "faucet_tests.rs"]
mod tests;
