use super::*;
use crate::{
    store::Refusal,
    types::{Nonce, TopicId},
};
use rstest::rstest;
use time::OffsetDateTime;

#[rstest]
#[case::written(Step::Due, false, false)]
#[case::too_dear(Step::Due, true, true)]
#[case::not_allowed(Step::Hindered, false, true)]
#[case::signed(Step::Prepared(tx()), false, false)]
#[case::sent(Step::Pending { tx: tx(), since: Height(100), at: Instant::now() }, false, false)]
#[case::landed(Step::Included, false, true)]
fn what_only_waits_is_calm(#[case] step: Step, #[case] is_too_dear: bool, #[case] is_calm: bool) {
    let flight = Flight {
        too_dear: is_too_dear.then_some(Height(101)),
        ..flight(step)
    };
    assert_eq!(flight.is_calm(), is_calm);
}

fn tx() -> Arc<SignedTx> {
    Arc::new(SignedTx {
        bytes: vec![1],
        hash: "A".into(),
        sequence: 4,
    })
}

fn flight(step: Step) -> Flight {
    let key = WindowKey {
        topic: TopicId(67),
        nonce: Nonce(100),
    };
    let window = OpenWindow {
        key,
        end: Height(110),
    };
    Flight {
        step,
        ..Flight::new(window, Instant::now(), 250_000)
    }
}

const BLOCK: Duration = Duration::from_secs(5);

fn at(height: i64) -> Present {
    Present {
        height: Height(height),
        at: Instant::now(),
        block_time: BLOCK,
    }
}

#[test]
fn what_is_sent_is_asked_for_in_time_though_no_block_is_heard_of() {
    let (sent, now) = (Instant::now(), at(101));
    let pending = Step::Pending {
        tx: tx(),
        since: Height(101),
        at: sent,
    };
    let mut flight = flight(pending);
    let after = |blocks: f64| Present {
        at: sent + BLOCK.mul_f64(blocks),
        ..now
    };
    assert_eq!(flight.want(after(2.4)), Want::Nothing);
    assert_eq!(flight.want(after(2.5)), Want::Inclusion);
    // It was asked for and no block is heard of yet: again after as long a time.
    flight.asked_at = Height(101);
    flight.asked = Some(sent + BLOCK.mul_f64(2.5));
    assert_eq!(flight.want(after(4.9)), Want::Nothing);
    assert_eq!(flight.want(after(5.0)), Want::Inclusion);
    flight.in_vain = 2;
    assert_eq!(flight.want(after(12.4)), Want::Nothing);
    assert_eq!(flight.want(after(12.5)), Want::Inclusion);
    flight.in_vain = 0;
    // No node is known to have taken it: one of them may still.
    flight.waited_out = tx().hash.clone();
    assert_eq!(flight.want(after(20.0)), Want::Nothing);
    flight.announced = tx().hash.clone();
    assert_eq!(flight.want(after(5.0)), Want::Inclusion);
    // Sent anew meanwhile.
    flight.step = Step::Pending {
        tx: tx(),
        since: Height(101),
        at: sent + BLOCK.mul_f64(2.6),
    };
    assert_eq!(flight.want(after(5.0)), Want::Nothing);
    assert_eq!(flight.want(after(5.1)), Want::Inclusion);
}

#[rstest]
#[case(Step::Due, 101, Want::Send)]
#[case(Step::Prepared(tx()), 101, Want::Send)]
#[case(Step::Hindered, 101, Want::Standing)]
#[case(Step::Pending { tx: tx(), since: Height(100), at: Instant::now() }, 101, Want::Nothing)]
#[case(Step::Pending { tx: tx(), since: Height(100), at: Instant::now() }, 102, Want::Inclusion)]
#[case(Step::Included, 110, Want::Nothing)]
#[case(Step::Due, 109, Want::Send)]
#[case(Step::Due, 110, Want::Nothing)]
#[case(Step::Prepared(tx()), 110, Want::Nothing)]
#[case(Step::Due, 111, Want::Outcome)]
#[case(Step::Pending { tx: tx(), since: Height(110), at: Instant::now() }, 111, Want::Outcome)]
#[case(Step::Included, 111, Want::Outcome)]
fn wants_what_its_step_asks_for(#[case] step: Step, #[case] height: i64, #[case] expected: Want) {
    let flight = flight(step);
    assert_eq!(flight.want(at(height)), expected);
    let unsure = Flight {
        origin: Origin::Unconfirmed,
        ..flight
    };
    assert_eq!(unsure.want(at(height)), Want::Opening);
    assert_eq!(unsure.want(at(100)), Want::Nothing);
    let flight = Flight {
        origin: Origin::Earlier,
        ..unsure
    };
    let asked = Flight {
        asking: true,
        ..flight
    };
    assert_eq!(asked.want(at(height)), Want::Nothing);
}

#[rstest]
#[case(State::Prepared(tx()), true)]
#[case(State::Broadcast { hash: "A".into(), endpoint: "e".into() }, true)]
#[case(State::Included { hash: "A".into(), height: Height(101) }, false)]
#[case(State::Due, false)]
#[case(State::Rejected(Refusal { codespace: "sdk".into(), code: 5, log: String::new() }), false)]
fn what_was_prepared_counts_as_sent(#[case] state: State, #[case] sent: bool) {
    let signed = sent.then(tx);
    let submission = Submission {
        key: WindowKey {
            topic: TopicId(67),
            nonce: Nonce(100),
        },
        window_end: Height(110),
        since: OffsetDateTime::UNIX_EPOCH,
        state,
        signed,
        value: Some("0.001".into()),
    };
    let is_prepared = submission.is_prepared();
    let flight = Flight::resumed(submission, 250_000);
    assert_eq!(flight.tx().is_some(), sent);
    assert_eq!(flight.uncertain, sent);
    assert_eq!(flight.origin == Origin::Unconfirmed, is_prepared);
    let may_land = sent && !is_prepared;
    assert_eq!(flight.may_land(Height(109)), may_land);
    assert_eq!(flight.is_in_the_air(Height(110)), may_land);
    assert!(!flight.may_land(Height(110)) && !flight.is_in_the_air(Height(111)));
}
