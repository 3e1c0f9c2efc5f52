//! The forecast engine: closes go in one by one, and at any time it says what follows from them.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use super::{
    Choice, Fallback, ForecastConfig, HOUR, Report, Source,
    challengers::{Coefficients, LEAST_LESSONS, challengers},
    gate::{Gate, GateRule},
    grid::{Grid, Pushed},
    lessons::{Features, Lesson, Lessons, features},
    prior::{self, Horizon},
    seat::Seat,
};

/// Hours of a day.
const DAY: i64 = 24;

/// Fits that were made beforehand, by challenger and day. A fit that is absent is made when it is due.
pub(super) type Fits = HashMap<(usize, i64), Option<Coefficients>>;

/// What the engine says, and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Opinion {
    /// The log-return over the horizon from the newest close on; finite, and not beyond `max_abs`.
    pub log_return: f64,
    /// What it is made of.
    pub source: Source,
    /// How it came about.
    pub report: Report,
}

/// A streaming forecaster of one asset over one horizon. It knows only what was pushed, so nothing can
/// leak from the future. The same closes give the same bits, however they were pushed.
///
/// Once a day, at the close of the hour that starts at 00:00 UTC, it takes in the outcomes that became
/// known, weighs the prior and its challengers anew, and refits these. An outcome is known one horizon
/// after its forecast, so what is learnt from never overlaps with what is forecast.
#[derive(Clone, Debug)]
pub struct Engine {
    config: ForecastConfig,
    horizon: Horizon,
    grid: Grid,
    fuse: Gate,
    seats: Vec<Seat>,
    /// Daily forecasts whose outcome is not known yet, the oldest first.
    waiting: VecDeque<Day>,
    lessons: Lessons,
    fits: Arc<Fits>,
}

/// All that is said at an hour.
#[derive(Clone, Debug)]
struct Now {
    sigma: f64,
    momentum: f64,
    prior: f64,
    /// The prior by its weight.
    baseline: f64,
    /// Standard deviation of the return over the horizon.
    scale: f64,
    features: Features,
    /// The challengers' values, by seat.
    values: Vec<Option<f64>>,
}

/// What was said at a day's 00:00 row.
#[derive(Clone, Debug)]
struct Day {
    at: usize,
    /// Log close.
    price: f64,
    now: Now,
}

impl Engine {
    /// An engine without closes. Which forecast it makes is `config.source`.
    #[must_use]
    pub fn new(config: &ForecastConfig, horizon: Duration) -> Self {
        let horizon = Horizon::new(horizon);
        let rule = GateRule::gate(config, horizon);
        let seat = |challenger| Seat::new(challenger, Gate::new(rule));
        Self {
            config: config.clone(),
            horizon,
            grid: Grid::new(),
            fuse: Gate::new(GateRule::fuse(config, horizon)),
            seats: challengers(config.source, horizon)
                .into_iter()
                .map(seat)
                .collect(),
            waiting: VecDeque::new(),
            lessons: Lessons::default(),
            fits: Arc::default(),
        }
    }

    /// An engine that finds its fits made.
    pub(super) fn with_fits(config: &ForecastConfig, horizon: Duration, fits: Arc<Fits>) -> Self {
        let fresh = Self::new(config, horizon);
        Self { fits, ..fresh }
    }

    /// Takes in the next hourly close: `start` is the start of its hour in unix seconds, `close` in
    /// quote currency. Hours may be missing. A close that is not finite and above zero, or not later
    /// than the newest, is left out; one that comes more than 90 days after it begins a new history.
    pub fn push(&mut self, start: i64, close: f64) {
        let hour = start.div_euclid(HOUR);
        match self.grid.push(hour, close) {
            Pushed::Ignored => return,
            Pushed::Taken => {}
            Pushed::TooLate => {
                let fits = self.fits.clone();
                *self = Self::with_fits(&self.config, self.horizon.given, fits);
                self.grid.push(hour, close);
            }
        }
        if hour.rem_euclid(DAY) == 0 {
            self.turn_the_day(hour.div_euclid(DAY));
        }
    }

    /// What follows from the closes so far for the time after the newest. A choice whose challengers
    /// have too few lessons yet is answered by the prior, and the opinion's source says so.
    ///
    /// # Errors
    /// Why 0.0 is the better answer.
    pub fn opinion(&self) -> Result<Opinion, Fallback> {
        if self.config.max_abs == 0.0 {
            return Err(Fallback::SwitchedOff);
        }
        let closes = self.grid.closes();
        let needed = ForecastConfig::closes(self.config.min_days);
        if closes < needed {
            return Err(Fallback::ShortHistory { closes, needed });
        }
        let now = self.look();
        let (value, source) = self.choose(&now);
        let log_return = self.within_limits(value, source);
        let clamped = value.abs() > self.config.max_abs;
        let report = self.report(&now, clamped);
        Ok(Opinion {
            log_return,
            source,
            report,
        })
    }

    /// Standard deviation of the log-return over the horizon, as known at the newest close.
    pub(super) fn scale(&self) -> f64 {
        self.horizon.scale(self.grid.sigma())
    }

