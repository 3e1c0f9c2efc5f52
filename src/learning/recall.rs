//! What an earlier run learnt.

use std::sync::Arc;

use crate::{
    forecast::{LiveFuse, LiveFuses},
    store::{OutcomeRepository, Standing, StoreError, Wallet},
};

/// The live fuses that an earlier run left.
///
/// # Errors
/// When the store can't be read.
pub async fn recalled(
    outcomes: &dyn OutcomeRepository,
    wallet: &Wallet,
) -> Result<LiveFuses, StoreError> {
    let known = outcomes.standings(wallet).await?;
    let fuses = known.iter().map(|(topic, it)| (*topic, fuse(it)));
    Ok(Arc::new(fuses.collect()))
}

/// The fuse of a record.
pub(super) const fn fuse(standing: &Standing) -> LiveFuse {
    LiveFuse {
        weight: standing.live_weight,
        t: standing.live_t,
        days: standing.live_days,
    }
}
