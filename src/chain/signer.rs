//! The key: where it comes from, and what it signs.

use bip39::Mnemonic;
use cosmrs::{
    Any,
    bip32::{DerivationPath, XPrv},
    crypto::secp256k1::SigningKey,
    tendermint::{block::Height as BlockHeight, chain::Id as ChainId},
    tx::{AccountNumber, Body, Fee, SignDoc, SignerInfo},
};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{ChainError, Uallo};
use crate::{store::SignedTx, types::Height};

const ADDRESS_PREFIX: &str = "allo";
const DERIVATION_PATH: &str = "m/44'/118'/0'/0/0";

/// Why a secret is no key. No text of the secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A mnemonic of the wrong length.
    #[error("the mnemonic has {0} words; a BIP-39 mnemonic has 12, 15, 18, 21 or 24")]
    WordCount(usize),
    /// A word that is not in the list.
    #[error("word {0} of the mnemonic is not in BIP-39's English list: correct the spelling")]
    UnknownWord(usize),
    /// All words are known and they don't belong together.
    #[error("the mnemonic's checksum is wrong: a word is missing, doubled or out of order")]
    Checksum,
    /// A private key that is none.
    #[error("the private key must be 64 hexadecimal digits of a secp256k1 key")]
    PrivateKey,
}

/// Signs with one key. Its memory is wiped when it is dropped.
pub struct Signer {
    key: SigningKey,
    address: String,
}

/// What a transaction spends and until when it may be included.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The chain's id.
    pub chain_id: String,
    /// The account's number on the chain.
    pub account_number: u64,
    /// The account's sequence number.
    pub sequence: u64,
    /// Gas limit.
    pub gas: u64,
    /// Fee for the whole transaction.
    pub fee: Uallo,
    /// The fee's denomination.
    pub denom: String,
    /// The last block that may include it; none for no limit.
    pub timeout_height: Option<Height>,
}

impl Signer {
    /// The key of a BIP-39 mnemonic at `m/44'/118'/0'/0/0`.
    ///
    /// # Errors
    /// When it is no mnemonic.
    pub fn from_mnemonic(phrase: &SecretString) -> Result<Self, KeyError> {
        Self::new(SigningKey::from(derived(phrase)?))
    }

    /// The key in hexadecimal.
    ///
    /// # Errors
    /// When it is no key.
    pub fn from_private_key(text: &SecretString) -> Result<Self, KeyError> {
        let text = text.expose_secret().trim();
        let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text))
            .map(Zeroizing::new)
            .map_err(|_| KeyError::PrivateKey)?;
        Self::new(SigningKey::from_slice(&bytes).map_err(|_| KeyError::PrivateKey)?)
    }

    fn new(key: SigningKey) -> Result<Self, KeyError> {
        let address = key
            .public_key()
            .account_id(ADDRESS_PREFIX)
            .map_err(|_| KeyError::PrivateKey)?;
        Ok(Self {
            key,
            address: address.to_string(),
        })
    }

    /// The address, `allo1…`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The compressed public key in hex.
    #[must_use]
    pub fn public_key_hex(&self) -> String {
        hex::encode(self.key.public_key().to_bytes())
    }

    /// secp256k1 over SHA-256 of the bytes: r‖s, 64 bytes, with the low s.
    ///
    /// # Errors
    /// When the key refuses, which it does for no known input.
    pub fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, ChainError> {
        let signature = self.key.sign(bytes).map_err(build)?;
        Ok(signature.to_vec())
    }

    /// Signs a transaction of the given messages.
    ///
    /// # Errors
    /// When a part of it has no valid form.
    pub fn sign_tx(&self, messages: Vec<Any>, envelope: &Envelope) -> Result<SignedTx, ChainError> {
        let chain_id: ChainId = envelope.chain_id.parse().map_err(build)?;
        let timeout = envelope.timeout_height.map_or(0, |height| height.0);
        let timeout = BlockHeight::try_from(timeout).map_err(build)?;
        let body = Body::new(messages, "", timeout);
        let amount = cosmrs::Coin {
            denom: envelope.denom.parse().map_err(build)?,
            amount: envelope.fee.0,
        };
        let auth = SignerInfo::single_direct(Some(self.key.public_key()), envelope.sequence)
            .auth_info(Fee::from_amount_and_gas(amount, envelope.gas));
        let number: AccountNumber = envelope.account_number;
        let document = SignDoc::new(&body, &auth, &chain_id, number).map_err(build)?;
        let bytes = document
            .sign(&self.key)
            .and_then(|raw| raw.to_bytes())
            .map_err(build)?;
        let hash = hex::encode_upper(Sha256::digest(&bytes));
        Ok(SignedTx {
            bytes,
            hash,
            sequence: envelope.sequence,
        })
    }
}

