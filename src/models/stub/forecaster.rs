//! A stub that listens to prices and forecasts from what it heard.

use std::{collections::HashMap, time::Duration};

use serde_json::{Value as Tree, json};

use super::{Behaviour, Mind};
use crate::models::{Payload, Value};

/// Steps of one answer, above which it is a mistake of the caller.
const MOST_STEPS: i64 = 100_000;
/// The variance of a log-return, a second, while fewer than two prices are known: 60 % a year.
const USUAL_VARIANCE: f64 = 0.36 / 31_557_600.0;
/// Past drift says next to nothing of the drift to come.
const SHRINK: f64 = 0.05;

/// The distribution that a forecaster gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A normal one around no change.
    Gaussian,
    /// A normal one around the recent drift, shrunk.
    Drift,
    /// A narrow and a wide normal one.
    Mixture,
    /// Student's t with five degrees of freedom.
    StudentT,
    /// A Laplace distribution.
    Laplace,
}

/// A model that scales its density by the volatility of the prices it was told. Its densities are of
/// price differences over one step, in the quote currency.
#[derive(Clone, Debug)]
pub struct Forecaster {
    style: Style,
    half_life: f64,
    tracks: HashMap<String, Track>,
}

/// What is known of an asset's prices.
#[derive(Clone, Copy, Debug, Default)]
struct Track {
    at: f64,
    price: f64,
    /// Sums of weights, squared log-returns and log-returns, a second.
    weight: f64,
    squares: f64,
    returns: f64,
}

impl Track {
    fn hear(&mut self, at: f64, price: f64, half_life: f64) {
        if !(at > self.at && price.is_finite() && price > 0.0) {
            return;
        }
        if self.price > 0.0 {
            let span = at - self.at;
            let change = (price / self.price).ln();
            let share = 1.0 - 0.5_f64.powf(span / half_life);
            let moved = |sum: f64, new: f64| sum + share * (new - sum);
            self.weight = moved(self.weight, 1.0);
            self.squares = moved(self.squares, change * change / span);
            self.returns = moved(self.returns, change / span);
        }
        (self.at, self.price) = (at, price);
    }

    /// Drift and standard deviation of the price's change over so many seconds.
    fn outlook(&self, seconds: f64) -> (f64, f64) {
        let mean = |sum: f64| {
            if self.weight > 0.0 {
                sum / self.weight
            } else {
                0.0
            }
        };
        let variance = mean(self.squares);
        let variance = if variance > 0.0 {
            variance
        } else {
            USUAL_VARIANCE
        };
        let drift = self.price * SHRINK * mean(self.returns) * seconds;
        (drift, self.price * (variance * seconds).sqrt())
    }
}

impl Style {
    /// All there are.
    pub const ALL: [Self; 5] = [
        Self::Gaussian,
        Self::Drift,
        Self::Mixture,
        Self::StudentT,
        Self::Laplace,
    ];

    /// Its name, as models bear it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gaussian => "gaussian",
            Self::Drift => "drift",
            Self::Mixture => "mixture",
            Self::StudentT => "student-t",
            Self::Laplace => "laplace",
        }
    }

    /// The components, each with its weight.
    fn density(self, drift: f64, deviation: f64) -> Tree {
        let part = |name: &str, params: Tree, weight: f64| json!({ "density": { "type": "builtin", "name": name, "params": params }, "weight": weight });
        let norm = |loc: f64, scale: f64, weight| {
            part("norm", json!({ "loc": loc, "scale": scale }), weight)
        };
        Tree::Array(match self {
            Self::Gaussian => vec![norm(0.0, deviation, 1.0)],
            Self::Drift => vec![norm(drift, deviation, 1.0)],
            // 0.8 * 0.75^2 + 0.2 * 1.658^2 = 1
            Self::Mixture => vec![
                norm(drift, 0.75 * deviation, 0.8),
                norm(0.0, 1.658_312_395 * deviation, 0.2),
            ],
            Self::StudentT => {
                let scale = deviation * 0.6_f64.sqrt();
                vec![part(
                    "t",
                    json!({ "df": 5, "loc": 0.0, "scale": scale }),
                    1.0,
                )]
            }
            Self::Laplace => {
                let scale = deviation * std::f64::consts::FRAC_1_SQRT_2;
                vec![part("laplace", json!({ "loc": 0.0, "scale": scale }), 1.0)]
            }
        })
    }
}

impl Forecaster {
    /// A model that has heard nothing yet. What it hears counts half after `half_life`.
    #[must_use]
    pub fn new(style: Style, half_life: Duration) -> Self {
        Self {
            style,
            half_life: half_life.as_secs_f64().max(1.0),
            tracks: HashMap::new(),
        }
    }

    fn tick(&mut self, prices: &Payload) -> Result<Value, String> {
        let Payload::Json(json) = prices else {
            return Err(format!("tick takes JSON, not {prices:?}"));
        };
        let assets: HashMap<String, Vec<(f64, f64)>> = json.parse()?;
        for (asset, closes) in assets {
            let track = self.tracks.entry(asset).or_default();
            for (at, price) in closes {
                track.hear(at, price, self.half_life);
            }
        }
        Ok(Value::None)
    }

