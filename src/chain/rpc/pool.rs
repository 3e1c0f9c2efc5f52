//! Asking one endpoint after the other.

use serde::de::DeserializeOwned;
use serde_json::Value;

use std::sync::atomic::Ordering;

use super::{Endpoint, Rpc};
use crate::{
    chain::{
        ChainError,
        jsonrpc::{Request, Response, RpcError},
    },
    failpoint::failpoint,
};

impl Rpc {
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<T, ChainError> {
        self.call_until(method, params, |_| None).await
    }

    /// Asks one endpoint after the other until one gives a result that `objection` has nothing
    /// against.
    pub(super) async fn call_until<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
        objection: impl Fn(&T) -> Option<String>,
    ) -> Result<T, ChainError> {
        let mut refused = None;
        let mut tried = Vec::new();
        for index in self.order() {
            match self.call_one(index, method, &params).await {
                Ok(result) => {
                    if let Some(cause) = objection(&result) {
                        tried.push(format!("{}: {cause}", self.endpoints[index].name));
                        continue;
                    }
                    if refused.is_none() {
                        self.preferred.store(index, Ordering::Relaxed);
                    }
                    return Ok(result);
                }
                Err(Failure {
                    endpoint,
                    error: Some(error),
                    ..
                }) => {
                    let method = method.to_owned();
                    refused.get_or_insert(ChainError::Rpc {
                        endpoint,
                        method,
                        error,
                    });
                }
                Err(failure) => tried.push(failure.to_string()),
            }
        }
        Err(refused.unwrap_or(ChainError::Unreachable { tried }))
    }

    pub(super) async fn call_one<T: DeserializeOwned>(
        &self,
        index: usize,
        method: &str,
        params: &Value,
    ) -> Result<T, Failure> {
        let Endpoint { url, name, .. } = &self.endpoints[index];
        let fail = |cause: String, was_sent| Failure {
            endpoint: name.clone(),
            cause,
            error: None,
            was_sent,
        };
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let request = Request::new(id, method, params.clone());
        let answer = self.http.post(url).json(&request).send().await;
        let answer = answer.map_err(|error| fail(plain(&error), !error.is_connect()))?;
        if method == "broadcast_tx_sync" {
            failpoint("after-send");
        }
        let status = answer.status();
        let body = answer
            .bytes()
            .await
            .map_err(|error| fail(plain(&error), true))?;
        let response: Response = serde_json::from_slice(&body).map_err(|_| {
            let start: String = String::from_utf8_lossy(&body).chars().take(60).collect();
            fail(format!("HTTP {status} without JSON-RPC: {start:?}"), true)
        })?;
        response.into_result().map_err(|error| match error.code {
            RpcError::UNREADABLE => fail(error.to_string(), true),
            _ => Failure {
                error: Some(error),
                ..fail(String::new(), true)
            },
        })
    }

    /// The endpoints that may be asked, the preferred first.
    pub(super) fn order(&self) -> impl Iterator<Item = usize> {
        let count = self.endpoints.len();
        let first = self.preferred.load(Ordering::Relaxed);
        (0..count)
            .map(move |step| first.wrapping_add(step) % count)
            .filter(|&index| !self.endpoints[index].shut_out.load(Ordering::Relaxed))
    }
}

/// Why one endpoint did not give a result.
#[derive(Debug)]
pub(super) struct Failure {
    endpoint: String,
    cause: String,
    /// The node's own error; none when it did not answer sensibly.
    pub(super) error: Option<RpcError>,
    /// Whether the request may have reached the node.
    pub(super) was_sent: bool,
}

impl Failure {
    /// Why, without where.
    pub(super) fn cause(&self) -> String {
        self.error
            .as_ref()
            .map_or_else(|| self.cause.clone(), ToString::to_string)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.endpoint, self.cause())
    }
}

/// The innermost cause, without the URL that reqwest repeats.
fn plain(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
