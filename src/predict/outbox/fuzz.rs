//! For `crate::fuzz`: facts as they were left on disk.

use super::{
    row::Row,
    tests::kit::{model, performed, prediction},
};
use crate::{
    fuzz::{Form, Target, told},
    predict::Fact,
    store::Close,
};

pub(in crate::predict) fn rows() -> Target {
    let closes = vec![
        Close {
            at: 1_757_462_400,
            price: 111_000.5,
        },
        Close { at: 1, price: 0.1 },
    ];
    let facts = [
        Fact::Model(model("1", 5)),
        Fact::Prediction(prediction(7, "1")),
        performed(7),
        Fact::Closes {
            asset: "BTC".into(),
            closes,
        },
    ];
    let texts = facts.map(|fact| Row::encode(fact).expect("a row").fact);
    Target::new("predict-outbox", Form::Json, texts, |bytes| {
        let fact = String::from_utf8_lossy(bytes).into_owned();
        let row = Row {
            seq: 1,
            kind: "prediction".into(),
            payload: Some(bytes.to_vec()),
            fact,
        };
        let read = row.decode();
        if let Ok(fact) = &read {
            let again = Row::encode(fact.clone()).and_then(|row| row.decode());
            assert_eq!(again.ok().as_ref(), Some(fact));
        }
        told(&read)
    })
}
