use std::{fs, os::unix::fs::PermissionsExt};

use super::*;

const VALID: &str = "cat swing flag economy stadium alone churn speed unique patch report train";

fn search(
    sources: &[&Environment],
    root: &Path,
) -> Result<Option<(WalletSecret, String)>, ConfigError> {
    let search = Search {
        sources,
        root,
        ask: None,
    };
    search.wallet(&mut Vec::new())
}

fn read_alone(name: &str, value: &str) -> Result<WalletSecret, String> {
    let source = Environment::new("", [(name.to_owned(), value.to_owned())]);
    let read = search(&[&source], Path::new("/"));
    read.map(|it| it.unwrap().0)
        .map_err(|refused| format!("{refused} {refused:?}"))
}

#[test]
fn a_phrase_is_brought_into_its_one_form() {
    let messy = format!("  {}\n", VALID.to_uppercase().replace(' ', "\t "));
    let read = read_alone("MNEMONIC", &messy).unwrap();
    assert_eq!(read.secret().expose_secret(), VALID);
    assert!(!format!("{read:?}").contains("cat"));
}

#[test]
fn a_wrong_phrase_is_refused_without_its_words() {
    let cases = [
        (
            VALID.replace("economy", "econommy"),
            "word 4 of the mnemonic",
        ),
        (VALID.replace(" train", ""), "has 11 words"),
        (VALID.replace("cat swing", "swing cat"), "checksum is wrong"),
    ];
    for (phrase, wanted) in cases {
        let refused = read_alone("MNEMONIC", &phrase).unwrap_err();
        assert!(
            refused.contains("variable MNEMONIC") && refused.contains(wanted),
            "{refused}"
        );
        let leaked = phrase.split(' ').find(|word| {
            let mut told = refused.split(|c: char| !c.is_alphabetic());
            word.len() > 4 && told.any(|it| it == *word)
        });
        assert!(
            matches!(leaked, None | Some("report" | "unique")),
            "{refused}"
        );
    }
}

#[test]
fn a_private_key_has_64_digits() {
    let key = "0123456789abcdef".repeat(4);
    for written in [key.clone(), format!("0x{}", key.to_uppercase())] {
        let read = read_alone("PRIVATE_KEY", &written).unwrap();
        assert_eq!(read.secret().expose_secret(), key);
    }
    for wrong in [&key[1..], VALID, &key.replace('f', "g")] {
        let refused = read_alone("PRIVATE_KEY", wrong).unwrap_err();
        assert!(refused.contains("64 hexadecimal digits"), "{refused}");
        assert!(
            !refused.contains("swing") && !refused.contains("456789"),
            "{refused}"
        );
    }
}

#[test]
fn a_file_may_hold_the_phrase_if_it_is_the_users_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("phrase");
    fs::write(&path, format!("{VALID}\n")).unwrap();
    let source = of("MNEMONIC_FILE", "phrase");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = search(&[&source], folder.path()).unwrap_err().to_string();
    assert!(refused.contains("; chmod 600 /"), "{refused}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let read = search(&[&source], folder.path()).unwrap().unwrap();
    assert_eq!(read.0.secret().expose_secret(), VALID);
    let refused = read_alone("MNEMONIC_FILE", VALID).unwrap_err();
    assert!(!refused.contains("swing"), "{refused}");
}

fn of(name: &str, value: &str) -> Environment {
    Environment::new("", [(name.to_owned(), value.to_owned())])
}

