//! JSON-RPC over HTTP: POST `/`, and each method as a GET path.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{
        StatusCode, Uri,
        header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::{control::Answer, render, shared::Shared, ws};
use crate::chain::jsonrpc::{Request, RpcError};

/// Requests that one body may hold.
const LARGEST_BATCH: usize = 100;

/// All routes of the node.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(methods).post(post))
        .route("/websocket", get(ws::upgrade))
        .route("/{method}", get(by_path))
        .with_state(shared)
}

/// A JSON-RPC answer; empty data is left out, as the node leaves it out.
pub(super) fn envelope(id: &Value, result: Result<Value, RpcError>) -> Value {
    let mut answer = json!({"jsonrpc": "2.0", "id": id});
    match result {
        Ok(result) => answer["result"] = result,
        Err(error) => {
            answer["error"] = json!({"code": error.code, "message": error.message});
            if !error.data.is_empty() {
                answer["error"]["data"] = error.data.into();
            }
        }
    }
    answer
}

async fn methods() -> &'static str {
    "abci_info abci_query block block_results broadcast_tx_async broadcast_tx_sync header health num_unconfirmed_txs status tx tx_search websocket\n"
}

async fn post(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let parsed: Result<Value, _> = serde_json::from_slice(&body);
    match parsed {
        Ok(Value::Array(batch)) if batch.len() > LARGEST_BATCH => {
            let cause = format!("batches of more than {LARGEST_BATCH} requests are not answered");
            (StatusCode::INTERNAL_SERVER_ERROR, Json(parse_error(&cause))).into_response()
        }
        Ok(Value::Array(batch)) => {
            let mut answers = Vec::new();
            for request in batch {
                match answer(&shared, request).await {
                    Ok(Some(value)) => answers.push(value),
                    Ok(None) => {}
                    Err(instead) => return instead,
                }
            }
            Json(answers).into_response()
        }
        Ok(request) => match answer(&shared, request).await {
            Ok(Some(value)) => Json(value).into_response(),
            Ok(None) => StatusCode::OK.into_response(),
            Err(instead) => instead,
        },
        Err(error) => {
            let error = parse_error(&error);
            (StatusCode::INTERNAL_SERVER_ERROR, Json(error)).into_response()
        }
    }
}

/// What is said to something that is no JSON-RPC request.
pub(super) fn parse_error(cause: &impl std::fmt::Display) -> Value {
    json!({"jsonrpc": "2.0", "error": {
        "code": -32_700,
        "message": "Parse error. Invalid JSON",
        "data": format!("error unmarshaling request: {cause}"),
    }})
}

/// The answer to one request; none to a notification, and a bare answer when one is ordered.
async fn answer(shared: &Shared, request: Value) -> Result<Option<Value>, Response> {
    let request: Request = match serde_json::from_value(request) {
        Ok(request) => request,
        Err(error) => return Ok(Some(parse_error(&error))),
    };
    if request.id.is_null() {
        return Ok(None);
    }
    let result = perform(shared, &request.method, request.params).await;
    match result {
        Ok(result) => Ok(Some(envelope(&request.id, result))),
        Err(Instead::Answer(response)) => Err(response),
        Err(Instead::Half(result)) => Err(half(&envelope(&request.id, result))),
    }
}

/// What is sent in place of an answer.
enum Instead {
    Answer(Response),
    /// The true answer, cut off in its middle.
    Half(Result<Value, RpcError>),
}

/// A bare answer of HTTP, where one is ordered.
pub(super) fn bare(answer: &Answer) -> Option<Response> {
    match answer {
        Answer::Http {
            status,
            content_type,
            body,
        } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY);
            let kind = [(CONTENT_TYPE, content_type.clone())];
            Some((status, kind, body.clone()).into_response())
        }
        Answer::Busy { retry_after } => {
            let later = [(RETRY_AFTER, retry_after.as_secs().to_string())];
            Some((StatusCode::TOO_MANY_REQUESTS, later, "too many requests").into_response())
        }
        _ => None,
    }
}

