//! What the chain made of an inferer's answers: scores and rewards, which it tells in events alone.
//!
//! A nonce is settled at the end of the first block that opens a window of its topic once the truth is
//! known and the reputers had an epoch to tell their losses: `ground_truth_lag` and an epoch after the
//! nonce, rounded up to whole epochs.

use std::collections::BTreeMap;

use super::{Emissions, Version};
use crate::{
    chain::{ChainError, Uallo, jsonrpc::Event},
    types::{Height, Nonce, TopicId, WindowKey},
};

/// How the chain names those who send inferences.
const INFERER: &str = "ACTOR_TYPE_INFERER_UNSPECIFIED";

/// What a block made of an inferer's answer to a window: what it told, as far as it did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settled {
    /// The window.
    pub key: WindowKey,
    /// The score of the answer: what the network's loss would have been without it, less what it was.
    pub score: Option<f64>,
    /// The moving average of the inferer's scores, this one included.
    pub ema: Option<f64>,
    /// What was paid: whole uallo, the rest is left with the chain.
    pub paid: Option<Uallo>,
}

impl Emissions {
    /// What a block settled for an inferer, in all topics, by either version's names of the events; by
    /// topic and nonce. Most blocks settle nothing.
    ///
    /// # Errors
    /// When no endpoint tells what the block did.
    pub async fn settled(&self, height: Height, address: &str) -> Result<Vec<Settled>, ChainError> {
        let results = self.rpc.block_results(height).await?;
        let events = results.finalize_block_events.unwrap_or_default();
        Ok(read(&events, address))
    }
}

/// What events tell of an inferer.
pub(super) fn read(events: &[Event], address: &str) -> Vec<Settled> {
    let mut all: BTreeMap<(TopicId, Nonce), Settled> = BTreeMap::new();
    for (told, key) in events.iter().filter_map(|event| one(event, address)) {
        let settled = all.entry((key.topic, key.nonce)).or_insert(Settled {
            key,
            score: None,
            ema: None,
            paid: None,
        });
        match told {
            Told::Score(it) => settled.score = Some(it),
            Told::Ema(it) => settled.ema = Some(it),
            Told::Paid(it) => {
                settled.paid = Some(settled.paid.map_or(it, |before| before.plus(it)));
            }
        }
    }
    all.into_values().collect()
}

enum Told {
    Score(f64),
    Ema(f64),
    Paid(Uallo),
}

/// What an event tells of the inferer, and of which window.
fn one(event: &Event, address: &str) -> Option<(Told, WindowKey)> {
    let name = Version::ALL.iter().find_map(|it| it.event(event))?;
    let (nonce, values) = match name {
        "EventScoresSet" => ("block_height", "scores"),
        "EventEMAScoresSet" => ("nonce", "scores"),
        "EventRewardsSettled" => ("block_height", "rewards"),
        _ => return None,
    };
    let text = |key| Some(event.attribute(key)?.trim_matches('"'));
    if text("actor_type")? != INFERER {
        return None;
    }
    let list = |key| serde_json::from_str::<Vec<String>>(event.attribute(key)?).ok();
    let place = list("addresses")?.iter().position(|it| it == address)?;
    let value = list(values)?.into_iter().nth(place)?;
    let key = WindowKey {
        topic: TopicId(text("topic_id")?.parse().ok()?),
        nonce: Nonce(text(nonce)?.parse().ok()?),
    };
    let told = match name {
        "EventScoresSet" => Told::Score(number(&value)?),
        "EventEMAScoresSet" => Told::Ema(number(&value)?),
        _ => Told::Paid(whole(&value)?),
    };
    Some((told, key))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|it: &f64| it.is_finite())
}

/// An amount without its part of a uallo, which is not paid.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no amount is below zero, and a cast holds at the largest"
)]
fn whole(text: &str) -> Option<Uallo> {
    let before = text.split_once('.').map_or(text, |(before, _)| before);
    let exact = before.parse().ok().filter(|_| !text.contains(['e', 'E']));
    let rounded = || number(text).filter(|it| *it >= 0.0).map(|it| it as u128);
    exact.or_else(rounded).map(Uallo)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::jsonrpc::Attribute;
    use rstest::rstest;

    const OURS: &str = "allo1ours";

    fn event(kind: &str, pairs: &[(&str, &str)]) -> Event {
        let attribute = |(key, value): &(&str, &str)| Attribute {
            key: (*key).into(),
            value: Some((*value).into()),
            index: true,
        };
        Event {
            kind: kind.into(),
            attributes: pairs.iter().map(attribute).collect(),
        }
    }

    fn told(version: &str) -> Vec<Event> {
        let of = |name: &str| format!("emissions.{version}.{name}");
        let inferer = ("actor_type", "\"ACTOR_TYPE_INFERER_UNSPECIFIED\"");
        let (topic, all) = (("topic_id", "\"67\""), "[\"allo1other\",\"allo1ours\"]");
        vec![
            event(
                &of("EventScoresSet"),
                &[
                    inferer,
                    ("addresses", all),
                    ("block_height", "\"120\""),
                    ("scores", "[\"1\",\"-0.25\"]"),
                    topic,
                ],
            ),
            event(
                &of("EventEMAScoresSet"),
                &[
                    inferer,
                    ("addresses", all),
                    ("is_active", "[true,true]"),
                    ("nonce", "\"120\""),
                    ("scores", "[\"1\",\"0.5\"]"),
                    topic,
                ],
            ),
            event(
                &of("EventRewardsSettled"),
                &[
                    inferer,
                    ("addresses", all),
                    ("block_height", "\"120\""),
                    ("block_height_tx", "\"144\""),
                    ("rewards", "[\"7\",\"12345678901234567890.987\"]"),
                    topic,
                ],
            ),
            event(
                &of("EventRewardsSettled"),
                &[
                    ("actor_type", "\"ACTOR_TYPE_REPUTER\""),
                    ("addresses", all),
                    ("block_height", "\"120\""),
                    ("rewards", "[\"7\",\"5\"]"),
                    topic,
                ],
            ),
        ]
    }

    #[rstest]
    #[case("v9")]
    #[case("v10")]
    fn ours_alone_is_taken_of_a_list_and_as_an_inferer_alone(#[case] version: &str) {
        let expected = Settled {
            key: WindowKey {
                topic: TopicId(67),
                nonce: Nonce(120),
            },
            score: Some(-0.25),
            ema: Some(0.5),
            paid: Some(Uallo(12_345_678_901_234_567_890)),
        };
        assert_eq!(read(&told(version), OURS), [expected]);
        assert_eq!(read(&told(version), "allo1nobody"), []);
    }

    #[test]
    fn another_version_or_a_broken_list_tells_nothing() {
        assert_eq!(read(&told("v8"), OURS), []);
        let mut events = told("v10");
        for event in &mut events {
            for attribute in &mut event.attributes {
                if attribute.key == "scores" || attribute.key == "rewards" {
                    attribute.value = Some("[\"1\"]".into());
                }
            }
        }
        assert_eq!(read(&events, OURS), []);
    }

    #[rstest]
    #[case("0.9", Some(0))]
    #[case("18", Some(18))]
    #[case("1.5E+3", Some(1_500))]
    #[case("-1", None)]
    #[case("NaN", None)]
    fn what_is_below_a_uallo_is_not_paid(#[case] text: &str, #[case] paid: Option<u128>) {
        assert_eq!(whole(text), paid.map(Uallo));
    }
}
