//! `forecast`: the present forecast and its whole report.

use std::{
    io::{IsTerminal, stdout},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::Args;
use comfy_table::{ContentArrangement, Table, presets::UTF8_BORDERS_ONLY};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::watch;

use super::{
    learning, network,
    past::{self, Past},
    rooms,
};
use crate::{
    clock::{SharedClock, SystemClock},
    config::{Overrides, Settings},
    forecast::{Blocking, Builtin, Desk, Forecast, Labelled, NetworkReport, Report, Unjudged},
    worker::TopicConfig,
};

/// Flags of `forecast`. Relative paths start at the project's root.
#[derive(Args, Clone, Debug)]
pub(super) struct ForecastArgs {
    /// Forecast this topic; may be repeated [default: all that are configured]
    #[arg(long = "topic", value_name = "ID")]
    topics: Vec<u64>,
    /// Print JSON, one line for each topic, also on a terminal
    #[arg(long)]
    json: bool,
    /// Hourly prices from this CSV file instead of those that are stored
    #[arg(long, value_name = "CSV")]
    prices: Option<PathBuf>,
    /// The network whose configuration is used [default: testnet]
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
    /// A configuration file that is laid over config/worker.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the worker writes, in its subfolder artifacts [default: data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// How long the built-in forecast may take beside a forecaster's own limit.
const PATIENCE: Duration = Duration::from_mins(2);

/// Prints the forecasts. Exits 0 also when a forecast is a fallback: its reason is printed.
#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the command line"
)]
pub(super) fn forecast(args: &ForecastArgs) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("❌ ERROR no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let as_json = args.json || !stdout().is_terminal();
    match runtime.block_on(made(args)) {
        Ok(all) => {
            for one in &all {
                if as_json {
                    println!("{}", one.as_json());
                } else {
                    println!("{}", one.as_table());
                }
            }
            ExitCode::SUCCESS
        }
        Err(cause) => {
            eprintln!("❌ ERROR {cause}");
            ExitCode::from(78)
        }
    }
}

/// A forecast with what it was asked for.
struct Made {
    topic: TopicConfig,
    prices: String,
    forecast: Arc<Forecast>,
    /// What of it is not judged by its record.
    unjudged: Option<Unjudged>,
    now: OffsetDateTime,
}

#[allow(clippy::print_stderr, reason = "this is the command line")]
async fn made(args: &ForecastArgs) -> Result<Vec<Made>, String> {
    let settings = Settings::load(&Overrides {
        network: args.network.clone(),
        config: args.config.clone(),
        topics: args.topics.clone(),
        data_dir: args.data_dir.clone(),
        prices: args.prices.clone(),
        ..Overrides::default()
    })
    .map_err(|refused| refused.to_string())?;
    let clock: SharedClock = Arc::new(SystemClock);
    let Past { histories, source } = past::known(&settings, &clock)
        .await
        .map_err(|closed| closed.to_string())?;
    let outside = rooms::outside(&settings).map_err(|closed| closed.to_string())?;
    let topics = settings.topics.iter().map(rooms::spec).collect();
    let built_in = Arc::new(Builtin::new(settings.forecast.clone()));
    let networks = network::open(&settings, &built_in, &clock);
    let mut networks = networks.map_err(|closed| closed.to_string())?;
    for trouble in networks.read().await {
        eprintln!("⚠️ WARNING {trouble}");
    }
    let forecaster = Arc::new(Blocking::new(built_in));
    let config = settings.forecast.clone();
    let desk = Desk::with_forecaster(config, topics, &histories, clock.clone(), forecaster)
        .map_err(|refused| refused.to_string())?
        .with_outside(outside)
        .with_outside(networks.outside.clone());
    let desk = desk.handle();
    let fuses = learning::recalled(&settings).await;
    // What is recalled does not change any more.
    desk.follow(watch::channel(fuses.map_err(|closed| closed.to_string())?).1);
    let config = settings.forecast;
    let asked = settings.topics.into_iter().map(|topic| {
        let unjudged = config.unjudged(topic.horizon);
        let (desk, prices, now) = (desk.clone(), source.clone(), clock.now());
        async move {
            let limit = PATIENCE + desk.lead(topic.id).unwrap_or_default();
            let forecast = desk.now(topic.id, limit).await;
            Made {
                topic,
                prices,
                unjudged: unjudged.filter(|_| forecast.report.is_some()),
                forecast,
                now,
            }
        }
    });
    Ok(futures_util::future::join_all(asked).await)
}

impl Made {
    /// Seconds since the end of the newest candle.
    fn data_age(&self) -> Option<i64> {
        Some(
            (self.now - self.forecast.data_until?)
                .whole_seconds()
                .max(0),
        )
    }

