#![allow(clippy::float_cmp, reason = "numbers pass through unchanged")]

use rstest::rstest;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_partial_json, header, method, path, query_param},
};

use super::*;
use crate::forecasters::question::tests::asked;

fn config(text: &str) -> ForecasterConfig {
    toml::from_str(text).unwrap()
}

fn at(server: &MockServer, more: &str) -> HttpForecaster {
    let url = format!("{}/inference/{{topic}}?nonce={{nonce}}", server.uri());
    let config = config(&format!("http = \"{url}\"\ntimeout = \"500ms\"\n{more}"));
    HttpForecaster::new(&config, None).unwrap()
}

async fn detail(forecaster: &HttpForecaster) -> String {
    match forecaster.forecast(&asked()).await {
        Err(Fallback::Outside { detail }) => detail,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_topic_and_the_nonce_stand_in_the_url() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/inference/67"))
        .and(query_param("nonce", "1200"))
        .respond_with(ResponseTemplate::new(200).set_body_string("\"0.0125\""))
        .expect(1)
        .mount(&server)
        .await;
    let answer = at(&server, "").forecast(&asked()).await.unwrap();
    assert_eq!((answer.value, answer.source), (0.0125, Source::Http));
}

#[tokio::test]
async fn a_post_carries_the_question_and_the_token() {
    let server = MockServer::start().await;
    let question = serde_json::json!({"topic": 67, "nonce": 1200, "closes": [[3600, 1.5]]});
    Mock::given(method("POST"))
        .and(body_partial_json(question))
        .and(header("authorization", "Bearer sesame"))
        .respond_with(ResponseTemplate::new(200).set_body_string("{\"value\": 0.5}"))
        .mount(&server)
        .await;
    let url = format!("http = \"{}/\"\nmethod = \"post\"", server.uri());
    let token = "sesame\n".into();
    let forecaster = HttpForecaster::new(&config(&url), Some(&token)).unwrap();
    assert_eq!(forecaster.forecast(&asked()).await.unwrap().value, 0.5);
    assert!(!format!("{forecaster:?}").contains("sesame"));
}

#[rstest]
#[case::status(ResponseTemplate::new(500).set_body_string("0.5"), "answers with 500")]
#[case::garbage(ResponseTemplate::new(200).set_body_string("<html>"), "is not a number")]
#[case::elsewhere(
    ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/0.5"),
    "not followed"
)]
#[case::huge(ResponseTemplate::new(200).set_body_bytes(vec![b'1'; 300 << 10]), "longer than")]
#[case::late(
    ResponseTemplate::new(200).set_body_string("0.5").set_delay(Duration::from_secs(20)),
    "within 500ms"
)]
#[tokio::test]
async fn what_is_no_answer_is_named(#[case] response: ResponseTemplate, #[case] why: &str) {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(response)
        .mount(&server)
        .await;
    let detail = detail(&at(&server, "")).await;
    assert!(detail.contains(why), "{detail}");
    assert!(
        !detail.contains("error") && !detail.contains("nonce"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_redirect_on_the_same_host_is_followed() {
    let server = MockServer::start().await;
    let moved = ResponseTemplate::new(307).insert_header("location", "/v2");
    Mock::given(path("/inference/67"))
        .respond_with(moved)
        .mount(&server)
        .await;
    let there = ResponseTemplate::new(200).set_body_string("0.5");
    Mock::given(path("/v2"))
        .respond_with(there)
        .mount(&server)
        .await;
    let answer = at(&server, "").forecast(&asked()).await.unwrap();
    assert_eq!(answer.value, 0.5);
}

#[tokio::test]
async fn nobody_there_is_named() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http = \"http://{}/\"", held.local_addr().unwrap());
    drop(held);
    let forecaster = HttpForecaster::new(&config(&url), None).unwrap();
    let detail = detail(&forecaster).await;
    assert!(
        detail.contains("nothing answers at http://127.0.0.1"),
        "{detail}"
    );
}

#[test]
fn a_token_goes_over_https_or_stays_on_this_machine() {
    let open = config("http = \"http://models.example/\"");
    let token = "sesame".into();
    let refused = HttpForecaster::new(&open, Some(&token)).unwrap_err();
    assert!(matches!(refused, ForecasterError::TokenInTheClear { .. }));
    assert!(!refused.to_string().contains("sesame"));
    for fine in [
        "https://models.example/",
        "http://localhost:8000/",
        "http://[::1]:8000/",
    ] {
        let config = config(&format!("http = \"{fine}\""));
        assert!(HttpForecaster::new(&config, Some(&token)).is_ok(), "{fine}");
    }
    let token = "two\nlines".into();
    let near = config("http = \"http://localhost/\"");
    let refused = HttpForecaster::new(&near, Some(&token)).unwrap_err();
    assert_eq!(refused, ForecasterError::BadToken);
}
