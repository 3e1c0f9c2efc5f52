use std::{
    env,
    io::Write,
    process::{Command, Stdio},
};

use pkcs8::pkcs5::pbes2::Pbkdf2Params;

use super::*;

/// What was locked in `locked_vectors.txt`.
const KEY: &str = "c1a822af3c4c75a4dccc179998b6acdf2257328cc833e6d2d9d3ec975c8e9bff";
const VECTORS: &str = include_str!("locked_vectors.txt");

fn vector(name: &str) -> &'static str {
    let mut parts = VECTORS.split("= ").skip(1);
    let found = parts.find_map(|it| it.split_once('\n').filter(|(title, _)| *title == name));
    found.unwrap().1
}

fn key() -> [u8; 32] {
    hex::decode(KEY).unwrap().try_into().unwrap()
}

fn made() -> String {
    lock(&key(), &"correct horse".into(), CHEAP).unwrap()
}

/// Reads and opens it.
fn unlock(file: &[u8], passphrase: &str) -> Result<([u8; 32], bool), LockError> {
    let opened = Locked::read(file)?.open(&passphrase.into())?;
    Ok((*opened.key, opened.is_vouched))
}

fn pem(der: &[u8]) -> String {
    let label = EncryptedPrivateKeyInfo::PEM_LABEL;
    pkcs8::der::pem::encode_string(label, LineEnding::LF, der).unwrap()
}

fn der(file: &str) -> Vec<u8> {
    Locked::read(file.as_bytes()).unwrap().0.as_bytes().to_vec()
}

#[test]
fn what_openssl_locked_is_opened_and_a_cheap_lock_is_told() {
    for (name, cheap) in [
        ("full", None),
        ("scrypt", Some("scrypt with N 1024, r 8, p 1")),
        ("pbkdf2", Some("PBKDF2 with 2048 rounds")),
        ("sha512", Some("PBKDF2 with 2048 rounds")),
        ("compressed", Some("scrypt with N 1024, r 8, p 1")),
    ] {
        let file = vector(name);
        assert!(is_pem(file.as_bytes()), "{name}");
        let opened = unlock(file.as_bytes(), "correct horse");
        assert_eq!(opened, Ok((key(), true)), "{name}");
        let told = Locked::read(file.as_bytes()).unwrap().weakness();
        match cheap {
            Some(cheap) => assert!(told.unwrap().contains(cheap), "{name}"),
            None => assert_eq!(told, None, "{name}"),
        }
    }
    let alone = unlock(vector("no_public").as_bytes(), "correct horse");
    assert_eq!(alone, Ok((key(), false)));
}

#[test]
fn what_is_locked_is_opened_by_its_passphrase_alone() {
    let file = made();
    let untidy = format!("\n{}\n\n", file.replace('\n', " \r\n"));
    for form in [&file, &untidy] {
        assert!(is_pem(form.as_bytes()));
        let opened = unlock(form.as_bytes(), "correct horse");
        assert_eq!(opened, Ok((key(), true)));
    }
    for wrong in (0..300).map(|at| format!("correct horse {at}")) {
        assert_eq!(
            unlock(file.as_bytes(), &wrong),
            Err(LockError::Wrong),
            "{wrong}"
        );
    }
    for wrong in ["", "correct horse ", "Correct horse"] {
        assert_eq!(unlock(file.as_bytes(), wrong), Err(LockError::Wrong));
    }
    assert!(file.lines().all(|line| line.len() <= 64));
    assert!(!is_pem(KEY.as_bytes()));
}

