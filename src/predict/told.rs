//! Prices as models are told them. Pure.

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::Prices;
use crate::{
    models::{Call, MethodConfig, ModelsError, Value},
    store::Close,
};

/// The most bytes of prices in one call: what servers of models read, less what is around them.
const MOST: usize = (64 << 20) - 4_096;
/// Bytes that a close usually takes, such as `[1763164800,90744.5],`.
const USUAL: usize = 26;

/// `{"BTC": [[1763164800, 90744.5], …], …}`: unix seconds and closes.
struct Told<'a>(&'a Prices);

struct Row<'a>(&'a [Close]);

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.assets()))?;
        for (asset, closes) in self.0.iter() {
            map.serialize_entry(asset, &Row(closes))?;
        }
        map.end()
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(|close| (close.at, close.price)))
    }
}

/// The prices as JSON: an object that holds a list of `[unix seconds, close]` for each asset.
#[must_use]
pub fn prices_json(prices: &Prices) -> Vec<u8> {
    let mut json = Vec::with_capacity(prices.len() * USUAL + 64);
    if serde_json::to_writer(&mut json, &Told(prices)).is_err() {
        // Neither a writer in memory nor texts and numbers can fail.
        json.clear();
    }
    json
}

/// The calls that tell models these prices: one, or several in their order when servers could not read
/// it as a whole. None for no prices.
///
/// # Errors
/// When the method is configured with arguments that are not known here.
pub fn tick_calls(method: &MethodConfig, prices: Prices) -> Result<Vec<Call>, ModelsError> {
    let mut calls = Vec::new();
    if !prices.is_empty() {
        add_calls(method, prices, MOST, &mut calls)?;
    }
    Ok(calls)
}

fn add_calls(
    method: &MethodConfig,
    prices: Prices,
    most: usize,
    calls: &mut Vec<Call>,
) -> Result<(), ModelsError> {
    let json = prices_json(&prices);
    let ends = prices.earliest().zip(prices.latest());
    if let Some((earliest, latest)) = ends.filter(|(from, to)| json.len() > most && from < to) {
        drop(json);
        let middle = earliest + (latest - earliest + 1) / 2;
        let (before, after) = prices.split(middle);
        for half in [before, after] {
            add_calls(method, half, most, calls)?;
        }
        return Ok(());
    }
    calls.push(method.call(&[("prices", Value::Json(json.into()))])?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::ModelsConfig;

    fn closes(times: impl IntoIterator<Item = i64>) -> Vec<Close> {
        let close = |at| Close {
            at,
            price: 90_744.5,
        };
        times.into_iter().map(close).collect()
    }

    #[test]
    fn prices_are_lists_of_time_and_close_by_asset() {
        let mut prices = Prices::of("BTC", closes([1_763_164_800, 1_763_164_860]));
        prices.add(
            "é\"",
            Close {
                at: -60,
                price: 1e-7,
            },
        );
        let json = String::from_utf8(prices_json(&prices)).unwrap();
        let expected = r#"{"BTC":[[1763164800,90744.5],[1763164860,90744.5]],"é\"":[[-60,1e-7]]}"#;
        assert_eq!(json, expected);
        assert_eq!(prices_json(&Prices::default()), b"{}");
    }

    #[test]
    fn what_is_too_large_for_one_call_becomes_several_in_order() {
        let tick = ModelsConfig::default().tick;
        let mut prices = Prices::of("BTC", closes((0..1_000).map(|minute| minute * 60)));
        prices.extend("ETH", closes((500..900).map(|minute| minute * 60)));
        let whole = prices_json(&prices).len();
        let mut calls = Vec::new();
        add_calls(&tick, prices.clone(), whole / 3, &mut calls).unwrap();
        assert!((4..=8).contains(&calls.len()), "{}", calls.len());
        assert!(calls.iter().all(|call| call.size() < whole / 3 + 100));
        assert!(calls.iter().map(Call::size).sum::<usize>() >= whole);

        assert_eq!(tick_calls(&tick, prices).unwrap().len(), 1);
        assert!(tick_calls(&tick, Prices::default()).unwrap().is_empty());
        // One close can't be halved.
        let one = Prices::of("BTC", closes([60]));
        calls.clear();
        add_calls(&tick, one, 1, &mut calls).unwrap();
        assert_eq!(calls.len(), 1);
    }
}
