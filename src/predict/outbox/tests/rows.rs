//! Facts come back from disk as they were, to the last bit.

use proptest::prelude::*;

use super::kit::{model, performed, prediction};
use crate::{
    predict::{Fact, outbox::row::Row},
    store::Close,
};

fn there_and_back(fact: &Fact) {
    let row = Row::encode(fact.clone()).unwrap();
    assert_eq!(&row.decode().unwrap(), fact);
}

#[test]
fn all_kinds_come_back_and_say_what_they_are() {
    let facts = [
        (Fact::Model(model("1", 5)), "model"),
        (Fact::Prediction(prediction(7, "1")), "prediction"),
        (performed(7), "performed"),
    ];
    for (fact, kind) in facts {
        assert_eq!(Row::encode(fact.clone()).unwrap().kind, kind);
        there_and_back(&fact);
    }
    let mut bare = prediction(7, "1");
    (bare.payload, bare.base, bare.detail) = (None, None, Some("late\0\n\"é\"".into()));
    there_and_back(&Fact::Prediction(bare));
}

proptest! {
    #[test]
    fn prices_keep_their_last_bit(prices in prop::collection::vec(1e-9..1e9_f64, 1..20)) {
        let mut with_base = prediction(7, "1");
        with_base.base = Some(prices[0]);
        there_and_back(&Fact::Prediction(with_base));
        let closes = prices.iter().zip(0..).map(|(&price, at)| Close { at, price });
        there_and_back(&Fact::Closes { asset: "BTC".into(), closes: closes.collect() });
    }
}