/// The private key of a BIP-39 mnemonic at `m/44'/118'/0'/0/0`: 32 bytes, big endian.
///
/// # Errors
/// When it is no mnemonic.
pub fn private_key_of(phrase: &SecretString) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    Ok(Zeroizing::new(derived(phrase)?.to_bytes()))
}

fn derived(phrase: &SecretString) -> Result<XPrv, KeyError> {
    let mnemonic =
        Mnemonic::parse_normalized(&normalised(phrase)).map_err(|error| match error {
            bip39::Error::BadWordCount(count) => KeyError::WordCount(count),
            bip39::Error::UnknownWord(index) => KeyError::UnknownWord(index + 1),
            _ => KeyError::Checksum,
        })?;
    let seed = Zeroizing::new(mnemonic.to_seed(""));
    let path: DerivationPath = DERIVATION_PATH.parse().map_err(|_| KeyError::PrivateKey)?;
    XPrv::derive_from_path(seed.as_slice(), &path).map_err(|_| KeyError::PrivateKey)
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Words in lower case, parted by single spaces.
fn normalised(phrase: &SecretString) -> Zeroizing<String> {
    let mut words = Zeroizing::new(String::with_capacity(phrase.expose_secret().len()));
    for word in phrase.expose_secret().split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.extend(word.chars().map(|letter| letter.to_ascii_lowercase()));
    }
    words
}

fn build(error: impl std::fmt::Display) -> ChainError {
    ChainError::Build(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const VECTOR: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
    const VECTOR_ADDRESS: &str = "allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv";

    fn signer() -> Signer {
        Signer::from_mnemonic(&VECTOR.into()).unwrap()
    }

    #[test]
    fn the_test_vector_gives_the_chains_own_address() {
        assert_eq!(signer().address(), VECTOR_ADDRESS);
        let untidy = format!("  {}\n", VECTOR.to_uppercase().replace(' ', "   "));
        assert_eq!(
            Signer::from_mnemonic(&untidy.into()).unwrap().address(),
            VECTOR_ADDRESS
        );
    }

    #[test]
    fn a_private_key_is_read_with_and_without_its_prefix() {
        let text = hex::encode(private_key_of(&VECTOR.into()).unwrap());
        for text in [text.clone(), format!("0x{text}\n")] {
            assert_eq!(
                Signer::from_private_key(&text.into()).unwrap().address(),
                VECTOR_ADDRESS
            );
        }
    }

    #[rstest]
    #[case("abandon about", KeyError::WordCount(2))]
    #[case(
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abuot",
        KeyError::UnknownWord(12)
    )]
    #[case(
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon",
        KeyError::Checksum
    )]
    fn a_bad_mnemonic_is_named_without_its_words(#[case] phrase: &str, #[case] expected: KeyError) {
        let error = Signer::from_mnemonic(&phrase.into()).unwrap_err();
        assert_eq!(error, expected);
        assert!(!error.to_string().contains("abuot") && !error.to_string().contains("abandon"));
    }

    #[rstest]
    #[case("")]
    #[case("12")]
    #[case("zz")]
    #[case("0000000000000000000000000000000000000000000000000000000000000000")]
    fn a_bad_private_key_is_refused(#[case] text: &str) {
        assert_eq!(
            Signer::from_private_key(&text.into()).unwrap_err(),
            KeyError::PrivateKey
        );
    }

    #[test]
    fn nothing_but_the_address_is_shown() {
        let shown = format!("{:?}", signer());
        assert_eq!(
            shown,
            format!("Signer {{ address: {VECTOR_ADDRESS:?}, .. }}")
        );
    }

    #[test]
    fn a_signature_has_the_low_s() {
        let half = hex::decode("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0")
            .unwrap();
        for text in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            let signature = signer().sign(text.as_bytes()).unwrap();
            assert_eq!(signature.len(), 64);
            assert!(signature[32..] <= half[..]);
        }
    }

    #[test]
    fn a_transaction_spends_what_its_envelope_says() {
        let envelope = Envelope {
            chain_id: "allora-testnet-1".into(),
            account_number: 7,
            sequence: 41,
            gas: 250_000,
            fee: Uallo(2_500_000),
            denom: "uallo".into(),
            timeout_height: Some(Height(158)),
        };
        let message = Any {
            type_url: "/x".into(),
            value: vec![1, 2],
        };
        let signed = signer().sign_tx(vec![message], &envelope).unwrap();
        assert_eq!(signed.sequence, 41);
        assert_eq!(
            signed.hash,
            hex::encode_upper(Sha256::digest(&signed.bytes))
        );
        let tx = cosmrs::Tx::from_bytes(&signed.bytes).unwrap();
        assert_eq!(tx.body.timeout_height.value(), 158);
        assert_eq!(tx.auth_info.fee.gas_limit, 250_000);
        assert_eq!(tx.auth_info.fee.amount[0].amount, 2_500_000);
        assert_eq!(tx.auth_info.signer_infos[0].sequence, 41);
    }
}
