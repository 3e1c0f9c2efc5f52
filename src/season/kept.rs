//! What the worker has kept in its database, read once it has stopped.

use std::{collections::BTreeMap, path::Path};

use time::{Duration, OffsetDateTime};

use super::{
    SeasonError,
    play::{CHAIN, TOPIC},
};
use crate::{
    forecast::HOUR,
    store::{
        CandleRepository as _, Journal as _, OutcomeRepository as _, Series, State, Store, Wallet,
    },
    types::Nonce,
};

/// Submissions that are read: all of a season.
const ALL: u32 = 10_000;
/// How far ahead the topic of `config/worker.toml` asks, and how long the outcome may be waited for: the
/// close of the horizon's hour may be a day late.
const HORIZON: Duration = Duration::days(7);
const GRACE: Duration = Duration::hours(27);

/// What is found in a worker's database.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    /// Where each submission stands, by its nonce.
    pub(super) states: BTreeMap<i64, String>,
    /// Submitted forecasts whose outcome is known.
    pub(super) outcomes: usize,
    /// Those whose outcome should be known for long.
    pub(super) overdue: usize,
    /// Hours of the last 14 days without a candle, but for the last three.
    pub(super) lacking: usize,
}

impl Kept {
    /// Reads the database in a worker's folder.
    pub(super) async fn read(
        folder: &Path,
        address: &str,
        now: OffsetDateTime,
    ) -> Result<Self, SeasonError> {
        let wallet = Wallet {
            chain_id: CHAIN.into(),
            address: address.into(),
        };
        let store = Store::open(&folder.join("artifacts/worker.db")).await?;
        let submissions = store.recent(&wallet, ALL).await?;
        let states = submissions.iter().rev();
        let states = states.map(|it| (it.key.nonce.0, named(&it.state)));
        let since = OffsetDateTime::UNIX_EPOCH;
        let known = store.resolved(&wallet, TOPIC, since, Nonce(0), ALL).await?;
        let until = now - HORIZON - GRACE;
        let overdue = store
            .unresolved(&wallet, TOPIC, until, Nonce(0), ALL)
            .await?;
        let until = now.unix_timestamp().div_euclid(HOUR) - 3;
        let hours = (until - 14 * 24) * HOUR..until * HOUR;
        let candles = store.candles(&Series::hourly("btcusd"), hours).await?;
        Ok(Self {
            states: states.collect(),
            outcomes: known.len(),
            overdue: overdue.len(),
            lacking: (14_usize * 24).saturating_sub(candles.len()),
        })
    }
}

fn named(state: &State) -> String {
    let name = state.name().as_str();
    match state {
        State::Rejected(refusal) => {
            format!("{name} with {}/{}", refusal.codespace, refusal.code)
        }
        State::Expired { reason } => format!("{name}: {reason}"),
        _ => name.to_owned(),
    }
}
