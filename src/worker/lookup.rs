//! What the submitter asks the chain about a window, off the submission's path.

use std::{sync::Arc, time::Duration};

use super::Chain;
use crate::{
    chain::{ChainError, GasPrice, jsonrpc::Tx},
    forecast::{DeskHandle, Forecast},
    types::{Height, TopicId, WindowKey},
};

/// What was found out.
#[derive(Debug)]
pub(super) enum Finding {
    /// A forecast for a window that had none ready.
    Forecast(Arc<Forecast>),
    /// The transaction in its block, if one holds it.
    Inclusion(Inclusion),
    /// Whether the window is open to us.
    Standing(bool),
    /// How the window ended.
    Outcome(Outcome),
    /// What gas costs now.
    Price(GasPrice),
    /// The chain could not be asked.
    Unknown(ChainError),
}

/// Whether a transaction is in a block.
#[derive(Debug)]
pub(super) enum Inclusion {
    /// It is.
    InBlock(Tx),
    /// No index has it, and the chain holds our inference for the nonce.
    Admitted,
    /// Nothing is known.
    Unknown,
}

/// How a window ended.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Whether our inference is in the set that counts.
    pub(super) counted: bool,
    /// How many inferences are.
    pub(super) places: usize,
    /// Our transaction, if its block is known.
    pub(super) tx: Option<Tx>,
    /// Whether the account's sequence has moved past our transaction's.
    pub(super) sequence_spent: bool,
}

/// A question about one window.
#[derive(Debug)]
pub(super) enum Question {
    Forecast {
        desk: DeskHandle,
        topic: TopicId,
        within: Duration,
    },
    Inclusion {
        hash: String,
    },
    Standing,
    /// After `end`; of a transaction by hash and sequence, if one was signed.
    Outcome {
        end: Height,
        tx: Option<(String, u64)>,
    },
    Price,
}

/// Asks, and answers with the window's key.
pub(super) async fn ask(
    chain: Arc<Chain>,
    key: WindowKey,
    question: Question,
) -> (WindowKey, Finding) {
    let finding = match question {
        Question::Forecast {
            desk,
            topic,
            within,
        } => Ok(Finding::Forecast(desk.within(topic, within).await)),
        Question::Inclusion { hash } => inclusion(&chain, key, &hash).await.map(Finding::Inclusion),
        Question::Standing => standing(&chain, key).await.map(Finding::Standing),
        Question::Outcome { end, tx } => outcome(&chain, key, end, tx).await.map(Finding::Outcome),
        Question::Price => {
            let (denom, floor) = (&chain.network.denom, chain.network.gas_price_floor);
            let price = GasPrice::of_market(&chain.rpc, denom, floor).await;
            price.map(Finding::Price)
        }
    };
    (key, finding.unwrap_or_else(Finding::Unknown))
}

async fn inclusion(chain: &Chain, key: WindowKey, hash: &str) -> Result<Inclusion, ChainError> {
    if let Some(tx) = chain.rpc.tx(hash).await? {
        return Ok(Inclusion::InBlock(tx));
    }
    let latest = chain
        .emissions
        .latest_nonce(key.topic, chain.signer.address())
        .await?;
    let admitted = latest == Some(key.nonce);
    Ok(if admitted {
        Inclusion::Admitted
    } else {
        Inclusion::Unknown
    })
}

async fn standing(chain: &Chain, key: WindowKey) -> Result<bool, ChainError> {
    let status = chain
        .emissions
        .window_status(key.topic, chain.signer.address())
        .await?;
    let open = status.open.is_some_and(|window| window.key == key);
    Ok(open && status.is_registered && status.is_whitelisted)
}

/// Three sources, since an index may lag or be off: the set that counts, the transaction, and the
/// account's sequence.
async fn outcome(
    chain: &Chain,
    key: WindowKey,
    end: Height,
    tx: Option<(String, u64)>,
) -> Result<Outcome, ChainError> {
    let inferers = chain.emissions.inferers(key, end).await?;
    let counted = inferers
        .iter()
        .any(|inferer| inferer == chain.signer.address());
    let mut outcome = Outcome {
        counted,
        places: inferers.len(),
        tx: None,
        sequence_spent: false,
    };
    if let Some((hash, sequence)) = tx {
        outcome.tx = chain.rpc.tx(&hash).await?;
        outcome.sequence_spent = chain.account().await?.sequence > sequence;
    }
    Ok(outcome)
}
