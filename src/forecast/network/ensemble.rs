//! The network's record, day by day, and what it says now.

use std::{collections::VecDeque, time::Duration};

use super::{BlendConfig, Combined, Voice, combine::combine, copies::Memory};
use crate::forecast::{
    Day, ForecastConfig, HOUR,
    gate::{Gate, GateRule},
    prior::{Horizon, LEAST, at_least},
};

/// The record of a network of models over one horizon. It is fed one row a day; an outcome is known one
/// horizon after its forecast, so what is weighed never overlaps with what is forecast.
#[derive(Clone, Debug)]
pub struct Ensemble {
    config: BlendConfig,
    /// The largest log-return that is believed, and said.
    limit: f64,
    horizon: Horizon,
    /// Against zero.
    fuse: Gate,
    /// Against the built-in forecast.
    gate: Gate,
    memory: Memory,
    /// What was said and did not come yet, the oldest first.
    waiting: VecDeque<Waiting>,
}

#[derive(Clone, Debug)]
struct Waiting {
    due: i64,
    /// Log close.
    price: f64,
    built_in: f64,
    models: f64,
}

/// What follows from the models.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// What they together expect, and who had a say.
    pub combined: Combined,
    /// The combination by the weight of its fuse. A log-return, never zero, not beyond the limit.
    pub models: f64,
    /// The weight of the combination, from 0 to 1: below 1 when it has done clearly worse than zero.
    pub fuse: f64,
    /// Newey-West t of its gain over zero; none while the record is too short.
    pub fuse_t: Option<f64>,
    /// The built-in forecast, moved towards the combination by the gate's weight; none without one.
    pub blend: Option<f64>,
    /// The gate's weight, from 0 to 1: above 0 when the combination has done better than the built-in.
    pub gate: f64,
    /// Newey-West t of its gain over the built-in forecast; none while the record is too short.
    pub gate_t: Option<f64>,
    /// Days in the record.
    pub days: usize,
}

impl Ensemble {
    /// An empty record.
    #[must_use]
    pub fn new(forecast: &ForecastConfig, config: &BlendConfig, horizon: Duration) -> Self {
        let horizon = Horizon::new(horizon);
        Self {
            config: config.clone(),
            limit: forecast.max_abs,
            horizon,
            fuse: Gate::new(GateRule::fuse(forecast, horizon)),
            gate: Gate::new(GateRule::gate(forecast, horizon)),
            memory: Memory::default(),
            waiting: VecDeque::new(),
        }
    }

    /// Takes in the next day: what came of earlier ones by `close` (of the hour that ends at a time,
    /// asked for times up to the day's own), and what the models said. To be called in order of time.
    pub fn turn(&mut self, day: &Day, voices: &[Voice], close: impl Fn(i64) -> Option<f64>) {
        while let Some(it) = self.waiting.pop_front_if(|it| it.due <= day.at) {
            // A day whose outcome is missing is left out.
            let Some(later) = close(it.due) else { continue };
            let outcome = later.ln() - it.price;
            self.fuse.record(it.models, 0.0, outcome);
            self.gate.record(it.models, it.built_in, outcome);
        }
        self.fuse.settle();
        self.gate.settle();
        let combined = self.combine(voices, Some(day.scale));
        if let Some(Combined { value, .. }) = combined {
            let hours = i64::try_from(self.horizon.hours).unwrap_or(i64::MAX);
            self.waiting.push_back(Waiting {
                due: day.at.saturating_add(hours.saturating_mul(HOUR)),
                price: day.close.ln(),
                built_in: day.built_in,
                models: value,
            });
        }
        self.memory.add(voices);
    }

    /// What follows from voices of now. `scale` is the standard deviation of the return over the
    /// horizon, where it is known. None where too few opinions are distinct.
    #[must_use]
    pub fn say(&self, voices: &[Voice], built_in: Option<f64>, scale: Option<f64>) -> Option<Said> {
        let combined = self.combine(voices, scale)?;
        let value = combined.value;
        let (fuse, gate) = (self.fuse.weight(), self.gate.weight());
        let said = |it: f64| at_least(it, value, LEAST).clamp(-self.limit, self.limit);
        Some(Said {
            models: said(fuse * value),
            fuse,
            fuse_t: self.fuse.t(),
            // Without weight it is the built-in forecast to the bit.
            blend: built_in.map(|it| {
                if gate > 0.0 {
                    said(it + gate * (value - it))
                } else {
                    it.clamp(-self.limit, self.limit)
                }
            }),
            gate,
            gate_t: self.gate.t(),
            days: self.gate.days(),
            combined,
        })
    }

    fn combine(&self, voices: &[Voice], scale: Option<f64>) -> Option<Combined> {
        combine(voices, &self.memory, &self.config, self.limit, scale)
    }
}

#[cfg(test)]
#[path = "ensemble_tests.rs"]
mod tests;
