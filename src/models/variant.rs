//! Values on the wire: what is given to models and what they give back.

use std::{fmt, str::FromStr};

use prost::bytes::Bytes;

use super::{
    Json, ModelsError,
    proto::commons::{Variant, VariantType},
};

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing. Servers of version 0.4.2 refuse it as an argument.
    None,
    /// A 64-bit floating-point number.
    Double,
    /// A 64-bit integer.
    Int,
    /// Text.
    String,
    /// A table as a Parquet file: refused.
    Parquet,
    /// A table as Arrow: refused.
    Arrow,
    /// JSON, in which numbers may be `NaN`, `Infinity` and `-Infinity`.
    Json,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(VariantType::from(*self).as_str_name())
    }
}

impl From<Kind> for VariantType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::None => Self::None,
            Kind::Double => Self::Double,
            Kind::Int => Self::Int,
            Kind::String => Self::String,
            Kind::Parquet => Self::Parquet,
            Kind::Arrow => Self::Arrow,
            Kind::Json => Self::Json,
        }
    }
}

impl FromStr for Kind {
    type Err = ModelsError;

    /// The kind of this name, when values of it can be given to models.
    fn from_str(name: &str) -> Result<Self, ModelsError> {
        match name {
            "NONE" => Ok(Self::None),
            "DOUBLE" => Ok(Self::Double),
            "INT" => Ok(Self::Int),
            "STRING" => Ok(Self::String),
            "JSON" => Ok(Self::Json),
            "PARQUET" => Err(ModelsError::Unsupported(Self::Parquet)),
            "ARROW" => Err(ModelsError::Unsupported(Self::Arrow)),
            _ => Err(ModelsError::UnknownKind(name.to_owned())),
        }
    }
}

/// A value that is given to a model.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    None,
    /// A number; NaN and infinities pass.
    Double(f64),
    /// A whole number.
    Int(i64),
    /// Text.
    String(String),
    /// JSON as UTF-8 text. Servers read `NaN` and `Infinity` in it, too.
    Json(Bytes),
}

impl Value {
    /// JSON of anything that can be written as such.
    ///
    /// # Errors
    /// When it can't be: a map with keys that are no text, for one.
    pub fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        Ok(Self::Json(serde_json::to_vec(value)?.into()))
    }

    /// The value as a given kind, when it can be one without loss.
    pub(super) fn given_as(&self, kind: Kind) -> Option<Self> {
        Some(match (self, kind) {
            (Self::None, Kind::None)
            | (Self::Double(_), Kind::Double)
            | (Self::Int(_), Kind::Int)
            | (Self::String(_), Kind::String)
            | (Self::Json(_), Kind::Json) => self.clone(),
            (Self::Int(value), Kind::Double) => Self::Double(*value as f64),
            (Self::Int(value), Kind::String) => Self::String(value.to_string()),
            (Self::Int(value), Kind::Json) => Self::Json(value.to_string().into()),
            (Self::String(value), Kind::Json) => Self::json(value).ok()?,
            _ => return None,
        })
    }

    pub(super) fn encode(&self) -> Variant {
        let (kind, value) = match self {
            Self::None => (VariantType::None, Bytes::new()),
            Self::Double(value) => (VariantType::Double, copied(value.to_le_bytes())),
            Self::Int(value) => (VariantType::Int, copied(value.to_le_bytes())),
            Self::String(value) => (
                VariantType::String,
                Bytes::copy_from_slice(value.as_bytes()),
            ),
            Self::Json(value) => (VariantType::Json, value.clone()),
        };
        Variant {
            r#type: kind.into(),
            value,
        }
    }
}

fn copied(bytes: [u8; 8]) -> Bytes {
    Bytes::copy_from_slice(&bytes)
}

/// What a model gave back.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// Nothing: its method returned `None`.
    None,
    /// A number, which may be NaN or infinite.
    Double(f64),
    /// A whole number, or a truth value: `True` is 1.
    Int(i64),
    /// Text.
    String(String),
    /// JSON that was read through once and is well formed.
    Json(Json),
}

impl Payload {
    /// Reads what a model gave back; nothing stands for `None`.
    ///
    /// # Errors
    /// Why the bytes are no value of their kind.
    pub(super) fn decode(variant: Option<Variant>) -> Result<Self, String> {
        let Some(Variant {
            r#type: kind,
            value,
        }) = variant
        else {
            return Ok(Self::None);
        };
        match VariantType::try_from(kind) {
            Ok(VariantType::None) => Ok(Self::None),
            Ok(VariantType::Double) => match <[u8; 8]>::try_from(value.as_ref()) {
                Ok(bytes) => Ok(Self::Double(f64::from_le_bytes(bytes))),
                Err(_) => Err(format!("a DOUBLE of {} bytes instead of 8", value.len())),
            },
            Ok(VariantType::Int) => int(&value).map(Self::Int),
            Ok(VariantType::String) => match std::str::from_utf8(&value) {
                Ok(text) => Ok(Self::String(text.to_owned())),
                Err(error) => Err(format!("a STRING that is not UTF-8: {error}")),
            },
            Ok(VariantType::Json) => Json::read(value).map(Self::Json),
            Ok(table @ (VariantType::Parquet | VariantType::Arrow)) => Err(format!(
                "a value of the kind {}, which is not read here: the model must return plain values, lists or dicts",
                table.as_str_name()
            )),
            Err(_) => Err(format!("a value of the unknown kind {kind}")),
        }
    }
}

/// Two's complement, little-endian, of any length, as the servers' own decoder takes it.
fn int(bytes: &[u8]) -> Result<i64, String> {
    let Some(&last) = bytes.last() else {
        return Ok(0);
    };
    let sign = if last >= 0x80 { 0xff } else { 0 };
    let (low, high) = bytes.split_at(bytes.len().min(8));
    let mut eight = [sign; 8];
    eight[..low.len()].copy_from_slice(low);
    let value = i64::from_le_bytes(eight);
    let fits = high.iter().all(|&byte| byte == sign) && (value < 0) == (sign != 0);
    if fits {
        Ok(value)
    } else {
        Err(format!(
            "an INT of {} bytes that does not fit 64 bits",
            bytes.len()
        ))
    }
}

#[cfg(test)]
#[path = "variant_tests.rs"]
mod tests;
