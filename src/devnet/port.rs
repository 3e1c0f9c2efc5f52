//! The port for faults: POST `/faults` orders some, GET `/faults` tells which hold and what each met.

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

use super::{
    DevnetHandle,
    control::Control,
    faults::{check_endpoints, read_script},
};

pub(super) fn router(handle: DevnetHandle) -> Router {
    Router::new()
        .route("/faults", get(report).post(order))
        .with_state(handle)
}

async fn report(State(handle): State<DevnetHandle>) -> Response {
    match handle.faults().await {
        Ok((played, waiting)) => {
            Json(json!({ "played": played, "waiting": waiting })).into_response()
        }
        Err(error) => refuse(StatusCode::SERVICE_UNAVAILABLE, &error),
    }
}

async fn order(State(handle): State<DevnetHandle>, body: String) -> Response {
    let checked = read_script(&body).and_then(|orders| {
        check_endpoints(&orders, handle.endpoints())?;
        Ok(orders)
    });
    let orders = match checked {
        Ok(orders) => orders,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error),
    };
    let count = orders.len();
    match handle.control(Control::Play(orders)).await {
        Ok(height) => Json(json!({ "ordered": count, "height": height.0 })).into_response(),
        Err(error) => refuse(StatusCode::SERVICE_UNAVAILABLE, &error),
    }
}

fn refuse(status: StatusCode, why: &impl ToString) -> Response {
    let body: Value = json!({ "error": why.to_string() });
    (status, Json(body)).into_response()
}
