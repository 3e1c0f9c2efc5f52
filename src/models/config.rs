//! Configuration of the network of models.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{MethodConfig, ModelsError};
use crate::density::Unit;

/// Section `[models]`: the orchestrator, and how models are called and judged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelsConfig {
    /// The orchestrator's host.
    pub host: String,
    /// The port of the orchestrator's WebSocket.
    pub port: u16,
    /// Which crunch's models are asked for. It is sent as it stands, so it may hold neither blanks nor `#`.
    pub crunch_id: String,
    /// What the crunch's models answer in: `price-difference` or `log-return`, over each step.
    pub unit: Unit,
    /// How long all models together may take for a call. Longer waits for slow models, shorter frees
    /// the caller sooner.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// How long a model may take to be made: its code is imported and its constructor runs.
    #[serde(with = "humantime_serde")]
    pub setup_timeout: Duration,
    /// How long a connection may take, and a sign of life over it.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// How long a call waits for a lost connection to come back. Longer rides out a restart, shorter
    /// frees the caller sooner; the call's own deadline holds besides.
    #[serde(with = "humantime_serde")]
    pub patience: Duration,
    /// A model is disconnected at this many failures of the same method in a row; 0 never disconnects.
    pub max_consecutive_failures: u32,
    /// A model is disconnected at this many time-outs in a row; skipped calls don't count; 0 never
    /// disconnects.
    pub max_consecutive_timeouts: u32,
    /// A model that can't be reached for this long is reported; it is tried further until the
    /// orchestrator stops it.
    #[serde(with = "humantime_serde")]
    pub unreachable_after: Duration,
    /// Whether the orchestrator is told of models that fail. It stops them, and may put them in
    /// quarantine until their owners submit anew.
    pub report_failure: bool,
    /// The class that a model must derive from: `module.Class`.
    pub base_class: String,
    /// The method that takes market data.
    pub tick: MethodConfig,
    /// The method that gives a prediction.
    pub predict: MethodConfig,
    /// How many models may be brought up to date at once.
    pub replays: usize,
    /// How long one call of a replay may take.
    #[serde(with = "humantime_serde")]
    pub replay_timeout: Duration,
    /// A folder with `ca.crt`, `tls.crt` and `tls.key`: models are spoken to over mutual TLS, and
    /// prove with their wallet who they are.
    pub secure_credentials: Option<PathBuf>,
    /// A folder with `tls.key`, an RSA key that signs each call, for models behind a gateway that
    /// ends TLS. Certificates in a file `ca.crt` beside it are trusted besides the system's.
    pub gateway_credentials: Option<PathBuf>,
    /// First pause before the orchestrator's lost socket is opened again; it doubles, with jitter, up
    /// to `reconnect_max`.
    #[serde(with = "humantime_serde")]
    pub reconnect_min: Duration,
    /// Longest pause between two attempts to open the orchestrator's socket.
    #[serde(with = "humantime_serde")]
    pub reconnect_max: Duration,
    /// How often the orchestrator is asked for a sign of life; two of them missed end the connection.
    #[serde(with = "humantime_serde")]
    pub ping_interval: Duration,
}

impl Default for ModelsConfig {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            port: 9091,
            crunch_id: "condorgame".into(),
            unit: Unit::default(),
            timeout: Duration::from_secs(50),
            setup_timeout: Duration::from_secs(120),
            connect_timeout: Duration::from_secs(5),
            patience: Duration::from_secs(10),
            max_consecutive_failures: 10,
            max_consecutive_timeouts: 10,
            unreachable_after: Duration::from_secs(60),
            report_failure: true,
            base_class: "condorgame.tracker.TrackerBase".into(),
            tick: MethodConfig::new("tick", &["prices JSON"]),
            predict: MethodConfig::new("predict", &["asset STRING", "horizon INT", "step INT"]),
            replays: 8,
            replay_timeout: Duration::from_secs(60),
            secure_credentials: None,
            gateway_credentials: None,
            reconnect_min: Duration::from_secs(1),
            reconnect_max: Duration::from_secs(30),
            ping_interval: Duration::from_secs(10),
        }
    }
}

