//! `wallet`: a new one, its address, what it has, and the faucet.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::Value;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{any, body_string_contains, method, path},
};

use crate::{
    harness::{COINS, Stage},
    operator::{Home, ended},
};

/// The program without this host's key, in a home with a new wallet.
fn command(home: &Home, args: &[&str]) -> tokio::process::Command {
    let mut command = home.command(args);
    let words = home.folder.path().join("my.words");
    command
        .env_remove("PRIVATE_KEY")
        .env("MNEMONIC_FILE", words);
    command
}

async fn said(home: &Home, args: &[&str]) -> (Option<i32>, String) {
    let (output, said) = ended(command(home, args)).await;
    (output.status.code(), said)
}

#[tokio::test]
async fn a_new_wallet_is_its_users_alone_and_shown_only_when_asked() {
    let home = Home::new();
    let (code, told) = said(&home, &["wallet", "new", "--out", "my.words"]).await;
    assert_eq!(code, Some(0), "{told}");
    let file = home.folder.path().join("my.words");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let words = fs::read_to_string(&file).unwrap();
    assert_eq!(words.split_whitespace().count(), 24);
    let pair = words
        .split_whitespace()
        .take(2)
        .collect::<Vec<_>>()
        .join(" ");
    assert!(!told.contains(&pair), "the words are shown");
    assert!(
        told.contains("wallet encrypt --in") && told.contains("on paper"),
        "{told}"
    );

    let (code, address) = said(&home, &["wallet", "address"]).await;
    assert_eq!(code, Some(0), "{address}");
    assert!(
        address.starts_with("allo1") && told.contains(address.trim()),
        "{address}"
    );

    let (code, refused) = said(&home, &["wallet", "new", "--out", "my.words"]).await;
    assert_eq!(code, Some(78), "{refused}");
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        words,
        "it was overwritten"
    );

    let (_, shown) = said(&home, &["wallet", "new", "--out", "other.words", "--show"]).await;
    let other = fs::read_to_string(home.folder.path().join("other.words")).unwrap();
    let all = other.split_whitespace().enumerate();
    for (index, word) in all {
        assert!(
            shown.contains(&format!("{:>3} {word}", index + 1)),
            "{word} is not shown"
        );
    }
}

#[tokio::test]
async fn the_nodes_tell_the_balance_and_the_faucet_is_asked_for_more() {
    let stage = Stage::with(|config| config.chain_id = "allora-purse-1".into()).await;
    let home = Home::new();
    said(&home, &["wallet", "new", "--out", "my.words"]).await;
    let (_, address) = said(&home, &["wallet", "address"]).await;
    let address = address.trim();
    let rpc = stage.devnet.rpc_url();
    let on_it = [
        "--network",
        "devnet",
        "--chain-id",
        "allora-purse-1",
        "--rpc",
        &rpc,
    ];
    let balance = [&["wallet", "balance"], &on_it[..]].concat();
    let (code, told) = said(&home, &[&balance[..], &["--json"]].concat()).await;
    assert_eq!(code, Some(0), "{told}");
    let start = told.find('{').unwrap();
    let json: Value = serde_json::from_str(&told[start..]).unwrap();
    assert_eq!(
        (&json["address"], &json["uallo"]),
        (&address.into(), &"0".into())
    );
    let (_, told) = said(&home, &[&balance[..], &[&stage.address]].concat()).await;
    let expected = format!("has 1000 ALLO ({COINS} uallo) on allora-purse-1");
    assert!(told.contains(&expected), "{told}");

    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/api/request"))
        .and(body_string_contains(format!("address={address}")))
        .and(body_string_contains("chain=allora-purse-1"))
        .respond_with(ResponseTemplate::new(200).set_body_string("on its way"))
        .expect(1)
        .mount(&server)
        .await;
    let url = server.uri();
    let faucet = [
        &["wallet", "faucet", "--url", &url, "--no-wait"],
        &on_it[..],
    ]
    .concat();
    let (code, told) = said(&home, &faucet).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("it says on its way"), "{told}");
}

#[tokio::test]
async fn coins_that_come_are_waited_for_and_counted() {
    let stage = Stage::with(|config| config.chain_id = "allora-faucet-1".into()).await;
    let home = Home::new();
    said(&home, &["wallet", "new", "--out", "my.words"]).await;
    let (_, address) = said(&home, &["wallet", "address"]).await;
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_string("sent");
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let (rpc, url) = (stage.devnet.rpc_url(), server.uri());
    let faucet = [
        "wallet",
        "faucet",
        "--url",
        &url,
        "--network",
        "devnet",
        "--chain-id",
        "allora-faucet-1",
        "--rpc",
        &rpc,
    ];
    let asked = said(&home, &faucet);
    let given = async {
        while server
            .received_requests()
            .await
            .is_none_or(|it| it.is_empty())
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let (address, balance) = (address.trim().to_owned(), COINS);
        let fund = allora_worker::devnet::Control::Fund { address, balance };
        stage.control(fund).await;
        stage.block().await;
    };
    let ((code, told), ()) = tokio::join!(asked, given);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("1000 ALLO came"), "{told}");
}

#[tokio::test]
async fn where_there_is_no_faucet_it_is_said_where_coins_come_from() {
    let home = Home::new();
    said(&home, &["wallet", "new", "--out", "my.words"]).await;
    for (network, code, part) in [
        ("devnet", 0, "at each start"),
        ("localnet", 78, "scripts/localnet.sh fund allo1"),
        ("mainnet", 78, "its coins are real"),
    ] {
        let (found, told) = said(&home, &["wallet", "faucet", "--network", network]).await;
        assert_eq!(found, Some(code), "{network}: {told}");
        assert!(told.contains(part), "{network}: {told}");
    }
    let given = [
        "wallet",
        "faucet",
        "--network",
        "mainnet",
        "--url",
        "https://faucet.example",
    ];
    let (code, told) = said(&home, &given).await;
    assert_eq!(code, Some(78), "{told}");
}
