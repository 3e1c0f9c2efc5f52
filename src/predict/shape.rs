//! What an answer must look like. A model is believed nothing but its word: densities' parameters are
//! for whoever scores them.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::AnswerShape;
use crate::models::Payload;

impl AnswerShape {
    /// Checks an answer to a prediction of so many steps.
    ///
    /// # Errors
    /// What is there instead of what was asked for.
    pub(super) fn check(self, steps: u32, answer: &Payload) -> Result<(), String> {
        match self {
            Self::Any => Ok(()),
            Self::Number => match answer {
                Payload::Int(_) => Ok(()),
                Payload::Double(value) if value.is_finite() => Ok(()),
                other => Err(format!("{} instead of a finite number", named(other))),
            },
            Self::Densities => match answer {
                // Bare words stand for numbers, and only within densities: null does as well.
                Payload::Json(json) => densities(&json.standard(), steps),
                other => Err(format!(
                    "{} instead of a list of {steps} densities",
                    named(other)
                )),
            },
        }
    }
}

fn named(answer: &Payload) -> Cow<'static, str> {
    match answer {
        Payload::None => "None".into(),
        Payload::Double(value) => format!("the number {value}").into(),
        Payload::Int(value) => format!("the number {value}").into(),
        Payload::String(_) => "a text".into(),
        Payload::Json(_) => "a list or a dict".into(),
    }
}

/// Reads a list of densities through without keeping it.
fn densities(text: &str, steps: u32) -> Result<(), String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let list = Densities { steps };
    list.deserialize(&mut reader).map_err(|error| {
        // The reader adds the place, of which only lists of several lines know more than one.
        let told = error.to_string();
        match told.split_once(" at line 1 column ") {
            Some((what, place)) => format!("{what} (at byte {place})"),
            None => told,
        }
    })
}

/// Takes a list of so many densities, or an empty one: the model has no data.
struct Densities {
    steps: u32,
}

impl<'de> DeserializeSeed<'de> for Densities {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Densities {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {} densities", self.steps)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut count = 0_u32;
        while let Some(item) = list.next_element::<Item>()? {
            count = count.saturating_add(1);
            if !(item.has_step && item.has_density) {
                return Err(A::Error::custom(format!(
                    "item {count} is no density: it needs a \"step\", and a \"type\" or a \"prediction\" that has one"
                )));
            }
            if count > self.steps {
                let steps = self.steps;
                return Err(A::Error::custom(format!(
                    "a list of more than {steps} densities"
                )));
            }
        }
        if count == 0 || count == self.steps {
            return Ok(());
        }
        let steps = self.steps;
        Err(A::Error::custom(format!(
            "a list of {count} densities instead of {steps}"
        )))
    }
}

/// One item of the list. A density is given beside its step, or within a `prediction` beside it: models
/// follow either of two descriptions.
struct Item {
    has_step: bool,
    has_density: bool,
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ItemKeys)
    }
}

struct ItemKeys;

impl<'de> Visitor<'de> for ItemKeys {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a density")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
        let (mut has_step, mut has_density) = (false, false);
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "step" => has_step |= map.next_value::<Option<f64>>()?.is_some(),
                "type" => has_density |= map.next_value::<Option<String>>()?.is_some(),
                "prediction" => {
                    let nested = map.next_value::<Option<Nested>>()?;
                    has_density |= nested.is_some_and(|nested| nested.has_type);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Item {
            has_step,
            has_density,
        })
    }
}

/// An object in which a density may be.
struct Nested {
    has_type: bool,
}

impl<'de> Deserialize<'de> for Nested {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(NestedKeys)
    }
}

struct NestedKeys;

impl<'de> Visitor<'de> for NestedKeys {
    type Value = Nested;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a density")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Nested, A::Error> {
        let mut has_type = false;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            has_type |= key == "type";
            map.next_value::<IgnoredAny>()?;
        }
        Ok(Nested { has_type })
    }
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
