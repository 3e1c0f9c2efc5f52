//! Scores and rewards, which a real chain reckons from the losses that its reputers tell. The devnet has
//! no reputers: it judges by itself when their window closes, the same way each time.
//!
//! The truth of a nonce is a number between -0.05 and 0.05 that follows from topic and nonce: no price
//! stands behind it. An answer's loss is log10 of its squared distance to the truth, the network's value is
//! the mean of all answers, and a score is the network's loss without the answer less the one with it. The
//! moving average takes a tenth of each score, and the best averages take the places. A topic's reward is
//! shared by the logistic of thrice the scores.

use super::{
    config::EmissionsVersion,
    events,
    state::{Score, Topic},
};
use crate::chain::jsonrpc::Event;

/// What of each score goes into the moving average.
const ALPHA: f64 = 0.1;
/// Within which the truth lies.
const FARTHEST: f64 = 0.05;
/// What a perfect answer's squared distance counts as.
const LEAST: f64 = 1e-12;
/// How much more a better score is paid.
const STEEPNESS: f64 = 3.0;

/// What a nonce has brought.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) events: Vec<Event>,
    /// Who is paid how much, in uallo.
    pub(super) paid: Vec<(String, u128)>,
}

/// Scores those who count for a nonce, and shares the topic's reward among them; nothing where nobody
/// judges its answers.
pub(super) fn settle(
    version: EmissionsVersion,
    topic: &mut Topic,
    nonce: i64,
    height: i64,
) -> Judged {
    let (Some(reward), Some(counted)) = (topic.config.reward, topic.closed.get(&nonce).cloned())
    else {
        return Judged::default();
    };
    let id = topic.config.id.0;
    let values: Vec<f64> = counted.iter().map(|it| sum(&it.values)).collect();
    let names: Vec<&str> = counted.iter().map(|it| it.inferer.as_str()).collect();
    let scores = scores(&values, truth(id, nonce));
    let mut told = vec![events::scores_set(
        version,
        id,
        nonce,
        &names,
        &texts(&scores),
    )];
    // As on a real chain, an answer without others to compare with brings no average.
    if counted.len() > 1 {
        let averages: Vec<f64> = names
            .iter()
            .zip(&scores)
            .map(|(name, score)| average(topic, name, *score, nonce))
            .collect();
        told.push(events::ema_scores_set(
            version,
            id,
            nonce,
            &names,
            &texts(&averages),
        ));
    }
    let shares = shares(&scores, reward);
    let amounts: Vec<String> = shares.iter().map(|it| format!("{it:.6}")).collect();
    told.push(events::rewards_settled(
        version,
        id,
        (nonce, height),
        &names,
        &amounts,
    ));
    let paid = names
        .iter()
        .zip(&shares)
        .map(|(name, share)| ((*name).to_owned(), whole(*share)));
    Judged {
        paid: paid.collect(),
        events: told,
    }
}

fn average(topic: &mut Topic, name: &str, score: f64, nonce: i64) -> f64 {
    let newcomer = Score {
        value: topic.config.newcomer_score,
        nonce,
    };
    let known = topic.scores.entry(name.to_owned()).or_insert(newcomer);
    known.value = ALPHA * score + (1.0 - ALPHA) * known.value;
    // The nonce stays: it is the newest that was answered.
    known.value
}

fn scores(values: &[f64], truth: f64) -> Vec<f64> {
    let count = values.len() as f64;
    let all: f64 = values.iter().sum();
    let loss = |value: f64| ((value - truth).powi(2) + LEAST).log10();
    let score = |value: &f64| {
        if values.len() == 1 {
            0.0
        } else {
            loss((all - value) / (count - 1.0)) - loss(all / count)
        }
    };
    values.iter().map(score).collect()
}

fn shares(scores: &[f64], reward: u128) -> Vec<f64> {
    let weight = |score: &f64| 1.0 / (1.0 + (-STEEPNESS * score).exp());
    let all: f64 = scores.iter().map(weight).sum();
    let share = |score| reward as f64 * weight(score) / all;
    scores.iter().map(share).collect()
}

/// A number that follows from topic and nonce, by the steps of `SplitMix64`.
fn truth(topic: u64, nonce: i64) -> f64 {
    let mut bits = topic
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(nonce.cast_unsigned().wrapping_mul(0xBF58_476D_1CE4_E5B9));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^= bits >> 31;
    let unit = (bits >> 11) as f64 / (1_u64 << 53) as f64;
    (2.0 * unit - 1.0) * FARTHEST
}

/// An answer with several values stands as their sum.
fn sum(values: &[(String, String)]) -> f64 {
    let number = |text: &String| text.parse().ok().filter(|it: &f64| it.is_finite());
    values.iter().filter_map(|(_, text)| number(text)).sum()
}

