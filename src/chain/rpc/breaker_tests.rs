use proptest::{collection::vec, prelude::*};

use super::*;

const REST: Rest = Rest {
    least: Duration::from_secs(1),
    most: Duration::from_secs(60),
};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What befalls a breaker, and how many milliseconds later the next thing does.
#[derive(Clone, Copy, Debug)]
enum Step {
    Fail(Blow),
    Answer,
    Begin,
    End,
    Hurry,
}

fn step() -> impl Strategy<Value = (Step, u64)> {
    let blow = (proptest::option::of(0_u64..100), any::<bool>()).prop_map(|(pause, is_final)| {
        Step::Fail(Blow {
            retry_after: pause.map(seconds),
            is_final,
        })
    });
    let step = prop_oneof![
        3 => Just(Step::Fail(Blow::default())),
        1 => blow,
        1 => Just(Step::Answer),
        4 => Just(Step::Begin),
        3 => Just(Step::End),
        1 => Just(Step::Hurry),
    ];
    (step, 0_u64..90_000)
}

proptest! {
    #[test]
    fn one_probe_at_a_time_and_none_before_its_time(
        steps in vec(step(), 0..200), jitter in 0.8..1.2_f64,
    ) {
        let (mut breaker, mut now) = (Breaker::default(), Instant::now());
        let mut out = false;
        for (step, ms) in steps {
            match step {
                Step::Fail(blow) => {
                    let was_open = breaker.is_open();
                    let opened = breaker.failed(now, REST, jitter, blow);
                    prop_assert_eq!(opened, !was_open && breaker.is_open());
                }
                Step::Answer => {
                    breaker.answered(now);
                    prop_assert!(!breaker.is_open());
                }
                Step::Begin => {
                    let until = breaker.due();
                    let begins = breaker.begin_probe(now);
                    prop_assert!(!(begins && out), "a second probe");
                    prop_assert!(!begins || until.is_some_and(|until| until <= now));
                    out |= begins;
                }
                Step::End if out => {
                    breaker.probed(now, REST, jitter);
                    out = false;
                }
                Step::End => {}
                Step::Hurry => {
                    let asked_for = breaker.asked_for;
                    breaker.hurry(now);
                    let until = breaker.due();
                    prop_assert!(until.is_none() || until >= asked_for);
                }
            }
            // It never rests for ever: not beyond the longest pause, or what the node asked for.
            if let Some(until) = breaker.due() {
                prop_assert!(until <= now + REST.most.max(LONGEST_WAIT));
            }
            now += Duration::from_millis(ms);
        }
    }
}

fn fail(breaker: &mut Breaker, now: Instant) -> bool {
    breaker.failed(now, REST, 1.0, Blow::default())
}

/// An open one, and when it opened.
fn open() -> (Breaker, Instant) {
    let (mut breaker, now) = (Breaker::default(), Instant::now());
    assert!(!fail(&mut breaker, now) && !fail(&mut breaker, now));
    assert!(fail(&mut breaker, now), "the third in a row");
    (breaker, now)
}

#[test]
fn three_failures_in_a_row_open_it_and_an_answer_between_starts_anew() {
    let (mut breaker, now) = (Breaker::default(), Instant::now());
    for _ in 0..5 {
        fail(&mut breaker, now);
        fail(&mut breaker, now);
        breaker.answered(now);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert_eq!(open().0.state(), BreakerState::Open);
}

#[test]
fn the_pause_doubles_with_each_probe_that_fails() {
    let (mut breaker, mut now) = open();
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let until = breaker.due().unwrap();
        pauses.push((until - now).as_secs());
        assert!(!breaker.begin_probe(until - Duration::from_millis(1)));
        assert!(breaker.begin_probe(until));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        now = until;
        fail(&mut breaker, now);
        breaker.probed(now, REST, 1.0);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    assert_eq!(breaker.open_for(now), Some(seconds(183)));
    breaker.answered(now);
    assert_eq!(breaker.open_for(now), None);
}

#[test]
fn after_a_single_failure_it_is_probed_and_stays_closed() {
    let (mut breaker, now) = (Breaker::default(), Instant::now());
    fail(&mut breaker, now);
    assert_eq!(breaker.due(), Some(now + seconds(1)));
    for later in [1, 2] {
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert!(breaker.begin_probe(now + seconds(later)));
        fail(&mut breaker, now + seconds(later));
        breaker.probed(now + seconds(later), REST, 1.0);
    }
    assert_eq!(breaker.state(), BreakerState::Open, "the third in a row");
    assert_eq!(breaker.due(), Some(now + seconds(3)));
}

#[test]
fn one_answer_to_a_probe_closes_it() {
    let (mut breaker, now) = open();
    assert!(breaker.begin_probe(now + seconds(1)));
    breaker.answered(now + seconds(1));
    breaker.probed(now + seconds(1), REST, 1.0);
    assert_eq!(
        (breaker.state(), breaker.due()),
        (BreakerState::Closed, None)
    );
}

#[test]
fn one_that_was_well_for_a_moment_only_rests_longer() {
    let (mut breaker, mut now) = open();
    for pause in [2, 4, 8] {
        breaker.answered(now);
        now += seconds(1);
        (0..3).for_each(|_| {
            fail(&mut breaker, now);
        });
        assert_eq!(breaker.due().unwrap() - now, seconds(pause));
    }
    breaker.answered(now);
    now += seconds(61);
    (0..3).for_each(|_| {
        fail(&mut breaker, now);
    });
    assert_eq!(
        breaker.due().unwrap() - now,
        seconds(1),
        "it was sound meanwhile"
    );
}

#[test]
fn what_the_node_asks_for_is_granted_at_once_and_to_the_end() {
    let (mut breaker, now) = (Breaker::default(), Instant::now());
    let busy = Blow {
        retry_after: Some(seconds(20)),
        ..Blow::default()
    };
    assert!(breaker.failed(now, REST, 1.0, busy));
    assert!(!breaker.hurry(now) && !breaker.begin_probe(now + seconds(19)));
    assert!(breaker.begin_probe(now + seconds(20)));
    let day = Blow {
        retry_after: Some(seconds(86_400)),
        ..Blow::default()
    };
    let mut breaker = Breaker::default();
    breaker.failed(now, REST, 1.0, day);
    assert_eq!(breaker.due(), Some(now + LONGEST_WAIT));
}

#[test]
fn where_all_are_needed_the_pause_ends_now() {
    let (mut breaker, now) = open();
    assert!(breaker.hurry(now));
    assert!(!breaker.hurry(now), "it is no news any more");
    assert!(breaker.begin_probe(now));
    assert!(!breaker.hurry(now), "one is out");
}
