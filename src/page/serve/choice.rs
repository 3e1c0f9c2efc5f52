//! What a page's address asks for.

use time::{Date, macros::format_description};

use crate::{ops::Level, page::view::Choice, types::TopicId};

/// Longer texts to find are cut.
const FIND: usize = 100;

/// What the query string asks for; what it can't mean is left out.
pub(super) fn choice(query: Option<&str>) -> Choice {
    let mut choice = Choice::default();
    for (name, value) in pairs(query.unwrap_or_default()) {
        match name.as_str() {
            "topic" => choice.topic = value.parse().ok().map(TopicId),
            "day" => {
                let form = format_description!("[year]-[month]-[day]");
                choice.day = Date::parse(&value, form).ok();
            }
            "level" => choice.level = level(&value),
            "find" => choice.find = value.trim().chars().take(FIND).collect(),
            _ => {}
        }
    }
    choice
}

/// A number that the query string gives.
pub(super) fn number(query: Option<&str>, wanted: &str) -> Option<u64> {
    let found = pairs(query.unwrap_or_default()).find(|(name, _)| name == wanted);
    found.and_then(|(_, value)| value.parse().ok())
}

/// The decoded names and values of a query string or a form.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    form_urlencoded::parse(text.as_bytes()).map(|(a, b)| (a.into_owned(), b.into_owned()))
}

fn level(name: &str) -> Option<Level> {
    match name {
        "info" => Some(Level::Info),
        "warn" => Some(Level::Warn),
        "error" => Some(Level::Error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn what_it_can_not_mean_is_left_out() {
        let asked = "topic=67&day=2025-10-01&level=warn&find=a%20%3Cb%3E+c&other=1";
        let choice = choice(Some(asked));
        assert_eq!(choice.topic, Some(TopicId(67)));
        assert_eq!(choice.day, Some(date!(2025 - 10 - 01)));
        assert_eq!(choice.level, Some(Level::Warn));
        assert_eq!(choice.find, "a <b> c");
        let odd = super::choice(Some("topic=-1&day=2025-13-01&level=loud&find=%zz&&="));
        assert_eq!((odd.topic, odd.day, odd.level), (None, None, None));
        assert_eq!(super::choice(None), Choice::default());
        let long = format!("find={}", "ü".repeat(1_000));
        assert_eq!(super::choice(Some(&long)).find.chars().count(), FIND);
        assert_eq!(number(Some("a=1&since=7"), "since"), Some(7));
        assert_eq!(number(Some("since=x"), "since"), None);
    }
}
