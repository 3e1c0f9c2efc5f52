//! The forms of JSON that an answer may have. Only the form is looked at here.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

/// A whole answer.
pub(super) enum RawAnswer {
    /// One number for the horizon.
    Number(f64),
    /// An item for each step.
    Items(Vec<Object<RawDensity>>),
}

/// A density, or an item that holds one in `prediction`. Keys that nobody asks for are passed over.
#[derive(Deserialize)]
pub(super) struct RawDensity {
    pub(super) step: Option<Number>,
    pub(super) prediction: Option<Box<Object<RawDensity>>>,
    #[serde(rename = "type")]
    pub(super) kind: Option<Text>,
    pub(super) name: Option<Text>,
    pub(super) params: Option<Box<Object<Params>>>,
    pub(super) components: Option<Vec<Object<Component>>>,
}

/// A part of a mixture.
#[derive(Deserialize)]
pub(super) struct Component {
    pub(super) density: Option<Box<Object<RawDensity>>>,
    pub(super) weight: Option<Number>,
}

/// Every parameter that some family has.
#[derive(Default, Deserialize)]
pub(super) struct Params {
    pub(super) loc: Option<Number>,
    pub(super) scale: Option<Number>,
    pub(super) s: Option<Number>,
    pub(super) df: Option<Number>,
    pub(super) c: Option<Number>,
    pub(super) a: Option<Number>,
    pub(super) b: Option<Number>,
    pub(super) dfn: Option<Number>,
    pub(super) dfd: Option<Number>,
}

/// What should be a number; none where something else stands. It may be NaN or infinite.
#[derive(Clone, Copy)]
pub(super) struct Number(pub(super) Option<f64>);

/// What should be a short text; empty where something else stands.
pub(super) struct Text(pub(super) Cow<'static, str>);

/// An object's content. A derived reader alone would take a list for an object, too.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        from.deserialize_map(Reader(PhantomData)).map(Object)
    }
}

impl<'de> Deserialize<'de> for RawAnswer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = RawAnswer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of densities, or a number")
            }

            fn visit_f64<E>(self, value: f64) -> Result<RawAnswer, E> {
                Ok(RawAnswer::Number(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<RawAnswer, E> {
                Ok(RawAnswer::Number(value as f64))
            }

            fn visit_u64<E>(self, value: u64) -> Result<RawAnswer, E> {
                Ok(RawAnswer::Number(value as f64))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<RawAnswer, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(RawAnswer::Items)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawAnswer, A::Error> {
                let told = "an object with one step's list, as {\"300\": […]}, and nothing else";
                let Some((step, items)) = map.next_entry::<String, Vec<_>>()? else {
                    return Err(A::Error::custom(format!("expected {told}; it is empty")));
                };
                if step.parse::<u32>().is_err() || map.next_key::<IgnoredAny>()?.is_some() {
                    return Err(A::Error::custom(format!("expected {told}")));
                }
                Ok(RawAnswer::Items(items))
            }
        }
        from.deserialize_any(Reader)
    }
}

/// Passes over what a reader of scalars can't use.
macro_rules! passes_over {
    ($value:expr, $($name:ident: $kind:ty),*) => {
        $(fn $name<E>(self, _: $kind) -> Result<Self::Value, E> { Ok($value) })*

        fn visit_unit<E>(self) -> Result<Self::Value, E> { Ok($value) }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            Ok($value)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok($value)
        }
    };
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
                Ok(Number(Some(value)))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
                Ok(Number(Some(value as f64)))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
                Ok(Number(Some(value as f64)))
            }

            passes_over!(Number(None), visit_bool: bool, visit_str: &str);
        }
        from.deserialize_any(Reader)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(match text {
                    "builtin" => Cow::Borrowed("builtin"),
                    "mixture" => Cow::Borrowed("mixture"),
                    "norm" => Cow::Borrowed("norm"),
                    other => Cow::Owned(other.to_owned()),
                }))
            }

            passes_over!(
                Text(Cow::Borrowed("")),
                visit_bool: bool, visit_f64: f64, visit_i64: i64, visit_u64: u64
            );
        }
        from.deserialize_any(Reader)
    }
}