    fn predict(&self, asset: &str, horizon: i64, step: i64) -> Result<Value, String> {
        let steps = if step > 0 { horizon / step } else { 0 };
        if !(1..=MOST_STEPS).contains(&steps) {
            return Err(format!("a horizon of {horizon} s in steps of {step} s"));
        }
        let Some(track) = self.tracks.get(asset).filter(|track| track.price > 0.0) else {
            return Ok(Value::Json("[]".into()));
        };
        let (drift, deviation) = track.outlook(step as f64);
        // All steps have the same one: a thousand stubs are to cost little.
        let components = self.style.density(drift, deviation).to_string();
        let items = (1..=steps).map(|k| {
            let step = k * step;
            format!(r#"{{"step":{step},"type":"mixture","components":{components}}}"#)
        });
        let items: Vec<_> = items.collect();
        Ok(Value::Json(format!("[{}]", items.join(",")).into()))
    }
}

impl Mind for Forecaster {
    fn call(&mut self, method: &str, arguments: &[Payload]) -> Behaviour {
        let answer = match (method, arguments) {
            ("tick", [prices]) => self.tick(prices),
            (
                "predict",
                [
                    Payload::String(asset),
                    Payload::Int(horizon),
                    Payload::Int(step),
                ],
            ) => self.predict(asset, *horizon, *step),
            ("tick" | "predict", _) => Err(format!("{method} does not take these arguments")),
            _ => return Behaviour::Lacks,
        };
        answer.map_or_else(Behaviour::Raises, Behaviour::Gives)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Json;

    fn json(tree: &Tree) -> Payload {
        Payload::Json(Json::read(tree.to_string().into()).unwrap())
    }

    fn predict(model: &mut Forecaster, asset: &str, horizon: i64, step: i64) -> Tree {
        let arguments = [
            Payload::String(asset.into()),
            Payload::Int(horizon),
            Payload::Int(step),
        ];
        match model.call("predict", &arguments) {
            Behaviour::Gives(Value::Json(bytes)) => serde_json::from_slice(&bytes).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Hourly prices that go up and down by one percent.
    fn told(style: Style) -> Forecaster {
        let mut model = Forecaster::new(style, Duration::from_secs(24 * 3_600));
        let closes: Vec<_> = (1..200)
            .map(|n| (3_600 * n, if n % 2 == 0 { 100.0 } else { 101.0 }))
            .collect();
        let behaviour = model.call("tick", &[json(&json!({ "BTC": closes }))]);
        assert_eq!(behaviour, Behaviour::Gives(Value::None));
        model
    }

    #[test]
    fn the_scale_is_that_of_the_prices_told() {
        let items = predict(&mut told(Style::Gaussian), "BTC", 4 * 3_600, 3_600);
        assert_eq!(items.as_array().unwrap().len(), 4);
        assert_eq!(items[3]["step"], 4 * 3_600);
        let params = &items[0]["components"][0]["density"]["params"];
        let scale = params["scale"].as_f64().unwrap();
        assert!((scale - 101.0 * (1.01_f64).ln()).abs() < 1e-9, "{scale}");
        let week = predict(&mut told(Style::Gaussian), "BTC", 604_800, 604_800);
        let wide = week[0]["components"][0]["density"]["params"]["scale"].as_f64();
        assert!((wide.unwrap() / scale - 168.0_f64.sqrt()).abs() < 1e-9);
        assert_eq!(week.as_array().unwrap().len(), 1);
    }

    #[test]
    fn all_styles_have_the_same_deviation() {
        for style in Style::ALL {
            let items = predict(&mut told(style), "BTC", 3_600, 3_600);
            let parts = items[0]["components"].as_array().unwrap();
            let variance = |part: &Tree| {
                let scale = part["density"]["params"]["scale"].as_f64().unwrap();
                let unit = match part["density"]["name"].as_str().unwrap() {
                    "t" => 5.0 / 3.0,
                    "laplace" => 2.0,
                    _ => 1.0,
                };
                part["weight"].as_f64().unwrap() * unit * scale * scale
            };
            let deviation = parts.iter().map(variance).sum::<f64>().sqrt();
            let expected = 101.0 * (1.01_f64).ln();
            assert!((deviation / expected - 1.0).abs() < 1e-6, "{style:?}");
        }
    }

    #[test]
    fn what_it_knows_nothing_of_is_an_empty_list() {
        let mut model = told(Style::Mixture);
        assert_eq!(predict(&mut model, "ETH", 3_600, 60), json!([]));
        assert_eq!(model.call("rest", &[]), Behaviour::Lacks);
        let odd = model.call("predict", &[Payload::Int(1)]);
        assert!(matches!(odd, Behaviour::Raises(_)), "{odd:?}");
        let odd = model.call("tick", &[json(&json!([1]))]);
        assert!(matches!(odd, Behaviour::Raises(_)), "{odd:?}");
    }
}
