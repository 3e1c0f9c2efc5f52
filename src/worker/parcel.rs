//! What is sent: answers to windows, several of them in one signed transaction if need be.

use std::sync::Arc;

use cosmrs::Any;

use super::Chain;
use crate::{
    chain::{ChainError, Envelope, OpenWindow, Output, Uallo, Version},
    forecast::Forecast,
    store::SignedTx,
    types::{Height, WindowKey},
};

/// Answers in one transaction. 64 are accepted by the chain, and cost less than half the gas of 64
/// transactions.
pub(super) const MOST_LETTERS: usize = 64;

/// The answer to one window, its bundle signed.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) window: OpenWindow,
    pub(super) value: Output,
    /// What it is made from; none when an earlier run knew.
    pub(super) forecast: Option<Arc<Forecast>>,
    version: Version,
    message: Any,
}

impl PartialEq for Letter {
    fn eq(&self, other: &Self) -> bool {
        // The message follows from these.
        (self.window, &self.value, self.version) == (other.window, &other.value, other.version)
    }
}

/// What a transaction spends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) account_number: u64,
    pub(super) sequence: u64,
    pub(super) gas: u64,
    pub(super) fee: Uallo,
}

/// Letters in one signed transaction.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub(super) letters: Vec<Letter>,
    pub(super) terms: Terms,
    pub(super) tx: Arc<SignedTx>,
}

impl Letter {
    /// Signs the answer to a window.
    pub(super) fn write(
        chain: &Chain,
        window: OpenWindow,
        value: Output,
        forecast: Option<Arc<Forecast>>,
    ) -> Result<Self, ChainError> {
        let version = chain.emissions.version();
        let message = chain
            .emissions
            .submission(&chain.signer, window.key, &value)?;
        Ok(Self {
            window,
            value,
            forecast,
            version,
            message,
        })
    }

    /// Whether the chain still speaks the version that it is written in.
    pub(super) fn is_current(&self, chain: &Chain) -> bool {
        self.version == chain.emissions.version()
    }

    pub(super) const fn key(&self) -> WindowKey {
        self.window.key
    }
}

impl Parcel {
    /// Signs letters as one transaction, which no block after the earliest end takes.
    pub(super) fn seal(
        chain: &Chain,
        letters: Vec<Letter>,
        terms: Terms,
    ) -> Result<Self, ChainError> {
        let messages = letters
            .iter()
            .map(|letter| letter.message.clone())
            .collect();
        let end = letters.iter().map(|letter| letter.window.end).min();
        let tx = Arc::new(sign(chain, messages, terms, end)?);
        Ok(Self { letters, terms, tx })
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = WindowKey> + '_ {
        self.letters.iter().map(Letter::key)
    }

    /// Whether the chain still speaks the version that its letters are written in.
    pub(super) fn is_current(&self, chain: &Chain) -> bool {
        self.letters.iter().all(|letter| letter.is_current(chain))
    }

    /// Whether it is what sealing these letters on these terms would give.
    pub(super) fn is_of(&self, letters: &[Letter], terms: Terms) -> bool {
        self.terms == terms && self.letters == letters
    }
}

/// Signs messages as one transaction.
pub(super) fn sign(
    chain: &Chain,
    messages: Vec<Any>,
    terms: Terms,
    timeout_height: Option<Height>,
) -> Result<SignedTx, ChainError> {
    let envelope = Envelope {
        chain_id: chain.network.chain_id.clone(),
        account_number: terms.account_number,
        sequence: terms.sequence,
        gas: terms.gas,
        fee: terms.fee,
        denom: chain.network.denom.clone(),
        timeout_height,
    };
    chain.signer.sign_tx(messages, &envelope)
}