#[test]
#[allow(
    clippy::print_stderr,
    reason = "who reads the tests is told what was not tried"
)]
fn what_is_locked_the_openssl_command_opens() {
    // What the command limits is the memory, which p does not change.
    let once = Cost { p: 1, ..COST };
    let file = lock(&key(), &"correct horse".into(), once).unwrap();
    for command in ["pkcs8", "ec"] {
        let started = Command::new("openssl")
            .args([command, "-passin", "pass:correct horse"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(absent) if env::var("ALLORA_REAL").as_deref() != Ok("require") => {
                eprintln!("SKIPPED: no openssl command: {absent}");
                return;
            }
            Err(absent) => panic!("no openssl command: {absent}"),
        };
        let mut input = child.stdin.take().unwrap();
        input.write_all(file.as_bytes()).unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (label, open) = SecretDocument::from_pem(&text).unwrap();
        match label {
            "PRIVATE KEY" => assert_eq!(*opened_key(open.as_bytes()).unwrap().key, key()),
            "EC PRIVATE KEY" => {
                let read = SecretKey::from_sec1_der(open.as_bytes()).unwrap();
                assert_eq!(read.to_bytes()[..], key());
            }
            _ => panic!("{label}"),
        }
    }
}

#[test]
fn what_we_lock_with_costs_what_it_says() {
    let file = lock(&key(), &"correct horse".into(), COST).unwrap();
    let locked = Locked::read(file.as_bytes()).unwrap();
    let (parameters, _) = locked.parameters().unwrap();
    let Kdf::Scrypt(scrypt) = parameters.kdf else {
        panic!("{parameters:?}");
    };
    // 128·N·r is within the openssl command's 32 MiB; the product is that of N 2^18, r 8, p 1.
    assert!(128 * scrypt.cost_parameter * u64::from(scrypt.block_size) <= 16 << 20);
    assert_eq!(cost(&scrypt).blocks(), (1 << 18) * 8);
    assert_eq!(locked.weakness(), None);
    assert!(matches!(
        parameters.encryption,
        pbes2::EncryptionScheme::Aes256Cbc { .. }
    ));
}

#[test]
fn two_files_of_one_key_have_neither_salt_nor_start_nor_text_in_common() {
    let files = [made(), made()];
    let [one, two] = files.map(|file| Locked::read(file.as_bytes()).unwrap());
    let (one, two) = (one.parameters().unwrap(), two.parameters().unwrap());
    let salt = |it: &pbes2::Parameters<'_>| it.kdf.scrypt().unwrap().salt.to_vec();
    assert_ne!(salt(&one.0), salt(&two.0));
    assert_ne!(one.0.encryption, two.0.encryption);
    assert_ne!(one.1[..16], two.1[..16]);
}

#[test]
fn a_file_with_any_changed_byte_is_refused() {
    let file = made();
    let bytes = der(&file);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= [1, 0x80][at % 2];
        let opened = unlock(pem(&changed).as_bytes(), "correct horse");
        assert!(opened.is_err(), "byte {at} does not matter");
    }
    let text = file.trim_end().as_bytes();
    for at in 0..text.len() {
        let mut changed = text.to_vec();
        changed[at] ^= 1;
        let opened = unlock(&changed, "correct horse");
        assert!(opened.is_err(), "letter {at} does not matter");
        assert!(unlock(&text[..at], "correct horse").is_err(), "cut at {at}");
    }
    // The armour fits, and what is in it is cut.
    for length in 0..bytes.len() {
        assert!(unlock(pem(&bytes[..length]).as_bytes(), "correct horse").is_err());
    }
}

#[test]
fn without_a_public_key_a_changed_byte_is_refused_or_gives_another_key_that_nothing_vouches_for() {
    let bytes = der(vector("no_public"));
    let mut others = 0;
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        if let Ok((opened, is_vouched)) = unlock(pem(&changed).as_bytes(), "correct horse") {
            assert_ne!(opened, key(), "byte {at} does not matter");
            assert!(!is_vouched);
            others += 1;
        }
    }
    assert!(others > 0);
}

#[test]
fn another_kind_of_key_or_of_lock_is_told() {
    for (name, refused) in [
        ("p256", LockError::OtherKey),
        ("ed25519", LockError::OtherKey),
        ("explicit", LockError::OtherKey),
        ("sha1", LockError::Unknown),
        ("des3", LockError::Unknown),
        ("pbes1", LockError::Unknown),
        ("one_round", LockError::TooLittleWork),
        ("traditional", LockError::NotLocked),
        ("open", LockError::NotLocked),
    ] {
        let file = vector(name);
        assert!(is_pem(file.as_bytes()), "{name}");
        let opened = unlock(file.as_bytes(), "correct horse");
        assert_eq!(opened, Err(refused), "{name}");
        let (wrong, right) = refused.halves();
        assert!(wrong.len() > 20 && right.len() > 20, "{wrong}: {right}");
    }
    let long = format!("{FIRST_LINE}\n{}", "A".repeat(LARGEST));
    assert_eq!(
        Locked::read(long.as_bytes()).unwrap_err(),
        LockError::TooLong
    );
}

/// A file that asks for a derivation.
fn asking<'a>(kdf: impl Into<Kdf<'a>>) -> Result<Locked, LockError> {
    let parameters = pbes2::Parameters {
        kdf: kdf.into(),
        encryption: pbes2::EncryptionScheme::Aes256Cbc { iv: &[7; 16] },
    };
    let info = EncryptedPrivateKeyInfo {
        encryption_algorithm: parameters.into(),
        encrypted_data: &[7; 144],
    };
    let document = SecretDocument::try_from(info).unwrap();
    Locked::read(pem(document.as_bytes()).as_bytes())
}

