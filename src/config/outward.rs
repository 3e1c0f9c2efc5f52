//! What the worker shows to others, and whom it writes to.

use std::net::{IpAddr, SocketAddr};

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use super::{ConfigError, Finding};
use crate::vitals::web::is_local;

/// The least length of a token.
const LEAST_TOKEN: usize = 16;

/// Refuses a server at `path` of the configuration that others reach without a token.
pub(super) fn page(
    path: &[&str],
    address: Option<SocketAddr>,
    token: Option<&SecretString>,
    place: &dyn Fn(&[&str]) -> String,
) -> Result<(), ConfigError> {
    let Some(address) = address else {
        return Ok(());
    };
    let mut found = Vec::new();
    if !is_local(address) && token.is_none() {
        found.push(Finding {
            place: place(path),
            wrong: format!(
                "{} is {address}, which other machines reach, and no token is asked for",
                path.join(".")
            ),
            right: "listen on 127.0.0.1, or set OPS_HTTP_TOKEN in .env".into(),
        });
    }
    if token.is_some_and(|it| it.expose_secret().trim().len() < LEAST_TOKEN) {
        found.push(Finding {
            place: "OPS_HTTP_TOKEN".into(),
            wrong: format!("it has less than {LEAST_TOKEN} characters"),
            right: "make one with `openssl rand -hex 16`".into(),
        });
    }
    ConfigError::unless_none(found)
}

/// Refuses a webhook that is no URL, without a word of it.
pub(super) fn webhook(
    url: Option<&SecretString>,
    notices: &mut Vec<String>,
) -> Result<(), ConfigError> {
    let Some(url) = url else { return Ok(()) };
    let right = "write the whole URL: https://HOST/PATH";
    let read = Url::parse(url.expose_secret());
    let fits = |it: &Url| it.has_host() && matches!(it.scheme(), "http" | "https");
    let Some(read) = read.ok().filter(fits) else {
        return Err(ConfigError::refused(
            "ALERT_WEBHOOK_URL",
            "it is no http(s) URL",
            right,
        ));
    };
    let host = read.host_str().unwrap_or_default();
    let is_near = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|ip| is_local((ip, 0).into()));
    if read.scheme() == "http" && !is_near {
        notices.push("ALERT_WEBHOOK_URL is plain http: whoever is on the way can read it".into());
    }
    Ok(())
}
