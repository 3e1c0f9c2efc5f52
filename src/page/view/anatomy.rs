//! How the newest forecast came about.

use askama::Template;

use super::words::{self, Stamp, Unit};
use crate::{
    forecast::{ChallengerReport, NetworkReport, Report, Source, Target},
    page::{Anatomy as Known, TopicBoard},
    vitals::ForecastNow,
};

#[derive(Template)]
#[template(path = "page/anatomy.html")]
pub(super) struct Anatomy {
    known: Option<Shown>,
}

struct Shown {
    value: String,
    about: &'static str,
    /// Whether it says nothing, or stands in for another.
    fallback: Option<String>,
    made: Option<Stamp>,
    parts: Vec<Part>,
    values: Vec<(String, String)>,
    facts: Vec<(&'static str, String)>,
    age: Option<Age>,
}

/// A bar, with what it says and what that counts for.
struct Part {
    name: String,
    class: &'static str,
    value: String,
    bar: String,
    weight: Option<String>,
    /// How far the weight's bar reaches, of 100.
    share: String,
    why: String,
}

/// How old the data is against its limit.
struct Age {
    text: String,
    limit: String,
    share: String,
    class: &'static str,
}

pub(super) fn anatomy(topic: Option<&TopicBoard>) -> Anatomy {
    let target = topic.and_then(|it| it.target);
    Anatomy {
        known: topic
            .and_then(|it| it.anatomy.as_ref())
            .map(|it| shown(it, target)),
    }
}

fn shown(known: &Known, target: Option<Target>) -> Shown {
    let forecast = &known.forecast;
    let unit = Unit::of(target);
    let labelled = forecast.values.iter();
    let values = labelled.map(|it| (it.label.clone(), unit.show(it.value)));
    let mut facts = vec![("Closes seen", forecast.closes.to_string())];
    if let Some(until) = forecast.data_until.0 {
        facts.push(("Newest close", words::exact(until).text));
    }
    facts.push(("Time to make it", words::millis(forecast.took_ms)));
    if let Some(report) = &known.report {
        let percent = |it: f64| format!("{} %", words::number(it * 100.0, 3));
        facts.push(("An hour's usual move", percent(report.sigma)));
        facts.push(("Momentum, −1 to 1", words::signed(report.momentum, 2)));
        let clamped = if report.clamped {
            "yes, by forecast.max_abs"
        } else {
            "no"
        };
        facts.push(("Held back", clamped.into()));
    }
    Shown {
        value: unit.show(forecast.value),
        about: Unit::about(target),
        fallback: forecast.fallback.as_ref().map(ToString::to_string),
        made: forecast.made.0.map(words::exact),
        parts: known
            .report
            .as_ref()
            .map(|it| parts(it, forecast, target))
            .unwrap_or_default(),
        values: values.collect(),
        facts,
        age: known.data_age_seconds.map(|age| {
            let limit = known.data_age_limit_seconds;
            let share = (age / limit.max(1.0) * 100.0).clamp(0.0, 100.0);
            Age {
                text: words::span(age),
                limit: words::span(limit),
                share: format!("{share:.2}"),
                class: if age > limit { "bad" } else { "good" },
            }
        }),
    }
}

const fn source(source: Source) -> &'static str {
    match source {
        Source::Gated => "the prior, with the challengers that have earned a say",
        Source::Prior => "the prior alone",
        Source::PriorCold => "a sign without skill: there are less than 28 days of prices",
        Source::Linfa => "the mean of the challengers",
        Source::Ridge => "the ridge regression alone",
        Source::ElasticNet => "the elastic net alone",
        Source::Svr => "the support vector regression alone",
        Source::Zero => "always zero, by choice",
        Source::Http => "your HTTP endpoint",
        Source::Command => "your command",
        Source::Models => "the network of models",
        Source::Blend => "the built-in forecast, moved towards the models by what they have earned",
        Source::Fallback => "a fallback: that nothing changes",
    }
}

