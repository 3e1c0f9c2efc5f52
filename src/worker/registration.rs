//! Registering the wallet in a topic. The submitter does it, since it owns the sequence.

use std::time::Duration;

use super::{submitter::Submitter, windows::Told};
use crate::{
    chain::{Answer, ChainError, Envelope, Next, jsonrpc::Tx},
    ops::Event,
    store::SignedTx,
    types::TopicId,
};

/// Signatures before the next poll tries again.
const ATTEMPTS: u32 = 3;
/// How long, and how often, a block is asked for.
const LOOKS: u32 = 60;
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Submitter {
    /// Registers the wallet, unless it is registered by now. What goes wrong is told and tried again
    /// after the next poll.
    pub(super) async fn register(&mut self, topic: TopicId) {
        match self.try_register(topic).await {
            Ok(()) => self.told(Told::Registered(topic)),
            Err((cause, remedy)) => {
                self.tell(Event::TopicUnavailable {
                    topic,
                    cause,
                    remedy: remedy.into(),
                });
            }
        }
    }

    async fn try_register(&mut self, topic: TopicId) -> Result<(), (String, &'static str)> {
        const AGAIN: &str = "trying again at the next poll";
        let failed = |error: ChainError| (error.to_string(), AGAIN);
        let chain = self.parts.chain.clone();
        let address = chain.signer.address();
        if chain
            .emissions
            .window_status(topic, address)
            .await
            .map_err(failed)?
            .is_registered
        {
            return Ok(());
        }
        if self.parts.dry_run {
            let cause =
                "the wallet is not registered in the topic, and a dry run registers nothing";
            return Err((cause.into(), "run once without --dry-run"));
        }
        let fee = chain
            .emissions
            .params()
            .await
            .map_err(failed)?
            .registration_fee;
        self.tell(Event::Registering { topic, fee });
        for _ in 0..ATTEMPTS {
            let tx = self.sign_registration(topic)?;
            let sent = chain.rpc.broadcast(&tx.bytes).await.map_err(failed)?;
            let mut answer = Answer::to_broadcast(&sent.answer);
            if answer.next() == Next::AwaitInclusion {
                self.ledger.spent(tx.sequence);
                let Some(found) = self.await_block(&tx.hash).await else {
                    return Err(("the registration is in no block yet".into(), AGAIN));
                };
                let result = &found.tx_result;
                answer = Answer::of(&result.codespace, result.code, &result.log);
                if answer == Answer::Accepted {
                    let height = crate::types::Height(found.height);
                    self.tell(Event::Registered {
                        topic,
                        hash: tx.hash,
                        height,
                    });
                    return Ok(());
                }
            }
            if answer.next() != Next::Rebuild {
                let cause = format!("the chain refused the registration: {:?}", sent.answer);
                return Err((cause, answer.advice()));
            }
            let network = &chain.network;
            self.ledger
                .mend(
                    &answer,
                    &chain.rpc,
                    address,
                    &network.denom,
                    network.gas_price_floor,
                )
                .await
                .map_err(failed)?;
        }
        Err((
            "the chain refused the registration several times".into(),
            AGAIN,
        ))
    }

    fn sign_registration(&self, topic: TopicId) -> Result<SignedTx, (String, &'static str)> {
        let chain = &self.parts.chain;
        let gas = self.ledger.fees().gas_limit;
        let Some(fee) = self.ledger.fee(gas) else {
            let (fee, cap) = (self.ledger.uncapped(gas), self.ledger.fees().max_fee);
            let cause = format!("the registration's gas costs {fee}, above the cap of {cap}");
            return Err((cause, "raise fees.max_fee or lower fees.tier"));
        };
        let message = chain.emissions.registration(chain.signer.address(), topic);
        let account = self.ledger.account();
        let envelope = Envelope {
            chain_id: chain.network.chain_id.clone(),
            account_number: account.number,
            sequence: account.sequence,
            gas,
            fee,
            denom: chain.network.denom.clone(),
            timeout_height: None,
        };
        let signed = chain.signer.sign_tx(vec![message], &envelope);
        signed.map_err(|error| (error.to_string(), "check the chain id and the denomination"))
    }

    async fn await_block(&self, hash: &str) -> Option<Tx> {
        for _ in 0..LOOKS {
            if let Ok(Some(tx)) = self.parts.chain.rpc.tx(hash).await {
                return Some(tx);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        None
    }
}
