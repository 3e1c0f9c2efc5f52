//! The versions of the emissions module: names on the wire.

use crate::{
    chain::jsonrpc::Event,
    types::{Height, Nonce, TopicId, WindowKey},
};

/// A version of the chain's emissions module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Chain v0.16 and before.
    V9,
    /// Chain v0.17.
    V10,
}

impl Version {
    pub(super) const ALL: [Self; 2] = [Self::V10, Self::V9];

    /// As in names on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V9 => "v9",
            Self::V10 => "v10",
        }
    }

    pub(super) fn path(self, method: &str) -> String {
        format!("/emissions.{}.QueryService/{method}", self.name())
    }

    pub(super) fn type_url(self, message: &str) -> String {
        format!("/emissions.{}.{message}", self.name())
    }

    /// The event that opens a worker submission window.
    #[must_use]
    pub fn window_opened_event(self) -> String {
        format!(
            "emissions.{}.EventWorkerSubmissionWindowOpened",
            self.name()
        )
    }

    /// An event's name, if it is one of this version.
    pub(super) fn event(self, event: &Event) -> Option<&str> {
        let kind = event.kind.strip_prefix("emissions.")?;
        kind.strip_prefix(self.name())?.strip_prefix('.')
    }

    /// The window that an event opens, if it is such an event of this version.
    #[must_use]
    pub fn window_opened(self, event: &Event) -> Option<OpenWindow> {
        if self.event(event)? != "EventWorkerSubmissionWindowOpened" {
            return None;
        }
        let number = |key| event.attribute(key)?.trim_matches('"').parse::<i64>().ok();
        let topic = TopicId(u64::try_from(number("topic_id")?).ok()?);
        let key = WindowKey {
            topic,
            nonce: Nonce(number("nonce_block_height")?),
        };
        Some(OpenWindow {
            key,
            end: Height(number("window_end_block")?),
        })
    }
}

/// A submission window that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenWindow {
    /// Which.
    pub key: WindowKey,
    /// The last block that takes a submission, inclusive.
    pub end: Height,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::jsonrpc::Attribute;

    fn opened(kind: &str) -> Event {
        let attribute = |key: &str, value: &str| Attribute {
            key: key.into(),
            value: Some(value.into()),
            index: true,
        };
        Event {
            kind: kind.into(),
            attributes: vec![
                attribute("nonce_block_height", "\"148\""),
                attribute("topic_id", "\"67\""),
                attribute("window_end_block", "\"158\""),
                attribute("mode", "EndBlock"),
            ],
        }
    }

    #[test]
    fn reads_the_opening_of_its_own_version_only() {
        let event = opened("emissions.v10.EventWorkerSubmissionWindowOpened");
        let key = WindowKey {
            topic: TopicId(67),
            nonce: Nonce(148),
        };
        assert_eq!(
            Version::V10.window_opened(&event),
            Some(OpenWindow {
                key,
                end: Height(158)
            })
        );
        assert_eq!(Version::V9.window_opened(&event), None);
        let reputers = opened("emissions.v10.EventReputerSubmissionWindowOpened");
        assert_eq!(Version::V10.window_opened(&reputers), None);
    }

    #[test]
    fn an_event_without_its_numbers_is_no_window() {
        let mut event = opened("emissions.v10.EventWorkerSubmissionWindowOpened");
        event.attributes[0].value = Some("\"soon\"".into());
        assert_eq!(Version::V10.window_opened(&event), None);
    }
}
