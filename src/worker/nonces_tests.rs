use super::*;

const T: TopicId = TopicId(67);

fn window(nonce: i64) -> OpenWindow {
    let key = WindowKey {
        topic: T,
        nonce: Nonce(nonce),
    };
    OpenWindow {
        key,
        end: Height(nonce + 10),
    }
}

fn status(open: Option<OpenWindow>, next: i64) -> WindowStatus {
    WindowStatus {
        open,
        next_start: Some(Height(next)),
        next_end: Some(Height(next + 10)),
        is_registered: true,
        is_whitelisted: true,
        is_active: true,
    }
}

#[test]
fn a_window_is_new_once_whoever_tells_of_it() {
    let mut tracker = NonceTracker::new([T]);
    assert!(tracker.opened(window(100)));
    assert!(!tracker.opened(window(100)));
    let (open, _) = tracker.told(T, &status(Some(window(100)), 112), true);
    assert_eq!(open, None);
    let (open, _) = tracker.told(T, &status(Some(window(112)), 124), true);
    assert_eq!(open, Some(window(112)));
}

#[test]
fn an_answered_or_closed_nonce_is_not_opened_again() {
    let mut tracker = NonceTracker::new([T]);
    assert!(tracker.opened(window(100)));
    tracker.answered(window(100).key);
    assert!(!tracker.opened(window(100)));
    assert!(tracker.opened(window(112)));
    tracker.advance(Height(123));
    assert!(!tracker.opened(window(112)));
}

#[test]
fn a_finished_window_is_remembered_for_as_long_as_it_is_open_and_a_while_after() {
    let mut tracker = NonceTracker::new([T]);
    let long = OpenWindow {
        end: Height(100 + 3 * REMEMBERED),
        ..window(100)
    };
    tracker.opened(long);
    tracker.answered(long.key);
    tracker.advance(Height(long.end.0 + REMEMBERED - 1));
    assert!(!tracker.opened(long));
    tracker.advance(Height(long.end.0 + REMEMBERED));
    assert_eq!(tracker.topics[&T].answered.len(), 0);
    for nonce in (1..=100).map(|one| 10_000 + 100 * one) {
        tracker.opened(window(nonce));
        tracker.advance(Height(nonce + 90));
    }
    let kept = tracker.topics[&T].answered.len();
    assert_eq!(kept, 10, "a thousand blocks of a hundred each");
}

#[test]
fn a_closed_window_is_missed_when_nobody_told_of_it() {
    let mut tracker = NonceTracker::new([T]);
    assert!(tracker.missed(window(100).key));
    assert!(!tracker.missed(window(100).key), "it is told once");
    tracker.opened(window(112));
    assert!(!tracker.missed(window(112).key));
    tracker.answered(window(124).key);
    assert!(!tracker.missed(window(124).key));
    let mut others = NonceTracker::new([TopicId(1)]);
    assert!(!others.missed(window(100).key));
}

#[test]
fn a_window_that_only_a_status_tells_of_needs_its_nonce_confirmed() {
    let mut tracker = NonceTracker::new([T]);
    let (open, _) = tracker.told(T, &status(Some(window(100)), 112), false);
    assert_eq!(open, None);
}

#[test]
fn other_topics_are_none_of_ours() {
    let mut tracker = NonceTracker::new([TopicId(1)]);
    assert!(!tracker.opened(window(100)));
}

#[test]
fn a_foretold_opening_that_is_not_heard_is_overdue_once() {
    let mut tracker = NonceTracker::new([T]);
    tracker.told(T, &status(None, 112), true);
    assert!(tracker.overdue(Height(112)).is_empty());
    assert_eq!(tracker.overdue(Height(113)), [T]);
    assert!(tracker.overdue(Height(114)).is_empty());
    tracker.told(T, &status(None, 124), true);
    assert!(tracker.opened(window(124)));
    assert!(tracker.overdue(Height(125)).is_empty());
}

#[test]
fn an_opening_is_near_in_the_blocks_before_it() {
    let mut tracker = NonceTracker::new([T]);
    assert!(!tracker.opens_within(Height(111), 2));
    tracker.told(T, &status(None, 112), true);
    let near: Vec<_> = (108..114)
        .filter(|&height| tracker.opens_within(Height(height), 2))
        .collect();
    assert_eq!(near, [110, 111]);
}

#[test]
fn a_change_of_standing_is_told_once() {
    let mut tracker = NonceTracker::new([T]);
    let unregistered = WindowStatus {
        is_registered: false,
        ..status(None, 112)
    };
    assert!(!tracker.knows_all());
    assert!(tracker.told(T, &unregistered, true).1);
    assert!(!tracker.told(T, &unregistered, true).1);
    assert_eq!(tracker.obstacle(T), Some(Obstacle::Unregistered));
    assert!(tracker.told(T, &status(None, 112), true).1);
    assert_eq!(tracker.obstacle(T), None);
    assert!(tracker.knows_all());
}
