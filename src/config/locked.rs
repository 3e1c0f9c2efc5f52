//! A wallet's file that is locked with a passphrase: the published format age v1, with a passphrase as
//! its one recipient. What `age --passphrase` makes is read, and what is made here `age --decrypt` opens.
//!
//! The format is <https://age-encryption.org/v1>. Of it this is what a file of one short text needs: the
//! recipient `scrypt`, one chunk, with or without the armour of letters.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD},
};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf, hmac,
    rand::{SecureRandom, SystemRandom},
};
use scrypt::Params;
use secrecy::{ExposeSecret, SecretString};
use zeroize::{Zeroize, Zeroizing};

const VERSION: &str = "age-encryption.org/v1";
const SALT_LABEL: &[u8] = b"age-encryption.org/v1/scrypt";
const ARMOUR: (&str, &str) = (
    "-----BEGIN AGE ENCRYPTED FILE-----",
    "-----END AGE ENCRYPTED FILE-----",
);
const COLUMNS: usize = 64;
const FILE_KEY: usize = 16;
const SALT: usize = 16;
const TAG: usize = 16;
/// The largest text of one chunk.
const CHUNK: usize = 64 << 10;
/// log2 of scrypt's cost: that of age, 256 MiB of memory and about a second for each guess.
pub(crate) const WORK: u8 = 18;
/// A file that asks for more, 1 GiB, is made to exhaust us.
const MOST_WORK: u8 = 20;

/// Why a file can't be opened or locked. No text of it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LockError {
    /// Not the format, or cut short.
    #[error("it is no whole file of age: copy it again")]
    Broken,
    /// For keys, or for several recipients.
    #[error("it is not locked with a passphrase: make it with `age --passphrase`")]
    NoPassphrase,
    /// Made to exhaust whoever opens it.
    #[error("it asks for 2^{0} of work, and 2^{MOST_WORK} is the most: lock it again")]
    TooMuchWork(u8),
    /// The passphrase does not fit, or bytes were changed.
    #[error("the passphrase does not open it: check it, and that the file is whole")]
    Wrong,
    /// What was changed after the passphrase fitted.
    #[error("it was changed since it was locked: restore it from a copy")]
    Changed,
    /// The text is longer than a wallet's.
    #[error("the text has more than 64 KiB: a key has less")]
    TooLong,
    /// The system gives no randomness, or no memory.
    #[error("the system gives no random bytes: start it again")]
    System,
}

impl LockError {
    /// What is wrong, and what would be right.
    pub(crate) fn halves(self) -> (String, String) {
        let told = self.to_string();
        let (wrong, right) = told.split_once(": ").unwrap_or((&told, "try it again"));
        (wrong.to_owned(), right.to_owned())
    }
}

/// Whether a file is locked in this format.
pub(crate) fn is_locked(bytes: &[u8]) -> bool {
    let begin = bytes.trim_ascii_start();
    begin.starts_with(ARMOUR.0.as_bytes()) || begin.starts_with(b"age-encryption.org/")
}

/// The text of a locked file.
///
/// # Errors
/// See [`LockError`].
pub(crate) fn unlock(
    file: &[u8],
    passphrase: &SecretString,
) -> Result<Zeroizing<Vec<u8>>, LockError> {
    let bare;
    let file = if file.trim_ascii_start().starts_with(ARMOUR.0.as_bytes()) {
        bare = bare_of(file)?;
        bare.as_slice()
    } else {
        file
    };
    let header = Header::read(file)?;
    let file_key = header.open(passphrase)?;
    let mac = hmac::Key::new(
        hmac::HMAC_SHA256,
        derive(&file_key, &[], b"header")?.as_ref(),
    );
    hmac::verify(&mac, header.signed, &header.mac).map_err(|_| LockError::Changed)?;
    let (nonce, sealed) = header
        .payload
        .split_at_checked(SALT)
        .ok_or(LockError::Broken)?;
    if sealed.len() > CHUNK + TAG {
        return Err(LockError::TooLong);
    }
    let key = derive(&file_key, nonce, b"payload")?;
    open(&key, last_chunk(), sealed).ok_or(LockError::Changed)
}

