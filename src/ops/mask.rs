//! The last line of defence against a secret in a log: known secrets are blotted out of every line.

use ring::{
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// Stands in a line where a secret stood.
const BLOT: &str = "[secret]";
/// Shorter texts would blot out ordinary words.
const SHORTEST: usize = 8;
/// A private key's hexadecimal digits.
const KEY_DIGITS: usize = 64;
/// Words of the shortest mnemonic.
const FEWEST_WORDS: usize = 12;
/// Letters of BIP-39's longest word.
const LONGEST_WORD: usize = 8;
/// Bytes of SHA-256's block.
const BLOCK: usize = 64;
/// Bytes that the longest mnemonic needs, in whole blocks: a buffer that grows would leave words behind.
const ROOM: usize = 4 * BLOCK;

/// The secrets that no line may hold.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    /// Those that the process needs for as long as it runs.
    texts: Vec<SecretString>,
    wallets: Vec<Print>,
}

/// What a wallet's secret is known again by: its words or digits are needed no longer than until the key
/// is made, so they are not kept for the logs' sake.
#[derive(Clone, Debug)]
struct Print {
    /// Parts that the secret has: words, or one run of digits.
    parts: usize,
    salt: hmac::Key,
    tag: hmac::Tag,
}

impl Mask {
    pub(crate) fn new(secrets: Vec<SecretString>) -> Self {
        let mut mask = Self::default();
        for secret in secrets {
            match Print::of(secret.expose_secret()) {
                Some(print) => mask.wallets.push(print),
                None if secret.expose_secret().len() >= SHORTEST => mask.texts.push(secret),
                None => {}
            }
        }
        mask
    }

    /// The line without secrets.
    pub(crate) fn clean(&self, mut line: String) -> String {
        for secret in &self.texts {
            let secret = secret.expose_secret();
            if line.contains(secret) {
                line = line.replace(secret, BLOT);
            }
        }
        for wallet in &self.wallets {
            while let Some((from, to)) = wallet.found_in(&line) {
                line.replace_range(from..to, BLOT);
            }
        }
        line
    }
}

impl Print {
    /// Of a text that is a mnemonic or a private key by its form.
    fn of(secret: &str) -> Option<Self> {
        let mut words = secret.split_whitespace();
        let parts = secret.split_whitespace().count();
        let is_phrase = parts >= FEWEST_WORDS && words.all(is_word);
        let is_digits = parts == 1 && is_key(secret.trim());
        if !(is_phrase || is_digits) {
            return None;
        }
        let mut random = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(random.as_mut_slice()).ok()?;
        let salt = hmac::Key::new(hmac::HMAC_SHA256, random.as_slice());
        let tag = tag(&salt, &mut secret.split_whitespace());
        Some(Self { parts, salt, tag })
    }

    /// Where it stands in a line: words with anything but letters and digits between them.
    fn found_in(&self, line: &str) -> Option<(usize, usize)> {
        let fits = if self.parts == 1 { is_key } else { is_word };
        let mut at = 0;
        let mut runs = Vec::new();
        for run in line.split(|it: char| !it.is_ascii_alphanumeric()) {
            if !run.is_empty() {
                runs.push((at, run));
            }
            at += run.len();
            at += line[at..].chars().next().map_or(0, char::len_utf8);
        }
        let found = runs.windows(self.parts).find(|runs| {
            let mut parts = runs.iter().map(|(_, run)| *run);
            parts.clone().all(fits) && self.tag.as_ref() == tag(&self.salt, &mut parts).as_ref()
        })?;
        let ((from, _), (last, run)) = (found.first()?, found.last()?);
        Some((*from, last + run.len()))
    }
}

fn is_word(text: &str) -> bool {
    (1..=LONGEST_WORD).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_alphabetic())
}

fn is_key(text: &str) -> bool {
    let digits = bare(text);
    digits.len() == KEY_DIGITS && digits.bytes().all(|it| it.is_ascii_hexdigit())
}

fn bare(text: &str) -> &str {
    text.strip_prefix("0x").unwrap_or(text)
}

fn tag(salt: &hmac::Key, parts: &mut dyn Iterator<Item = &str>) -> hmac::Tag {
    let mut text = Zeroizing::new(Vec::with_capacity(ROOM));
    for part in parts {
        text.extend(bare(part).bytes().map(|it| it.to_ascii_lowercase()));
        text.push(b' ');
    }
    // Whole blocks: the rest of one would stay in the hash's own buffer, which nobody wipes.
    let blocks = text.len().div_ceil(BLOCK);
    text.resize(blocks * BLOCK, 0);
    hmac::sign(salt, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHRASE: &str =
        "legal winner thank year wave sausage worth useful legal winner thank yellow";

    #[test]
    fn secrets_are_blotted_out_and_the_rest_stays() {
        let mask = Mask::new(vec!["0123456789abcdef".into(), "key".into()]);
        let clean = mask.clean("token=0123456789abcdef of a key".into());
        assert_eq!(clean, "token=[secret] of a key");
        assert!(!format!("{mask:?}").contains("0123"));
    }

    #[test]
    fn a_wallet_is_known_again_in_any_dress_and_not_kept() {
        let key = "8f".repeat(32);
        let mask = Mask::new(vec![PHRASE.into(), key.as_str().into()]);
        assert!(mask.texts.is_empty());
        let list = PHRASE.split(' ').collect::<Vec<_>>().join("\", \"");
        for (told, clean) in [
            (format!("the words {PHRASE}."), "the words [secret]."),
            (format!("[\"{list}\"]"), "[\"[secret]\"]"),
            (
                format!("{} {PHRASE}", PHRASE.to_uppercase()),
                "[secret] [secret]",
            ),
            (format!("key=0x{key}, ü"), "key=[secret], ü"),
            (key.to_uppercase(), "[secret]"),
        ] {
            assert_eq!(mask.clean(told), clean);
        }
        let other = format!("{} thank | {}", &PHRASE[..62], "8e".repeat(32));
        assert_eq!(mask.clean(other.clone()), other);
    }
}