/// An answer that promises more bytes than come.
fn half(whole: &Value) -> Response {
    let bytes = Bytes::from(whole.to_string());
    let length = bytes.len();
    let part = stream::iter([Ok(bytes.slice(..length / 2))]);
    let cut = stream::once(async {
        // What stands before the cut is to arrive.
        tokio::time::sleep(Duration::from_millis(10)).await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    });
    let body = Body::from_stream(part.chain(cut));
    let headers = [
        (CONTENT_TYPE, "application/json".to_owned()),
        (CONTENT_LENGTH, length.to_string()),
    ];
    (headers, body).into_response()
}

async fn perform(
    shared: &Shared,
    method: &str,
    params: Value,
) -> Result<Result<Value, RpcError>, Instead> {
    let answer = shared.false_answer(method);
    if let Some(response) = answer.as_ref().and_then(bare) {
        return Err(Instead::Answer(response));
    }
    match answer {
        Some(Answer::Truncate) => Err(Instead::Half(shared.call(method, params).await)),
        None => Ok(shared.call(method, params).await),
        Some(Answer::Delay(by)) => {
            tokio::time::sleep(by).await;
            Ok(shared.call(method, params).await)
        }
        Some(Answer::Error {
            code,
            message,
            data,
        }) => Ok(Err(RpcError {
            code,
            message,
            data,
        })),
        // These are bare, and answered above.
        Some(Answer::Http { .. } | Answer::Busy { .. } | Answer::Swallow) => {
            let _unheard = shared.call(method, params).await;
            std::future::pending().await
        }
    }
}

/// `GET /method?name=value`: texts stand in quotes, bytes in hex after `0x`.
async fn by_path(
    State(shared): State<Arc<Shared>>,
    Path(method): Path<String>,
    uri: Uri,
) -> Response {
    let mut params = HashMap::new();
    for pair in uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        params.insert(name.to_owned(), uri_value(name, &percent_decoded(value)));
    }
    match perform(&shared, &method, json!(params)).await {
        Ok(Err(error)) if error == render::no_such_method() => {
            (StatusCode::NOT_FOUND, "404 page not found\n").into_response()
        }
        Ok(result) => {
            let status = if result.is_ok() {
                StatusCode::OK
            } else {
                StatusCode::INTERNAL_SERVER_ERROR
            };
            (status, Json(envelope(&json!(-1), result))).into_response()
        }
        Err(Instead::Answer(response)) => response,
        Err(Instead::Half(result)) => half(&envelope(&json!(-1), result)),
    }
}

pub(super) fn uri_value(name: &str, text: &str) -> String {
    let bare = text.trim_matches('"');
    let Some(hex) = bare.strip_prefix("0x") else {
        return bare.into();
    };
    if name == "data" {
        return hex.into();
    }
    hex::decode(hex.as_bytes()).map_or_else(|_| bare.into(), |bytes| BASE64.encode(&bytes))
}

pub(super) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                let pair = hex::decode([*high, *low]);
                bytes.extend(pair.unwrap_or_else(|_| vec![b'%', *high, *low]));
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_values_of_a_path() {
        assert_eq!(percent_decoded("%22a%20b%22+c"), "\"a b\" c");
        assert_eq!(uri_value("query", "\"tm.event='Tx'\""), "tm.event='Tx'");
        assert_eq!(uri_value("hash", "0x00ff"), "AP8=");
        assert_eq!(uri_value("data", "0x00ff"), "00ff");
    }

    #[test]
    fn leaves_out_empty_data() {
        let answer = envelope(&json!(5), Err(render::no_such_method()));
        assert_eq!(
            answer.to_string(),
            r#"{"error":{"code":-32601,"message":"Method not found"},"id":5,"jsonrpc":"2.0"}"#
        );
    }
}
