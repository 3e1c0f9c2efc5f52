//! What a webhook is sent.

use serde::Serialize;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Form, Kind};

/// The longest text, in bytes; Telegram takes 4,096 characters.
const LONGEST: usize = 3_000;

/// Whether something begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is so.
    Firing,
    /// It still is.
    Lasting,
    /// It is no more.
    Resolved,
    /// Others were held back.
    Summary,
}

/// Who tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Who {
    /// The network's name.
    pub network: String,
    /// The wallet's address.
    pub address: String,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Whether it begins or ends.
    pub state: State,
    /// What it is about; none for a summary.
    pub kind: Option<Kind>,
    /// Tells it from others of its kind.
    pub subject: String,
    /// Why.
    pub cause: String,
    /// What to do.
    pub remedy: String,
    /// When it is told.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Since when it is, or was, so.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
}

impl Message {
    /// One line that says what it is.
    #[must_use]
    pub fn title(&self, who: &Who) -> String {
        let short = match who.address.get(..10) {
            Some(head) => format!(" {head}…"),
            None => String::new(),
        };
        let place = format!("allora-worker{short} ({})", who.network);
        let subject = &self.subject;
        let words = self.kind.map_or("alerts held back", Kind::words);
        match self.state {
            State::Firing => format!("⚠️ {place}: {words} ({subject})"),
            State::Lasting => format!("⚠️ {place}: still {words} ({subject})"),
            State::Resolved => format!("✅ {place}: resolved: {words} ({subject})"),
            State::Summary => format!("ℹ️ {place}: {words}"),
        }
    }

    /// All that a person needs, in a few lines.
    #[must_use]
    pub fn text(&self, who: &Who) -> String {
        let seconds = (self.at - self.since).whole_seconds().max(0);
        let lasted = format!(
            "{}h {:02}m {:02}s",
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60
        );
        let rest = match self.state {
            State::Resolved => format!("It lasted {lasted}. It was: {}", self.cause),
            State::Lasting => format!("For {lasted}: {}\nWhat to do: {}", self.cause, self.remedy),
            State::Firing | State::Summary => {
                format!("{}\nWhat to do: {}", self.cause, self.remedy)
            }
        };
        crate::limits::cut(format!("{}\n{rest}", self.title(who)), LONGEST)
    }

    /// The body that a form asks for.
    #[must_use]
    pub fn body(&self, form: Form, chat_id: &str, who: &Who) -> Value {
        let text = self.text(who);
        let date = |at: OffsetDateTime| at.format(&Rfc3339).unwrap_or_default();
        match form {
            Form::Slack => json!({ "text": text }),
            Form::Telegram => json!({
                "chat_id": chat_id,
                "text": text,
                "disable_web_page_preview": true,
            }),
            Form::Generic => json!({
                "source": "allora-worker",
                "network": who.network,
                "address": who.address,
                "state": self.state,
                "kind": self.kind,
                "subject": self.subject,
                "cause": self.cause,
                "remedy": self.remedy,
                "at": date(self.at),
                "since": date(self.since),
                "title": self.title(who),
                "text": text,
            }),
        }
    }
}
