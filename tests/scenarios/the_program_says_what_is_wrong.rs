//! The built program with a configuration that can't work: it ends, and says why and what would help.

use std::{fs, os::unix::net::UnixDatagram};

use rstest::rstest;

use crate::{
    harness::Stage,
    operator::{Home, ended},
};

const VECTOR: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

#[tokio::test]
async fn a_competition_in_the_past_ends_at_once_and_well() {
    let home = Home::new();
    let args = [
        "run",
        "--network",
        "devnet",
        "--config",
        "config/competitions/btc-7day-2025.toml",
    ];
    let socket = home.folder.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_nonblocking(true).unwrap();
    let mut command = home.command(&args);
    command.env("NOTIFY_SOCKET", &socket);
    let (output, said) = ended(command).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("The competition ended at 2025-12-15"),
        "{said}"
    );
    // One that ends without it has failed for systemd, and would be started again and again.
    let mut told = String::new();
    let mut buffer = [0; 512];
    while let Ok(read) = systemd.recv(&mut buffer) {
        told += &String::from_utf8_lossy(&buffer[..read]);
    }
    assert!(told.contains("READY=1"), "{told}");
}

/// Each with what it says of the cause and of the remedy.
#[rstest]
#[case(&["--network", "nowhere"], &["\"nowhere\"", "devnet, localnet, mainnet, testnet"])]
#[case(&["--network", "devnet", "--topic", "0"], &["topic 0", "--topic"])]
#[case(&["--network", "devnet", "--prices", "missing.csv"], &["missing.csv", "relative paths"])]
#[case(&["--network", "devnet", "--rpc", "ftp://x"], &["ftp://x", "http"])]
#[case(&["--network", "devnet", "--config", "missing.toml"], &["missing.toml", "check the path"])]
#[tokio::test]
async fn a_flag_that_makes_no_sense_is_refused(#[case] flags: &[&str], #[case] parts: &[&str]) {
    let home = Home::new();
    let (output, said) = home.run(&[&["run"], flags].concat()).await;
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("ERROR"), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
}

#[tokio::test]
async fn an_unknown_key_is_refused_with_its_place_and_the_one_that_was_meant() {
    let home = Home::new();
    fs::write(
        home.folder.path().join("mine.toml"),
        "[fees]\ntire = \"eco\"\n",
    )
    .unwrap();
    let args = ["run", "--network", "devnet", "--config", "mine.toml"];
    let (output, said) = home.run(&args).await;
    assert_eq!(output.status.code(), Some(78), "{said}");
    for part in ["mine.toml", "tire", "tier"] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
}

#[tokio::test]
async fn without_a_key_the_testnet_is_refused_with_what_to_set() {
    let home = Home::new();
    let mut command = home.command(&["run", "--network", "testnet"]);
    command.env_remove("PRIVATE_KEY");
    let (output, said) = ended(command).await;
    assert_eq!(output.status.code(), Some(78), "{said}");
    for part in ["MNEMONIC", ".env", "--network devnet needs none"] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
}

#[tokio::test]
async fn a_mnemonic_that_everybody_knows_is_refused_on_the_testnet_and_not_repeated() {
    let home = Home::new();
    let mut command = home.command(&["run", "--network", "testnet"]);
    command.env_remove("PRIVATE_KEY").env("MNEMONIC", VECTOR);
    let (output, said) = ended(command).await;
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("MNEMONIC"), "{said}");
    assert!(!said.contains("abandon abandon abandon"), "{said}");
}

#[rstest]
#[case("abandon about", "2 words")]
#[case(
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandno",
    "word 12"
)]
#[case(
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon",
    "checksum"
)]
#[tokio::test]
async fn a_wrong_mnemonic_is_refused_without_its_words(#[case] phrase: &str, #[case] cause: &str) {
    let home = Home::new();
    let mut command = home.command(&["run", "--network", "testnet"]);
    command.env_remove("PRIVATE_KEY").env("MNEMONIC", phrase);
    let (output, said) = ended(command).await;
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains(cause), "{said}");
    assert!(!said.contains("abandon"), "{said}");
}

#[tokio::test]
async fn a_topic_that_the_chain_does_not_have_ends_the_program() {
    let stage = Stage::with(|config| config.chain_id = "allora-notopic-1".into()).await;
    let home = Home::new();
    let (rpc, ws) = (stage.devnet.rpc_url(), stage.devnet.ws_url());
    let on_it = ["run", "--network", "devnet", "--rpc", &rpc, "--ws", &ws];
    let topic = ["--chain-id", "allora-notopic-1", "--topic", "99"];
    let (output, said) = home.run(&[&on_it[..], &topic].concat()).await;
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("no topic 99"), "{said}");

    let (output, said) = home.run(&on_it).await;
    assert_eq!(output.status.code(), Some(78), "{said}");
    for part in ["allora-notopic-1", "allora-devnet-1", "--chain-id"] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
}
