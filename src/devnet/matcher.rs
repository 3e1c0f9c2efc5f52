//! The query language of subscriptions and searches: conditions on event attributes, all of which
//! must hold.

use std::collections::BTreeMap;

use crate::chain::jsonrpc::Event;

/// What a query sees: `type.attribute` → all its values.
pub(super) type Tags = BTreeMap<String, Vec<String>>;

/// Collects the tags of a list of events.
pub(super) fn tags(events: &[Event]) -> Tags {
    let mut tags = Tags::new();
    for event in events {
        for attribute in &event.attributes {
            let name = format!("{}.{}", event.kind, attribute.key);
            let value = attribute.value.clone().unwrap_or_default();
            tags.entry(name).or_default().push(value);
        }
    }
    tags
}

/// A parsed query.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Query {
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq)]
struct Condition {
    tag: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Is(String),
    Contains(String),
    Exists,
    Compares(Order, f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Operator(&'static str),
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// Where it can't be read, and why, as the node says it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = tokens(text)?.into_iter();
        let end = || format!("offset {}: EOF", text.len());
        let mut conditions = Vec::new();
        loop {
            let (at, tag) = tokens.next().ok_or_else(end)?;
            let Token::Word(tag) = tag else {
                return Err(format!("offset {at}: got {tag:?}, wanted tag"));
            };
            let test = parse_test(&mut tokens, end)?;
            conditions.push(Condition { tag, test });
            match tokens.next() {
                None => return Ok(Self { conditions }),
                Some((_, Token::Word(word))) if word == "AND" => {}
                Some((at, token)) => return Err(format!("offset {at}: got {token:?}, wanted AND")),
            }
        }
    }

    /// Whether all conditions hold.
    pub(super) fn matches(&self, tags: &Tags) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.holds(tags))
    }
}

fn parse_test(
    tokens: &mut impl Iterator<Item = (usize, Token)>,
    end: impl Fn() -> String,
) -> Result<Test, String> {
    let (at, operator) = tokens.next().ok_or_else(&end)?;
    if operator == Token::Word("EXISTS".into()) {
        return Ok(Test::Exists);
    }
    let contains = operator == Token::Word("CONTAINS".into());
    let order = match operator {
        Token::Operator("=") => Order::Equal,
        Token::Operator("<") => Order::Less,
        Token::Operator("<=") => Order::LessOrEqual,
        Token::Operator(">") => Order::Greater,
        Token::Operator(">=") => Order::GreaterOrEqual,
        _ if contains => Order::Equal,
        other => return Err(format!("offset {at}: got {other:?}, wanted operator")),
    };
    let (at, operand) = tokens.next().ok_or_else(&end)?;
    match operand {
        Token::Text(text) if contains => Ok(Test::Contains(text)),
        Token::Text(text) if order == Order::Equal => Ok(Test::Is(text)),
        Token::Word(word) if !contains => match word.parse() {
            Ok(number) => Ok(Test::Compares(order, number)),
            Err(_) => Err(format!("offset {at}: got {word:?}, wanted number")),
        },
        other => Err(format!("offset {at}: got {other:?}, wanted value")),
    }
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, String> {
    const OPERATORS: [&str; 5] = ["<=", ">=", "=", "<", ">"];
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let rest = &text[at..];
        if next.is_whitespace() {
            at += next.len_utf8();
        } else if let Some(operator) = OPERATORS.into_iter().find(|o| rest.starts_with(o)) {
            found.push((at, Token::Operator(operator)));
            at += operator.len();
        } else if next == '\'' {
            let close = rest[1..].find('\'');
            let length = close.ok_or_else(|| format!("offset {at}: unterminated string"))?;
            found.push((at, Token::Text(rest[1..=length].into())));
            at += length + 2;
        } else {
            let is_part = |c: char| c.is_alphanumeric() || "._-/".contains(c);
            let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            if length == 0 {
                return Err(format!("offset {at}: invalid character {next:?}"));
            }
            found.push((at, Token::Word(rest[..length].into())));
            at += length;
        }
    }
    Ok(found)
}

impl Condition {
    fn holds(&self, tags: &Tags) -> bool {
        let values = tags.get(&self.tag).map(Vec::as_slice).unwrap_or_default();
        match &self.test {
            Test::Exists => {
                // A whole event's name exists when any of its attributes does.
                let prefix = format!("{}.", self.tag);
                !values.is_empty() || tags.keys().any(|tag| tag.starts_with(&prefix))
            }
            Test::Is(text) => values.contains(text),
            Test::Contains(text) => values.iter().any(|value| value.contains(text)),
            Test::Compares(order, number) => values.iter().any(|v| order.holds(v, *number)),
        }
    }
}

impl Order {
    fn holds(self, value: &str, number: f64) -> bool {
        let Ok(value) = value.trim_matches('"').parse::<f64>() else {
            return false;
        };
        match self {
            Self::Equal => value.total_cmp(&number).is_eq(),
            Self::Less => value < number,
            Self::LessOrEqual => value <= number,
            Self::Greater => value > number,
            Self::GreaterOrEqual => value >= number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn example() -> Tags {
        let pairs = [
            ("tm.event", "NewBlockEvents"),
            (
                "emissions.v10.EventWorkerSubmissionWindowOpened.topic_id",
                "\"67\"",
            ),
            ("message.sender", "allo1first"),
            ("message.sender", "allo1second"),
            ("tx.height", "12"),
        ];
        let mut tags = Tags::new();
        for (tag, value) in pairs {
            tags.entry(tag.into()).or_default().push(value.into());
        }
        tags
    }

    #[rstest]
    #[case("tm.event='NewBlockEvents'", true)]
    #[case("tm.event = 'NewBlockHeader'", false)]
    #[case(
        "tm.event='NewBlockEvents' AND emissions.v10.EventWorkerSubmissionWindowOpened.topic_id EXISTS",
        true
    )]
    #[case(
        "tm.event='NewBlockEvents' AND emissions.v9.EventWorkerSubmissionWindowOpened.topic_id EXISTS",
        false
    )]
    #[case(
        "emissions.v10.EventWorkerSubmissionWindowOpened.topic_id CONTAINS '67'",
        true
    )]
    #[case(
        "emissions.v10.EventWorkerSubmissionWindowOpened.topic_id = '67'",
        false
    )]
    #[case("message.sender='allo1second' AND tx.height = 12", true)]
    #[case("tx.height > 12", false)]
    #[case("tx.height >= 12", true)]
    #[case("tx.height < 13.5", true)]
    #[case("emissions.v10.EventWorkerSubmissionWindowOpened EXISTS", true)]
    fn holds_or_not(#[case] query: &str, #[case] holds: bool) {
        let parsed = Query::parse(query).expect("a query");
        assert_eq!(parsed.matches(&example()), holds, "{query}");
    }

    #[rstest]
    #[case("")]
    #[case("tm.event")]
    #[case("tm.event=")]
    #[case("tm.event='NewBlock")]
    #[case("tm.event='a' tm.event='b'")]
    #[case("tm.event='a' AND")]
    #[case("tm.event CONTAINS 5")]
    #[case("bad ~~ query")]
    fn refuses(#[case] query: &str) {
        assert!(Query::parse(query).is_err(), "{query:?}");
    }
}