    /// One object with the same keys for every topic; what is not known is null or left out as in the
    /// event log.
    fn as_json(&self) -> Value {
        let mut all = serde_json::to_value(self.forecast.as_ref()).unwrap_or_default();
        if let Value::Object(all) = &mut all {
            let topic = &self.topic;
            all.insert("ticker".into(), json!(topic.ticker));
            all.insert("horizon_seconds".into(), json!(topic.horizon.as_secs()));
            all.insert("target".into(), json!(topic.target));
            all.insert("prices".into(), json!(self.prices));
            all.insert("data_age_seconds".into(), json!(self.data_age()));
            let unjudged = self.unjudged.as_ref().map(ToString::to_string);
            all.insert("not_judged".into(), json!(unjudged));
            for key in ["fallback", "report"] {
                all.entry(key).or_insert(Value::Null);
            }
            all.entry("values").or_insert_with(|| json!([]));
        }
        all
    }

    fn as_table(&self) -> Table {
        let (topic, forecast) = (&self.topic, &self.forecast);
        let mut rows = vec![
            ("topic", topic.id.to_string()),
            ("asks for", self.question()),
        ];
        if forecast.values.is_empty() {
            rows.push(("value", forecast.value.to_string()));
        }
        for Labelled { label, value } in &forecast.values {
            rows.push(("value", format!("{label} = {value}")));
        }
        rows.push(("source", word(&json!(forecast.source))));
        if let Some(why) = &forecast.fallback {
            rows.push(("because", why.to_string()));
        }
        if let Some(report) = &forecast.report {
            rows.extend(of_report(report));
        }
        if let Some(unjudged) = &self.unjudged {
            rows.push(("not judged", unjudged.to_string()));
        }
        rows.push(("closes", forecast.closes.to_string()));
        rows.push(("prices", self.prices.clone()));
        let age = self.data_age().map(|seconds| {
            let (hours, minutes) = (seconds / 3600, seconds % 3600 / 60);
            format!("{hours} h {minutes} min")
        });
        let age = age.unwrap_or_else(|| "not known: the forecaster has data of its own".into());
        rows.push(("age of data", age));
        let took = forecast.took.as_secs_f64() * 1e3;
        rows.push(("took", format!("{took:.1} ms")));
        let mut table = Table::new();
        table
            .load_preset(UTF8_BORDERS_ONLY)
            .set_content_arrangement(ContentArrangement::Dynamic);
        for (name, text) in rows {
            table.add_row([name.to_owned(), text]);
        }
        table
    }

    fn question(&self) -> String {
        let topic = &self.topic;
        let hours = topic.horizon.as_secs() / 3600;
        let target = word(&json!(topic.target)).replace('_', " ");
        format!("{target} of {} over {hours} hours", topic.ticker)
    }
}

fn of_report(report: &Report) -> Vec<(&'static str, String)> {
    let t = |t: Option<f64>| t.map_or_else(|| "not known".into(), |t| format!("{t:.2}"));
    let mut rows = vec![(
        "prior",
        format!(
            "{:.6} at weight {:.2} (t of its gain over zero {}), momentum {:.2}, hourly sigma {:.5}",
            report.prior,
            report.prior_weight,
            t(report.prior_t),
            report.momentum,
            report.sigma
        ),
    )];
    for it in &report.challengers {
        let value = it
            .value
            .map_or_else(|| "nothing yet".into(), |value| format!("{value:.6}"));
        rows.push((
            "challenger",
            format!(
                "{}: {value} at weight {:.2} (t over the prior {}, {} days)",
                it.name,
                it.weight,
                t(it.t),
                it.days
            ),
        ));
    }
    if let Some(weight) = report.live_weight {
        let t = t(report.live_t);
        let text = format!("weight {weight:.2} (t of what was submitted over zero {t})");
        rows.push(("live fuse", text));
    }
    if let Some(network) = &report.network {
        rows.extend(of_network(network));
    }
    if report.clamped {
        rows.push(("held back", "by forecast.max_abs".into()));
    }
    rows
}

fn of_network(network: &NetworkReport) -> Vec<(&'static str, String)> {
    let t = network
        .t
        .map_or_else(|| "not known".into(), |t| format!("{t:.2}"));
    let mut rows = vec![(
        "models",
        format!(
            "{:.6} at weight {:.2} (t of its gain {t}, {} days); {} of {} that answered have a say, with \
             {} opinions",
            network.value,
            network.weight,
            network.days,
            network.models,
            network.answered,
            network.opinions
        ),
    )];
    for part in &network.parts {
        let text = format!(
            "{}: {:.6} at weight {:.3}",
            part.model, part.value, part.weight
        );
        rows.push(("model", text));
    }
    rows
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