fn texts(numbers: &[f64]) -> Vec<String> {
    numbers.iter().map(f64::to_string).collect()
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is not below zero"
)]
fn whole(amount: f64) -> u128 {
    amount as u128
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chain::jsonrpc::Event,
        devnet::{
            DevnetConfig, DevnetTopic, Rival,
            emissions::{admit, end_block, rivals_answer},
            state::{Inference, State},
        },
    };

    const REWARD: u128 = 1_000_000;

    /// A chain whose topic 67 is judged, with these others.
    fn state(rivals: &[(&str, &str)]) -> State {
        let rival = |(address, value): &(&str, &str)| Rival {
            address: (*address).into(),
            score: 0.25,
            value: (*value).into(),
        };
        let topic = DevnetTopic {
            reward: Some(REWARD),
            rivals: rivals.iter().map(rival).collect(),
            ..DevnetTopic::default()
        };
        State::new(&DevnetConfig {
            topics: vec![topic],
            funded: vec![("a".into(), 5)],
            initial_height: Some(23),
            ..DevnetConfig::default()
        })
    }

    /// The events of who has answered with `value` at 24, block by block.
    fn told(state: &mut State, value: &str) -> Vec<(i64, Event)> {
        let mut told = Vec::new();
        for height in 24..=48 {
            rivals_answer(state, height);
            let events = end_block(state, height, EmissionsVersion::V10);
            told.extend(events.into_iter().map(|event| (height, event)));
            if height == 24 {
                let inference = Inference {
                    inferer: "a".into(),
                    values: vec![("y".into(), value.into())],
                };
                let topic = state.topics.get_mut(&67).expect("topic");
                admit(topic, 32, 24, inference).expect("admitted");
            }
        }
        let of = ["EventScoresSet", "EventEMAScoresSet", "EventRewardsSettled"];
        told.retain(|(_, event)| of.iter().any(|name| event.kind.ends_with(name)));
        told
    }

    fn list(event: &Event, key: &str) -> Vec<String> {
        serde_json::from_str(event.attribute(key).expect("attribute")).expect("list")
    }

    fn numbers(event: &Event, key: &str) -> Vec<f64> {
        let all = list(event, key).into_iter();
        all.map(|it| it.parse().expect("number")).collect()
    }

    #[test]
    fn a_nonce_is_settled_in_the_block_that_closes_its_reputers_window() {
        let near = (truth(67, 24) + 0.02).to_string();
        let mut state = state(&[("b", "0.2")]);
        let told = told(&mut state, &near);
        assert!(told.iter().all(|(height, _)| *height == 48), "{told:?}");
        let [(_, scores), (_, averages), (_, rewards)] = &told[..] else {
            panic!("{told:?}");
        };
        assert_eq!(list(scores, "addresses"), ["a", "b"]);
        let scored = numbers(scores, "scores");
        assert!(scored[0] > 0.0 && scored[1] < 0.0, "{scored:?}");
        let averaged = numbers(averages, "scores");
        assert!((averaged[0] - 0.1 * scored[0]).abs() < 1e-12);
        let paid = numbers(rewards, "rewards");
        assert!(paid[0] > paid[1] && paid[1] > 0.0, "{paid:?}");
        assert!((paid.iter().sum::<f64>() - REWARD as f64).abs() < 1e-3);
        let ours = state.topics[&67].scores["a"].value;
        assert!((ours - averaged[0]).abs() < 1e-12);
        assert_eq!(state.accounts.balance("a"), 5 + whole(paid[0]));
        assert_eq!(rewards.attribute("block_height"), Some("\"24\""));
        assert_eq!(rewards.attribute("block_height_tx"), Some("\"48\""));
    }

    #[test]
    fn one_alone_has_no_score_to_speak_of_and_all_of_the_reward() {
        let mut state = state(&[]);
        let told = told(&mut state, "0.1");
        let [(_, scores), (_, rewards)] = &told[..] else {
            panic!("{told:?}");
        };
        assert_eq!(list(scores, "scores"), ["0"]);
        assert_eq!(numbers(rewards, "rewards"), [REWARD as f64]);
    }

    #[test]
    fn a_topic_that_nobody_judges_pays_nothing() {
        let mut state = state(&[("b", "0.2")]);
        state.topics.get_mut(&67).expect("topic").config.reward = None;
        assert!(told(&mut state, "0.1").is_empty());
        assert_eq!(state.accounts.balance("a"), 5);
    }

    #[test]
    fn the_truth_is_the_same_each_time_and_another_for_each_nonce() {
        let all: Vec<_> = (0..1_000).map(|nonce| truth(67, nonce)).collect();
        assert!(all.iter().all(|it| it.abs() <= FARTHEST));
        let mean = all.iter().sum::<f64>() / 1e3;
        assert!(mean.abs() < 0.005, "{mean}");
        assert!(all.windows(2).all(|it| (it[0] - it[1]).abs() > 1e-9));
        assert!((truth(67, 24) - truth(67, 24)).abs() < f64::EPSILON);
    }
}
