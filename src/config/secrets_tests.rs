use std::os::unix::fs::PermissionsExt;

use super::*;

const VALID: &str = "cat swing flag economy stadium alone churn speed unique patch report train";

fn read(name: &str, value: &str) -> Result<WalletSecret, String> {
    let source = Environment::new("", [(name.to_owned(), value.to_owned())]);
    let read = wallet(&[&source], Path::new("/"), &mut Vec::new());
    read.map(|it| it.unwrap().0)
        .map_err(|refused| format!("{refused} {refused:?}"))
}

#[test]
fn a_phrase_is_brought_into_its_one_form() {
    let messy = format!("  {}\n", VALID.to_uppercase().replace(' ', "\t "));
    let read = read("MNEMONIC", &messy).unwrap();
    assert_eq!(read.secret().expose_secret(), VALID);
    assert!(!read.is_public_knowledge());
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
        let refused = read("MNEMONIC", &phrase).unwrap_err();
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
fn published_phrases_are_known() {
    let vectors = [
        format!("{}about", "abandon ".repeat(11)),
        format!("{}art", "abandon ".repeat(23)),
        format!("{}wrong", "zoo ".repeat(11)),
        "legal winner thank year wave sausage worth useful legal winner thank yellow".into(),
        TOOLS_PHRASE.into(),
    ];
    for phrase in vectors {
        assert!(
            read("MNEMONIC", &phrase).unwrap().is_public_knowledge(),
            "{phrase}"
        );
    }
    assert!(WalletSecret::devnet().is_public_knowledge());
}

#[test]
fn a_private_key_has_64_digits() {
    let key = "0123456789abcdef".repeat(4);
    for written in [key.clone(), format!("0x{}", key.to_uppercase())] {
        let read = read("PRIVATE_KEY", &written).unwrap();
        assert_eq!(read.secret().expose_secret(), key);
    }
    for wrong in [&key[1..], VALID, &key.replace('f', "g")] {
        let refused = read("PRIVATE_KEY", wrong).unwrap_err();
        assert!(refused.contains("64 hexadecimal digits"), "{refused}");
        assert!(
            !refused.contains("swing") && !refused.contains("456789"),
            "{refused}"
        );
    }
}

#[test]
fn a_file_may_hold_the_phrase() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("phrase");
    fs::write(&path, format!("{VALID}\n")).unwrap();
    let variable = ("MNEMONIC_FILE".to_owned(), "phrase".to_owned());
    let source = Environment::new("", [variable]);
    let mut notices = Vec::new();
    for (mode, told) in [(0o644, 1), (0o600, 0)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        notices.clear();
        let read = wallet(&[&source], folder.path(), &mut notices)
            .unwrap()
            .unwrap();
        assert_eq!(read.0.secret().expose_secret(), VALID);
        assert_eq!(notices.len(), told, "{notices:?}");
    }
    let refused = read("MNEMONIC_FILE", VALID).unwrap_err();
    assert!(!refused.contains("swing"), "{refused}");
}

#[test]
fn the_stronger_source_wins_and_two_in_one_are_refused() {
    let one = |name: &str, value: &str| Environment::new("", [(name.into(), value.into())]);
    let key = "ab".repeat(32);
    let (strong, weak) = (one("PRIVATE_KEY", &key), one("MNEMONIC", VALID));
    let read = wallet(&[&strong, &weak], Path::new("/"), &mut Vec::new());
    assert!(matches!(read, Ok(Some((WalletSecret::PrivateKey(_), _)))));
    let both = [("MNEMONIC", VALID), ("PRIVATE_KEY", key.as_str())];
    let both = Environment::new(".env", both.map(|it| (it.0.into(), it.1.into())));
    let refused = wallet(&[&both], Path::new("/"), &mut Vec::new()).unwrap_err();
    assert!(
        refused.to_string().contains("keep one of them"),
        "{refused}"
    );
}
