//! The last days of prices. Pure.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
};

use super::Prices;
use crate::store::Close;

/// The closes of each asset: ascending, one for each time, no older than `history` before the newest one
/// of that asset. So its memory is bounded by the feed's resolution, however long it runs: 16 bytes a
/// close.
#[derive(Clone, Debug)]
pub struct Book {
    history: i64,
    assets: BTreeMap<String, VecDeque<Close>>,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Taken {
    /// Closes that were not known, or had another price; ascending.
    pub new: Prices,
    /// Those that can't be true.
    pub refused: Vec<Refused>,
}

/// A close that can't be true.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// The asset.
    pub asset: String,
    /// The close.
    pub close: Close,
    /// Why not.
    pub why: Why,
}

/// Why a close can't be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its price is no finite number above zero.
    Price,
    /// It lies ahead of the clock.
    Future,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Close { at, price } = self.close;
        match self.why {
            Why::Price => write!(f, "{} at {at} costs {price}", self.asset),
            Why::Future => write!(f, "{} has a close of {at}, which is to come", self.asset),
        }
    }
}

impl Book {
    /// An empty book that keeps `history` seconds.
    #[must_use]
    pub const fn new(history: i64) -> Self {
        Self {
            history,
            assets: BTreeMap::new(),
        }
    }

    /// Takes in a batch, in any order. Closes later than `latest` (unix seconds) are refused, and so are
    /// prices that are none. Of a time that comes twice in a batch the later one counts.
    pub fn take(&mut self, prices: Prices, latest: i64) -> Taken {
        let mut taken = Taken::default();
        for (asset, closes) in prices {
            let closes = sound(&asset, closes, latest, &mut taken.refused);
            if closes.is_empty() {
                continue;
            }
            let known = self.assets.entry(asset.clone()).or_default();
            taken
                .new
                .extend(&asset, take_in(known, closes, self.history));
        }
        taken
    }

    /// All closes of `at` (unix seconds) and later.
    #[must_use]
    pub fn since(&self, at: i64) -> Prices {
        let mut prices = Prices::default();
        for (asset, closes) in &self.assets {
            let begin = closes.partition_point(|close| close.at < at);
            prices.extend(asset, closes.range(begin..).copied());
        }
        prices
    }

    /// All closes.
    #[must_use]
    pub fn all(&self) -> Prices {
        self.since(i64::MIN)
    }

    /// The newest close of an asset.
    #[must_use]
    pub fn newest(&self, asset: &str) -> Option<Close> {
        self.assets.get(asset)?.back().copied()
    }

    /// How many closes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.assets.values().map(VecDeque::len).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Those that can be true, ascending, one for each time.
fn sound(
    asset: &str,
    mut closes: Vec<Close>,
    latest: i64,
    refused: &mut Vec<Refused>,
) -> Vec<Close> {
    closes.retain(|close| {
        let why = if !close.price.is_finite() || close.price <= 0.0 {
            Why::Price
        } else if close.at > latest {
            Why::Future
        } else {
            return true;
        };
        refused.push(Refused {
            asset: asset.to_owned(),
            close: *close,
            why,
        });
        false
    });
    put_in_order(&mut closes);
    closes
}

/// Sorts, and lets the later one of a time win.
fn put_in_order(closes: &mut Vec<Close>) {
    closes.sort_by_key(|close| close.at);
    closes.dedup_by(|later, earlier| {
        let is_same = later.at == earlier.at;
        if is_same {
            *earlier = *later;
        }
        is_same
    });
}

/// Adds closes that are in order, drops what has become too old, and gives what is new of the rest.
fn take_in(known: &mut VecDeque<Close>, mut closes: Vec<Close>, history: i64) -> Vec<Close> {
    let newest = known.back().into_iter().chain(closes.last());
    let newest = newest.map(|close| close.at).max().unwrap_or(i64::MIN);
    let oldest = newest.saturating_sub(history);
    closes.retain(|close| {
        let place = known.partition_point(|it| it.at < close.at);
        let same = known.get(place).filter(|it| it.at == close.at);
        close.at >= oldest && same.is_none_or(|it| it.price.to_bits() != close.price.to_bits())
    });
    let last = known.back().map_or(i64::MIN, |close| close.at);
    if closes.first().is_none_or(|first| first.at > last) {
        known.extend(closes.iter().copied());
    } else {
        let mut all: Vec<Close> = known.drain(..).chain(closes.iter().copied()).collect();
        put_in_order(&mut all);
        known.extend(all);
    }
    let gone = known.partition_point(|close| close.at < oldest);
    drop(known.drain(..gone));
    closes
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
