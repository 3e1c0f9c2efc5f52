use std::fmt::Write as _;

use bip39::Mnemonic;
use cosmrs::{bip32::XPrv, crypto::secp256k1::SigningKey};

use super::*;

const PHRASES: &str = include_str!("published_phrases.txt");
/// Ethereum's path, on which its tools print private keys to be copied.
const ETHEREUM: &str = "m/44'/60'/0'/0";
const PRINTED: [(&str, &str); 2] = [
    (
        "test test test test test test test test test test test junk",
        "Hardhat, Foundry and other tools for Ethereum",
    ),
    (
        "myth like bonus scare over problem client lizard pioneer submit female collect",
        "Ganache's deterministic mode",
    ),
];

/// The phrases with where they are published.
fn phrases() -> Vec<(&'static str, &'static str)> {
    let mut name = "";
    let mut all = Vec::new();
    for line in PHRASES.lines() {
        match line.strip_prefix("# ") {
            Some(heading) => name = heading,
            None => all.push((line, name)),
        }
    }
    all
}

#[test]
fn the_list_holds_the_addresses_of_all_published_phrases_and_keys() {
    let mut expected = String::new();
    for (phrase, name) in phrases() {
        let signer = Signer::from_mnemonic(&phrase.into()).unwrap();
        writeln!(expected, "{} {name}", signer.address()).unwrap();
    }
    for (phrase, name) in PRINTED {
        let seed = Mnemonic::parse_normalized(phrase).unwrap().to_seed("");
        for index in 0..10 {
            let path = format!("{ETHEREUM}/{index}").parse().unwrap();
            let key = SigningKey::from(XPrv::derive_from_path(seed, &path).unwrap());
            let address = key.public_key().account_id("allo").unwrap();
            writeln!(expected, "{address} {name}").unwrap();
        }
    }
    assert!(
        expected == ADDRESSES,
        "src/config/published.txt must be:\n{expected}"
    );
}

#[test]
fn a_phrase_and_its_private_key_are_recognized() {
    for (phrase, _) in phrases().into_iter().step_by(7) {
        let read = WalletSecret::Mnemonic(phrase.into());
        assert!(published_as(&read).is_some(), "{phrase}");
    }
    assert!(published_as(&WalletSecret::devnet()).is_some());
    // What Hardhat prints as the private key of its first account.
    let printed = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    assert_eq!(
        published_as(&WalletSecret::PrivateKey(printed.into())),
        Some("Hardhat, Foundry and other tools for Ethereum")
    );
}

#[test]
fn what_is_a_pattern_is_recognized_without_a_list() {
    let zeros = "0".repeat(63);
    for key in [format!("{zeros}1"), format!("{zeros}9"), "1".repeat(64)] {
        assert!(published_as(&WalletSecret::PrivateKey(key.into())).is_some());
    }
    let bacon = "bacon ".repeat(24).trim_end().to_owned();
    assert!(published_as(&WalletSecret::Mnemonic(bacon.into())).is_some());
}

#[test]
fn keys_made_by_chance_are_taken() {
    for _ in 0..8 {
        let phrase = Mnemonic::from_entropy(&rand::random::<[u8; 16]>()).unwrap();
        let phrase = WalletSecret::Mnemonic(phrase.to_string().into());
        assert_eq!(published_as(&phrase), None);
        let key = hex::encode(rand::random::<[u8; 32]>());
        assert_eq!(published_as(&WalletSecret::PrivateKey(key.into())), None);
    }
}
