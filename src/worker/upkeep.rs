//! What is kept current beside the path: the price of gas and the balance.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use super::{Chain, parts::Tally};
use crate::{
    chain::{GasPrice, Uallo, balance},
    ops::{Event, GaugeEvent, Reporter},
};

const PRICE_EVERY: Duration = Duration::from_secs(30);
/// Coins may be spent or run out between windows, which can be hours apart.
const BALANCE_EVERY: Duration = Duration::from_secs(30);

/// Follows the fee market. A price that can't be had leaves the last one in force.
pub(super) async fn follow_price(chain: Arc<Chain>, prices: watch::Sender<GasPrice>) {
    let mut ticks = interval(PRICE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Ok(price) = chain.gas_price().await {
            prices.send_replace(price);
        }
    }
}

/// Tells the balance after each window's end, and warns when it is low. Between windows it is a reading, and
/// told when it has become low.
pub(super) async fn follow_balance(
    chain: Arc<Chain>,
    mut tally: watch::Receiver<Tally>,
    (low, mut was_low): (Uallo, bool),
    reporter: Reporter,
) {
    let mut looks = interval(BALANCE_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks.reset();
    loop {
        let is_news = tokio::select! {
            changed = tally.changed() => match changed {
                Ok(()) => true,
                // The submitter has ended, and the group ends with it.
                Err(_) => return std::future::pending().await,
            },
            _ = looks.tick() => false,
        };
        let asked = balance(&chain.rpc, chain.signer.address(), &chain.network.denom).await;
        let Ok(balance) = asked else { continue };
        let is_low = balance < low;
        if is_news || (is_low && !was_low) {
            tell_balance(&chain, &reporter, balance, low);
        } else {
            reporter.emit(GaugeEvent::Coins { balance }.into());
        }
        was_low = is_low;
    }
}

/// Tells a balance, and what to do when it is low.
pub(super) fn tell_balance(chain: &Chain, reporter: &Reporter, balance: Uallo, threshold: Uallo) {
    reporter.emit(Event::Balance { balance });
    if balance < threshold {
        reporter.emit(Event::BalanceLow {
            balance,
            threshold,
            remedy: chain.fund_remedy(),
        });
    }
}
