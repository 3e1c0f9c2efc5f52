//! Keys that stand in standards, tools and manuals: whoever sends coins there gives them away.

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::WalletSecret;
use crate::chain::Signer;

/// Addresses of published keys, each with where the key is published. They are recognized by the
/// address, so that a phrase and its private key are one.
const ADDRESSES: &str = include_str!("published.txt");

/// Where a wallet's key is published, if it is known to be.
pub(super) fn published_as(wallet: &WalletSecret) -> Option<&'static str> {
    let signer = match wallet {
        WalletSecret::Mnemonic(phrase) if repeats_words(phrase) => {
            return Some("a mnemonic of repeated words");
        }
        WalletSecret::PrivateKey(key) if is_a_pattern(key) => {
            return Some("a private key that is a pattern");
        }
        WalletSecret::Mnemonic(phrase) => Signer::from_mnemonic(phrase),
        WalletSecret::PrivateKey(key) => Signer::from_private_key(key),
    };
    // What is no key is refused by those who want to sign with it.
    listed(signer.ok()?.address())
}

/// Whose key an address is.
fn listed(address: &str) -> Option<&'static str> {
    let mut lines = ADDRESSES.lines();
    lines.find_map(|line| line.strip_prefix(address)?.strip_prefix(' '))
}

/// The standard's vectors repeat one byte, which gives "abandon … about" and the like; by hand one writes
/// a word again and again. No phrase made by chance has as few different words.
fn repeats_words(phrase: &SecretString) -> bool {
    let mut words: Vec<&str> = phrase.expose_secret().split(' ').collect();
    let all = words.len();
    words.sort_unstable();
    words.dedup();
    words.len() * 2 <= all
}

/// A small number, or one byte or digit repeated.
fn is_a_pattern(key: &SecretString) -> bool {
    let Ok(bytes) = hex::decode(key.expose_secret()).map(Zeroizing::new) else {
        return false;
    };
    let is_small = bytes.iter().rev().skip(2).all(|it| *it == 0);
    is_small || bytes.windows(2).all(|two| two[0] == two[1])
}

#[cfg(test)]
#[path = "published_tests.rs"]
mod tests;