/// Locks a text with a passphrase, in armour. `work` is log2 of scrypt's cost.
///
/// # Errors
/// See [`LockError`].
pub(crate) fn lock(text: &[u8], passphrase: &SecretString, work: u8) -> Result<String, LockError> {
    if text.len() > CHUNK {
        return Err(LockError::TooLong);
    }
    let mut file_key = Zeroizing::new([0; FILE_KEY]);
    let (mut salt, mut nonce) = ([0; SALT], [0; SALT]);
    let random = SystemRandom::new();
    for bytes in [file_key.as_mut_slice(), &mut salt, &mut nonce] {
        random.fill(bytes).map_err(|_| LockError::System)?;
    }
    let wrapped = seal(
        &stretch(passphrase, salt, work)?,
        [0; NONCE_LEN],
        file_key.as_slice(),
    )?;
    let mut file = format!(
        "{VERSION}\n-> scrypt {} {work}\n{}\n---",
        BASE64_STANDARD_NO_PAD.encode(salt),
        BASE64_STANDARD_NO_PAD.encode(wrapped)
    )
    .into_bytes();
    let mac = hmac::Key::new(
        hmac::HMAC_SHA256,
        derive(&file_key, &[], b"header")?.as_ref(),
    );
    let mac = BASE64_STANDARD_NO_PAD.encode(hmac::sign(&mac, &file));
    file.extend_from_slice(format!(" {mac}\n").as_bytes());
    file.extend_from_slice(&nonce);
    file.extend(seal(
        &derive(&file_key, &nonce, b"payload")?,
        last_chunk(),
        text,
    )?);
    Ok(armoured(&file))
}

/// What stands before the text.
struct Header<'a> {
    salt: [u8; SALT],
    work: u8,
    wrapped: Vec<u8>,
    /// What the code below vouches for.
    signed: &'a [u8],
    mac: Vec<u8>,
    payload: &'a [u8],
}

impl<'a> Header<'a> {
    fn read(file: &'a [u8]) -> Result<Self, LockError> {
        let mut rest = file;
        if line(&mut rest)? != VERSION {
            return Err(LockError::Broken);
        }
        let stanza = line(&mut rest)?;
        let [_, kind, arguments @ ..] = &stanza.split(' ').collect::<Vec<_>>()[..] else {
            return Err(LockError::Broken);
        };
        let ("scrypt", [salt, work]) = (*kind, arguments) else {
            return Err(LockError::NoPassphrase);
        };
        let work = work
            .parse()
            .ok()
            .filter(|it| *it > 0)
            .ok_or(LockError::Broken)?;
        if work > MOST_WORK {
            return Err(LockError::TooMuchWork(work));
        }
        let salt = bytes(salt)?.try_into().map_err(|_| LockError::Broken)?;
        let wrapped = bytes(line(&mut rest)?)?;
        if wrapped.len() != FILE_KEY + TAG {
            return Err(LockError::Broken);
        }
        let end = file.len() - rest.len() + "---".len();
        let mac = line(&mut rest)?.strip_prefix("--- ");
        // A passphrase must be the one recipient, so the header ends here.
        let mac = bytes(mac.ok_or(LockError::NoPassphrase)?)?;
        let signed = file.get(..end).ok_or(LockError::Broken)?;
        Ok(Self {
            salt,
            work,
            wrapped,
            signed,
            mac,
            payload: rest,
        })
    }

    fn open(&self, passphrase: &SecretString) -> Result<Zeroizing<[u8; FILE_KEY]>, LockError> {
        let key = stretch(passphrase, self.salt, self.work)?;
        let opened = open(&key, [0; NONCE_LEN], &self.wrapped).ok_or(LockError::Wrong)?;
        let mut file_key = Zeroizing::new([0; FILE_KEY]);
        file_key.copy_from_slice(opened.get(..FILE_KEY).ok_or(LockError::Broken)?);
        Ok(file_key)
    }
}

