//! A model behind an HTTP endpoint.

use std::{fmt, net::IpAddr, time::Duration};

use async_trait::async_trait;
use reqwest::{
    Client, Response, Url,
    header::{AUTHORIZATION, HeaderValue},
    redirect::{Attempt, Policy},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::{ForecasterConfig, ForecasterError, Method, answer, failed, question};
use crate::{
    forecast::{Answer, Fallback, Forecaster, Question, Source},
    tls,
};

/// Redirects that are followed, on the same host.
const MOST_REDIRECTS: usize = 3;

/// Asks an endpoint for each forecast.
pub struct HttpForecaster {
    http: Client,
    template: String,
    method: Method,
    token: Option<HeaderValue>,
    limit: Duration,
    /// Scheme, host and port, as it is spoken of.
    place: String,
}

impl fmt::Debug for HttpForecaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpForecaster")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl HttpForecaster {
    /// A client of the endpoint that `config` names. Nothing is sent yet.
    ///
    /// # Errors
    /// When the configuration makes no sense, or a token would go over the network in the clear.
    pub fn new(
        config: &ForecasterConfig,
        token: Option<&SecretString>,
    ) -> Result<Self, ForecasterError> {
        config.check()?;
        let template = config.http.clone().unwrap_or_default();
        let url = Url::parse(&question::sample(&template));
        let url = url.map_err(|cause| ForecasterError::bad("http", cause.to_string(), ""))?;
        let place = url.origin().ascii_serialization();
        if token.is_some() && url.scheme() != "https" && !is_loopback(&url) {
            return Err(ForecasterError::TokenInTheClear { place });
        }
        tls::install();
        let http = Client::builder()
            .redirect(Policy::custom(follow))
            .user_agent(concat!("allora-worker/", env!("CARGO_PKG_VERSION")));
        // What is on this machine is not asked for through a proxy.
        let http = if is_loopback(&url) {
            http.no_proxy()
        } else {
            http
        };
        let http = http.build().map_err(|cause| ForecasterError::NoClient {
            cause: cause.to_string(),
        })?;
        Ok(Self {
            http,
            template,
            method: config.method,
            token: token.map(bearer).transpose()?,
            limit: config.timeout,
            place,
        })
    }

    async fn ask(&self, question: &Question) -> Result<Answer, String> {
        let url = question::fill(&self.template, question);
        let mut request = match self.method {
            Method::Get => self.http.get(url),
            Method::Post => self.http.post(url).json(&question::as_json(question)),
        };
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        let response = request.send().await.map_err(|cause| self.broken(&cause))?;
        let status = response.status();
        if status.is_redirection() {
            let place = &self.place;
            return Err(format!(
                "{place} answers with {} to another host, which is not followed",
                status.as_u16()
            ));
        }
        if !status.is_success() {
            return Err(format!("{} answers with {}", self.place, status.as_u16()));
        }
        let body = self.read(response).await?;
        answer::read(&body, question, Source::Http)
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|it| self.broken(&it))? {
            if body.len() + part.len() > answer::LONGEST {
                let most = answer::LONGEST >> 10;
                return Err(format!("its answer is longer than {most} KiB"));
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }

    /// A failure in our words: a client's own would repeat the URL.
    fn broken(&self, cause: &reqwest::Error) -> String {
        let place = &self.place;
        if cause.is_connect() {
            format!("nothing answers at {place}")
        } else {
            format!("the connection to {place} broke")
        }
    }
}

#[async_trait]
impl Forecaster for HttpForecaster {
    async fn forecast(&self, question: &Question) -> Result<Answer, Fallback> {
        match timeout(self.limit, self.ask(question)).await {
            Ok(answer) => answer.map_err(failed),
            Err(_) => Err(failed(format!(
                "{} has not answered within {:?}",
                self.place, self.limit
            ))),
        }
    }
}

/// Follows redirects on the same host alone: a token is not for whoever a redirect names.
fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let first = attempt.previous().first().map(Url::origin);
    let same = first.is_some_and(|first| first == attempt.url().origin());
    if same && attempt.previous().len() <= MOST_REDIRECTS {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

fn bearer(token: &SecretString) -> Result<HeaderValue, ForecasterError> {
    let text = zeroize::Zeroizing::new(format!("Bearer {}", token.expose_secret().trim()));
    let mut header = HeaderValue::from_str(&text).map_err(|_| ForecasterError::BadToken)?;
    header.set_sensitive(true);
    Ok(header)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|it| it.is_loopback())
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
