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
fn a_locked_file_is_opened_with_a_passphrase_from_a_file_a_credential_or_the_operator() {
    let folder = tempfile::tempdir().unwrap();
    let key = "ab".repeat(32);
    for (name, text) in [("words.age", VALID), ("key.age", &key)] {
        let file = locked::lock(text.as_bytes(), &"correct horse".into(), 4).unwrap();
        private(folder.path(), name, &file);
    }
    private(folder.path(), "passphrase", "correct horse\n");
    let words = of("MNEMONIC_FILE", "words.age");
    for passphrase in [
        of("WALLET_PASSPHRASE_FILE", "passphrase"),
        of("WALLET_PASSPHRASE", "correct horse"),
    ] {
        for (name, expected) in [("words.age", VALID), ("key.age", &key)] {
            let file = of("MNEMONIC_FILE", name);
            let read = search(&[&file, &passphrase], folder.path());
            let (read, _) = read.unwrap().unwrap();
            assert_eq!(read.secret().expose_secret(), expected);
        }
    }
    let asking = |ask: Option<Ask>| {
        let sources = [&words];
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
        refused.contains("words.age") && refused.contains("does not open it"),
        "{refused}"
    );
    assert!(!refused.contains("incorrect horse"), "{refused}");
    fs::set_permissions(
        folder.path().join("passphrase"),
        fs::Permissions::from_mode(0o640),
    )
    .unwrap();
    let open = of("WALLET_PASSPHRASE_FILE", "passphrase");
    let refused = search(&[&words, &open], folder.path()).unwrap_err();
    assert!(refused.to_string().contains("chmod 600"), "{refused}");
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
