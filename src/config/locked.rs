//! A private key that is locked with a passphrase: encrypted PKCS#8 (RFC 5958) by PBES2 (RFC 8018), as
//! PEM. `openssl pkcs8` opens what is made here, and what `openssl pkcs8 -topk8` made is read.
//!
//! The cipher, CBC, has no code that vouches for its text. What stands for it: the text must be a whole
//! key of secp256k1, and fit the public key beside it.

use k256::{
    PublicKey, Secp256k1, SecretKey,
    elliptic_curve::{ALGORITHM_OID, sec1::ToEncodedPoint},
};
use pkcs8::{
    AlgorithmIdentifierRef, AssociatedOid, EncodePrivateKey, EncryptedPrivateKeyInfo, LineEnding,
    PrivateKeyInfo, SecretDocument,
    der::{Decode, ErrorKind, Header, SliceReader, pem::PemLabel},
    pkcs5::{
        EncryptionScheme,
        pbes2::{self, Kdf, Pbkdf2Prf, ScryptParams},
    },
};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// How every PEM begins, locked or not.
const BEGIN: &[u8] = b"-----BEGIN ";
const FIRST_LINE: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
/// What locks a key as well as we do.
const AGAIN: &str = "`openssl pkcs8 -topk8 -scrypt -scrypt_p 16 -v2 aes-256-cbc`";
/// The largest file, in bytes; a locked key has about 400.
const LARGEST: usize = 4 << 10;
/// Fewer mixed blocks or rounds than these lock nothing. The floor under N also bounds p·r.
const LEAST_N: u64 = 1 << 10;
const LEAST_ROUNDS: u32 = 1_000;
/// A file that asks for more is made to exhaust us: N·r·p of 2^23 is 1 GiB of memory or some seconds.
const MOST_BLOCKS: u64 = 1 << 23;
const MOST_ROUNDS: u32 = 10_000_000;
/// Rounds of PBKDF2 below which guesses are cheap, by OWASP's password storage cheat sheet.
const STRONG_ROUNDS: u32 = 600_000;

/// What a guess at the passphrase costs: scrypt's parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Memory, in blocks: a power of two.
    n: u64,
    /// A block, in 128 bytes.
    r: u16,
    /// How often it is done over.
    p: u16,
}

/// 16 MiB of memory, sixteen times. The openssl command refuses more than 32 MiB, so N can't be greater;
/// p makes up for it in computing: N·r·p is that of N 2^18, r 8, p 1.
pub(crate) const COST: Cost = Cost {
    n: 1 << 14,
    r: 8,
    p: 16,
};

/// What tests spend.
#[cfg(test)]
pub(crate) const CHEAP: Cost = Cost {
    n: LEAST_N,
    r: 8,
    p: 1,
};

impl Cost {
    fn blocks(self) -> u64 {
        let all = self.n.checked_mul(u64::from(self.r));
        all.and_then(|it| it.checked_mul(u64::from(self.p)))
            .unwrap_or(u64::MAX)
    }
}

/// Why a file can't be opened or a key can't be locked. No text of it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LockError {
    /// A PEM of something else, such as of a key that is not locked.
    #[error(
        "it is no locked key, whose first line is {FIRST_LINE}: make one \
         with `allora-worker wallet encrypt`, or of an open one with `openssl pkcs8 -topk8 -scrypt`"
    )]
    NotLocked,
    /// Not the format, or cut short.
    #[error("it is no whole locked key: copy the file again")]
    Broken,
    /// Larger than any key.
    #[error("it has more than 4 KiB and a locked key has less: name the right file")]
    TooLong,
    /// An algorithm that is not known, or no longer good.
    #[error(
        "it is not locked by AES-CBC with scrypt or PBKDF2 of SHA-2: lock it again with {AGAIN}"
    )]
    Unknown,
    /// Made to exhaust whoever opens it.
    #[error(
        "to open it takes more than scrypt's N*r*p of 2^23 or 10 million rounds of PBKDF2: lock it \
         again with {AGAIN}"
    )]
    TooMuchWork,
    /// As good as not locked.
    #[error(
        "to guess its passphrase takes no work, less than scrypt's N of 1024 or 1000 rounds of \
         PBKDF2: lock it again with {AGAIN}"
    )]
    TooLittleWork,
    /// The passphrase does not fit, or bytes were changed: without a code, they can't be told apart.
    #[error(
        "the passphrase does not open it, or it was changed: check the passphrase, and restore the \
         file from a copy"
    )]
    Wrong,
    /// A key with which nothing can be signed here.
    #[error(
        "it holds a key of another kind: the chain signs with secp256k1, so lock the wallet's own \
         with `allora-worker wallet encrypt`"
    )]
    OtherKey,
    /// The bytes are no key of the curve.
    #[error("the private key is outside of secp256k1's range: copy it again")]
    NoKey,
    /// The system gives no randomness.
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

