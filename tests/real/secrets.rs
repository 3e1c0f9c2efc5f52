//! Nothing secret in anything that the worker writes.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use rstest::rstest;

use crate::{
    chain::Chain,
    gate::say,
    ledger::Ledger,
    node,
    search::{Found, SIGNER, Searched, Secrets, WORDS, is_root},
    site::{Site, binary},
    wallet::Wallet,
    worker::READY,
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

    let secrets = Secrets::of(&wallet.mnemonic);
    let files = files_below(site.path());
    let mut bytes = 0;
    for file in &files {
        let content = fs::read(file).expect("a readable file");
        bytes += content.len();
        let found = secrets.found_in(&content);
        assert!(found.is_empty(), "{found:?} in {}", file.display());
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

/// Where the operator puts the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Environment,
    File,
    Credential,
    Locked,
}

/// Puts the words of a wallet to where a worker takes them from: the variables that say so, and the
/// place where the words stand.
fn put(way: Way, words: &str, folder: &Path) -> (Vec<(&'static str, String)>, Option<String>) {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).expect("a writable folder");
        let owner_only = fs::Permissions::from_mode(0o600);
        fs::set_permissions(&path, owner_only).expect("an own file");
        fs::canonicalize(path)
            .expect("a file")
            .display()
            .to_string()
    };
    // What is empty counts as not set.
    let none = ("MNEMONIC", String::new());
    match way {
        Way::Environment => (vec![("MNEMONIC", words.into())], Some("environ".into())),
        Way::File => {
            let path = write("words", words);
            (vec![none, ("MNEMONIC_FILE", path.clone())], Some(path))
        }
        Way::Credential => {
            let inside = folder.join("credentials");
            fs::create_dir(&inside).expect("a writable folder");
            let path = write("credentials/mnemonic", words);
            let inside = inside.display().to_string();
            (vec![none, ("CREDENTIALS_DIRECTORY", inside)], Some(path))
        }
        Way::Locked => {
            let open = write("words", words);
            let passphrase = write("passphrase", "four words by chance");
            let locked = folder.join("wallet.pem").display().to_string();
            let made = Command::new(binary())
                .args(["wallet", "encrypt", "--in", &open])
                .args(["--passphrase-file", &passphrase, "--out", &locked])
                .output()
                .expect("the worker's binary runs");
            assert!(made.status.success(), "{made:?}");
            fs::remove_file(open).expect("an own file");
            let named = ("WALLET_PASSPHRASE_FILE", passphrase);
            (vec![none, ("PRIVATE_KEY_FILE", locked), named], None)
        }
    }
}

fn places<'a>(found: &'a Found, name: &str) -> Vec<&'a str> {
    let places = found.keys().filter(|(it, _)| *it == name);
    places.map(|(_, place)| place.as_str()).collect()
}

#[rstest]
#[case::in_the_environment(Way::Environment)]
#[case::in_a_file(Way::File)]
#[case::as_a_credential(Way::Credential)]
#[case::in_a_locked_file(Way::Locked)]
fn a_worker_on_the_node_shows_keeps_and_writes_the_words_nowhere(#[case] way: Way) {
    let Some(node) = node::shared() else { return };
    let chain = Chain::new(&node.rpc);
    let since = SystemTime::now() - Duration::from_secs(1);
    let wallet = Wallet::random();
    let mut secrets = Secrets::of(&wallet.mnemonic);
    secrets.text("the address", wallet.address.as_bytes());
    let control = secrets.plant("a text of the operator's");
    node.fund(&wallet.address, 5);
    let aside = tempfile::tempdir().expect("a temporary folder");
    let temporary = aside.path().join(&control);
    fs::create_dir(&temporary).expect("a writable folder");
    let site = Site::new(node, &wallet);
    let (mut variables, expected) = put(way, &wallet.mnemonic, aside.path());
    variables.push(("TMPDIR", temporary.display().to_string()));
    variables.push(("RUST_LOG", "trace".into()));
    if !is_root() {
        // Nobody but root could search its memory.
        variables.push(("ALLORA_CORE_DUMPS", "allow".into()));
    }
    let variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let mut worker = site.start_with(&variables);
    worker.wait_until_ready();
    let mut ledger = Ledger::new(&chain);
    let ready_at = ledger.advance();
    for window in ledger.wait_for_closed(ready_at, 1) {
        worker.wait_for("verdict", READY, |event| {
            event["event"] == "counted" && event["nonce"] == window.nonce
        });
    }
    let folders = [site.path(), aside.path()];
    let searched = Searched {
        pid: worker.pid(),
        folders: &folders,
        since,
    };
    let outside = searched.outside(&secrets);
    let memory = searched.lasting_memory(&secrets).expect("open memory");
    worker.stop();

    // The search finds what is there.
    assert_eq!(places(&outside, "a text of the operator's"), ["environ"]);
    let told = places(&outside, "the address");
    for file in ["worker.db", "worker_continuous.log"] {
        let is_told = told.iter().any(|place| place.contains(file));
        assert!(is_told, "{file}: {outside:?}");
    }
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    assert_eq!(places(&outside, WORDS), expected, "{outside:?}");
    let is_secret = |name: &str| !["the address", "a text of the operator's"].contains(&name);
    let others = |found: &Found, known: &str| {
        let mut names = found.keys().map(|(name, _)| *name);
        names.any(|name| is_secret(name) && name != WORDS && name != known)
    };
    assert!(!others(&outside, WORDS), "{outside:?}");
    let in_environment = (way == Way::Environment).then_some("memory [stack]");
    let in_environment: Vec<&str> = in_environment.into_iter().collect();
    assert_eq!(places(&memory, WORDS), in_environment, "{memory:?}");
    assert!(!others(&memory, SIGNER), "{memory:?}");
    let halves = memory.iter().filter(|((name, _), _)| *name == SIGNER);
    let halves: usize = halves.map(|(_, times)| times).sum();
    assert_eq!(halves, 2, "one copy of the key: {memory:?}");
    say(&format!(
        "{way:?}: the words were found in {expected:?}, and in memory in {in_environment:?}; the key once, in the signer"
    ));
}
