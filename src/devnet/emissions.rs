//! Topics, windows and the inferers that count.

use std::sync::Arc;

use super::{
    config::EmissionsVersion,
    events,
    refusal::Refusal,
    reputers, schedule,
    state::{Inference, Score, State, Topic, Window},
};
use crate::chain::jsonrpc::Event;

/// Admits an inference to its topic's open window, or leaves it out in silence.
///
/// The best scores take the places: with all taken, the lowest leaves if the newcomer's is higher.
/// Returns whether it was admitted.
///
/// # Errors
/// When the inferer has a place already, or had its turn in this window.
pub(super) fn admit(
    topic: &mut Topic,
    places: usize,
    nonce: i64,
    inference: Inference,
) -> Result<bool, Refusal> {
    let inferer = inference.inferer.clone();
    if topic.inferers.contains_key(&inferer) {
        return Err(Refusal::plain("inference already submitted"));
    }
    let known = topic.scores.get(&inferer);
    if known.is_some_and(|score| score.nonce >= nonce) {
        return Err(Refusal::ema_twice(""));
    }
    let value = known.map_or(topic.config.newcomer_score, |score| score.value);
    topic.scores.insert(inferer.clone(), Score { value, nonce });
    if topic.inferers.len() >= places {
        match lowest(topic) {
            Some((lowest, score)) if value > score => {
                topic.inferers.remove(&lowest);
            }
            _ => return Ok(false),
        }
    }
    topic.inferers.insert(inferer, inference);
    Ok(true)
}

fn lowest(topic: &Topic) -> Option<(String, f64)> {
    let score = |inferer: &String| topic.scores.get(inferer).map_or(0.0, |s| s.value);
    let mut placed: Vec<_> = topic
        .inferers
        .keys()
        .map(|i| (i.clone(), score(i)))
        .collect();
    placed.sort_by(|a, b| a.1.total_cmp(&b.1));
    placed.into_iter().next()
}

/// Lets the simulated workers answer: in the first block after a window's opening.
pub(super) fn rivals_answer(state: &mut State, height: i64) {
    let places = state.max_top_inferers;
    for topic in state.topics.values_mut() {
        let Some(window) = topic.open.filter(|w| w.nonce + 1 == height) else {
            continue;
        };
        for rival in topic.config.rivals.clone() {
            let nonce = window.nonce;
            let score = Score {
                value: rival.score,
                nonce: nonce - 1,
            };
            topic.scores.insert(rival.address.clone(), score);
            let inference = Inference {
                inferer: rival.address,
                values: vec![("y".into(), rival.value)],
            };
            // A rival answers once a window, so the chain has no reason to refuse it.
            let _admitted = admit(topic, places, nonce, inference);
        }
    }
}