    /// What challengers may learn from as of the newest 00:00 row.
    pub(super) const fn lessons(&self) -> &Lessons {
        &self.lessons
    }

    /// The same, when the engine has done its work.
    pub(super) fn into_lessons(self) -> Lessons {
        self.lessons
    }

    /// Whether the prior has all that it needs.
    fn is_full(&self) -> bool {
        self.grid.closes() >= ForecastConfig::closes(self.config.full_days)
    }

    /// All that is said at the newest hour.
    fn look(&self) -> Now {
        let sigma = self.grid.sigma();
        let momentum = prior::momentum(&self.grid);
        let prior = prior::log_return(&self.config, self.horizon, sigma, momentum);
        let scale = self.horizon.scale(sigma);
        let features = features(&self.grid);
        let limit = self.config.max_abs;
        let value = |seat: &Seat| seat.value(&features, scale, limit);
        Now {
            sigma,
            momentum,
            prior,
            baseline: prior * self.fuse.weight(),
            scale,
            features,
            values: self.seats.iter().map(value).collect(),
        }
    }

    fn choose(&self, now: &Now) -> (f64, Source) {
        let choice = self.config.source;
        if choice == Choice::Zero {
            return (0.0, Source::Zero);
        }
        if !self.is_full() {
            let cold = prior::LEAST;
            return (prior::at_least(0.0, now.momentum, cold), Source::PriorCold);
        }
        match choice {
            Choice::Gated => (self.blend(now), Source::Gated),
            Choice::Prior | Choice::Zero => (now.baseline, Source::Prior),
            Choice::Linfa | Choice::Ridge | Choice::ElasticNet | Choice::Svr => {
                let known = now.values.iter().flatten();
                match known.clone().count() {
                    0 => (now.baseline, Source::Prior),
                    count => (known.sum::<f64>() / count as f64, choice.source()),
                }
            }
        }
    }

    /// The prior, moved towards each challenger by the weight that this has earned. Weights that sum
    /// to more than one are scaled down to one, so that it never leaves the range of its parts.
    fn blend(&self, now: &Now) -> f64 {
        let (mut total, mut moved) = (0.0, 0.0);
        for (seat, value) in self.seats.iter().zip(&now.values) {
            if let Some(value) = value {
                total += seat.gate.weight();
                moved += seat.gate.weight() * (value - now.baseline);
            }
        }
        now.baseline + moved / f64::max(1.0, total)
    }

    /// Held within `max_abs`, and not zero unless that was asked for: what has no weight has no sign of
    /// its own, and takes that of a history too short for one.
    fn within_limits(&self, value: f64, source: Source) -> f64 {
        let limit = self.config.max_abs;
        if source == Source::Zero {
            return 0.0;
        }
        prior::at_least(value, 0.0, prior::LEAST).clamp(-limit, limit)
    }

    fn report(&self, now: &Now, clamped: bool) -> Report {
        let tell = |(seat, value): (&Seat, &Option<f64>)| seat.report(*value);
        Report {
            sigma: now.sigma,
            momentum: now.momentum,
            prior: now.prior,
            prior_weight: self.fuse.weight(),
            prior_t: self.fuse.t(),
            challengers: self.seats.iter().zip(&now.values).map(tell).collect(),
            closes: self.grid.closes(),
            clamped,
            ..Report::default()
        }
    }

    /// The work of 00:00: outcomes, weights, fits, and the day's own forecasts for the record.
    fn turn_the_day(&mut self, day: i64) {
        let Some(at) = self.grid.newest() else { return };
        self.take_in_outcomes(at);
        self.fuse.settle();
        for seat in &mut self.seats {
            seat.gate.settle();
        }
        self.refit(day);
        if self.is_full()
            && let Some(price) = self.grid.price(at)
        {
            let now = self.look();
            self.waiting.push_back(Day { at, price, now });
        }
    }

    /// Outcomes of the days whose horizon has passed. A day whose outcome is missing is left out.
    fn take_in_outcomes(&mut self, newest: usize) {
        let hours = self.horizon.hours;
        while let Some(day) = self.waiting.pop_front_if(|day| newest - day.at >= hours) {
            let Some(later) = self.grid.price(day.at + hours) else {
                continue;
            };
            let (now, outcome) = (day.now, later - day.price);
            self.fuse.record(now.prior, 0.0, outcome);
            for (seat, value) in self.seats.iter_mut().zip(&now.values) {
                if let Some(value) = value {
                    seat.gate.record(*value, now.baseline, outcome);
                }
            }
            self.lessons
                .push(Lesson::new(now.features, outcome / now.scale));
        }
    }

    fn refit(&mut self, day: i64) {
        let count = self.lessons.len();
        if count < LEAST_LESSONS {
            return;
        }
        for (place, seat) in self.seats.iter_mut().enumerate() {
            seat.refit(day, |challenger| {
                let made = self.fits.get(&(place, day)).copied();
                made.unwrap_or_else(|| challenger.fit(self.lessons.first(count)?))
            });
        }
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
