//! Nothing secret in anything that the worker writes.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{
    chain::Chain, gate::say, ledger::Ledger, node, site::Site, wallet::Wallet, worker::READY,
};

#[test]
fn no_words_and_no_key_are_in_anything_that_the_worker_wrote() {
    let Some(node) = node::shared() else { return };
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::random();
    node.fund(&wallet.address, 5);
    let site = Site::new(node, &wallet);
    // The most talkative worker is the one to read.
    let mut worker = site.start_with(&[("RUST_LOG", "trace")]);
    worker.wait_until_ready();
    let mut ledger = Ledger::new(&chain);
    let ready_at = ledger.advance();
    for window in ledger.wait_for_closed(ready_at, 2) {
        worker.wait_for("verdict", READY, |event| {
            event["event"] == "counted" && event["nonce"] == window.nonce
        });
    }
    let arguments = fs::read(format!("/proc/{}/cmdline", worker.pid())).unwrap_or_default();
    fs::write(site.path().join("cmdline"), arguments).expect("a writable folder");
    worker.stop();
    refused_mnemonic(&site);

    let secrets = Secrets::of(&wallet);
    let files = files_below(site.path());
    let mut bytes = 0;
    for file in &files {
        let content = fs::read(file).expect("a readable file");
        bytes += content.len();
        assert_eq!(secrets.found_in(&content), None, "in {}", file.display());
    }
    assert!(
        files
            .iter()
            .any(|file| file.ends_with("artifacts/worker.db")),
        "the journal was not among {files:?}"
    );
    say(&format!(
        "{} files with {bytes} bytes read: no secret in them",
        files.len()
    ));
}

/// A mnemonic with a word too many is refused without being shown.
fn refused_mnemonic(site: &Site<'_>) {
    let words = format!("{} abandon", site.mnemonic());
    let mut worker = site.start_with(&[("MNEMONIC", &words)]);
    let status = worker.wait_for_exit(READY);
    assert!(!status.success(), "a wrong mnemonic was accepted");
    let printed = worker.printed();
    assert!(
        printed.contains("MNEMONIC"),
        "the cause is not named: {printed}"
    );
}

/// What must not be found, in all its forms.
struct Secrets {
    triples: HashSet<[String; 3]>,
    texts: Vec<(&'static str, Vec<u8>)>,
}

impl Secrets {
    fn of(wallet: &Wallet) -> Self {
        let words: Vec<String> = wallet.mnemonic.split(' ').map(str::to_owned).collect();
        let triples = words
            .windows(3)
            .map(|three| [three[0].clone(), three[1].clone(), three[2].clone()])
            .collect();
        let mut texts = Vec::new();
        for (bytes, names) in [
            (
                &wallet.key,
                [
                    "the key",
                    "the key in hex",
                    "the key in base64",
                    "the key in base64url",
                ],
            ),
            (
                &wallet.seed,
                [
                    "the seed",
                    "the seed in hex",
                    "the seed in base64",
                    "the seed in base64url",
                ],
            ),
        ] {
            let hex = hex::encode(bytes);
            // A list of numbers, as Debug shows bytes.
            let list: Vec<String> = bytes.iter().map(u8::to_string).collect();
            // Without its last group, which depends on what follows.
            let base64 = BASE64_STANDARD.encode(bytes);
            let url = BASE64_URL_SAFE_NO_PAD.encode(bytes);
            texts.push((names[0], bytes.clone()));
            texts.push((names[1], hex.into_bytes()));
            texts.push((names[2], base64.as_bytes()[..40].to_vec()));
            texts.push((names[3], url.as_bytes()[..40].to_vec()));
            texts.push((names[0], list[..8].join(", ").into_bytes()));
        }
        Self { triples, texts }
    }

    /// What of it stands in the content, in any case of letters and with anything between words.
    fn found_in(&self, content: &[u8]) -> Option<String> {
        let lower = content.to_ascii_lowercase();
        let words: Vec<&[u8]> = lower
            .split(|byte| !byte.is_ascii_lowercase())
            .filter(|word| !word.is_empty())
            .collect();
        for three in words.windows(3) {
            let three = [0, 1, 2].map(|at| String::from_utf8_lossy(three[at]).into_owned());
            if self.triples.contains(&three) {
                return Some("three consecutive words of the mnemonic".to_owned());
            }
        }
        let found = self.texts.iter().find(|(_, text)| {
            let lower_text = text.to_ascii_lowercase();
            lower.windows(text.len()).any(|part| part == lower_text)
        });
        found.map(|(name, _)| (*name).to_owned())
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[test]
fn the_search_finds_secrets_that_are_there() {
    let wallet = Wallet::random();
    let secrets = Secrets::of(&wallet);
    let words: Vec<&str> = wallet.mnemonic.split(' ').collect();
    let hex = hex::encode_upper(&wallet.key);
    for leak in [
        format!("x {:?} y", &words[4..7]),
        format!("{} {}\t{}", words[21], words[22].to_uppercase(), words[23]),
        format!("key={hex}"),
        BASE64_STANDARD.encode(&wallet.seed),
        format!("{:?}", wallet.key),
    ] {
        assert!(secrets.found_in(leak.as_bytes()).is_some(), "{leak}");
    }
    let harmless = format!("{} {} and {}", words[0], words[1], wallet.address);
    assert_eq!(secrets.found_in(harmless.as_bytes()), None);
}
