//! The wallet's secret and the key for prices.

use std::{fs, path::Path};

use bip39::{Language, Mnemonic};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::{ConfigError, environment::Environment};

/// The phrase of the embedded chain, which has no real coins: BIP-39's first test vector.
const DEVNET_PHRASE: &str = "abandon abandon abandon abandon abandon abandon abandon abandon \
                             abandon abandon abandon about";
/// A phrase that development tools hand out.
const TOOLS_PHRASE: &str = "test test test test test test test test test test test junk";

/// What the wallet's key is made from.
#[derive(Clone, Debug)]
pub enum WalletSecret {
    /// A BIP-39 phrase in English with a valid checksum, in lower case with single spaces.
    Mnemonic(SecretString),
    /// A private key: 64 hexadecimal digits in lower case.
    PrivateKey(SecretString),
}

impl WalletSecret {
    /// The wallet of the embedded chain.
    #[must_use]
    pub fn devnet() -> Self {
        Self::Mnemonic(DEVNET_PHRASE.into())
    }

    /// The secret itself, such as a log's mask needs it.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        match self {
            Self::Mnemonic(secret) | Self::PrivateKey(secret) => secret,
        }
    }

    /// Whether the key is published in standards and tools, so that anybody can take its coins.
    #[must_use]
    pub fn is_public_knowledge(&self) -> bool {
        let Self::Mnemonic(phrase) = self else {
            return false;
        };
        let phrase = phrase.expose_secret();
        let Ok(mnemonic) = Mnemonic::parse_in_normalized(Language::English, phrase) else {
            return false;
        };
        // The standard's vectors repeat one byte: "abandon … about", "zoo … wrong" and the like.
        let entropy = Zeroizing::new(mnemonic.to_entropy());
        let repeats = entropy.iter().all(|byte| *byte == entropy[0]);
        repeats || phrase == TOOLS_PHRASE
    }
}

/// The wallet's secret from the first source that sets one: the process's environment, systemd's
/// credentials, then `.env`.
pub(super) fn wallet(
    sources: &[&Environment],
    root: &Path,
    notices: &mut Vec<String>,
) -> Result<Option<(WalletSecret, String)>, ConfigError> {
    for source in sources {
        let set: Vec<_> = ["MNEMONIC", "MNEMONIC_FILE", "PRIVATE_KEY"]
            .into_iter()
            .filter_map(|name| {
                source
                    .secret(name)
                    .map(|(secret, place)| (name, secret, place))
            })
            .collect();
        let (name, secret, place) = match &set[..] {
            [] => continue,
            [one] => one,
            [(first, ..), (second, _, place), ..] => {
                let wrong = format!("{first} is set as well as {second}");
                return Err(ConfigError::refused(place, wrong, "keep one of them"));
            }
        };
        let text = secret.expose_secret();
        let read = match *name {
            "MNEMONIC" => mnemonic(text, place)?,
            "PRIVATE_KEY" => private_key(text, place)?,
            _ => mnemonic_file(Path::new(text.trim()), place, root, notices)?,
        };
        return Ok(Some((read, place.clone())));
    }
    Ok(None)
}

fn mnemonic_file(
    path: &Path,
    place: &str,
    root: &Path,
    notices: &mut Vec<String>,
) -> Result<WalletSecret, ConfigError> {
    let path = root.join(path);
    let text = fs::read_to_string(&path).map_err(|cause| {
        // The path itself is not shown: a phrase put into the wrong variable would be.
        let wrong = format!("the file that it names can't be read: {cause}");
        ConfigError::refused(
            place,
            wrong,
            "name a file that holds the mnemonic, and nothing else",
        )
    })?;
    let text = Zeroizing::new(text);
    notices.extend(super::environment::too_open(&path));
    mnemonic(&text, &format!("{place} ({})", path.display()))
}

/// Checks a phrase. Its words are never told, only the place of a wrong one.
pub(super) fn mnemonic(text: &str, place: &str) -> Result<WalletSecret, ConfigError> {
    let lower = Zeroizing::new(text.to_lowercase());
    let words: Vec<_> = lower.split_whitespace().collect();
    let phrase = Zeroizing::new(words.join(" "));
    let Err(refused) = Mnemonic::parse_in_normalized(Language::English, &phrase) else {
        return Ok(WalletSecret::Mnemonic(phrase.as_str().into()));
    };
    let (wrong, right) = match refused {
        bip39::Error::BadWordCount(count) => (
            format!("the mnemonic has {count} words"),
            "it must have 12, 15, 18, 21 or 24; copy it again as a whole",
        ),
        bip39::Error::UnknownWord(index) => (
            format!(
                "word {} of the mnemonic is not in the English word list",
                index + 1
            ),
            "check how that word is written",
        ),
        _ => (
            "the mnemonic's checksum is wrong".to_owned(),
            "all words exist but at least one is not the right one, or their order is wrong",
        ),
    };
    Err(ConfigError::refused(place, wrong, right))
}

pub(super) fn private_key(text: &str, place: &str) -> Result<WalletSecret, ConfigError> {
    let lower = Zeroizing::new(text.trim().to_lowercase());
    let digits = lower.strip_prefix("0x").unwrap_or(&lower);
    if digits.len() == 64 && digits.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Ok(WalletSecret::PrivateKey(digits.into()));
    }
    let wrong = format!("it has {} characters or is not hexadecimal", digits.len());
    let right = "a private key has 64 hexadecimal digits; a mnemonic belongs in MNEMONIC";
    Err(ConfigError::refused(place, wrong, right))
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
