//! A call, encoded once for all models.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use prost::{Message, bytes::Bytes};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    Kind, ModelsError, Payload, Value,
    proto::{commons::Argument, dynamic_subclass::CallRequest},
    wire::{LARGEST, framed},
};

/// A method with its arguments, ready to be sent to any number of models. Clones share the bytes.
#[derive(Clone)]
pub struct Call {
    pub(super) method: Arc<str>,
    pub(super) body: Bytes,
    pub(super) timeout: Option<Duration>,
    pub(super) check: Option<Arc<Check>>,
    pub(super) limit: Option<usize>,
}

/// Says what is wrong with the shape of an answer.
pub(super) type Check = dyn Fn(&Payload) -> Result<(), String> + Send + Sync;

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Call");
        shown
            .field("method", &self.method)
            .field("bytes", &self.body.len());
        shown
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Call {
    /// Encodes a call with positional arguments.
    ///
    /// # Errors
    /// [`ModelsError::NoMethod`] without a name, [`ModelsError::TooLarge`] above 64 MiB.
    pub fn new(method: &str, arguments: &[Value]) -> Result<Self, ModelsError> {
        if method.trim().is_empty() {
            return Err(ModelsError::NoMethod);
        }
        let numbered = (1_u32..).zip(arguments);
        let request = CallRequest {
            method_name: method.to_owned(),
            method_arguments: numbered
                .map(|(position, value)| Argument {
                    position,
                    data: Some(value.encode()),
                })
                .collect(),
        };
        let bytes = request.encoded_len();
        if bytes > LARGEST {
            let method = method.to_owned();
            return Err(ModelsError::TooLarge {
                method,
                bytes,
                limit: LARGEST,
            });
        }
        Ok(Self {
            method: method.into(),
            body: framed(&request),
            timeout: None,
            check: None,
            limit: None,
        })
    }

    /// The same call with a time limit of its own in place of the configured one.
    #[must_use]
    pub const fn within(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The same call with a limit for each answer on the wire, in bytes: a larger one is that model's
    /// failure, and its content is not looked at.
    #[must_use]
    pub const fn limited(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The same call with a look at each answer: one of another shape is that model's failure, and
    /// nobody else's. It runs beside the other models' answers, in no order.
    #[must_use]
    pub fn checked<F>(mut self, check: F) -> Self
    where
        F: Fn(&Payload) -> Result<(), String> + Send + Sync + 'static,
    {
        self.check = Some(Arc::new(check));
        self
    }

    /// The method's name.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The size of the call on the wire, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.body.len()
    }
}

/// A method of the models, as it is configured: its name, and what it takes in which order.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct MethodConfig {
    /// The method's name.
    pub name: String,
    /// Its positional arguments: `asset STRING` is the value known as `asset`, given as a STRING.
    pub arguments: Vec<ArgumentConfig>,
}

/// One argument of a method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentConfig {
    /// Which value is given.
    pub name: String,
    /// As what it is given.
    pub kind: Kind,
}

impl MethodConfig {
    /// A method with arguments that are known to be well written.
    pub(super) fn new(name: &str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().filter_map(|it| it.parse().ok()).collect();
        Self {
            name: name.into(),
            arguments,
        }
    }

    /// A call of this method with the configured ones of the values at hand, in the configured order.
    ///
    /// # Errors
    /// When a configured value is not at hand, or can't be given as configured.
    pub fn call(&self, values: &[(&str, Value)]) -> Result<Call, ModelsError> {
        let arguments: Vec<Value> = self
            .arguments
            .iter()
            .map(|argument| self.bind(argument, values))
            .collect::<Result<_, _>>()?;
        Call::new(&self.name, &arguments)
    }