/// The end of a block: opens the windows that are due, then closes those whose last block it is.
pub(super) fn end_block(state: &mut State, height: i64, version: EmissionsVersion) -> Vec<Event> {
    let mut events = Vec::new();
    for id in schedule::due(state, height) {
        if let Some(topic) = state.topics.get_mut(&id) {
            let window = Window {
                nonce: height,
                end: height + topic.config.window,
            };
            topic.open = Some(window);
            topic.epoch_last_ended = height;
            events.push(events::window_opened(version, id, window));
            let judged = reputers::end_epoch(version, topic, height);
            events.extend(judged.events);
            for (address, amount) in judged.paid {
                state.accounts.receive(&address, amount);
            }
        }
    }
    for (id, topic) in &mut state.topics {
        if let Some(window) = topic.open.filter(|w| w.end == height) {
            let counted: Arc<Vec<Inference>> = topic.close(window.nonce);
            if !counted.is_empty() {
                let names = counted
                    .iter()
                    .map(|i| i.inferer.as_str())
                    .collect::<Vec<_>>();
                events.push(events::active_inferers(version, *id, window.nonce, &names));
            }
            events.push(events::window_closed(version, *id, window.nonce));
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devnet::{DevnetConfig, DevnetTopic, Rival};
    use rstest::rstest;

    fn state(places: usize, rivals: Vec<Rival>) -> State {
        let topic = DevnetTopic {
            rivals,
            newcomer_score: 0.5,
            ..DevnetTopic::default()
        };
        State::new(&DevnetConfig {
            topics: vec![topic],
            max_top_inferers: places,
            initial_height: Some(23),
            ..DevnetConfig::default()
        })
    }

    fn inference(inferer: &str) -> Inference {
        Inference {
            inferer: inferer.into(),
            values: vec![("y".into(), "0.1".into())],
        }
    }

    fn kinds(events: &[Event]) -> Vec<&str> {
        events
            .iter()
            .filter_map(|e| e.kind.rsplit('.').next())
            .collect()
    }

    #[test]
    fn a_window_opens_at_the_epoch_and_closes_at_its_last_block() {
        let mut state = state(32, Vec::new());
        let opened = end_block(&mut state, 24, EmissionsVersion::V10);
        assert_eq!(kinds(&opened), ["EventWorkerSubmissionWindowOpened"]);
        assert_eq!(opened[0].attribute("window_end_block"), Some("\"32\""));
        assert_eq!(state.topics[&67].open, Some(Window { nonce: 24, end: 32 }));
        for height in 25..32 {
            assert!(
                end_block(&mut state, height, EmissionsVersion::V10).is_empty(),
                "{height}"
            );
        }
        let closed = end_block(&mut state, 32, EmissionsVersion::V10);
        assert_eq!(kinds(&closed), ["EventWorkerSubmissionWindowClosed"]);
        assert_eq!(state.topics[&67].open, None);
    }

    #[test]
    fn an_inactive_topic_opens_no_window_but_closes_the_open_one() {
        let mut state = state(32, Vec::new());
        end_block(&mut state, 24, EmissionsVersion::V10);
        state.topics.get_mut(&67).expect("topic").next_opening = None;
        assert_eq!(end_block(&mut state, 32, EmissionsVersion::V10).len(), 1);
        assert!(end_block(&mut state, 36, EmissionsVersion::V10).is_empty());
    }

    #[test]
    fn the_same_inferer_is_refused_by_its_place_and_then_by_its_turn() {
        let mut state = state(1, Vec::new());
        end_block(&mut state, 24, EmissionsVersion::V10);
        let topic = state.topics.get_mut(&67).expect("topic");
        assert_eq!(admit(topic, 1, 24, inference("a")), Ok(true));
        let again = admit(topic, 1, 24, inference("a")).expect_err("again");
        assert_eq!((again.codespace.as_str(), again.code), ("undefined", 1));
        assert_eq!(
            admit(topic, 1, 24, inference("b")),
            Ok(false),
            "no higher score"
        );
        let outranked = admit(topic, 1, 24, inference("b")).expect_err("again");
        assert_eq!(
            (outranked.codespace.as_str(), outranked.code),
            ("emissions", 78)
        );
    }

    #[rstest]
    #[case(0.9, &["rival"])]
    #[case(0.1, &["ours"])]
    fn the_higher_score_takes_the_only_place(#[case] score: f64, #[case] counted: &[&str]) {
        let rival = Rival {
            address: "rival".into(),
            score,
            value: "0".into(),
        };
        let mut state = state(1, vec![rival]);
        end_block(&mut state, 24, EmissionsVersion::V10);
        rivals_answer(&mut state, 25);
        let topic = state.topics.get_mut(&67).expect("topic");
        admit(topic, 1, 24, inference("ours")).expect("delivered");
        let events = end_block(&mut state, 32, EmissionsVersion::V10);
        assert_eq!(
            kinds(&events),
            [
                "EventActiveInferersSet",
                "EventWorkerSubmissionWindowClosed"
            ]
        );
        let names = serde_json::to_string(counted).expect("names");
        assert_eq!(events[0].attribute("addresses"), Some(names.as_str()));
        assert_eq!(state.topics[&67].closed[&24].len(), 1);
    }
}
