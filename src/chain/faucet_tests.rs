use rstest::rstest;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{any, body_string, header, method, path},
};

use super::*;

const CHAIN: &str = "allora-testnet-1";
const ADDRESS: &str = "allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv";
const BODY: &str = "chain=allora-testnet-1&address=allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv";

async fn asked(server: &MockServer) -> Result<String, FaucetError> {
    Faucet::at(&server.uri()).unwrap().ask(CHAIN, ADDRESS).await
}

async fn answering(answer: ResponseTemplate) -> Result<String, FaucetError> {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    asked(&server).await
}

#[tokio::test]
async fn the_chain_and_the_address_are_posted_as_a_form() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/api/request"))
        .and(body_string(BODY))
        .and(header("content-type", "application/x-www-form-urlencoded"))
        .respond_with(ResponseTemplate::new(200).set_body_string("{\"result\":\"sent\"}"))
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(asked(&server).await.unwrap(), "{\"result\":\"sent\"}");
}

#[rstest]
#[tokio::test]
async fn a_redirect_is_followed_with_the_same_post(
    #[values(301, 302, 303, 307, 308)] status: u16,
    #[values(false, true)] absolute: bool,
) {
    let server = MockServer::start().await;
    let to = match absolute {
        true => format!("{}/new/place", server.uri()),
        false => "/new/place".to_owned(),
    };
    Mock::given(path("/api/request"))
        .respond_with(ResponseTemplate::new(status).insert_header("location", to))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(path("/new/place"))
        .and(body_string(BODY))
        .respond_with(ResponseTemplate::new(200).set_body_string("ok"))
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(asked(&server).await.unwrap(), "ok");
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let server = MockServer::start().await;
    let round = ResponseTemplate::new(302).insert_header("location", "/api/request");
    let mock = Mock::given(any()).respond_with(round);
    mock.expect(MOST_REDIRECTS as u64 + 1).mount(&server).await;
    let refused = asked(&server).await.unwrap_err();
    assert!(matches!(refused, FaucetError::Circle { .. }), "{refused}");
}

#[rstest]
#[case("http://localhost:9/api/request?key=abc", "http://localhost:9")]
#[case("http://faucet.example/api/request", "http://faucet.example")]
#[case("https://127.0.0.2/api/request", "https://127.0.0.2")]
#[tokio::test]
async fn another_site_is_named_and_not_asked(#[case] to: &str, #[case] shown: &str) {
    let moved = ResponseTemplate::new(301).insert_header("location", to);
    let refused = answering(moved).await.unwrap_err();
    let expected = FaucetError::Elsewhere {
        host: "127.0.0.1".into(),
        to: shown.into(),
    };
    assert_eq!(refused, expected);
    assert!(
        refused.to_string().contains(&format!("--url {shown}")),
        "{refused}"
    );
}

#[test]
fn hosts_below_the_same_one_are_the_same_site_and_https_is_kept() {
    let answer = |location: &str| {
        let answer = http::Response::builder()
            .status(301)
            .header("location", location);
        Response::from(answer.body("").unwrap())
    };
    let from: Url = "https://faucet.allora.example/api/request".parse().unwrap();
    let below = "https://eu.faucet.allora.example/api/request";
    let found = target(&from, &answer(below)).unwrap().unwrap();
    assert_eq!(found.as_str(), below);
    for other in [
        "http://faucet.allora.example/api/request",
        "https://allora.example/",
        "https://evilfaucet.allora.example/",
        "https://faucet.allora.example.evil/",
    ] {
        assert!(target(&from, &answer(other)).is_err(), "{other}");
    }
}

#[tokio::test]
async fn what_a_faucet_says_is_told_with_what_to_do() {
    let busy = ResponseTemplate::new(429)
        .insert_header("retry-after", "600")
        .set_body_string("{\"message\":\"slow down\"}");
    let said = answering(busy).await.unwrap_err().to_string();
    assert!(
        said.contains("try again in 10 minutes") && said.contains("slow down"),
        "{said}"
    );

    let page = "<!DOCTYPE html><html><div class='h-captcha'></div></html>";
    let page = ResponseTemplate::new(200).set_body_raw(page, "text/html");
    let said = answering(page).await.unwrap_err().to_string();
    assert!(
        said.contains("captcha") && said.contains("in a browser"),
        "{said}"
    );

    let refused = ResponseTemplate::new(400).set_body_string("bad\n\u{1b}[31maddress");
    let said = answering(refused).await.unwrap_err().to_string();
    assert!(said.contains("400: bad [31maddress"), "{said:?}");

    let quiet = ResponseTemplate::new(200).set_body_string("{\"error\":\"empty\"}");
    assert!(matches!(
        answering(quiet).await,
        Err(FaucetError::Refused { status: 200, .. })
    ));

    let endless = ResponseTemplate::new(500).set_body_string("x".repeat(LARGEST + 1));
    let said = answering(endless).await.unwrap_err().to_string();
    assert!(said.len() < 1_000, "{} bytes", said.len());
}

#[tokio::test]
async fn one_that_is_not_there_is_told() {
    let gone = Faucet::at("http://127.0.0.1:9").unwrap();
    let said = gone.ask(CHAIN, ADDRESS).await.unwrap_err().to_string();
    assert!(
        said.contains("can't be reached") && said.contains("--url"),
        "{said}"
    );
}

#[test]
fn an_address_is_https_or_on_this_machine() {
    for bad in ["ftp://x", "http://faucet.example", "faucet", ""] {
        let refused = Faucet::at(bad).unwrap_err().to_string();
        assert!(refused.contains("https://HOST"), "{refused}");
    }
    let shown = |url| Faucet::at(url).unwrap().url.to_string();
    assert_eq!(shown("https://f.example/"), "https://f.example/api/request");
    assert_eq!(
        shown("https://f.example/api/request"),
        "https://f.example/api/request"
    );
}
