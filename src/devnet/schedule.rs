//! When windows open: each active topic has a place in the block of its next opening.

use std::collections::BTreeMap;

use super::state::{State, Topic};

/// Gives the topics their first openings, in the order of their numbers. A block that is full sends
/// a topic to the next one.
pub(super) fn start(state: &mut State) {
    let (height, places) = (state.height, state.max_active_topics_per_block);
    let ids: Vec<u64> = state.topics.keys().copied().collect();
    for id in ids {
        let Some(topic) = state.topics.get(&id).filter(|topic| topic.may_be_active) else {
            continue;
        };
        let mut at = topic.at_its_phase(height);
        while placed(&state.topics, at).len() >= places {
            at += 1;
        }
        set(&mut state.topics, id, Some(at));
    }
}

/// Takes the topics whose windows open at the end of this block, and gives each its next opening.
/// One whose weight no longer suffices opens none, and is inactive.
pub(super) fn due(state: &mut State, height: i64) -> Vec<u64> {
    let (late, mut due): (Vec<u64>, Vec<u64>) = placed(&state.topics, height)
        .into_iter()
        .partition(|id| state.topics.get(id).is_some_and(|topic| topic.late > 0));
    for id in late {
        if let Some(topic) = state.topics.get_mut(&id) {
            topic.next_opening = Some(height + std::mem::take(&mut topic.late));
        }
    }
    for id in &due {
        set(&mut state.topics, *id, None);
        activate(state, *id, height);
    }
    due.retain(|id| {
        let topic = state.topics.get(id);
        topic.is_some_and(|topic| topic.may_be_active)
    });
    due
}

/// Makes a topic active whose weight suffices: its window opens one epoch after `height`. Nothing
/// happens to a topic that is active.
///
/// When that block is full, another topic loses its place there. It is inactive then, until someone
/// pays a fee to it.
pub(super) fn activate(state: &mut State, id: u64, height: i64) {
    let idle = |topic: &&Topic| topic.may_be_active && topic.next_opening.is_none();
    let Some(topic) = state.topics.get(&id).filter(idle) else {
        return;
    };
    let at = height + topic.config.epoch_length;
    let places = state.max_active_topics_per_block;
    let there = placed(&state.topics, at);
    if let Some(displaced) = there.first().filter(|_| there.len() >= places) {
        set(&mut state.topics, *displaced, None);
    }
    set(&mut state.topics, id, Some(at));
}

/// The topics that have a place in a block, by their numbers.
fn placed(topics: &BTreeMap<u64, Topic>, at: i64) -> Vec<u64> {
    let at = topics
        .iter()
        .filter(|(_, topic)| topic.next_opening == Some(at));
    at.map(|(id, _)| *id).collect()
}

fn set(topics: &mut BTreeMap<u64, Topic>, id: u64, at: Option<i64>) {
    if let Some(topic) = topics.get_mut(&id) {
        topic.next_opening = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        devnet::{DevnetConfig, DevnetTopic},
        types::TopicId,
    };

    fn state(places: usize, topics: &[(u64, i64, i64)]) -> State {
        let topic = |&(id, epoch_length, offset): &(u64, i64, i64)| DevnetTopic {
            id: TopicId(id),
            epoch_length,
            window: 2,
            offset,
            ..DevnetTopic::default()
        };
        State::new(&DevnetConfig {
            topics: topics.iter().map(topic).collect(),
            max_active_topics_per_block: places,
            initial_height: Some(20),
            ..DevnetConfig::default()
        })
    }

    /// The topics that open in each block.
    fn openings(state: &mut State, blocks: std::ops::RangeInclusive<i64>) -> Vec<(i64, Vec<u64>)> {
        blocks
            .map(|height| (height, due(state, height)))
            .filter(|(_, ids)| !ids.is_empty())
            .collect()
    }

    #[test]
    fn windows_open_at_the_multiples_of_the_epoch_plus_the_offset() {
        let mut state = state(1_000, &[(1, 12, 0), (2, 12, 5), (3, 12, 0)]);
        assert_eq!(
            openings(&mut state, 21..=41),
            [
                (24, vec![1, 3]),
                (29, vec![2]),
                (36, vec![1, 3]),
                (41, vec![2])
            ]
        );
    }

    #[test]
    fn topics_that_are_due_together_start_in_neighbouring_blocks() {
        let mut state = state(1, &[(1, 12, 0), (2, 12, 0), (3, 12, 1)]);
        assert_eq!(
            openings(&mut state, 21..=38),
            [
                (24, vec![1]),
                (25, vec![2]),
                (26, vec![3]),
                (36, vec![1]),
                (37, vec![2]),
                (38, vec![3])
            ]
        );
    }

    #[test]
    fn a_topic_that_loses_its_place_is_inactive_until_it_is_paid() {
        let mut state = state(1, &[(1, 4, 0), (2, 6, 0)]);
        // Both are due at 36, and the one that asks last has the place.
        assert_eq!(
            openings(&mut state, 21..=35),
            [
                (24, vec![1]),
                (25, vec![2]),
                (28, vec![1]),
                (31, vec![2]),
                (32, vec![1])
            ]
        );
        state.topics.get_mut(&2).expect("topic").next_opening = Some(36);
        state.topics.get_mut(&1).expect("topic").next_opening = None;
        activate(&mut state, 1, 32);
        assert_eq!(state.topics[&1].next_opening, Some(36));
        assert_eq!(state.topics[&2].next_opening, None);
        activate(&mut state, 2, 33);
        assert_eq!(state.topics[&2].next_opening, Some(39));
    }

    #[test]
    fn a_topic_without_weight_is_inactive_from_its_next_opening_until_it_has_weight_and_is_paid() {
        let mut state = state(1_000, &[(1, 12, 0)]);
        let weighty = |state: &mut State, weighty| {
            state.topics.get_mut(&1).expect("topic").may_be_active = weighty;
        };
        weighty(&mut state, false);
        assert_eq!(state.topics[&1].next_opening, Some(24));
        assert!(due(&mut state, 24).is_empty());
        activate(&mut state, 1, 25);
        assert_eq!(state.topics[&1].next_opening, None);
        weighty(&mut state, true);
        assert!(openings(&mut state, 25..=40).is_empty());
        activate(&mut state, 1, 40);
        assert_eq!(
            openings(&mut state, 41..=64),
            [(52, vec![1]), (64, vec![1])]
        );
    }

    #[test]
    fn a_late_window_is_told_late_only_when_it_is_due() {
        let mut state = state(1_000, &[(1, 12, 0)]);
        state.topics.get_mut(&1).expect("topic").late = 3;
        assert_eq!(state.topics[&1].next_opening, Some(24));
        assert!(due(&mut state, 24).is_empty());
        assert_eq!(state.topics[&1].next_opening, Some(27));
        assert_eq!(
            openings(&mut state, 25..=39),
            [(27, vec![1]), (39, vec![1])]
        );
    }
}
