//! Transactions in their blocks, and what blocks did.

use std::{sync::Arc, time::Duration};

use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::{Rpc, endpoint::Endpoint, latency::Kind};
use crate::{
    chain::{
        ChainError,
        jsonrpc::{BlockResults, Tx},
    },
    types::Height,
};

/// A node shows a block's results a moment after its header.
const RESULTS_PAUSE: Duration = Duration::from_millis(150);
const RESULTS_TRIES: u32 = 4;

impl Rpc {
    /// Looks a transaction up by its hash (upper-case hex); none when no node's index has it.
    ///
    /// # Errors
    /// When no node answers.
    pub async fn tx(&self, hash: &str) -> Result<Option<Tx>, ChainError> {
        let bytes: Arc<[u8]> = hex::decode(hash).unwrap_or_default().into();
        let call = move |endpoint: Arc<Endpoint>| {
            let bytes = Arc::clone(&bytes);
            async move { endpoint.tx(&bytes).await }
        };
        let found = self
            .ask((Kind::Query, "tx"), self.preferred(), call, |_, _| None)
            .await;
        match found {
            Ok(tx) => Ok(Some(tx)),
            // Not found, or the index is off: either way nothing is known.
            Err(ChainError::Rpc { error, .. })
                if error.data.contains("not found")
                    || error.data.contains("indexing is disabled") =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The transactions that a block took and did not refuse, as they were broadcast. Without an endpoint
    /// that speaks CometBFT's RPC nothing is known.
    ///
    /// # Errors
    /// When no node answers or has the block.
    pub async fn accepted_in_block(&self, height: Height) -> Result<Vec<Vec<u8>>, ChainError> {
        if !self.endpoints.iter().any(|it| it.speaks_rpc()) {
            return Ok(Vec::new());
        }
        let call = move |endpoint: Arc<Endpoint>| async move { endpoint.block_txs(height).await };
        let txs = self
            .ask((Kind::Block, "block"), self.preferred(), call, |_, _| None)
            .await?;
        if txs.is_empty() {
            return Ok(txs);
        }
        let results = self.block_results(height).await?;
        let results = results.txs_results.unwrap_or_default();
        let taken = txs.into_iter().zip(results);
        Ok(taken
            .filter(|(_, result)| result.code == 0)
            .map(|(tx, _)| tx)
            .collect())
    }

    /// Looks for a transaction in a block itself, for when no index tells. Without an endpoint that
    /// speaks CometBFT's RPC nothing is known.
    ///
    /// # Errors
    /// When no node answers or has the block.
    pub async fn tx_in_block(
        &self,
        hashes: &[String],
        height: Height,
    ) -> Result<Option<Tx>, ChainError> {
        if !self.endpoints.iter().any(|it| it.speaks_rpc()) {
            return Ok(None);
        }
        let call = move |endpoint: Arc<Endpoint>| async move { endpoint.block_txs(height).await };
        let txs = self
            .ask((Kind::Block, "block"), self.preferred(), call, |_, _| None)
            .await?;
        let found = txs
            .iter()
            .map(|tx| hex::encode_upper(Sha256::digest(tx)))
            .enumerate()
            .find(|(_, hash)| hashes.contains(hash));
        let Some((index, hash)) = found else {
            return Ok(None);
        };
        let results = self.block_results(height).await?;
        let result = results
            .txs_results
            .unwrap_or_default()
            .into_iter()
            .nth(index);
        Ok(result.map(|tx_result| Tx {
            hash,
            height: height.0,
            tx_result,
        }))
    }

    /// The time that a block bears; none when no node that answers has the block any more, or yet.
    ///
    /// # Errors
    /// When no node answers.
    pub async fn block_time(&self, height: Height) -> Result<Option<OffsetDateTime>, ChainError> {
        let call = move |endpoint: Arc<Endpoint>| async move { endpoint.block_time(height).await };
        let answer = self.ask((Kind::Query, "header"), self.preferred(), call, |_, _| None);
        match answer.await {
            Ok(time) => Ok(Some(time)),
            Err(ChainError::Rpc { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a block did. The newest one's results may come a moment after its header: they are
    /// waited for, for half a second.
    ///
    /// # Errors
    /// When no endpoint speaks CometBFT's RPC, none answers, or none has the block any more.
    pub async fn block_results(&self, height: Height) -> Result<BlockResults, ChainError> {
        let what = "block_results";
        let mut tries = 1;
        loop {
            let order = self.preferred().of(Endpoint::speaks_rpc);
            if order.asked.is_empty() {
                return Err(ChainError::NeedsRpc { what: what.into() });
            }
            let call =
                move |endpoint: Arc<Endpoint>| async move { endpoint.block_results(height).await };
            let answer = self
                .ask((Kind::Block, what), order, call, |_, _| None)
                .await;
            match answer {
                Err(error) if tries < RESULTS_TRIES && is_too_early(&error) => {}
                answer => return answer,
            }
            tries += 1;
            tokio::time::sleep(RESULTS_PAUSE).await;
        }
    }
}

/// CometBFT's two ways to say that a height is not there yet. The first also means that it is gone.
fn is_too_early(error: &ChainError) -> bool {
    matches!(error, ChainError::Rpc { error, .. }
        if error.data.contains("could not find results")
            || error.data.contains("must be less than or equal to"))
}