impl ModelsConfig {
    /// Checks the values that their types let through.
    ///
    /// # Errors
    /// The first value that makes no sense.
    pub fn check(&self) -> Result<(), ModelsError> {
        let wrong = |key, wrong: String, right| Err(ModelsError::Config { key, wrong, right });
        if self.host.is_empty() || self.host.contains(|c: char| c.is_whitespace() || c == '/') {
            let is = format!("is {:?}", self.host);
            return wrong(
                "host",
                is,
                "give a host's name or address, such as localhost",
            );
        }
        if !is_crunch_id(&self.crunch_id) {
            let is = format!("is {:?}", self.crunch_id);
            let right = "it is the path of the orchestrator's WebSocket: printable ASCII without blanks, # and outer slashes";
            return wrong("crunch_id", is, right);
        }
        let spans = [
            ("timeout", self.timeout),
            ("setup_timeout", self.setup_timeout),
            ("connect_timeout", self.connect_timeout),
            ("replay_timeout", self.replay_timeout),
            ("reconnect_min", self.reconnect_min),
            ("ping_interval", self.ping_interval),
        ];
        for (key, span) in spans {
            if span.is_zero() {
                return wrong(key, "is 0s".into(), "give a time above zero, such as 10s");
            }
        }
        if self.reconnect_max < self.reconnect_min {
            let is = "is below reconnect_min".into();
            return wrong("reconnect_max", is, "give the longest pause, such as 30s");
        }
        if self.base_class.trim().is_empty() {
            let right = "name it with its module, such as condorgame.tracker.TrackerBase";
            return wrong("base_class", "is empty".into(), right);
        }
        for (key, method) in [("tick.name", &self.tick), ("predict.name", &self.predict)] {
            if method.name.trim().is_empty() {
                return wrong(key, "is empty".into(), "name the models' method");
            }
        }
        if self.replays == 0 {
            return wrong("replays", "is 0".into(), "give 1 or more");
        }
        if self.secure_credentials.is_some() && self.gateway_credentials.is_some() {
            let is = "stands beside secure_credentials".into();
            let right = "models are reached either over mutual TLS or through a gateway: give one of the two";
            return wrong("gateway_credentials", is, right);
        }
        Ok(())
    }
}

fn is_crunch_id(id: &str) -> bool {
    !id.is_empty()
        && !id.starts_with('/')
        && !id.ends_with('/')
        && id.chars().all(|c| c.is_ascii_graphic() && c != '#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(change: impl FnOnce(&mut ModelsConfig)) -> String {
        let mut config = ModelsConfig::default();
        change(&mut config);
        config
            .check()
            .map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn the_defaults_hold() {
        assert_eq!(said(|_| ()), "");
    }

    type Change = fn(&mut ModelsConfig);

    #[test]
    fn each_wrong_value_is_named() {
        let cases: [(&str, Change); 8] = [
            ("models.host is \"\"", |c| c.host.clear()),
            ("models.crunch_id is \"a b\"", |c| {
                c.crunch_id = "a b".into();
            }),
            ("models.crunch_id is \"/a\"", |c| c.crunch_id = "/a".into()),
            ("models.timeout is 0s", |c| c.timeout = Duration::ZERO),
            ("models.reconnect_max is below", |c| {
                c.reconnect_max = Duration::ZERO;
            }),
            ("models.base_class is empty", |c| c.base_class.clear()),
            ("models.replays is 0", |c| c.replays = 0),
            ("models.gateway_credentials stands beside", |c| {
                c.secure_credentials = Some("a".into());
                c.gateway_credentials = Some("b".into());
            }),
        ];
        for (expected, change) in cases {
            let said = said(change);
            assert!(said.starts_with(expected), "{said}");
        }
    }

    #[test]
    fn a_section_is_read() {
        let text = "timeout = '20s'\nmax_consecutive_timeouts = 3\n\
            predict = { name = 'predict_all', arguments = ['asset STRING', 'horizon INT', 'steps JSON'] }";
        let config: ModelsConfig = toml::from_str(text).unwrap();
        assert_eq!(config.timeout, Duration::from_secs(20));
        assert_eq!(config.predict.name, "predict_all");
        assert_eq!(config.predict.arguments.len(), 3);
        let error =
            toml::from_str::<ModelsConfig>("tick = { name = 't', arguments = ['prices ARROW'] }");
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("ARROW are not supported")
        );
    }
}
