//! A model's answer, read from the text that it sent.

use std::borrow::Cow;

use thiserror::Error;

use super::{
    grammar,
    mixture::Density,
    raw::{Number, Object, RawAnswer, RawDensity},
};
use crate::{json, limits::size};

/// Bytes of an answer that are read: in memory its densities take fifty times as much.
const LONGEST: usize = 4 << 20;
/// Characters of a model's own text that are shown.
const SHORT: usize = 120;

/// What a model answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A density for each step: item `k` is over the one interval from `(k-1)·step` to `k·step`.
    Densities(Vec<Density>),
    /// The change over the whole horizon.
    Number(f64),
}

/// Why an answer can't be scored.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// It is of another form.
    #[error(
        "the answer is no list of densities and no number: {0}; have the model return a list with one item for each step"
    )]
    Form(String),
    /// It is longer than what is read.
    #[error(
        "the answer has {given} bytes and {most} are read at most; have the model answer with fewer components"
    )]
    TooLong {
        /// Bytes of the answer.
        given: usize,
        /// What is read, in words.
        most: String,
    },
    /// The list is empty.
    #[error(
        "the answer is an empty list: the model had no data; see that prices reach it before it is asked"
    )]
    Empty,
    /// The list is too short or too long.
    #[error(
        "the answer has {given} items and {asked} were asked for; have the model return one for each step"
    )]
    Steps {
        /// Items in the answer.
        given: usize,
        /// Steps of the question.
        asked: u32,
    },
    /// Steps go back, or stand twice.
    #[error(
        "item {item}: its step is not above that of the item before; have the model return the steps in ascending order"
    )]
    Order {
        /// Its place, from 1.
        item: usize,
    },
    /// An item's density is none.
    #[error("item {item}: {reason}")]
    Item {
        /// Its place, from 1.
        item: usize,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A number that is none.
    #[error("the answer is {0}; have the model return a finite number")]
    NotFinite(String),
}

impl Answer {
    /// Reads an answer to a question of so many steps: a list of densities, such a list as the only
    /// value of an object (`{"300": […]}`), or a number.
    ///
    /// # Errors
    /// Where it holds no density for each step, and no finite number.
    pub fn read(text: &str, steps: u32) -> Result<Self, Unreadable> {
        if text.len() > LONGEST {
            let (given, most) = (text.len(), size(LONGEST));
            return Err(Unreadable::TooLong { given, most });
        }
        match json::parse(text).map_err(|error| Unreadable::Form(short(&error).into_owned()))? {
            RawAnswer::Number(value) if value.is_finite() => Ok(Self::Number(value)),
            RawAnswer::Number(value) => Err(Unreadable::NotFinite(value.to_string())),
            RawAnswer::Items(items) => read_items(&items, steps).map(Self::Densities),
        }
    }
}

/// As much of a model's own text as an operator wants to see.
pub(super) fn short(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHORT) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

fn read_items(items: &[Object<RawDensity>], steps: u32) -> Result<Vec<Density>, Unreadable> {
    if items.is_empty() {
        return Err(Unreadable::Empty);
    }
    if u32::try_from(items.len()) != Ok(steps) {
        return Err(Unreadable::Steps {
            given: items.len(),
            asked: steps,
        });
    }
    let mut last = f64::NEG_INFINITY;
    let mut densities = Vec::with_capacity(items.len());
    for (k, Object(raw)) in items.iter().enumerate() {
        let item = k + 1;
        let fault = |reason| Unreadable::Item { item, reason };
        if let Some(Number(step)) = raw.step {
            let step = step.filter(|step| step.is_finite());
            let step = step.ok_or_else(|| fault("`step` is no number; give seconds".into()))?;
            if step <= last {
                return Err(Unreadable::Order { item });
            }
            last = step;
        }
        let density = raw.prediction.as_ref().map_or(raw, |nested| &nested.0);
        densities.push(grammar::density(density).map_err(fault)?);
    }
    Ok(densities)
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
