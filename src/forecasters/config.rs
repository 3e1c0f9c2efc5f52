//! A topic's `forecaster` in the configuration.

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use super::{ForecasterError, question};

/// `forecaster` of a `[[topics]]` entry: who answers the topic instead of the built-in forecast, which
/// stands in for it. Either `http` or `command`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForecasterConfig {
    /// An endpoint's URL. `{topic}`, `{nonce}`, `{ticker}`, `{horizon}` (seconds) and `{target}` are
    /// filled in. Secrets belong in `FORECASTER_TOKEN` or `FORECASTER_TOKEN_<topic>`, not here.
    #[serde(default)]
    pub http: Option<String>,
    /// `get`, or `post` with the question as JSON.
    #[serde(default)]
    pub method: Method,
    /// A program and its arguments, with the same placeholders. No shell reads them; relative paths
    /// start at the project's root. The question comes as JSON on its standard input.
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// How long an answer may take. The question is asked so long before a window is expected to
    /// open; longer gives a model more time and older data.
    #[serde(default = "usual_timeout", with = "humantime_serde")]
    pub timeout: Duration,
    /// How many of the newest hourly closes go along with the question; with none the model has
    /// sources of its own. With prices older than `forecast.max_age` it is not asked.
    #[serde(default)]
    pub send_prices: usize,
    /// Labels to answer, where a topic has several outputs; all that the topic lists by default.
    #[serde(default)]
    pub labels: Vec<String>,
}

/// How an endpoint is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The URL holds the question.
    #[default]
    Get,
    /// The body holds the question.
    Post,
}

const fn usual_timeout() -> Duration {
    Duration::from_secs(5)
}

/// Most closes that may go along: three years of hours.
const MOST_PRICES: usize = 3 * 366 * 24;
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_mins(10);

impl ForecasterConfig {
    /// Whether the values make sense together.
    ///
    /// # Errors
    /// The first that does not, and what would.
    pub fn check(&self) -> Result<(), ForecasterError> {
        match (&self.http, &self.command) {
            (Some(url), None) => self.check_http(url)?,
            (None, Some(command)) => self.check_command(command)?,
            (Some(_), Some(_)) => {
                return Err(ForecasterError::bad(
                    "http",
                    "is set as well as command",
                    "keep one of them",
                ));
            }
            (None, None) => {
                let right = "write http = \"http://127.0.0.1:8000/inference/{topic}?nonce={nonce}\" \
                             or command = [\"python3\", \"model.py\"]";
                return Err(ForecasterError::bad(
                    "http",
                    "is not set, and neither is command",
                    right,
                ));
            }
        }
        if !(SHORTEST..=LONGEST).contains(&self.timeout) {
            let wrong = format!("is {:?}", self.timeout);
            return Err(ForecasterError::bad(
                "timeout",
                wrong,
                "write \"100ms\" to \"10min\"",
            ));
        }
        if self.send_prices > MOST_PRICES {
            let wrong = format!("is {}", self.send_prices);
            return Err(ForecasterError::bad(
                "send_prices",
                wrong,
                format!("write 0 to {MOST_PRICES}"),
            ));
        }
        let mut labels = self.labels.iter();
        match labels.find(|label| label.trim().is_empty() || label.contains(',')) {
            Some(label) => Err(ForecasterError::bad(
                "labels",
                format!("holds {label:?}, which is no label"),
                "name labels as the topic lists them",
            )),
            None => Ok(()),
        }
    }

    fn check_http(&self, url: &str) -> Result<(), ForecasterError> {
        let bad = |wrong, right: &str| Err(ForecasterError::bad("http", wrong, right));
        question::check(url).map_err(|name| unknown_placeholder("http", &name))?;
        let filled = question::sample(url);
        let right = "write http://HOST:PORT/PATH or https://HOST/PATH";
        let read = Url::parse(&filled).ok();
        let fits = |it: &Url| ["http", "https"].contains(&it.scheme()) && it.has_host();
        let Some(read) = read.filter(fits) else {
            return bad(
                format!("holds {url:?}, which is no http or https URL"),
                right,
            );
        };
        if filled.contains(['{', '}']) {
            return bad(format!("holds {url:?} with a stray brace"), right);
        }
        if read.password().is_some() || !read.username().is_empty() {
            let right = "set FORECASTER_TOKEN in .env instead";
            return bad("holds a user's name or a password".into(), right);
        }
        if self.send_prices > 0 && self.method == Method::Get {
            let (wrong, right) = (
                "goes with method = \"post\" only",
                "add that, or leave it out",
            );
            return Err(ForecasterError::bad("send_prices", wrong, right));
        }
        Ok(())
    }

    fn check_command(&self, command: &[String]) -> Result<(), ForecasterError> {
        if command.first().is_none_or(|it| it.trim().is_empty()) {
            let right = "write a list: [\"python3\", \"model.py\"]";
            return Err(ForecasterError::bad("command", "names no program", right));
        }
        if self.method == Method::Post {
            let right = "leave it out: a command is given the question on its standard input";
            return Err(ForecasterError::bad("method", "goes with http only", right));
        }
        let mut unknown = command.iter().filter_map(|it| question::check(it).err());
        match unknown.next() {
            Some(name) => Err(unknown_placeholder("command", &name)),
            None => Ok(()),
        }
    }
}

fn unknown_placeholder(key: &'static str, name: &str) -> ForecasterError {
    let known = question::PLACEHOLDERS.map(|name| format!("{{{name}}}"));
    let right = format!("known are {}", known.join(", "));
    ForecasterError::bad(key, format!("holds {{{name}}}"), right)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn config(text: &str) -> Result<ForecasterConfig, toml::de::Error> {
        toml::from_str(text)
    }

    #[rstest]
    #[case("http = \"http://127.0.0.1:8000/inference/{topic}?nonce={nonce}\"")]
    #[case("http = \"https://models.example/{ticker}\"\nmethod = \"post\"\nsend_prices = 720")]
    #[case("command = [\"python3\", \"model.py\", \"{topic}\"]\ntimeout = \"30s\"")]
    #[case("command = [\"jq\", '{\"value\": 0}']\nsend_prices = 10")]
    fn a_few_lines_describe_a_forecaster(#[case] text: &str) {
        assert_eq!(config(text).unwrap().check(), Ok(()));
    }

    #[rstest]
    #[case("", "neither is command")]
    #[case("http = \"http://a/\"\ncommand = [\"a\"]", "keep one")]
    #[case("http = \"http://a/{token}\"", "{token}; known are {topic}, {nonce}")]
    #[case("http = \"ftp://a/\"", "no http or https URL")]
    #[case("http = \"http://a/}\"", "stray brace")]
    #[case("http = \"http://me:secret@a/\"", "FORECASTER_TOKEN")]
    #[case("http = \"http://a/\"\nsend_prices = 5", "method = \"post\"")]
    #[case("command = []", "names no program")]
    #[case("command = [\"a\", \"{key}\"]", "{key}")]
    #[case("command = [\"a\"]\nmethod = \"post\"", "goes with http only")]
    #[case("command = [\"a\"]\ntimeout = \"1h\"", "10min")]
    #[case("command = [\"a\"]\nlabels = [\"up,down\"]", "no label")]
    fn what_makes_no_sense_is_refused_with_what_would(#[case] text: &str, #[case] why: &str) {
        let refused = config(text).unwrap().check().unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let refused = config("url = \"http://a/\"").unwrap_err().to_string();
        assert!(refused.contains("unknown field `url`"), "{refused}");
    }
}
