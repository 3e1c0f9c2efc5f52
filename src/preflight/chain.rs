//! What the chain says of topics, the wallet and prices, asked of the sound nodes.

use std::{sync::Arc, time::Duration};

use time::OffsetDateTime;

use crate::{
    chain::{
        ChainConfig, ChainError, Emissions, GasPrice, NetworkConfig, Rpc, Uallo, Version,
        WindowStatus, balance, proto::emissions::Topic,
    },
    tls::Trust,
    types::{Height, TopicId},
};

/// Blocks over which their time is measured: a young chain, or a node that keeps few, has not so many.
const BLOCKS: [u32; 3] = [100, 10, 1];

/// Nodes that can be asked, and what they are at.
pub(super) struct Chain {
    rpc: Arc<Rpc>,
    emissions: Emissions,
    denom: String,
    floor: u128,
    pub(super) height: Height,
    pub(super) time: OffsetDateTime,
}

/// A topic, as the chain has it; none when there is no such topic.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) id: TopicId,
    pub(super) topic: Option<Topic>,
    /// The windows, and the wallet's standing when its address is known.
    pub(super) status: Option<WindowStatus>,
}

/// What answers cost and what there is to pay them from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purse {
    /// None when the wallet's address is not known.
    pub(super) balance: Option<Uallo>,
    pub(super) price: GasPrice,
    pub(super) registration_fee: Uallo,
    pub(super) data_fee: Uallo,
}

impl Chain {
    /// Finds out which version the chain speaks.
    pub(super) async fn open(
        sound: &[String],
        network: &NetworkConfig,
        config: &ChainConfig,
        (height, time): (i64, OffsetDateTime),
        trust: &Trust,
    ) -> Result<Self, ChainError> {
        let rpc = Rpc::trusting(sound, config.request_timeout, trust)?
            .hedged(config.hedge_least, config.hedge_after);
        let rpc = Arc::new(rpc);
        let emissions = Emissions::detect(Arc::clone(&rpc)).await?;
        Ok(Self {
            rpc,
            emissions,
            denom: network.denom.clone(),
            floor: network.gas_price_floor,
            height: Height(height),
            time,
        })
    }

    pub(super) fn version(&self) -> Version {
        self.emissions.version()
    }

    /// The usual time between two blocks; none when not even the one before the newest is at hand.
    pub(super) async fn block_time(&self) -> Option<Duration> {
        for blocks in BLOCKS {
            let height = self.height.plus(-i64::from(blocks));
            if let Ok(Some(then)) = self.rpc.block_time(height).await {
                return Some(Duration::try_from(self.time - then).ok()? / blocks);
            }
        }
        None
    }

    /// A topic, and where `address` stands in it.
    pub(super) async fn topic(
        &self,
        id: TopicId,
        address: Option<&str>,
    ) -> Result<Found, ChainError> {
        let topic = self.emissions.topic(id).await?;
        let status = match (&topic, address) {
            (Some(_), Some(address)) => Some(self.emissions.window_status(id, address).await?),
            _ => None,
        };
        Ok(Found { id, topic, status })
    }

    /// The balance and the prices.
    pub(super) async fn purse(&self, address: Option<&str>) -> Result<Purse, ChainError> {
        let params = self.emissions.params().await?;
        Ok(Purse {
            balance: match address {
                Some(address) => Some(balance(&self.rpc, address, &self.denom).await?),
                None => None,
            },
            price: GasPrice::of_market(&self.rpc, &self.denom, self.floor).await?,
            registration_fee: params.registration_fee,
            data_fee: params.data_fee,
        })
    }
}
