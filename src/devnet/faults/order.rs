//! A script's entries: which fault, where, from when, and how long.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

use super::Fault;

/// One entry of a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// From when it holds; at once when it is left out.
    #[serde(default)]
    pub at: When,
    /// The endpoint that it strikes, from 1 on; all when it is left out. Faults of the chain and of the
    /// prices have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<usize>,
    /// For so many blocks; while blocks are halted, for so many block times.
    #[serde(default = "one", rename = "for")]
    pub blocks: u32,
    /// What goes wrong.
    #[serde(flatten)]
    pub fault: Fault,
}

const fn one() -> u32 {
    1
}

/// When a fault begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// With the next block.
    #[default]
    Now,
    /// With this block, counted from the script's start.
    Block(u64),
    /// So many blocks after the opening of a window of the first topic (before it, when negative): of the
    /// one with this number, counted from the script's start, or of each.
    Window {
        /// Which; each when absent.
        number: Option<u64>,
        /// Blocks after its opening: 0 is the block that opens it.
        offset: i64,
    },
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => f.write_str("now"),
            Self::Block(block) => write!(f, "{block}"),
            Self::Window { number, offset } => {
                f.write_str("window")?;
                number
                    .iter()
                    .try_for_each(|number| write!(f, " {number}"))?;
                if *offset == 0 {
                    return Ok(());
                }
                write!(f, "{offset:+}")
            }
        }
    }
}

impl std::str::FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no time: write a block such as 120, \"now\", \"window+2\", or \"window 3-1\""
            )
        };
        let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        if bare == "now" {
            return Ok(Self::Now);
        }
        let Some(rest) = bare.strip_prefix("window") else {
            return bare.parse().map(Self::Block).map_err(|_| wrong());
        };
        let sign = rest.find(['+', '-']).unwrap_or(rest.len());
        let (number, offset) = rest.split_at(sign);
        let number = match number {
            "" => None,
            number => Some(number.parse().map_err(|_| wrong())?),
        };
        let offset = match offset {
            "" => 0,
            offset => offset.parse().map_err(|_| wrong())?,
        };
        Ok(Self::Window { number, offset })
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Block(block) => to.serialize_u64(*block),
            other => to.collect_str(other),
        }
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::Number(number) => number.as_u64().map(Self::Block),
            Value::String(text) => Some(text.parse().map_err(D::Error::custom)?),
            _ => None,
        }
        .ok_or_else(|| D::Error::custom("`at` is a block's number or a text such as \"window+2\""))
    }
}

/// Why a script can't be played.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {cause}; docs/faults.md tells how faults are written")]
pub struct OrderError {
    /// Which entry, or the whole.
    place: String,
    /// What is wrong.
    cause: String,
}

/// Reads a script: JSON or TOML, a list of entries or a table with the list under `faults`; in JSON a
/// single entry as well.
///
/// # Errors
/// When it is neither, or an entry has a fault, a key or a value that is none.
pub fn read_script(text: &str) -> Result<Vec<Order>, OrderError> {
    let whole = |cause: String| OrderError {
        place: "the script".into(),
        cause,
    };
    let trimmed = text.trim_start();
    let value: Value = if trimmed.starts_with('{') || trimmed.starts_with("[{") || trimmed == "[]" {
        serde_json::from_str(text).map_err(|error| whole(error.to_string()))?
    } else {
        let json = serde_json::from_str(text).ok();
        match json {
            Some(value) => value,
            None => toml::from_str(text).map_err(|error| whole(error.to_string()))?,
        }
    };
    let list = match value {
        Value::Array(list) => list,
        Value::Object(mut table) if table.contains_key("faults") => {
            let Some(Value::Array(list)) = table.remove("faults") else {
                return Err(whole("`faults` is no list".into()));
            };
            if let Some(key) = table.keys().next() {
                return Err(whole(format!("there is no key `{key}` beside `faults`")));
            }
            list
        }
        entry @ Value::Object(_) => vec![entry],
        _ => return Err(whole("it holds no list of faults".into())),
    };
    let entries = list.into_iter().enumerate();
    entries
        .map(|(index, entry)| {
            read_entry(&entry).map_err(|cause| OrderError {
                place: format!("fault {}", index + 1),
                cause,
            })
        })
        .collect()
}

/// Refuses what is for an endpoint that is not there.
///
/// # Errors
/// The first such entry.
pub fn check_endpoints(orders: &[Order], endpoints: usize) -> Result<(), OrderError> {
    for (index, order) in orders.iter().enumerate() {
        if let Some(strange) = order.endpoint.filter(|it| *it > endpoints) {
            return Err(OrderError {
                place: format!("fault {}", index + 1),
                cause: format!("there is no endpoint {strange}: this devnet has {endpoints}"),
            });
        }
    }
    Ok(())
}

fn read_entry(entry: &Value) -> Result<Order, String> {
    let order = Order::deserialize(entry).map_err(|error| error.to_string())?;
    let written = serde_json::to_value(&order).unwrap_or_default();
    let keys = entry.as_object().into_iter().flat_map(|it| it.keys());
    if let Some(strange) = keys.into_iter().find(|key| written.get(key).is_none()) {
        return Err(format!("`{}` has no key `{strange}`", order.fault.kind()));
    }
    if order.endpoint == Some(0) {
        return Err("endpoints are counted from 1 on".into());
    }
    if order.endpoint.is_some() && order.fault.scope() != super::Scope::Endpoint {
        return Err(format!(
            "`{}` is no endpoint's fault: leave `endpoint` out",
            order.fault.kind()
        ));
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_from_toml_and_from_json() {
        let toml = r#"
            [[faults]]
            at = 12
            fault = "silence"
            for = 4
            [[faults]]
            at = "window 3 + 2"
            endpoint = 1
            fault = "events-late"
            blocks = 5
        "#;
        let json = r#"[
            {"at": 12, "fault": "silence", "for": 4},
            {"at": "window 3+2", "endpoint": 1, "fault": "events-late", "blocks": 5}
        ]"#;
        let read = read_script(toml).expect("TOML");
        assert_eq!(read, read_script(json).expect("JSON"));
        assert_eq!(read[0].at, When::Block(12));
        assert_eq!(
            read[1],
            Order {
                at: When::Window {
                    number: Some(3),
                    offset: 2
                },
                endpoint: Some(1),
                blocks: 1,
                fault: Fault::EventsLate { blocks: 5 },
            }
        );
        let again = serde_json::to_string(&read).expect("JSON");
        assert_eq!(read_script(&again).expect("as written"), read);
    }

    #[rstest::rstest]
    #[case(r#"[{"fault": "silense"}]"#, "silense")]
    #[case(r#"[{"fault": "silence", "blocks": 2}]"#, "no key `blocks`")]
    #[case(r#"[{"fault": "silence", "at": "noon"}]"#, "noon")]
    #[case(r#"[{"fault": "silence", "endpoint": 0}]"#, "from 1 on")]
    #[case(r#"[{"fault": "halt", "endpoint": 1}]"#, "leave `endpoint` out")]
    #[case(r#"{"faults": [], "more": 1}"#, "`more`")]
    fn what_is_wrong_is_named(#[case] script: &str, #[case] named: &str) {
        let error = read_script(script).expect_err("wrong").to_string();
        assert!(error.contains(named), "{error}");
    }

    #[test]
    fn a_time_is_written_as_it_is_read() {
        for text in ["now", "120", "window", "window+2", "window 3-1"] {
            let when: When = text.parse().expect("a time");
            assert_eq!(when.to_string(), text);
        }
    }
}
