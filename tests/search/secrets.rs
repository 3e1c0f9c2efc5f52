//! A wallet's secrets in all the forms in which they may be written.

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use bip39::Mnemonic;
use cosmrs::{bip32::XPrv, crypto::secp256k1::SigningKey};

/// Consecutive words that are taken for a part of the phrase, and not for chance.
const RUN: usize = 3;
/// Bytes that may lie between two words of a part.
const GAP: usize = 48;
/// Bytes of a part of the seed or the key that are taken for it.
const PART: usize = 16;

/// What the words are called where they are found.
pub(crate) const WORDS: &str = "the words";
/// What the key is called in the form in which the signer holds it: its lowest byte first.
pub(crate) const SIGNER: &str = "the signer's key";

/// A wallet that was made for one search, and texts that the search is proven by.
pub(crate) struct Secrets {
    /// The wallet's words.
    pub(crate) phrase: String,
    /// `allo1…`.
    pub(crate) address: String,
    words: Vec<String>,
    /// The words that begin with a letter, by that letter.
    words_by_first: Vec<Vec<usize>>,
    texts: Vec<(&'static str, Vec<u8>)>,
    /// The texts that begin with a byte, by that byte.
    by_first: Vec<Vec<usize>>,
}

impl Secrets {
    /// Those of 24 random words that nobody has seen.
    pub(crate) fn random() -> Self {
        let entropy: [u8; 32] = rand::random();
        Self::of(&Mnemonic::from_entropy(&entropy).unwrap().to_string())
    }

    /// Those of a phrase.
    pub(crate) fn of(phrase: &str) -> Self {
        let mnemonic: Mnemonic = phrase.parse().unwrap();
        let seed = mnemonic.to_seed("");
        let key = XPrv::derive_from_path(seed, &"m/44'/118'/0'/0/0".parse().unwrap()).unwrap();
        let mut of_signer = key.private_key().to_bytes().to_vec();
        let mut all = Self {
            phrase: phrase.to_owned(),
            address: SigningKey::from(key)
                .public_key()
                .account_id("allo")
                .unwrap()
                .to_string(),
            words: phrase.split(' ').map(str::to_owned).collect(),
            words_by_first: vec![Vec::new(); 256],
            texts: Vec::new(),
            by_first: vec![Vec::new(); 256],
        };
        for (at, word) in all.words.iter().enumerate() {
            all.words_by_first[usize::from(word.as_bytes()[0])].push(at);
        }
        all.bytes("the entropy", &mnemonic.to_entropy());
        all.bytes("the seed", &seed);
        all.bytes("the key", &of_signer);
        of_signer.reverse();
        for part in of_signer.chunks_exact(PART) {
            all.text(SIGNER, part);
        }
        // As the library that reads the words holds them: two bytes for each.
        let numbers: Vec<u8> = mnemonic
            .word_indices()
            .flat_map(|it| u16::try_from(it).unwrap().to_le_bytes())
            .collect();
        for part in numbers.chunks_exact(8) {
            all.text("the words' numbers", part);
        }
        all
    }

    /// A text made by chance, which the search has to find.
    pub(crate) fn plant(&mut self, name: &'static str) -> String {
        let text = hex::encode(rand::random::<[u8; 12]>());
        self.text(name, text.as_bytes());
        text
    }

    /// A text that is looked for.
    pub(crate) fn text(&mut self, name: &'static str, text: &[u8]) {
        self.by_first[usize::from(text[0])].push(self.texts.len());
        self.texts.push((name, text.to_vec()));
    }

    /// Bytes, each part of them, and all that they are written as.
    fn bytes(&mut self, name: &'static str, bytes: &[u8]) {
        for part in bytes.chunks_exact(PART) {
            self.text(name, part);
            let hex = hex::encode(part);
            self.text(name, hex.to_uppercase().as_bytes());
            self.text(name, hex.as_bytes());
            // A list of numbers, as Debug shows bytes.
            let list: Vec<String> = part.iter().map(u8::to_string).collect();
            self.text(name, list.join(", ").as_bytes());
            self.text(name, list.join(",").as_bytes());
        }
        // Without the end, which depends on what follows.
        self.text(name, &BASE64_STANDARD.encode(bytes).as_bytes()[..20]);
        self.text(name, &BASE64_URL_SAFE_NO_PAD.encode(bytes).as_bytes()[..20]);
    }