#[test]
fn what_would_exhaust_us_or_locks_nothing_is_refused_before_it_is_opened() {
    let scrypt = |n, r, p| {
        asking(ScryptParams {
            salt: &[7; 16],
            cost_parameter: n,
            block_size: r,
            parallelization: p,
            key_length: None,
        })
    };
    for (n, r, p, refused) in [
        (1 << 20, 8, 2, LockError::TooMuchWork),
        (1 << 30, 8, 1, LockError::TooMuchWork),
        (1 << 63, u16::MAX, u16::MAX, LockError::TooMuchWork),
        (1 << 10, u16::MAX, u16::MAX, LockError::TooMuchWork),
        (1 << 10, 1, u16::MAX, LockError::TooMuchWork),
        (u64::MAX, 1, 1, LockError::TooMuchWork),
        ((1 << 14) + 1, 8, 1, LockError::Broken),
        (0, 8, 1, LockError::TooLittleWork),
        (1, 8, 1, LockError::TooLittleWork),
        (2, u16::MAX, 64, LockError::TooLittleWork),
        (512, 8, 1, LockError::TooLittleWork),
        (1 << 14, 0, 1, LockError::TooLittleWork),
        (1 << 14, 8, 0, LockError::TooLittleWork),
    ] {
        assert_eq!(scrypt(n, r, p).unwrap_err(), refused, "N {n} r {r} p {p}");
    }
    assert!(scrypt(1 << 20, 8, 1).is_ok());
    let pbkdf2 = |rounds, prf| {
        asking(Pbkdf2Params {
            salt: &[7; 16],
            iteration_count: rounds,
            key_length: None,
            prf,
        })
    };
    for (rounds, refused) in [
        (u32::MAX, LockError::TooMuchWork),
        (MOST_ROUNDS + 1, LockError::TooMuchWork),
        (999, LockError::TooLittleWork),
        (0, LockError::TooLittleWork),
    ] {
        let read = pbkdf2(rounds, Pbkdf2Prf::HmacWithSha256);
        assert_eq!(read.unwrap_err(), refused, "{rounds}");
    }
    let strong = pbkdf2(STRONG_ROUNDS, Pbkdf2Prf::HmacWithSha256).unwrap();
    assert_eq!(strong.weakness(), None);
    let old = pbkdf2(STRONG_ROUNDS, Pbkdf2Prf::HmacWithSha1);
    assert_eq!(old.unwrap_err(), LockError::Unknown);
}

#[test]
fn parameters_that_do_not_go_together_are_told() {
    let scrypt = |cost_parameter, block_size, key_length| {
        let asked = asking(ScryptParams {
            salt: &[7; 16],
            cost_parameter,
            block_size,
            parallelization: 1,
            key_length,
        });
        asked.unwrap().open(&"correct horse".into()).err()
    };
    assert_eq!(scrypt(1 << 10, 8, Some(16)), Some(LockError::Unknown));
    assert_eq!(scrypt(1 << 10, 8, Some(32)), Some(LockError::Wrong));
    // RFC 7914: N is less than 2^(128·r/8).
    assert_eq!(scrypt(1 << 20, 1, None), Some(LockError::Unknown));
}

#[test]
fn a_public_key_that_stands_beside_must_fit() {
    let own = SecretKey::from_slice(&key()).unwrap();
    let other = SecretKey::from_slice(&[7; 32]).unwrap();
    let [own_public, other_public] =
        [&own, &other].map(|it| it.public_key().to_encoded_point(true));
    let open = own.to_pkcs8_der().unwrap();
    let mut mixed = open.as_bytes().to_vec();
    let foreign = other.public_key().to_encoded_point(false);
    let start = mixed.len() - foreign.len();
    mixed[start..].copy_from_slice(foreign.as_bytes());
    assert!(opened_key(open.as_bytes()).unwrap().is_vouched);
    assert_eq!(opened_key(&mixed).err(), Some(LockError::Wrong));
    // Beside it in the form of RFC 5958.
    for (public, fits) in [(own_public, true), (other_public, false)] {
        let mut info = PrivateKeyInfo::try_from(open.as_bytes()).unwrap();
        info.public_key = Some(public.as_bytes());
        let both = SecretDocument::try_from(info).unwrap();
        assert_eq!(opened_key(both.as_bytes()).is_ok(), fits);
    }
    let mut longer = open.as_bytes().to_vec();
    longer.push(0);
    assert_eq!(opened_key(&longer).err(), Some(LockError::Wrong));
}

#[test]
fn what_is_outside_of_the_curve_is_not_locked() {
    for none in [[0; 32], [0xff; 32]] {
        let locked = lock(&none, &"correct horse".into(), CHEAP);
        assert_eq!(locked, Err(LockError::NoKey));
    }
}
