//! A new mnemonic.

use bip39::Mnemonic;
use rand::{TryRngCore as _, rngs::OsRng};
use secrecy::SecretString;
use zeroize::Zeroizing;

/// Bytes of randomness that 24 words stand for.
const ENTROPY: usize = 32;
/// Letters and spaces of the longest: a buffer that grows would leave words behind.
const ROOM: usize = 24 * 9;

/// The system gives no randomness.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the system gives no randomness: {0}; no wallet is made without, try it again or on another machine"
)]
pub struct NoRandomness(String);

/// 24 words of BIP-39's English list, from the operating system's randomness.
///
/// # Errors
/// When the system gives none.
pub fn new_mnemonic() -> Result<SecretString, NoRandomness> {
    let mut entropy = Zeroizing::new([0_u8; ENTROPY]);
    let filled = OsRng.try_fill_bytes(entropy.as_mut_slice());
    filled.map_err(|cause| NoRandomness(cause.to_string()))?;
    let made = Mnemonic::from_entropy(entropy.as_slice());
    let mnemonic = Zeroizing::new(made.map_err(|cause| NoRandomness(cause.to_string()))?);
    let mut phrase = Zeroizing::new(String::with_capacity(ROOM));
    for word in mnemonic.words() {
        if !phrase.is_empty() {
            phrase.push(' ');
        }
        phrase.push_str(word);
    }
    Ok(phrase.as_str().into())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::chain::Signer;

    #[test]
    fn each_has_24_words_and_an_address_of_its_own() {
        let (one, two) = (new_mnemonic().unwrap(), new_mnemonic().unwrap());
        assert_eq!(one.expose_secret().split(' ').count(), 24);
        let address = |words| Signer::from_mnemonic(words).unwrap().address().to_owned();
        assert!(address(&one).starts_with("allo1"));
        assert_ne!(address(&one), address(&two));
    }
}