/// Whether a text is a PEM, locked or not: no mnemonic and no digits.
pub(crate) fn is_pem(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(BEGIN)
}

/// A locked key that can be opened at a bounded cost.
#[derive(Debug)]
pub(crate) struct Locked(SecretDocument);

/// What was in a locked file.
pub(crate) struct Opened {
    /// The private key, big endian.
    pub(crate) key: Zeroizing<[u8; 32]>,
    /// Whether the public key stands beside it, and so vouches for it.
    pub(crate) is_vouched: bool,
}

impl Locked {
    /// Reads a file and looks what it would take to open it. It is not opened yet.
    ///
    /// # Errors
    /// See [`LockError`].
    pub(crate) fn read(file: &[u8]) -> Result<Self, LockError> {
        if file.len() > LARGEST {
            return Err(LockError::TooLong);
        }
        let text = std::str::from_utf8(file).map_err(|_| LockError::Broken)?;
        // An editor's or a form's line ends and blanks.
        let lines: Vec<_> = text.trim().lines().map(str::trim).collect();
        if lines.first() != Some(&FIRST_LINE) {
            return Err(LockError::NotLocked);
        }
        let tidy = lines.join("\n");
        let (_, document) = SecretDocument::from_pem(&tidy).map_err(|_| LockError::Broken)?;
        let locked = Self(document);
        bounded(&locked.parameters()?.0.kdf)?;
        Ok(locked)
    }

    /// What the operator should know of a lock that a guesser opens cheaply.
    pub(crate) fn weakness(&self) -> Option<String> {
        let cheap = match self.parameters().ok()?.0.kdf {
            Kdf::Scrypt(it) if cost(&it).blocks() < COST.blocks() => format!(
                "scrypt with N {}, r {}, p {}",
                it.cost_parameter, it.block_size, it.parallelization
            ),
            Kdf::Pbkdf2(it) if it.iteration_count < STRONG_ROUNDS => {
                format!("PBKDF2 with {} rounds", it.iteration_count)
            }
            _ => return None,
        };
        Some(format!(
            "guesses at its passphrase are cheap ({cheap}): lock it again with {AGAIN}"
        ))
    }

    /// The key, if the passphrase is right.
    ///
    /// # Errors
    /// See [`LockError`].
    pub(crate) fn open(&self, passphrase: &SecretString) -> Result<Opened, LockError> {
        let (parameters, sealed) = self.parameters()?;
        let mut text = Zeroizing::new(sealed.to_vec());
        let passphrase = passphrase.expose_secret();
        let opened = parameters.decrypt_in_place(passphrase, &mut text);
        opened_key(opened.map_err(|refused| match refused {
            pkcs8::pkcs5::Error::EncryptFailed | pkcs8::pkcs5::Error::DecryptFailed => {
                LockError::Wrong
            }
            _ => LockError::Unknown,
        })?)
    }

    fn parameters(&self) -> Result<(pbes2::Parameters<'_>, &[u8]), LockError> {
        let info = EncryptedPrivateKeyInfo::try_from(self.0.as_bytes());
        let info = info.map_err(|refused| match refused {
            pkcs8::Error::Asn1(it) if matches!(it.kind(), ErrorKind::OidUnknown { .. }) => {
                LockError::Unknown
            }
            _ if is_other_scheme(self.0.as_bytes()) => LockError::Unknown,
            _ => LockError::Broken,
        })?;
        match info.encryption_algorithm {
            EncryptionScheme::Pbes2(it) => Ok((it, info.encrypted_data)),
            _ => Err(LockError::Unknown),
        }
    }
}

