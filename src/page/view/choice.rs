//! What a reader has chosen to see.

use time::{Date, format_description::BorrowedFormatItem, macros::format_description};

use crate::{ops::Level, types::TopicId};

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
/// Characters of a text to look for that are kept.
const LONGEST: usize = 200;

/// What a reader has chosen to see; it stands in the page's address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The topic; the first where none is named.
    pub topic: Option<TopicId>,
    /// The day whose windows are listed, in UTC; the newest windows where none is named.
    pub day: Option<Date>,
    /// The least level of the log's lines; all where none is named.
    pub level: Option<Level>,
    /// Text that the log's lines hold, in whatever case; empty for all.
    pub find: String,
}

impl Choice {
    /// Reads a query such as `topic=67&day=2025-10-01&level=warn&find=text`. What makes no sense is
    /// as good as absent: an address typed by hand still shows the page.
    #[must_use]
    pub fn from_query(query: &str) -> Self {
        let mut choice = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "topic" => choice.topic = value.parse().ok().map(TopicId),
                "day" => choice.day = Date::parse(&value, DAY).ok(),
                "level" => choice.level = level(&value),
                "find" => choice.find = value.trim().chars().take(LONGEST).collect(),
                _ => {}
            }
        }
        choice
    }

    /// The query that says the same, percent-encoded and without `?`; empty when nothing is chosen.
    #[must_use]
    pub fn query(&self) -> String {
        let topic = self.topic.map(|it| format!("topic={it}"));
        let day = self.day.map(|it| format!("day={}", written(it)));
        let level = self.level.map(|it| format!("level={}", level_word(it)));
        let find = (!self.find.is_empty()).then(|| format!("find={}", encoded(&self.find)));
        let parts: Vec<_> = [topic, day, level, find].into_iter().flatten().collect();
        parts.join("&")
    }

    /// The address of the same page with another topic; a day of one topic says nothing of another.
    pub(super) fn with_topic(&self, topic: TopicId) -> String {
        let topic = Some(topic);
        let changed = Self {
            topic,
            day: None,
            ..self.clone()
        };
        format!("/?{}", changed.query())
    }

    /// The address of the same page with another day.
    pub(super) fn with_day(&self, day: Option<Date>) -> String {
        let changed = Self {
            day,
            ..self.clone()
        };
        format!("/?{}#windows", changed.query())
    }

    /// The day as it is written in an address; empty where none is chosen.
    pub(super) fn day_word(&self) -> String {
        self.day.map(written).unwrap_or_default()
    }

    /// Whether a line of the log is to be seen.
    pub(in crate::page) fn takes(&self, level: Level, texts: &[&str]) -> bool {
        let find = self.find.to_lowercase();
        let is_found = || texts.iter().any(|it| it.to_lowercase().contains(&find));
        rank(level) >= self.level.map_or(0, rank) && (find.is_empty() || is_found())
    }
}

fn written(day: Date) -> String {
    day.format(DAY).unwrap_or_default()
}

/// A level as it is written in an address.
pub(super) const fn level_word(level: Level) -> &'static str {
    match level {
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}

fn level(word: &str) -> Option<Level> {
    [Level::Info, Level::Warn, Level::Error]
        .into_iter()
        .find(|it| level_word(*it) == word)
}

/// How much a level matters.
pub(super) const fn rank(level: Level) -> u8 {
    match level {
        Level::Info => 0,
        Level::Warn => 1,
        Level::Error => 2,
    }
}

fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::date;

    use super::*;

    #[test]
    fn a_query_says_what_was_chosen() {
        let choice = Choice {
            topic: Some(TopicId(67)),
            day: Some(date!(2025 - 10 - 01)),
            level: Some(Level::Warn),
            find: "no node & more".into(),
        };
        let query = "topic=67&day=2025-10-01&level=warn&find=no%20node%20%26%20more";
        assert_eq!(choice.query(), query);
        assert_eq!(Choice::from_query(query), choice);
        assert_eq!(Choice::default().query(), "");
        assert_eq!(
            choice.with_topic(TopicId(7)),
            "/?topic=7&level=warn&find=no%20node%20%26%20more"
        );
    }

    #[test]
    fn nonsense_is_as_good_as_absent() {
        let query = "topic=-1&day=2025-13-01&level=loud&find=a+b%zz%&more=1&&=";
        let read = Choice::from_query(query);
        let find = "a b%zz%".to_owned();
        let wanted = Choice {
            find,
            ..Choice::default()
        };
        assert_eq!(read, wanted);
        let long = format!("find={}", "x".repeat(10_000));
        assert_eq!(Choice::from_query(&long).find.len(), LONGEST);
    }

    proptest! {
        #[test]
        fn any_text_survives(find in "\\PC{0,60}") {
            let find = find.trim().to_owned();
            let choice = Choice { find, ..Choice::default() };
            prop_assert_eq!(Choice::from_query(&choice.query()), choice);
        }

        #[test]
        fn no_query_is_too_wild(query in "\\PC{0,200}") {
            let _ = Choice::from_query(&query).query();
        }
    }
}
