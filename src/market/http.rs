//! What the clients of all price sources share.

use std::{error::Error, net::IpAddr};

use reqwest::{Client, RequestBuilder, Response, Url, header::RETRY_AFTER, redirect::Policy};

use super::{MarketConfig, MarketError, answer::Answer};
use crate::{store::Origin, tls};

/// Largest answer that is read; 90 days of hourly rows are half a megabyte.
const LARGEST: usize = 16 << 20;

pub(super) fn client(config: &MarketConfig) -> Result<Client, MarketError> {
    tls::install();
    Client::builder()
        .timeout(config.request_timeout)
        .connect_timeout(config.connect_timeout)
        // A key is not for whoever a redirect names.
        .redirect(Policy::none())
        .user_agent(concat!("allora-worker/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|cause| MarketError::NoClient {
            cause: in_full(&cause),
        })
}

/// Sends a request and reads its answer as a whole.
pub(super) async fn ask(request: RequestBuilder, from: Origin) -> Result<Answer, MarketError> {
    let response = request
        .send()
        .await
        .map_err(|cause| unreachable(cause, from))?;
    let status = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER);
    let retry_after = retry_after.and_then(|text| text.to_str().ok());
    let retry_after = retry_after.map(str::to_owned);
    let body = read(response, from).await?;
    Ok(Answer {
        from,
        status,
        retry_after,
        body,
    })
}

async fn read(mut response: Response, from: Origin) -> Result<Vec<u8>, MarketError> {
    let mut body = Vec::new();
    let broken = |cause| unreachable(cause, from);
    while let Some(part) = response.chunk().await.map_err(broken)? {
        if body.len() + part.len() > LARGEST {
            let cause = format!("it is longer than {} MiB", LARGEST >> 20);
            return Err(MarketError::Unreadable { from, cause });
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// A base URL with a path after it: https, or http on loopback alone.
pub(super) fn url(key: &'static str, base: &str, path: &str) -> Result<Url, MarketError> {
    // Not repeated in the message: someone may have put a key into it.
    let bad = || MarketError::BadUrl { key };
    let mut url: Url = base.trim().parse().map_err(|_| bad())?;
    let host = url.host_str().unwrap_or_default();
    let loopback = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    let fit = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    if !fit || url.query().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(bad());
    }
    // Not joined: a path that begins with two slashes would name another host.
    let whole = format!("{}/{path}", url.path().trim_end_matches('/'));
    url.set_path(&whole);
    url.set_fragment(None);
    Ok(url)
}

fn unreachable(cause: reqwest::Error, from: Origin) -> MarketError {
    let cause = in_full(&cause.without_url());
    MarketError::Unreachable { from, cause }
}

/// An error with all that caused it.
fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://api.tiingo.com", Some("https://api.tiingo.com/a/b"))]
    #[case("https://proxy.example/t/", Some("https://proxy.example/t/a/b"))]
    #[case(
        "https://api.tiingo.com//user:pass@other.example",
        Some("https://api.tiingo.com//user:pass@other.example/a/b")
    )]
    #[case("http://localhost:8080", Some("http://localhost:8080/a/b"))]
    #[case("http://[::1]:8080", Some("http://[::1]:8080/a/b"))]
    #[case("http://api.tiingo.com", None)]
    #[case("https://api.tiingo.com?token=abc", None)]
    #[case("https://user:pass@api.tiingo.com", None)]
    #[case("ftp://api.tiingo.com", None)]
    #[case("api.tiingo.com", None)]
    #[case("", None)]
    fn takes_no_base_url_that_would_show_the_key(#[case] base: &str, #[case] full: Option<&str>) {
        let made = url("base_url", base, "a/b");
        assert_eq!(made.as_ref().ok().map(Url::as_str), full);
        if let Err(refusal) = made {
            let text = refusal.to_string();
            assert!(text.contains("base_url") && !text.contains("abc"), "{text}");
        }
    }
}
