//! A bare wallet that sends what it is told to.

use std::{sync::Arc, thread, time::Duration};

use allora_worker::{
    chain::{
        Account, Answer, Decimal, Emissions, Envelope, Rpc, Sent, Signer, Uallo, jsonrpc::TxResult,
    },
    store::SignedTx,
    types::{Nonce, TopicId, WindowKey},
};
use cosmrs::Any;

use crate::{chain::Chain, ledger::TOPIC, node::Node, wallet::Wallet};

const GAS: u64 = 250_000;
const FEE: Uallo = Uallo(20 * GAS as u128);

/// The wallet, and where it sends to.
pub(crate) struct Peer<'a> {
    chain: &'a Chain,
    rpc: Arc<Rpc>,
    /// The messages of the chain's version.
    pub(crate) emissions: Emissions,
    /// Its key.
    pub(crate) signer: Signer,
    /// What its next transaction is wrapped in.
    pub(crate) envelope: Envelope,
}

impl<'a> Peer<'a> {
    /// A funded wallet on a node.
    pub(crate) fn new(node: &Node, chain: &'a Chain, wallet: &Wallet) -> Self {
        let urls = [node.rpc.clone()];
        let rpc = Arc::new(Rpc::new(&urls, Duration::from_secs(5)).expect("a usable URL"));
        let emissions = chain.block_on(Emissions::detect(rpc.clone()));
        let account = chain.block_on(Account::of(&rpc, &wallet.address));
        let account = account.expect("a funded account");
        Self {
            chain,
            rpc,
            emissions: emissions.expect("a known version"),
            signer: Signer::from_mnemonic(&wallet.mnemonic.as_str().into()).expect("a key"),
            envelope: Envelope {
                chain_id: node.chain_id.clone(),
                account_number: account.number,
                sequence: account.sequence,
                gas: GAS,
                fee: FEE,
                denom: "uallo".into(),
                timeout_height: None,
            },
        }
    }

    /// Registers it in the first topic.
    pub(crate) fn register(&mut self) {
        let message = self
            .emissions
            .registration(self.signer.address(), TopicId(TOPIC));
        let tx = self.send_message(message);
        assert_eq!(meaning(&self.result(&tx)), Answer::Accepted);
    }

    /// A submission with the envelope changed for it alone.
    pub(crate) fn submission(
        &self,
        nonce: i64,
        value: &str,
        change: impl Fn(&mut Envelope),
    ) -> SignedTx {
        let key = WindowKey {
            topic: TopicId(TOPIC),
            nonce: Nonce(nonce),
        };
        let value: Decimal = value.parse().expect("a decimal");
        let message = self.emissions.submission(&self.signer, key, &value.into());
        let mut envelope = self.envelope.clone();
        change(&mut envelope);
        self.signer
            .sign_tx(vec![message.expect("a signed bundle")], &envelope)
            .expect("a signed transaction")
    }

    /// Hands a transaction to the node.
    pub(crate) fn broadcast(&self, tx: &SignedTx) -> Answer {
        let Sent { answer, .. } = self
            .chain
            .block_on(self.rpc.broadcast(&tx.bytes))
            .expect("the node answers");
        Answer::to_broadcast(&answer)
    }

    /// Sends a transaction that is expected to enter the mempool.
    pub(crate) fn send(
        &mut self,
        nonce: i64,
        value: &str,
        change: impl Fn(&mut Envelope),
    ) -> SignedTx {
        let tx = self.submission(nonce, value, change);
        assert_eq!(self.broadcast(&tx), Answer::Accepted);
        self.envelope.sequence += 1;
        tx
    }

    /// Sends a message that is expected to enter the mempool.
    pub(crate) fn send_message(&mut self, message: Any) -> SignedTx {
        let tx = self.signer.sign_tx(vec![message], &self.envelope);
        let tx = tx.expect("a signed transaction");
        assert_eq!(self.broadcast(&tx), Answer::Accepted);
        self.envelope.sequence += 1;
        tx
    }

    /// Waits until a block has taken the transaction.
    pub(crate) fn result(&self, tx: &SignedTx) -> TxResult {
        self.landed(tx).1
    }

    /// As [`Peer::result`], and which block.
    pub(crate) fn landed(&self, tx: &SignedTx) -> (i64, TxResult) {
        let latest = self.chain.height() + 10;
        loop {
            if let Some(found) = self
                .chain
                .block_on(self.rpc.tx(&tx.hash))
                .expect("an answer")
            {
                return (found.height, found.tx_result);
            }
            assert!(self.chain.height() < latest, "{} is in no block", tx.hash);
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// What a transaction's result means to the worker.
pub(crate) fn meaning(result: &TxResult) -> Answer {
    Answer::of(&result.codespace, result.code, &result.log)
}
