//! The wallet's secret and the key for prices.

use std::{io, path::Path};

use bip39::{Language, Mnemonic};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::{
    ConfigError,
    environment::Environment,
    guard::{self, Keeper},
    locked::{self, LockError, Locked},
};

/// The phrase of the embedded chain, which has no real coins: BIP-39's first test vector.
const DEVNET_PHRASE: &str = "abandon abandon abandon abandon abandon abandon abandon abandon \
                             abandon abandon abandon about";

/// The variables that name a wallet.
pub(super) const NAMES: [&str; 4] = [
    "MNEMONIC",
    "MNEMONIC_FILE",
    "PRIVATE_KEY",
    "PRIVATE_KEY_FILE",
];

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

    /// Reads a mnemonic, or a private key, from a text. `place` names the text in a refusal.
    ///
    /// # Errors
    /// What is wrong with it, without a word of it.
    pub fn read(text: &str, place: &str) -> Result<Self, ConfigError> {
        if locked::is_pem(text.as_bytes()) {
            let right = "give the words, or a private key in digits; an open PEM is locked by \
                         `openssl pkcs8 -topk8 -scrypt -scrypt_p 16 -v2 aes-256-cbc`";
            return Err(ConfigError::refused(place, "it is a PEM", right));
        }
        let is_key = text.split_whitespace().count() == 1;
        let read = if is_key { private_key } else { mnemonic };
        read(text, place)
    }

    /// A private key in digits.
    fn of_key(key: &[u8; 32]) -> Self {
        let digits = Zeroizing::new(hex::encode(key));
        Self::PrivateKey(digits.as_str().into())
    }

    /// The secret itself, such as a log's mask needs it.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        match self {
            Self::Mnemonic(secret) | Self::PrivateKey(secret) => secret,
        }
    }

    /// Where the key is published, if it is known to be: in standards, tools or manuals, so that
    /// anybody can take its coins.
    #[must_use]
    pub fn published_as(&self) -> Option<&'static str> {
        super::published::published_as(self)
    }
}

/// Asks the operator for a passphrase, showing the question and not the answer.
pub type Ask = fn(&str) -> io::Result<Zeroizing<String>>;

/// Where a wallet's secret is looked for.
pub(super) struct Search<'a> {
    /// The process's environment, systemd's credentials, then `.env`.
    pub(super) sources: &'a [&'a Environment],
    /// Where relative paths start.
    pub(super) root: &'a Path,
    /// Who may be asked for the passphrase of a locked key.
    pub(super) ask: Option<Ask>,
}

