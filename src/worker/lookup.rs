//! What the submitter asks the chain about a window, off the submission's path.

use std::{sync::Arc, time::Duration};

use sha2::{Digest as _, Sha256};

use super::Chain;
use crate::{
    chain::{ChainError, GasPrice, answers, jsonrpc::Tx},
    forecast::{DeskHandle, Forecast},
    types::{Height, WindowKey},
};

/// What was found out.
#[derive(Debug)]
pub(super) enum Finding {
    /// A forecast for a window that had none ready.
    Forecast(Arc<Forecast>),
    /// The transaction in its block, if one holds it.
    Inclusion(Inclusion),
    /// Whether the window has opened.
    Opening(bool),
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
    /// Whether the newest inference that the topic took of us is of this nonce.
    pub(super) admitted: bool,
    /// The hashes of all transactions of this wallet that answer it in blocks that took them, where one of
    /// ours was refused since another may have been taken.
    pub(super) taken: Vec<String>,
}

/// A question about one window.
#[derive(Debug)]
pub(super) enum Question {
    Forecast {
        desk: DeskHandle,
        key: WindowKey,
        within: Duration,
    },
    /// Of any of these transactions.
    Inclusion {
        hashes: Vec<String>,
    },
    /// Whether it opened at all.
    Opening,
    Standing,
    /// After `end`.
    Outcome {
        end: Height,
        hashes: Vec<String>,
        /// Whether another transaction of this wallet may have been taken.
        contested: bool,
    },
    /// Of gas: the fee is above the cap.
    Price,
}

/// Asks, and answers with the window's key.
pub(super) async fn ask(
    chain: Arc<Chain>,
    key: WindowKey,
    question: Question,
) -> (WindowKey, Finding) {
    // A forecast asks nothing of the chain.
    let _turn = match question {
        Question::Forecast { .. } => None,
        _ => chain.turn().await,
    };
    let finding = match question {
        Question::Forecast { desk, key, within } => {
            Ok(Finding::Forecast(desk.within(key, within).await))
        }
        Question::Inclusion { hashes } => inclusion(&chain, key, &hashes)
            .await
            .map(Finding::Inclusion),
        Question::Price => chain.gas_price().await.map(Finding::Price),
        Question::Opening => opening(&chain, key).await.map(Finding::Opening),
        Question::Standing => standing(&chain, key).await.map(Finding::Standing),
        Question::Outcome {
            end,
            hashes,
            contested,
        } => outcome(&chain, key, end, &hashes, contested)
            .await
            .map(Finding::Outcome),
    };
    (key, finding.unwrap_or_else(Finding::Unknown))
}

async fn inclusion(
    chain: &Chain,
    key: WindowKey,
    hashes: &[String],
) -> Result<Inclusion, ChainError> {
    if let Some(tx) = in_block(chain, hashes).await? {
        return Ok(Inclusion::InBlock(tx));
    }
    let admitted = is_admitted(chain, key).await?;
    Ok(if admitted {
        Inclusion::Admitted
    } else {
        Inclusion::Unknown
    })
}

/// The one of our transactions that a block holds; one that succeeded before one that did not.
async fn in_block(chain: &Chain, hashes: &[String]) -> Result<Option<Tx>, ChainError> {
    let mut found: Option<Tx> = None;
    for hash in hashes {
        let tx = chain.rpc.tx(hash).await?;
        if tx.as_ref().is_some_and(|tx| tx.tx_result.code == 0) {
            return Ok(tx);
        }
        found = found.or(tx);
    }
    Ok(found)
}

async fn is_admitted(chain: &Chain, key: WindowKey) -> Result<bool, ChainError> {
    let latest = chain
        .emissions
        .latest_nonce(key.topic, chain.signer.address())
        .await?;
    Ok(latest == Some(key.nonce))
}

/// Whether a window that was prepared for has opened, as the results of its block tell. Where no node
/// has them any more, the window counts as opened: its outcome is asked for next.
async fn opening(chain: &Chain, key: WindowKey) -> Result<bool, ChainError> {
    match chain.emissions.block_windows(key.nonce.height()).await {
        Ok(windows) => Ok(windows.iter().any(|window| window.key == key)),
        Err(ChainError::Rpc { .. } | ChainError::NeedsRpc { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

async fn standing(chain: &Chain, key: WindowKey) -> Result<bool, ChainError> {
    let status = chain
        .emissions
        .window_status(key.topic, chain.signer.address())
        .await?;
    let open = status.open.is_some_and(|window| window.key == key);
    Ok(open && status.is_registered && status.is_whitelisted)
}

/// Blocks of a window that are searched when no index has our transaction.
const SEARCHED: i64 = 20;

/// Several sources, since an index may lag or be off: the set that counts, the newest inference of
/// ours, the transaction by its hash, and the window's blocks themselves.
async fn outcome(
    chain: &Chain,
    key: WindowKey,
    end: Height,
    hashes: &[String],
    contested: bool,
) -> Result<Outcome, ChainError> {
    let inferers = chain.emissions.inferers(key, end).await?;
    let counted = inferers
        .iter()
        .any(|inferer| inferer == chain.signer.address());
    let admitted = counted || is_admitted(chain, key).await?;
    let mut tx = in_block(chain, hashes).await?;
    let mut height = key.nonce.height().plus(1);
    let last = end.min(key.nonce.height().plus(SEARCHED));
    while tx.is_none() && !admitted && !hashes.is_empty() && height <= last {
        tx = match chain.rpc.tx_in_block(hashes, height).await {
            // A node that has the block no more tells nothing.
            Err(ChainError::Rpc { .. }) => None,
            found => found?,
        };
        height = height.plus(1);
    }
    let taken = if contested {
        taken(chain, key, last).await
    } else {
        Vec::new()
    };
    Ok(Outcome {
        taken,
        counted,
        places: inferers.len(),
        tx,
        admitted,
    })
}

/// The transactions of this wallet that answer a window, in the blocks up to `last` that took them. A node
/// that has a block no more tells nothing of it.
async fn taken(chain: &Chain, key: WindowKey, last: Height) -> Vec<String> {
    let mut found = Vec::new();
    let mut height = key.nonce.height().plus(1);
    while height <= last {
        let txs = chain.rpc.accepted_in_block(height).await;
        let own = txs.unwrap_or_default().into_iter();
        let own = own.filter(|tx| answers(tx, chain.signer.address(), key));
        found.extend(own.map(|tx| hex::encode_upper(Sha256::digest(tx))));
        height = height.plus(1);
    }
    found
}
