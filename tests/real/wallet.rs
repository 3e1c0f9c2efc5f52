//! Wallets of the tests: the local chain's own, and fresh ones.

use bip39::Mnemonic;
use cosmrs::{bip32, crypto::secp256k1::SigningKey};
use rand::Rng;

/// A wallet, with the words that must never be shown.
pub(crate) struct Wallet {
    /// Its words.
    pub(crate) mnemonic: String,
    /// `allo1…`.
    pub(crate) address: String,
}

/// The local chain's wallets, as `scripts/localnet.sh` funds them.
#[derive(Clone, Copy)]
pub(crate) enum Funded {
    Worker,
    Second,
    Third,
    /// The topics' owner.
    Admin,
}

impl Wallet {
    /// One of the wallets that hold coins from the chain's first block on.
    pub(crate) fn funded(which: Funded) -> Self {
        Self::from_words(match which {
            Funded::Worker => {
                "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
            }
            Funded::Second => {
                "legal winner thank year wave sausage worth useful legal winner thank yellow"
            }
            Funded::Third => {
                "letter advice cage absurd amount doctor acoustic avoid letter advice cage above"
            }
            Funded::Admin => "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
        })
    }

    /// A wallet of 24 random words that nobody has seen.
    pub(crate) fn random() -> Self {
        let entropy: [u8; 32] = rand::rng().random();
        let mnemonic = Mnemonic::from_entropy(&entropy).expect("32 bytes make 24 words");
        Self::from_words(&mnemonic.to_string())
    }

    fn from_words(words: &str) -> Self {
        let mnemonic: Mnemonic = words.parse().expect("a valid mnemonic");
        let seed = mnemonic.to_seed("");
        let path = "m/44'/118'/0'/0/0".parse().expect("a derivation path");
        let key = bip32::XPrv::derive_from_path(seed, &path).expect("a derived key");
        let address = SigningKey::from(key)
            .public_key()
            .account_id("allo")
            .expect("an address");
        Self {
            mnemonic: words.to_owned(),
            address: address.to_string(),
        }
    }
}

#[test]
fn the_test_vector_gives_the_address_that_the_chain_gives_it() {
    let wallet = Wallet::funded(Funded::Worker);
    assert_eq!(
        wallet.address,
        "allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv"
    );
}
