//! The reputers' windows: in them the losses of a closed nonce would be told. The devnet has no
//! reputers, and only tells of their windows, which are none of a worker's business.

use super::{
    config::EmissionsVersion,
    events,
    judging::{Judged, settle},
    state::{Topic, Window},
};

/// What befalls a topic's reputers at the end of an epoch, which opens a window of the workers.
///
/// Their window for a nonce opens with the first epoch that ends when the truth is known, and closes
/// an epoch later, when the nonce is settled. A nonce for which no one counts has none.
pub(super) fn end_epoch(version: EmissionsVersion, topic: &mut Topic, height: i64) -> Judged {
    let id = topic.config.id.0;
    let (epoch, lag) = (topic.config.epoch_length, topic.config.ground_truth_lag);
    let rest = (-lag).rem_euclid(epoch);
    let (mut told, mut closed) = (Vec::new(), Vec::new());
    topic.losses_due.retain(|&nonce| {
        let known = nonce + lag;
        if (known..=known + rest).contains(&height) {
            let end = known + rest + epoch;
            told.push(events::reputers_opened(version, id, Window { nonce, end }));
        }
        let closes = height >= known + epoch;
        if closes {
            told.push(events::reputers_closed(version, id, nonce));
            closed.push(nonce);
        }
        !closes
    });
    let mut all = Judged {
        events: told,
        ..Judged::default()
    };
    for nonce in closed {
        let judged = settle(version, topic, nonce, height);
        all.events.extend(judged.events);
        all.paid.extend(judged.paid);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devnet::{
        DevnetConfig, DevnetTopic,
        emissions::{admit, end_block},
        state::{Inference, State},
    };
    use rstest::rstest;

    /// The reputers' windows of topic 67 that someone answers at 24 alone.
    fn told(lag: i64) -> Vec<(i64, String, Option<String>)> {
        let topic = DevnetTopic {
            ground_truth_lag: lag,
            ..DevnetTopic::default()
        };
        let mut state = State::new(&DevnetConfig {
            topics: vec![topic],
            initial_height: Some(23),
            ..DevnetConfig::default()
        });
        let mut told = Vec::new();
        for height in 24..=90 {
            let events = end_block(&mut state, height, EmissionsVersion::V10);
            for event in events.iter().filter(|it| it.kind.contains("Reputer")) {
                assert_eq!(event.attribute("nonce_block_height"), Some("\"24\""));
                let end = event.attribute("window_end_block").map(str::to_owned);
                let kind = event.kind.rsplit("Window").next().unwrap_or_default();
                told.push((height, kind.to_owned(), end));
            }
            if height == 24 {
                let inference = Inference {
                    inferer: "a".into(),
                    values: vec![("y".into(), "1".into())],
                };
                let topic = state.topics.get_mut(&67).expect("topic");
                admit(topic, 32, 24, inference).expect("admitted");
            }
        }
        told
    }

    #[rstest]
    #[case::an_epoch(12, 36, 48)]
    #[case::less_than_an_epoch(5, 36, 48)]
    #[case::more_than_an_epoch(13, 48, 60)]
    #[case::two_epochs(24, 48, 60)]
    fn a_window_opens_when_the_truth_is_known_and_closes_an_epoch_later(
        #[case] lag: i64,
        #[case] opens: i64,
        #[case] closes: i64,
    ) {
        let end = format!("\"{closes}\"");
        let expected = [
            (opens, "Opened".into(), Some(end)),
            (closes, "Closed".into(), None),
        ];
        assert_eq!(told(lag), expected);
    }
}
