//! Closes by asset.

use std::collections::BTreeMap;

use crate::store::Close;

/// Closes of one or several assets, as a feed gives them. A close's time is the end of its candle: the
/// moment from which the price can be known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prices {
    assets: BTreeMap<String, Vec<Close>>,
}

impl Prices {
    /// The closes of one asset.
    #[must_use]
    pub fn of(asset: &str, closes: Vec<Close>) -> Self {
        let mut prices = Self::default();
        prices.extend(asset, closes);
        prices
    }

    /// Adds a close.
    pub fn add(&mut self, asset: &str, close: Close) {
        self.extend(asset, [close]);
    }

    /// Adds closes of an asset after those that are there.
    pub fn extend(&mut self, asset: &str, closes: impl IntoIterator<Item = Close>) {
        let mut closes = closes.into_iter().peekable();
        if closes.peek().is_none() {
            return;
        }
        match self.assets.get_mut(asset) {
            Some(known) => known.extend(closes),
            None => drop(self.assets.insert(asset.to_owned(), closes.collect())),
        }
    }

    /// Adds all of another batch.
    pub fn merge(&mut self, other: Self) {
        for (asset, closes) in other.assets {
            self.extend(&asset, closes);
        }
    }

    /// Each asset with its closes; none is without.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Close])> {
        self.assets
            .iter()
            .map(|(asset, closes)| (asset.as_str(), closes.as_slice()))
    }

    /// How many assets there are.
    #[must_use]
    pub fn assets(&self) -> usize {
        self.assets.len()
    }

    /// How many closes there are in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.assets.values().map(Vec::len).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.assets.is_empty()
    }

    /// The time of the earliest close.
    #[must_use]
    pub fn earliest(&self) -> Option<i64> {
        self.assets.values().flatten().map(|close| close.at).min()
    }

    /// The time of the latest close.
    #[must_use]
    pub fn latest(&self) -> Option<i64> {
        self.assets.values().flatten().map(|close| close.at).max()
    }

    /// Those that are not, with the same price, among others, whose times are in order.
    pub(super) fn without(&self, known: &Self) -> Self {
        let mut rest = Self::default();
        for (asset, closes) in self.iter() {
            let known = known.assets.get(asset).map_or(&[][..], Vec::as_slice);
            let is_known = |close: &Close| {
                let place = known.binary_search_by_key(&close.at, |it| it.at);
                place.is_ok_and(|place| known[place] == *close)
            };
            let new = closes.iter().filter(|close| !is_known(close));
            rest.extend(asset, new.copied());
        }
        rest
    }

    /// Those before a time, and those from it on.
    pub(super) fn split(self, at: i64) -> (Self, Self) {
        let (mut before, mut after) = (Self::default(), Self::default());
        for (asset, closes) in self.assets {
            let (early, late): (Vec<_>, Vec<_>) =
                closes.into_iter().partition(|close| close.at < at);
            before.extend(&asset, early);
            after.extend(&asset, late);
        }
        (before, after)
    }
}

impl IntoIterator for Prices {
    type Item = (String, Vec<Close>);
    type IntoIter = std::collections::btree_map::IntoIter<String, Vec<Close>>;

    fn into_iter(self) -> Self::IntoIter {
        self.assets.into_iter()
    }
}