    /// What stands in a content, once for each time.
    pub(crate) fn found_in(&self, content: &[u8]) -> Vec<&'static str> {
        let mut found = self.words_in(content);
        for (at, byte) in content.iter().enumerate() {
            for &text in &self.by_first[usize::from(*byte)] {
                let (name, text) = &self.texts[text];
                if content[at..].starts_with(text) {
                    found.push(*name);
                }
            }
        }
        found
    }

    /// Parts of the phrase, in any case of letters and with anything between the words.
    fn words_in(&self, content: &[u8]) -> Vec<&'static str> {
        let mut found = Vec::new();
        // The places in the phrase where the last word could stand, and how many came before it in order.
        let mut last: Vec<(usize, usize)> = Vec::new();
        let (mut begin, mut last_end) = (0, 0);
        for end in 0..=content.len() {
            if content.get(end).is_some_and(u8::is_ascii_alphabetic) {
                continue;
            }
            let run = &content[begin..end];
            let from = std::mem::replace(&mut begin, end + 1);
            if !(3..=8).contains(&run.len()) {
                continue;
            }
            let first = run[0].to_ascii_lowercase();
            let places = self.words_by_first[usize::from(first)].iter().copied();
            let places: Vec<usize> = places
                .filter(|&it| self.words[it].as_bytes().eq_ignore_ascii_case(run))
                .collect();
            if places.is_empty() {
                continue;
            }
            if from - last_end > GAP {
                last.clear();
            }
            let next = places.into_iter().map(|at| {
                let before = last.iter().find(|(place, _)| place + 1 == at);
                (at, before.map_or(1, |(_, before)| before + 1))
            });
            last = next.collect();
            last_end = end;
            // A longer one is the same once more.
            if last.iter().any(|(_, length)| *length == RUN) {
                found.push(WORDS);
            }
        }
        found
    }
}

#[test]
fn the_search_finds_secrets_that_are_there() {
    let mut secrets = Secrets::random();
    let planted = secrets.plant("a text");
    let mnemonic: Mnemonic = secrets.phrase.parse().unwrap();
    let seed = mnemonic.to_seed("");
    let key = XPrv::derive_from_path(seed, &"m/44'/118'/0'/0/0".parse().unwrap()).unwrap();
    let key = key.private_key().to_bytes().to_vec();
    let words = secrets.words.clone();
    let in_signer: Vec<u8> = key.iter().rev().copied().collect();
    for (name, leak) in [
        (WORDS, secrets.phrase.clone().into_bytes()),
        (WORDS, format!("x {:?} y", &words[4..7]).into_bytes()),
        (
            WORDS,
            format!(
                "{}\t{}\0\u{1}{}",
                words[21],
                words[22].to_uppercase(),
                words[23]
            )
            .into_bytes(),
        ),
        ("the entropy", mnemonic.to_entropy()),
        ("the seed", BASE64_STANDARD.encode(seed).into_bytes()),
        ("the seed", seed[16..32].to_vec()),
        ("the key", hex::encode_upper(&key).into_bytes()),
        ("the key", format!("{:?}", &key[..16]).into_bytes()),
        (SIGNER, in_signer[16..].to_vec()),
        ("a text", planted.into_bytes()),
    ] {
        let told = String::from_utf8_lossy(&leak).into_owned();
        let leak = [b"before ", &leak[..], b" after"].concat();
        assert!(secrets.found_in(&leak).contains(&name), "{name} in {told}");
    }
    let once = format!("{0} | {0}", secrets.phrase);
    assert_eq!(secrets.found_in(once.as_bytes()), [WORDS, WORDS]);
    let harmless = format!("{} {} and {}", words[0], words[1], secrets.address);
    assert!(secrets.found_in(harmless.as_bytes()).is_empty());
    let far = [&words[0], &words[1], &" ".repeat(GAP + 1), &words[2]];
    let far = far.map(String::as_str).join(" ");
    assert!(secrets.found_in(far.as_bytes()).is_empty());
}
