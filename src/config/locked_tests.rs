use super::*;

const WORDS: &str = "cat swing flag economy stadium alone churn speed unique patch report train\n";
/// What age 1.2.1 made of [`WORDS`] with the passphrase "correct horse".
const OF_AGE: &str = "\
-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBuRjdkNDQrbW5Nb1kwN01m
eWtEbzhnIDE4CjhOYUgxRWpiS2NYeU5JanA0TmYxU1NRTWVPdTdxSU51TlN1K3h2
WU84ajAKLS0tIGJzcE9wUElCdmRLOG1DN2lBUlNrQUdZd053UnM5cHBjTEFLd0ov
MlcvQ1UKq1eSKkFQqZBAojBJgwY7VwX+S8hRNZWaJ6kF57gjDFSWVuuB0Kp3xSPp
AO9vNVyuEgGqMiLF54Fs21XUZ7qDYjzFrXbclwrO0r0MxpQwprCz1q5ulq9bvuca
8oKuTQL6eCCZXjqqjn0yIA8=
-----END AGE ENCRYPTED FILE-----
";
/// Cheap enough for tests.
const CHEAP: u8 = 4;

fn made() -> Vec<u8> {
    let file = lock(WORDS.as_bytes(), &"correct horse".into(), CHEAP).unwrap();
    assert!(is_locked(file.as_bytes()));
    bare_of(file.as_bytes()).unwrap()
}

#[test]
fn what_age_made_is_opened() {
    assert!(is_locked(OF_AGE.as_bytes()));
    let text = unlock(OF_AGE.as_bytes(), &"correct horse".into()).unwrap();
    assert_eq!(text.as_slice(), WORDS.as_bytes());
}

#[test]
fn what_is_locked_is_opened_with_and_without_armour_by_its_passphrase_alone() {
    let file = lock(WORDS.as_bytes(), &"correct horse".into(), CHEAP).unwrap();
    let bare = bare_of(file.as_bytes()).unwrap();
    let untidy = format!("\n{}\n\n", file.replace('\n', "\r\n"));
    for form in [file.as_bytes(), &bare, untidy.as_bytes()] {
        assert!(is_locked(form));
        let text = unlock(form, &"correct horse".into()).unwrap();
        assert_eq!(text.as_slice(), WORDS.as_bytes());
        for wrong in ["correct horse ", "Correct horse", ""] {
            assert_eq!(unlock(form, &wrong.into()), Err(LockError::Wrong));
        }
    }
    assert!(file.lines().all(|line| line.len() <= COLUMNS));
    assert!(!file.contains("swing"));
}

#[test]
fn two_files_of_one_text_have_nothing_in_common() {
    let (one, two) = (made(), made());
    let salt = |file: &[u8]| Header::read(file).unwrap().salt;
    assert_ne!(salt(&one), salt(&two));
    let payload = |file: &[u8]| Header::read(file).unwrap().payload.to_vec();
    assert_ne!(payload(&one), payload(&two));
}

#[test]
fn a_file_with_any_changed_byte_is_refused() {
    let file = made();
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(
            unlock(&changed, &"correct horse".into()).is_err(),
            "byte {at} does not matter"
        );
    }
    for length in 0..file.len() {
        assert!(unlock(&file[..length], &"correct horse".into()).is_err());
    }
}

#[test]
fn what_would_exhaust_us_or_is_for_keys_is_refused_at_once() {
    let header = |stanza: &str| format!("{VERSION}\n-> {stanza}\nAAAA\n--- AAAA\n");
    for (stanza, refused) in [
        (
            "scrypt AAAAAAAAAAAAAAAAAAAAAA 30",
            LockError::TooMuchWork(30),
        ),
        ("scrypt AAAAAAAAAAAAAAAAAAAAAA 0", LockError::Broken),
        ("scrypt AAAA 4", LockError::Broken),
        ("X25519 AAAA", LockError::NoPassphrase),
        ("", LockError::NoPassphrase),
    ] {
        let file = header(stanza);
        let opened = unlock(file.as_bytes(), &"correct horse".into());
        assert_eq!(opened, Err(refused), "{stanza}");
    }
    let long = vec![b'a'; CHUNK + 1];
    assert_eq!(lock(&long, &"p".into(), CHEAP), Err(LockError::TooLong));
    assert!(!is_locked(WORDS.as_bytes()));
}