fn private(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_locked_key_is_opened_with_a_passphrase_from_a_file_a_credential_or_the_operator() {
    let folder = tempfile::tempdir().unwrap();
    let key = "ab".repeat(32);
    let file = locked::lock(&[0xab; 32], &"correct horse".into(), locked::CHEAP).unwrap();
    private(folder.path(), "wallet.pem", &file);
    private(folder.path(), "digits", &format!("0x{key}\n"));
    private(folder.path(), "passphrase", "correct horse\n");
    let named = of("PRIVATE_KEY_FILE", "wallet.pem");
    let held = of("PRIVATE_KEY", &file);
    for passphrase in [
        of("WALLET_PASSPHRASE_FILE", "passphrase"),
        of("WALLET_PASSPHRASE", "correct horse"),
    ] {
        for source in [&named, &held, &of("PRIVATE_KEY_FILE", "digits")] {
            let read = search(&[source, &passphrase], folder.path());
            let (read, _) = read.unwrap().unwrap();
            assert!(matches!(read, WalletSecret::PrivateKey(_)));
            assert_eq!(read.secret().expose_secret(), key);
        }
    }
    let asking = |ask: Option<Ask>| {
        let sources = [&named];
        let search = Search {
            sources: &sources,
            root: folder.path(),
            ask,
        };
        search.wallet(&mut Vec::new())
    };
    let answer: Ask = |_| Ok(Zeroizing::new("correct horse".into()));
    assert!(asking(Some(answer)).unwrap().is_some());
    assert!(asking(None).unwrap().is_none());
    let nobody: Ask = |_| Err(io::ErrorKind::NotFound.into());
    let refused = asking(Some(nobody)).unwrap_err().to_string();
    assert!(refused.contains("WALLET_PASSPHRASE_FILE"), "{refused}");
    let wrong: Ask = |_| Ok(Zeroizing::new("incorrect horse".into()));
    let refused = asking(Some(wrong)).unwrap_err().to_string();
    assert!(
        refused.contains("wallet.pem") && refused.contains("does not open it"),
        "{refused}"
    );
    assert!(!refused.contains("incorrect horse"), "{refused}");
    fs::set_permissions(
        folder.path().join("passphrase"),
        fs::Permissions::from_mode(0o640),
    )
    .unwrap();
    let open = of("WALLET_PASSPHRASE_FILE", "passphrase");
    let refused = search(&[&named, &open], folder.path()).unwrap_err();
    assert!(refused.to_string().contains("chmod 600"), "{refused}");
}

#[test]
fn what_a_guesser_or_a_changed_file_could_use_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let vectors = include_str!("locked_vectors.txt");
    let file = vectors.split_once("= no_public\n").unwrap().1;
    let (file, _) = file.split_once("= ").unwrap();
    private(folder.path(), "wallet.pem", file);
    let sources = [
        &of("PRIVATE_KEY_FILE", "wallet.pem"),
        &of("WALLET_PASSPHRASE", "correct horse"),
    ];
    let search = Search {
        sources: &sources,
        root: folder.path(),
        ask: None,
    };
    let mut notices = Vec::new();
    assert!(search.wallet(&mut notices).unwrap().is_some());
    notices.retain(|it| it.contains("PRIVATE_KEY_FILE") && it.contains("wallet.pem"));
    assert!(notices[0].contains("guesses at its passphrase are cheap"));
    assert!(notices[1].contains("no public key"), "{notices:?}");
}

#[test]
fn a_key_in_the_mnemonics_place_is_told_where_it_belongs() {
    let folder = tempfile::tempdir().unwrap();
    let file = locked::lock(&[0xab; 32], &"correct horse".into(), locked::CHEAP).unwrap();
    private(folder.path(), "wallet.pem", &file);
    for source in [of("MNEMONIC_FILE", "wallet.pem"), of("MNEMONIC", &file)] {
        let refused = search(&[&source], folder.path()).unwrap_err().to_string();
        assert!(refused.contains("PRIVATE_KEY_FILE"), "{refused}");
    }
    private(folder.path(), "words", VALID);
    let refused = search(&[&of("PRIVATE_KEY_FILE", "words")], folder.path());
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("MNEMONIC_FILE") && !refused.contains("swing"),
        "{refused}"
    );
    let refused = WalletSecret::read(&file, "standard input").unwrap_err();
    assert!(refused.to_string().contains("it is a PEM"), "{refused}");
}

#[test]
fn the_stronger_source_wins_and_two_in_one_are_refused() {
    let one = |name: &str, value: &str| Environment::new("", [(name.into(), value.into())]);
    let key = "ab".repeat(32);
    let (strong, weak) = (one("PRIVATE_KEY", &key), one("MNEMONIC", VALID));
    let read = search(&[&strong, &weak], Path::new("/"));
    assert!(matches!(read, Ok(Some((WalletSecret::PrivateKey(_), _)))));
    let both = [("MNEMONIC", VALID), ("PRIVATE_KEY", key.as_str())];
    let both = Environment::new(".env", both.map(|it| (it.0.into(), it.1.into())));
    let refused = search(&[&both], Path::new("/")).unwrap_err();
    assert!(
        refused.to_string().contains("keep one of them"),
        "{refused}"
    );
}
