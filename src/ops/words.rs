//! What each event says to people: its level, its message and its lines in the output log.

use super::{
    Event,
    phrase::{
        Level, Words, age, among, bad, basis, compared, forecast_level, generated, good,
        iso_seconds, list, record, span, warning, within,
    },
};

impl Event {
    /// The event in one sentence.
    #[must_use]
    pub fn message(&self) -> String {
        self.words().message
    }

    /// How much the event matters.
    #[must_use]
    pub fn level(&self) -> Level {
        self.words().level
    }

    /// The event in words: the one place where events are worded. No healthy event uses the word
    /// that the operator's alarm looks for, and only `WindowOpen` says that a window opened.
    #[must_use]
    #[allow(
        clippy::too_many_lines,
        reason = "one exhaustive list is easier to keep true than several"
    )]
    pub fn words(&self) -> Words {
        match self {
            Self::Starting {
                version,
                network,
                chain_id,
                pid,
            } => good("🚀", "Starting Allora Worker").with(format!(
                "{version} (network {network}, chain {chain_id}, pid {pid})"
            )),
            Self::EnvironmentLoaded { address, prices } => {
                good("✅", "Environment loaded successfully")
                    .with(format!("(address {address}, prices from {prices})"))
            }
            Self::SingletonPassed { pidfile } => {
                good("✅", "Singleton guard passed").with(format!("({pidfile})"))
            }
            Self::CompetitionActive { end } => {
                good("✅", "Competition is active").with(end.map_or_else(
                    || "(no period is set)".to_owned(),
                    |end| format!("(until {})", iso_seconds(end)),
                ))
            }
            Self::CompetitionWaiting {
                start,
                wait_seconds,
            } => good("⏳", "Waiting for the competition to begin").with(format!(
                "at {}, in {}",
                iso_seconds(*start),
                span(*wait_seconds)
            )),
            Self::CompetitionEnded { end } => {
                good("🏁", "The competition ended").with(format!("at {}", iso_seconds(*end)))
            }
            Self::WorkerInitialized {
                address,
                balance,
                topics,
                height,
                emissions,
            } => good("✅", "Worker initialized").with(format!(
                "(address {address}, balance {balance}, topics {}, block {height}, {emissions})",
                list(topics)
            )),
            Self::Registering { topic, fee } => {
                good("ℹ️", "Registering in the topic").with(format!("{topic} for {fee}"))
            }
            Self::Registered { topic, height, .. } => {
                good("✅", "Registered in the topic").with(format!("{topic} (block {height})"))
            }
            Self::PollingStarted { poll_seconds } => {
                let mut words = good("ℹ️", "Starting worker polling loop...")
                    .with(format!("(every {poll_seconds} s)"));
                words
                    .lines
                    .push("ℹ️ Worker will respond to network submission windows".into());
                words
            }
            Self::Ready { topics, start_ms } => good("✅", "Worker is ready").with(format!(
                "(topics {}, {start_ms} ms after the start)",
                list(topics)
            )),
            Self::WebsocketConnected { endpoint } => {
                good("✅", "Websocket connected").with(format!("({endpoint})"))
            }
            Self::WebsocketLost {
                endpoint,
                cause,
                retry_ms,
            } => warning(format!(
                "Websocket to {endpoint} lost: {cause}; opening it again in {retry_ms} ms"
            )),
            Self::WindowOpen {
                topic,
                nonce,
                window_end,
                ..
            } => good("🔔", "Submission window opened").with(format!(
                "(nonce={nonce}) topic {topic}, until block {window_end}"
            )),
            Self::ForecastUsed {
                topic,
                nonce,
                forecast,
            } => {
                let mut words = generated(forecast);
                words.message = "Prepared forecast is used for prediction".into();
                words.lines.insert(
                    0,
                    format!(
                        "ℹ️ Prepared forecast is used for prediction (topic {topic}, nonce={nonce}, made {}, {})",
                        iso_seconds(forecast.made_at),
                        age(forecast)
                    ),
                );
                words
            }
            Self::ForecastTraining { topic, nonce } => {
                good("ℹ️", "Training fresh model for prediction")
                    .with(format!("(topic {topic}, nonce={nonce})"))
            }
            Self::ForecastTrained { forecast, .. } => generated(forecast),
            Self::ForecastPrepared { forecast } => {
                let words = good("ℹ️", "Forecast prepared for the next window")
                    .with(format!("(topic {}, {})", forecast.topic, basis(forecast)));
                words.at(forecast_level(forecast))
            }
            Self::ForecasterFails {
                topic,
                cause,
                remedy,
            } => warning(format!(
                "The forecaster of topic {topic} gives no answer to use: {cause}; {remedy}"
            )),
            Self::ForecasterBack { topic, missed } => {
                good("✅", "The forecaster answers again").with(format!(
                    "(topic {topic}, after {missed} forecasts without it)"
                ))
            }
            Self::Submitted {
                topic,
                nonce,
                value,
                hash,
                fee,
                latency_ms,
                ..
            } => good("📤", "Prediction submitted").with(format!(
                "(topic {topic}, nonce={nonce}, value={value}, fee {fee}, tx {hash}, {latency_ms:.1} ms)"
            )),
            Self::SubmissionResent { topic, nonce, hash, endpoint } => good(
                "🔁", "The same submission sent again",
            )
            .with(format!("(topic {topic}, nonce={nonce}, tx {hash}, to {endpoint})")),
            Self::DryRun {
                topic,
                nonce,
                value,
                hash,
                ..
            } => good("🧪", "Dry run: signed, not sent").with(format!(
                "(topic {topic}, nonce={nonce}, value={value}, tx {hash})"
            )),
            Self::SubmissionSuccessful {
                topic,
                nonce,
                height,
                gas_used,
                ..
            } => good("✅", "Submission successful!").with(format!(
                "(topic {topic}, nonce={nonce}, block {height}, gas {gas_used})"
            )),
            Self::Counted { topic, nonce } => good("🏆", "Inference counted at the window's close")
                .with(format!("(topic {topic}, nonce={nonce})")),
            Self::Outranked {
                topic,
                nonce,
                places,
            } => good("ℹ️", "Inference delivered but outranked").with(format!(
                "(topic {topic}, nonce={nonce}): better inferers took all {places} places"
            )),
            Self::SubmissionRefused {
                topic,
                nonce,
                codespace,
                code,
                log,
                next,
            } => bad(format!(
                "The chain refused the submission for topic {topic}, nonce {nonce} \
                 ({codespace} {code}): {log}; {next}"
            )),
            Self::SubmissionDelayed {
                topic,
                nonce,
                cause,
                next,
            } => warning(format!(
                "Submission for topic {topic}, nonce {nonce} is delayed: {cause}; {next}"
            )),
            Self::WindowMissed {
                topic,
                nonce,
                window_end,
                cause,
            } => bad(format!(
                "Window of topic {topic}, nonce {nonce} missed (closed after block {window_end}): {cause}"
            )),
            Self::SubmissionResumed {
                topic,
                nonce,
                state,
            } => good("♻️", "Submission of an earlier run resumed")
                .with(format!("(topic {topic}, nonce={nonce}, {state})")),
            Self::ForecastCompared {
                topic,
                nonce,
                value,
                z,
                count,
                mean,
                combined,
                verdict,
                ..
            } => compared(
                *verdict,
                &format!("topic {topic}, nonce={nonce}, value={value}"),
                &among(*z, *count, *mean, *combined),
            ),
            Self::ForecastResolved {
                topic,
                nonce,
                value,
                outcome,
                n,
                ratio,
                interval,
                ..
            } => good("📐", "Forecast resolved").with(format!(
                "(topic {topic}, nonce={nonce}, value={value}, outcome={outcome:.6}; {})",
                record(*n, *ratio, *interval)
            )),
            Self::Balance { balance } => good("💰", "Balance").with(balance.to_string()),
            Self::BalanceLow {
                balance,
                threshold,
                remedy,
            } => warning(format!("Balance {balance} is below {threshold}: {remedy}")),
            Self::PricesUpdated {
                ticker,
                closes,
                added,
                until,
            } => good("📈", "Prices updated").with(format!(
                "({ticker}: {closes} closes, {added} new{})",
                until.map_or_else(String::new, |at| format!(", until {}", iso_seconds(at)))
            )),
            Self::PricesBackfill {
                ticker,
                source,
                closes,
                hours_left,
                requests_left,
                seconds_left,
            } => good("📥", "Prices are being fetched").with(format!(
                "({ticker} from {source}: {closes} closes known, {hours_left} hours left in {requests_left} requests{})",
                within(*seconds_left)
            )),
            Self::PricesStandIn {
                ticker,
                source,
                first,
                cause,
            } => warning(format!(
                "Prices of {ticker} come from {source} in place of {first}: {cause}"
            )),
            Self::PricesBack {
                ticker,
                source,
                seconds,
                basis,
            } => good("📈", "Prices come from their first source again").with(format!(
                "({ticker} from {source} after {}{})",
                span(seconds.cast_signed()),
                basis.map_or_else(String::new, |basis| format!(
                    "; the two differ by {:.3} % on average",
                    basis * 100.0
                ))
            )),
            Self::PricesUnavailable {
                ticker,
                cause,
                remedy,
                retry_seconds,
            } => bad(format!(
                "Prices of {ticker} can't be had: {cause}; {remedy}; next attempt in {retry_seconds} s"
            )),
            Self::TopicUnavailable {
                topic,
                cause,
                remedy,
            } => bad(format!("Topic {topic} can't be served: {cause}; {remedy}")),
            Self::NodeTrouble { endpoint, cause } => {
                warning(format!("Node {endpoint} has trouble: {cause}"))
            }
            Self::NodeWell { endpoint, seconds } => good("✅", "Node is well again").with(format!(
                "({endpoint}, after {})",
                span(seconds.cast_signed())
            )),
            Self::Notice { cause, remedy } => warning(format!("{cause}; {remedy}")),
            Self::Trouble { cause, remedy } => bad(format!("{cause}; {remedy}")),
            Self::Fatal { cause, remedy } => {
                bad(format!("The worker can't go on: {cause}; {remedy}"))
            }
            Self::Stopping { signal, in_flight } => good("🛑", "Stopping").with(format!(
                "after {signal}, {in_flight} submissions in flight"
            )),
            Self::Stopped { reason } => good("👋", "Worker stopped").with(format!(": {reason}")),
            Self::Watch(event) => event.words(),
            Self::Predict(event) => event.words(),
            Self::Score(event) => event.words(),
            Self::Standby(event) => event.words(),
            Self::Gauge(_) => good("📟", "Reading"),
        }
    }
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
