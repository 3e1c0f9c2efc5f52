use time::{Duration, macros::datetime};

use super::*;

const TOPIC: TopicId = TopicId(67);
const START: OffsetDateTime = datetime!(2025-09-16 0:00 UTC);

/// A block each five seconds, from height 1000 on.
fn at(height: i64) -> OffsetDateTime {
    START + Duration::seconds((height - 1000) * 5)
}

fn journaled(nonce: i64, state: StateName) -> JournaledWindow {
    JournaledWindow {
        key: WindowKey {
            topic: TOPIC,
            nonce: Nonce(nonce),
        },
        end: Height(nonce + 20),
        first: at(nonce - 50),
        sent: Some(at(nonce)),
        last: at(nonce + 21),
        state,
        cause: None,
        value: None,
        blocks: Some(1),
    }
}

fn terms(height: i64, epoch: i64) -> Terms {
    Terms {
        topic: TOPIC,
        height,
        epoch,
        blocks: 20,
        is_active: true,
        last_opened: None,
    }
}

fn run(ready: i64, seen: i64) -> Run {
    Run {
        ready: Some(at(ready)),
        first_mark: Some(Mark {
            height: ready,
            at: at(ready),
        }),
        last_mark: Some(Mark {
            height: seen,
            at: at(seen),
        }),
        seen: at(seen),
        ..Run::of_test(at(ready))
    }
}

fn past(nonces: &[i64], terms: Vec<Terms>, runs: Vec<Run>) -> Past {
    Past {
        windows: nonces
            .iter()
            .map(|it| journaled(*it, StateName::Counted))
            .collect(),
        runs,
        unready: Vec::new(),
        terms,
        payments: Vec::new(),
    }
}

/// The windows that were missed, with the reason, as of a height.
fn missed(past: &Past, until: i64, since: Option<i64>) -> Vec<(i64, Miss)> {
    let books = Books {
        past,
        topics: &[TOPIC],
        since: since.map(at),
        until: at(until),
    };
    let missed = |window: Window| match window.outcome {
        Outcome::Missed(miss) => Some((window.key.nonce.0, miss)),
        _ => None,
    };
    windows(&books).0.into_iter().filter_map(missed).collect()
}

#[test]
fn a_gap_counts_and_its_cause_is_who_was_there() {
    // Ready until 1310 and from 1650 on; 1200 went by unheard.
    let runs = vec![run(1090, 1310), run(1650, 1800)];
    let past = past(&[1100, 1300, 1700], vec![terms(1090, 100)], runs);
    let expected = [
        (1200, Miss::Unheard),
        (1400, Miss::Down),
        (1500, Miss::Down),
        (1600, Miss::Down),
    ];
    assert_eq!(missed(&past, 1705, None), expected);
}

#[test]
fn windows_that_open_a_little_late_are_no_gap() {
    // Topics that are due together open in neighbouring blocks.
    let past = past(
        &[1100, 1203, 1305, 1404],
        vec![terms(1090, 100)],
        vec![run(1090, 1404)],
    );
    assert_eq!(missed(&past, 1410, None), []);
}

#[test]
fn an_epoch_length_that_changes_counts_from_where_it_was_seen() {
    let changed = vec![terms(1090, 100), terms(1350, 50)];
    let past = past(
        &[1100, 1600],
        changed,
        vec![run(1090, 1100), run(1590, 1600)],
    );
    let nonces: Vec<_> = missed(&past, 1605, None)
        .into_iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(nonces, [1200, 1300, 1400, 1450, 1500, 1550]);
}

#[test]
fn a_topic_that_opens_none_misses_none() {
    let asleep = Terms {
        is_active: false,
        ..terms(1250, 100)
    };
    let rules = vec![terms(1090, 100), asleep, terms(1650, 100)];
    let past = past(&[1100, 1200, 1900], rules, vec![run(1090, 1910)]);
    let expected = [
        (1300, Miss::Unheard),
        (1750, Miss::Unheard),
        (1850, Miss::Unheard),
    ];
    assert_eq!(missed(&past, 1910, None), expected);
}

#[test]
fn after_the_last_sign_of_life_windows_go_on_by_the_clock() {
    let past = past(&[1100, 1200], vec![terms(1090, 100)], vec![run(1090, 1210)]);
    assert_eq!(missed(&past, 1310, None), [], "still open");
    assert_eq!(missed(&past, 1330, None), [(1300, Miss::Down)]);
    let later: Vec<_> = missed(&past, 1730, None)
        .into_iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(later, [1300, 1400, 1500, 1600, 1700]);
}

#[test]
fn a_period_that_began_before_the_first_start_counts_from_its_begin() {
    let past = past(&[1300, 1400], vec![terms(1290, 100)], vec![run(1290, 1410)]);
    let expected = [
        (1100, Miss::BeforeFirstStart),
        (1200, Miss::BeforeFirstStart),
    ];
    assert_eq!(missed(&past, 1410, Some(1040)), expected);
    assert_eq!(missed(&past, 1410, None), []);
}

#[test]
fn where_nothing_was_ever_answered_the_topic_itself_tells_its_windows() {
    let seen = Terms {
        last_opened: Some(1100),
        ..terms(1150, 100)
    };
    // Cut off, or without coins: a run that was never ready.
    let stuck = Run {
        ready: None,
        ..run(1140, 1330)
    };
    let past = past(&[], vec![seen], vec![stuck]);
    let expected = [(1200, Miss::Down), (1300, Miss::Down)];
    assert_eq!(missed(&past, 1330, None), expected);
}

#[test]
fn without_noted_terms_the_nonces_tell_the_epoch() {
    let known = past(&[1100, 1200, 1300, 1600], vec![], vec![run(1090, 1610)]);
    let expected = [(1400, Miss::Unheard), (1500, Miss::Unheard)];
    assert_eq!(missed(&known, 1610, None), expected);
    let few = past(&[1100, 1600], vec![], vec![run(1090, 1610)]);
    assert_eq!(missed(&few, 1610, None), [], "nothing tells it");
}

#[test]
fn what_was_only_expected_has_not_opened() {
    let mut past = past(&[1100], vec![terms(1090, 100)], vec![run(1090, 1150)]);
    past.windows.push(journaled(1200, StateName::Prepared));
    past.windows.push(journaled(1150, StateName::Superseded));
    let mut open = journaled(1000, StateName::Broadcast);
    open.blocks = None;
    past.windows.push(open);
    let books = Books {
        past: &past,
        topics: &[TOPIC],
        since: None,
        until: at(1150),
    };
    let (all, _) = windows(&books);
    let told: Vec<_> = all.iter().map(|it| (it.key.nonce.0, &it.outcome)).collect();
    assert_eq!(told, [(1000, &Outcome::Open), (1100, &Outcome::Counted)]);
}

#[test]
fn an_epoch_of_one_block_fills_no_memory() {
    let far = past(
        &[1_100, 9_000_000],
        vec![terms(1090, 1)],
        vec![run(1090, 1110)],
    );
    assert_eq!(missed(&far, 1_110, None).len(), MOST);
}