/// The parts and what they come to, as bars of one scale. All are log-returns.
fn parts(report: &Report, forecast: &ForecastNow, target: Option<Target>) -> Vec<Part> {
    let network = report.network.as_ref();
    let challengers = report.challengers.iter();
    let said = challengers.clone().filter_map(|it| it.value);
    let said = said.chain(network.map(|it| it.value)).chain([report.prior]);
    let most = said.map(f64::abs).fold(1e-9, f64::max);
    let baseline = report.prior * report.prior_weight;
    let mut parts = vec![Part {
        name: "Prior".into(),
        class: "prior",
        value: percent(report.prior),
        bar: bar(report.prior, most),
        weight: Some(format!("{:.2}", report.prior_weight)),
        share: share(report.prior_weight),
        why: trust(report.prior_t, report.prior_weight),
    }];
    parts.extend(challengers.clone().map(|it| challenger(it, most)));
    let total: f64 = challengers
        .clone()
        .filter(|it| it.value.is_some())
        .map(|it| it.weight)
        .sum();
    let moved = |it: &ChallengerReport| it.value.map(|value| it.weight * (value - baseline));
    let moved: f64 = challengers.filter_map(moved).sum();
    let blend = baseline + moved / total.max(1.0);
    parts.push(Part {
        name: "Together".into(),
        class: "blend",
        value: percent(blend),
        bar: bar(blend, most),
        weight: report.live_weight.map(|it| format!("{it:.2}")),
        share: share(report.live_weight.unwrap_or(1.0)),
        why: match report.live_weight {
            None => "no record of its own yet holds it back".into(),
            Some(weight) => live(report.live_t, weight),
        },
    });
    if let Some(network) = network {
        parts.push(models(network, most));
    }
    let answer = match target {
        Some(Target::LogReturn) => Some(forecast.value),
        Some(Target::PercentReturn) => Some((forecast.value / 100.0).ln_1p()),
        Some(Target::Price) | None => None,
    };
    parts.push(Part {
        name: "Answer".into(),
        class: "sum",
        value: Unit::of(target).show(forecast.value),
        bar: answer.map(|it| bar(it, most)).unwrap_or_default(),
        weight: None,
        share: share(0.0),
        why: source(forecast.source).into(),
    });
    parts
}

fn challenger(it: &ChallengerReport, most: f64) -> Part {
    let door = match it.weight {
        weight if weight <= 0.0 => "gate closed",
        weight if weight >= 1.0 => "gate open",
        _ => "gate ajar",
    };
    let why = match it.t {
        None => format!("{door}: {} days are too few to tell", it.days),
        Some(t) => {
            let t = words::signed(t, 2);
            let than = if it.weight > 0.0 {
                "better than"
            } else {
                "not clearly better than"
            };
            format!("{door}: {than} the prior over {} days (t {t})", it.days)
        }
    };
    Part {
        name: it.name.clone(),
        class: "challenger",
        value: it.value.map_or_else(|| "nothing yet".into(), percent),
        bar: it.value.map(|value| bar(value, most)).unwrap_or_default(),
        weight: Some(format!("{:.2}", it.weight)),
        share: share(it.weight),
        why,
    }
}

fn models(it: &NetworkReport, most: f64) -> Part {
    let t = it.t.map(|t| format!(", t {}", words::signed(t, 2)));
    Part {
        name: "Models".into(),
        class: "models",
        value: percent(it.value),
        bar: bar(it.value, most),
        weight: Some(format!("{:.2}", it.weight)),
        share: share(it.weight),
        why: format!(
            "{} of {} that answered have a say, with {} opinions, by {} days{}",
            it.models,
            it.answered,
            it.opinions,
            it.days,
            t.unwrap_or_default()
        ),
    }
}

fn trust(t: Option<f64>, weight: f64) -> String {
    match t {
        None => "trusted until its record can tell".into(),
        Some(t) if weight < 1.0 => format!(
            "held back: worse than zero over the last year (t {})",
            words::signed(t, 2)
        ),
        Some(t) => format!(
            "not worse than zero over the last year (t {})",
            words::signed(t, 2)
        ),
    }
}

fn live(t: Option<f64>, weight: f64) -> String {
    match t {
        None => "what was submitted is too short a record to tell".into(),
        Some(t) if weight < 1.0 => format!(
            "the fuse holds it back: what was submitted did worse than zero (t {})",
            words::signed(t, 2)
        ),
        Some(t) => format!(
            "the fuse lets it through: what was submitted did not do worse than zero (t {})",
            words::signed(t, 2)
        ),
    }
}

fn percent(value: f64) -> String {
    format!("{} %", words::signed(value * 100.0, 3))
}

fn share(weight: f64) -> String {
    format!("{:.2}", weight.clamp(0.0, 1.0) * 100.0)
}

/// A bar from the middle of 200 units.
fn bar(value: f64, most: f64) -> String {
    let reach = (value / most * 96.0).clamp(-96.0, 96.0);
    // What is all but zero is still seen, on its side.
    let reach = if reach.abs() < 1.0 {
        1.0_f64.copysign(reach)
    } else {
        reach
    };
    let reach = format!("{reach:.1}");
    format!("M100 2h{reach}v10H100z")
}