    fn bind(
        &self,
        wanted: &ArgumentConfig,
        values: &[(&str, Value)],
    ) -> Result<Value, ModelsError> {
        let method = || self.name.clone();
        let Some((_, value)) = values.iter().find(|(name, _)| *name == wanted.name) else {
            let known: Vec<_> = values.iter().map(|(name, _)| *name).collect();
            return Err(ModelsError::UnknownArgument {
                method: method(),
                argument: wanted.name.clone(),
                known: known.join(", "),
            });
        };
        value
            .given_as(wanted.kind)
            .ok_or_else(|| ModelsError::Mismatch {
                method: method(),
                argument: wanted.name.clone(),
                kind: wanted.kind,
            })
    }
}

impl FromStr for ArgumentConfig {
    type Err = ModelsError;

    fn from_str(text: &str) -> Result<Self, ModelsError> {
        let (name, kind) = text.trim().rsplit_once(' ').unwrap_or(("", text));
        let kind = kind.parse()?;
        match name.trim() {
            "" => Err(ModelsError::UnknownKind(text.to_owned())),
            name => Ok(Self {
                name: name.to_owned(),
                kind,
            }),
        }
    }
}

impl<'de> Deserialize<'de> for ArgumentConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(|error: ModelsError| {
            D::Error::custom(format!("{error}; write an argument as 'asset STRING'"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::proto::dynamic_subclass::SetupRequest;

    /// The message without the frame's five bytes.
    fn hex_of(framed: &Bytes) -> String {
        assert_eq!(framed[0], 0, "not compressed");
        let length = u32::from_be_bytes(framed[1..5].try_into().unwrap());
        assert_eq!(length as usize, framed.len() - 5);
        hex::encode(&framed[5..])
    }

    #[test]
    fn calls_are_what_servers_read() {
        let tick = Call::new("tick", &[Value::Json("{}".into())]).unwrap();
        assert_eq!(hex_of(&tick.body), "0a047469636b120a0801120610061a027b7d");
        let predict = ["float", "3600", "60"];
        let predict = Call::new(
            "predict",
            &[
                Value::String(predict[0].into()),
                Value::Int(predict[1].parse().unwrap()),
                Value::Int(predict[2].parse().unwrap()),
            ],
        );
        assert_eq!(
            hex_of(&predict.unwrap().body),
            "0a0770726564696374120d0801120910031a05666c6f6174\
             12100802120c10021a08100e00000000000012100803120c10021a083c00000000000000"
        );
        let class_name = "condorgame.tracker.TrackerBase".to_owned();
        let setup = framed(&SetupRequest {
            class_name,
            ..SetupRequest::default()
        });
        assert_eq!(
            hex_of(&setup),
            "0a1e636f6e646f7267616d652e747261636b65722e547261636b657242617365"
        );
    }

    #[test]
    fn a_method_takes_what_it_is_configured_with() {
        let method: MethodConfig =
            toml::from_str("name = 'forecast'\narguments = ['step DOUBLE', 'asset JSON']").unwrap();
        let values = [
            ("asset", Value::String("BTC".into())),
            ("step", Value::Int(60)),
        ];
        let call = method.call(&values).unwrap();
        let expected = [Value::Double(60.0), Value::Json("\"BTC\"".into())];
        assert_eq!(call.body, Call::new("forecast", &expected).unwrap().body);
        let error = method.call(&values[..1]).unwrap_err().to_string();
        assert!(
            error.contains("\"step\"") && error.contains("asset"),
            "{error}"
        );
        let odd = MethodConfig::new("forecast", &["asset INT"]);
        let error = odd.call(&values).unwrap_err().to_string();
        assert!(error.contains("can't be given as INT"), "{error}");
    }

    #[test]
    fn a_call_that_no_server_reads_is_refused() {
        let huge = Value::Json(vec![b' '; LARGEST].into());
        let error = Call::new("tick", &[huge]).unwrap_err().to_string();
        assert!(error.contains("in parts"), "{error}");
        assert!(matches!(Call::new(" ", &[]), Err(ModelsError::NoMethod)));
    }

    #[test]
    fn clones_share_the_bytes() {
        let call = Call::new("tick", &[Value::Json(vec![b' '; 5 << 20].into())]).unwrap();
        assert_eq!(call.clone().body.as_ptr(), call.body.as_ptr());
    }
}