impl Search<'_> {
    /// The wallet's secret from the first source that sets one, and where it stands. None as well for a
    /// locked key without a passphrase where nobody may be asked for it.
    pub(super) fn wallet(
        &self,
        notices: &mut Vec<String>,
    ) -> Result<Option<(WalletSecret, String)>, ConfigError> {
        for source in self.sources {
            let set: Vec<_> = NAMES
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
                "MNEMONIC" => Some(mnemonic(text, place)?),
                "PRIVATE_KEY" => self.key(text.as_bytes(), place, notices)?,
                name => self.file(name, Path::new(text.trim()), place, notices)?,
            };
            return Ok(read.map(|read| (read, place.clone())));
        }
        Ok(None)
    }

    /// A file with a mnemonic, or with a private key.
    fn file(
        &self,
        name: &str,
        path: &Path,
        place: &str,
        notices: &mut Vec<String>,
    ) -> Result<Option<WalletSecret>, ConfigError> {
        let path = self.root.join(path);
        let is_key = name == "PRIVATE_KEY_FILE";
        let what = if is_key { "private key" } else { "mnemonic" };
        let right = format!("name a file that holds the {what}, and nothing else");
        let bytes = guarded(&path, place, &right, notices)?;
        let place = format!("{place} ({})", path.display());
        if is_key {
            return self.key(&bytes, &place, notices);
        }
        mnemonic(text_of(&bytes, &place)?, &place).map(Some)
    }

    /// A private key in digits, or one that is locked with a passphrase.
    fn key(
        &self,
        text: &[u8],
        place: &str,
        notices: &mut Vec<String>,
    ) -> Result<Option<WalletSecret>, ConfigError> {
        if !locked::is_pem(text) {
            return private_key(text_of(text, place)?, place).map(Some);
        }
        let refuse = |refused: LockError| {
            let (wrong, right) = refused.halves();
            ConfigError::refused(place, wrong, right)
        };
        let locked = Locked::read(text).map_err(refuse)?;
        let Some(passphrase) = self.passphrase(place, notices)? else {
            return Ok(None);
        };
        let opened = locked.open(&passphrase).map_err(refuse)?;
        notices.extend(locked.weakness().map(|it| format!("{place}: {it}")));
        if !opened.is_vouched {
            notices.push(format!(
                "{place}: it holds no public key, so nothing shows whether it was changed: see that \
                 the wallet's address is yours"
            ));
        }
        Ok(Some(WalletSecret::of_key(&opened.key)))
    }

    /// The passphrase from the first source that sets one, or from the operator.
    fn passphrase(
        &self,
        place: &str,
        notices: &mut Vec<String>,
    ) -> Result<Option<SecretString>, ConfigError> {
        for source in self.sources {
            if let Some((passphrase, _)) = source.secret("WALLET_PASSPHRASE") {
                return Ok(Some(passphrase.clone()));
            }
            if let Some((path, place)) = source.secret("WALLET_PASSPHRASE_FILE") {
                let path = self.root.join(path.expose_secret().trim());
                let right = "name a file that holds the passphrase, and nothing else";
                let bytes = guarded(&path, &place, right, notices)?;
                let text = text_of(&bytes, &place)?;
                return Ok(Some(text.trim_end_matches(['\r', '\n']).into()));
            }
        }
        let Some(ask) = self.ask else {
            return Ok(None);
        };
        let asked = ask("Passphrase of the wallet: ").map_err(|cause| {
            let wrong =
                format!("it is locked, and nobody can be asked for the passphrase: {cause}");
            let right = "name a file with it as WALLET_PASSPHRASE_FILE, hand it over as systemd's \
                         credential wallet_passphrase, or start the worker in a terminal";
            ConfigError::refused(place, wrong, right)
        })?;
        Ok(Some(asked.as_str().into()))
    }
}

/// Reads a file that a variable names, if nobody else has access to it.
fn guarded(
    path: &Path,
    place: &str,
    right: &str,
    notices: &mut Vec<String>,
) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    let read = guard::read(path, Keeper::Operator).map_err(|cause| {
        // The path itself is not shown: a phrase put into the wrong variable would be.
        let wrong = format!("the file that it names can't be read: {cause}");
        ConfigError::refused(place, wrong, right)
    })?;
    ConfigError::unless_none(read.found)?;
    notices.extend(read.notices);
    Ok(read.bytes)
}

fn text_of<'a>(bytes: &'a [u8], place: &str) -> Result<&'a str, ConfigError> {
    std::str::from_utf8(bytes)
        .map_err(|_| ConfigError::refused(place, "it holds no text", "copy the file again"))
}

/// Checks a phrase. Its words are never told, only the place of a wrong one.
pub(super) fn mnemonic(text: &str, place: &str) -> Result<WalletSecret, ConfigError> {
    if locked::is_pem(text.as_bytes()) {
        let right = "a key, locked or in digits, belongs in PRIVATE_KEY_FILE or PRIVATE_KEY";
        return Err(ConfigError::refused(
            place,
            "it is a PEM and no mnemonic",
            right,
        ));
    }
    let lower = Zeroizing::new(text.to_lowercase());
    // A buffer that grows would leave words behind.
    let mut phrase = Zeroizing::new(String::with_capacity(lower.len()));
    for word in lower.split_whitespace() {
        if !phrase.is_empty() {
            phrase.push(' ');
        }
        phrase.push_str(word);
    }
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
    let right =
        "a private key has 64 hexadecimal digits; a mnemonic belongs in MNEMONIC or MNEMONIC_FILE";
    Err(ConfigError::refused(place, wrong, right))
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
