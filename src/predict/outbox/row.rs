//! A fact as a row of the outbox: JSON that a person can read, and the answer's bytes beside it.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{predict::Fact, store::Packed};

/// About what a row takes besides its texts.
const OVERHEAD: usize = 48;

/// A fact in the form that is kept on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Its place in the order; 0 until it has one.
    pub(super) seq: i64,
    /// `model`, `deployed`, `prediction`, `performed` or `closes`.
    pub(super) kind: String,
    /// The fact as JSON.
    pub(super) fact: String,
    /// The answer of a prediction, as it was packed.
    pub(super) payload: Option<Vec<u8>>,
}

impl Row {
    /// Fails only for what JSON can't express.
    pub(super) fn encode(mut fact: Fact) -> Result<Self, serde_json::Error> {
        let payload = match &mut fact {
            Fact::Prediction(prediction) => prediction.payload.take(),
            _ => None,
        };
        Ok(Self {
            seq: 0,
            kind: kind(&fact).to_owned(),
            fact: serde_json::to_string(&fact)?,
            payload: payload.map(Packed::into_bytes),
        })
    }

    /// The fact, unless another version wrote it in another form.
    pub(super) fn decode(&self) -> Result<Fact, serde_json::Error> {
        let mut fact = serde_json::from_str(&self.fact)?;
        match &mut fact {
            Fact::Prediction(prediction) => {
                prediction.payload = self.payload.clone().map(Packed::from_stored);
                if let Some(base) = &mut prediction.base {
                    let text: Base<'_> = serde_json::from_str(&self.fact)?;
                    exactly(base, text.base);
                }
            }
            Fact::Closes { closes, .. } => {
                let text: Prices<'_> = serde_json::from_str(&self.fact)?;
                for (close, text) in closes.iter_mut().zip(text.closes) {
                    exactly(&mut close.price, Some(text.price));
                }
            }
            Fact::Model(_) | Fact::Deployed(_) | Fact::Performed { .. } => {}
        }
        Ok(fact)
    }

    /// Bytes that it takes, about.
    pub(super) fn size(&self) -> usize {
        self.fact.len() + self.payload.as_ref().map_or(0, Vec::len) + OVERHEAD
    }
}

/// The reader of JSON may miss a number of 16 digits and more by its last bit; the standard library's
/// does not.
fn exactly(value: &mut f64, text: Option<&RawValue>) {
    if let Some(exact) = text.and_then(|it| it.get().parse().ok()) {
        *value = exact;
    }
}

#[derive(Deserialize)]
struct Base<'a> {
    #[serde(borrow)]
    base: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Prices<'a> {
    #[serde(borrow)]
    closes: Vec<Price<'a>>,
}

#[derive(Deserialize)]
struct Price<'a> {
    #[serde(borrow)]
    price: &'a RawValue,
}

const fn kind(fact: &Fact) -> &'static str {
    match fact {
        Fact::Model(_) => "model",
        Fact::Deployed(_) => "deployed",
        Fact::Prediction(_) => "prediction",
        Fact::Performed { .. } => "performed",
        Fact::Closes { .. } => "closes",
    }
}

/// Bytes that a fact takes in memory, about.
pub(super) fn weight(fact: &Fact) -> usize {
    let more = match fact {
        Fact::Prediction(prediction) => {
            prediction
                .payload
                .as_ref()
                .map_or(0, |it| it.as_bytes().len())
                + prediction.detail.as_ref().map_or(0, String::len)
        }
        Fact::Closes { closes, .. } => size_of_val(closes.as_slice()),
        Fact::Model(_) | Fact::Deployed(_) | Fact::Performed { .. } => 0,
    };
    size_of::<Fact>() + 200 + more
}