/// Locks a private key of 32 bytes, big endian, with a passphrase.
///
/// # Errors
/// See [`LockError`].
pub(crate) fn lock(
    key: &[u8; 32],
    passphrase: &SecretString,
    cost: Cost,
) -> Result<String, LockError> {
    let key = SecretKey::from_bytes(key.into()).map_err(|_| LockError::NoKey)?;
    let open = key.to_pkcs8_der().map_err(|_| LockError::NoKey)?;
    let open = PrivateKeyInfo::try_from(open.as_bytes()).map_err(|_| LockError::NoKey)?;
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    let random = SystemRandom::new();
    for bytes in [&mut salt, &mut iv] {
        random.fill(bytes).map_err(|_| LockError::System)?;
    }
    let kdf = Kdf::Scrypt(ScryptParams {
        salt: &salt,
        cost_parameter: cost.n,
        block_size: cost.r,
        parallelization: cost.p,
        key_length: None,
    });
    let encryption = pbes2::EncryptionScheme::Aes256Cbc { iv: &iv };
    let parameters = pbes2::Parameters { kdf, encryption };
    let sealed = open
        .encrypt_with_params(parameters, passphrase.expose_secret())
        .map_err(|_| LockError::Unknown)?;
    let pem = sealed.to_pem(EncryptedPrivateKeyInfo::PEM_LABEL, LineEnding::LF);
    Ok(pem.map_err(|_| LockError::Broken)?.to_string())
}

/// Whether what can't be read is locked by PBES1, PKCS#12 or another scheme than PBES2.
fn is_other_scheme(der: &[u8]) -> bool {
    let scheme = SliceReader::new(der).and_then(|mut reader| {
        Header::decode(&mut reader)?;
        AlgorithmIdentifierRef::decode(&mut reader)
    });
    scheme.is_ok_and(|it| it.oid != pbes2::PBES2_OID)
}

fn cost(of: &ScryptParams<'_>) -> Cost {
    Cost {
        n: of.cost_parameter,
        r: of.block_size,
        p: of.parallelization,
    }
}

/// Whether deriving the key takes a sensible time and memory, before it is done.
fn bounded(kdf: &Kdf<'_>) -> Result<(), LockError> {
    match kdf {
        Kdf::Scrypt(it) => match cost(it) {
            asked if asked.blocks() > MOST_BLOCKS => Err(LockError::TooMuchWork),
            asked if asked.n < LEAST_N || asked.blocks() < LEAST_N => Err(LockError::TooLittleWork),
            asked if !asked.n.is_power_of_two() => Err(LockError::Broken),
            _ => Ok(()),
        },
        Kdf::Pbkdf2(it) if it.iteration_count > MOST_ROUNDS => Err(LockError::TooMuchWork),
        Kdf::Pbkdf2(it) if it.iteration_count < LEAST_ROUNDS => Err(LockError::TooLittleWork),
        Kdf::Pbkdf2(it) if it.prf != Pbkdf2Prf::HmacWithSha1 => Ok(()),
        _ => Err(LockError::Unknown),
    }
}

/// The key of an open PKCS#8. What is none comes of a wrong passphrase or of changed bytes.
fn opened_key(open: &[u8]) -> Result<Opened, LockError> {
    let info = PrivateKeyInfo::try_from(open).map_err(|_| LockError::Wrong)?;
    let kind = info.algorithm.assert_oids(ALGORITHM_OID, Secp256k1::OID);
    kind.map_err(|_| LockError::OtherKey)?;
    let beside = info.public_key;
    // This compares the public key of RFC 5915, and not that of RFC 5958.
    let key = SecretKey::try_from(info).map_err(|_| LockError::Wrong)?;
    let public = key.public_key();
    if beside.is_some_and(|it| PublicKey::from_sec1_bytes(it).ok() != Some(public)) {
        return Err(LockError::Wrong);
    }
    // Its one form is its horizontal coordinate behind a sign; the other begins with it as well.
    let point = public.to_encoded_point(true);
    let is_vouched = open.windows(32).any(|it| it == &point.as_bytes()[1..]);
    let mut bytes = Zeroizing::new([0; 32]);
    bytes.copy_from_slice(&Zeroizing::new(key.to_bytes()));
    Ok(Opened {
        key: bytes,
        is_vouched,
    })
}

#[cfg(test)]
#[path = "locked_tests.rs"]
mod tests;
