//! What the program's pages and its alerts say.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::net::TcpListener;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use crate::harness::eventually;

/// A webhook that takes all.
pub(crate) async fn webhook() -> MockServer {
    let server = MockServer::start().await;
    let taken = ResponseTemplate::new(200);
    Mock::given(any()).respond_with(taken).mount(&server).await;
    server
}

/// Waits for an alert of a kind in a state.
pub(crate) async fn alerted(webhook: &MockServer, kind: &str, state: &str) -> Value {
    let sent = async || {
        let requests = webhook.received_requests().await.unwrap();
        let bodies = requests.iter().map(|it| serde_json::from_slice(&it.body));
        bodies.map(Result::unwrap).collect::<Vec<Value>>()
    };
    let found = eventually(async || {
        let mut all = sent().await.into_iter();
        all.find(|it| it["kind"] == kind && it["state"] == state)
    });
    match found.await {
        Some(found) => found,
        None => panic!("no {kind} {state} among {:#?}", sent().await),
    }
}

/// Status and body of a page; status 0 when nobody answers.
pub(crate) async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    allora_worker::tls::install();
    let answer = reqwest::get(format!("http://{address}{path}")).await;
    match answer {
        Ok(answer) => (answer.status().as_u16(), answer.text().await.unwrap()),
        Err(error) => (0, error.to_string()),
    }
}

/// An address that nobody listens at.
pub(crate) async fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}