/// The next line, which ends with a line feed.
fn line<'a>(rest: &mut &'a [u8]) -> Result<&'a str, LockError> {
    let end = rest
        .iter()
        .position(|it| *it == b'\n')
        .ok_or(LockError::Broken)?;
    let (line, after) = rest.split_at(end);
    *rest = &after[1..];
    std::str::from_utf8(line).map_err(|_| LockError::Broken)
}

fn bytes(text: &str) -> Result<Vec<u8>, LockError> {
    BASE64_STANDARD_NO_PAD
        .decode(text)
        .map_err(|_| LockError::Broken)
}

fn bare_of(file: &[u8]) -> Result<Vec<u8>, LockError> {
    let text = std::str::from_utf8(file).map_err(|_| LockError::Broken)?;
    let inside = text.trim().strip_prefix(ARMOUR.0);
    let inside = inside
        .and_then(|it| it.strip_suffix(ARMOUR.1))
        .ok_or(LockError::Broken)?;
    let joined: String = inside.lines().map(str::trim).collect();
    BASE64_STANDARD
        .decode(joined)
        .map_err(|_| LockError::Broken)
}

fn armoured(file: &[u8]) -> String {
    let letters = BASE64_STANDARD.encode(file);
    let mut text = format!("{}\n", ARMOUR.0);
    for line in letters.as_bytes().chunks(COLUMNS) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    text + ARMOUR.1 + "\n"
}

type Key = Zeroizing<[u8; 32]>;

/// A passphrase made as dear to guess as `work` says.
fn stretch(passphrase: &SecretString, salt: [u8; SALT], work: u8) -> Result<Key, LockError> {
    let params = Params::new(work, 8, 1).map_err(|_| LockError::TooMuchWork(work))?;
    let salt = [SALT_LABEL, &salt].concat();
    let mut key = Zeroizing::new([0; 32]);
    let text = passphrase.expose_secret().as_bytes();
    scrypt::scrypt(text, &salt, &params, key.as_mut_slice()).map_err(|_| LockError::System)?;
    Ok(key)
}

fn derive(file_key: &[u8; FILE_KEY], salt: &[u8], use_of: &[u8]) -> Result<Key, LockError> {
    let mut key = Zeroizing::new([0; 32]);
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(file_key);
    extracted
        .expand(&[use_of], hkdf::HKDF_SHA256)
        .and_then(|it| it.fill(key.as_mut_slice()))
        .map_err(|_| LockError::System)?;
    Ok(key)
}

/// The nonce of the one chunk: the first, and the last.
const fn last_chunk() -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - 1] = 1;
    nonce
}

fn cipher(key: &Key) -> Option<LessSafeKey> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_slice()).ok()?;
    Some(LessSafeKey::new(key))
}

fn seal(key: &Key, nonce: [u8; NONCE_LEN], text: &[u8]) -> Result<Vec<u8>, LockError> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    // Room for the tag: a buffer that grows would leave the text behind.
    let mut sealed = Vec::with_capacity(text.len() + TAG);
    sealed.extend_from_slice(text);
    let done = cipher(key).map(|it| it.seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed));
    if !matches!(done, Some(Ok(()))) {
        sealed.zeroize();
        return Err(LockError::System);
    }
    Ok(sealed)
}

fn open(key: &Key, nonce: [u8; NONCE_LEN], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(sealed.to_vec());
    let nonce = Nonce::assume_unique_for_key(nonce);
    let length = cipher(key)?
        .open_in_place(nonce, Aad::empty(), &mut text)
        .ok()?
        .len();
    text.truncate(length);
    Some(text)
}

#[cfg(test)]
#[path = "locked_tests.rs"]
mod tests;
