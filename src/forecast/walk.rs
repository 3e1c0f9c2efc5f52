//! A whole history walked forward: at each close, what the engine would have said then.

use std::{
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use super::{
    Candle, Choice, Engine, ForecastConfig, HOUR, Opinion,
    challengers::{Challenger, LEAST_LESSONS, challengers},
    engine::Fits,
    grid::LONGEST_GAP,
    lessons::Lessons,
    prior::Horizon,
    seat::is_due,
};

/// Longest span of what is visible for which an engine begins anew each hour. In a shorter one no
/// challenger can earn a say; a longer one moves on once a day.
const HOURLY: Duration = Duration::from_secs(120 * 86_400);

/// How progress is told: units of work done, and all of them.
type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// How a history is walked.
#[derive(Clone, Copy, Debug)]
pub struct Walk<'a> {
    /// The engine's configuration; `config.source` is the forecast that is made.
    pub config: &'a ForecastConfig,
    /// How far ahead is forecast.
    pub horizon: Duration,
    /// How much is visible at each close: all that came before when none, else only the closes that
    /// start this long before it or later. Above 120 days this span moves on at 00:00 UTC only, and up
    /// to a day more is visible until then. It costs a cold start for each close, or day.
    pub visible: Option<Duration>,
    /// Threads that share the work; 0 is taken as 1. The result is the same with any number.
    pub threads: usize,
}

/// A close, and what was said then.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Start of its hour, unix seconds. The forecast is made an hour later, when the close is known.
    pub start: i64,
    /// The close, in quote currency.
    pub close: f64,
    /// The forecast; none where the history was too short, which is answered with 0.0.
    pub opinion: Option<Opinion>,
}

impl Walk<'_> {
    /// Walks ascending candles. `progress` is called from several threads with the units of work done
    /// and all of them; a unit is a candle, or a refit made beforehand.
    #[must_use]
    pub fn run(&self, candles: &[Candle], progress: Progress<'_>) -> Vec<Step> {
        match self.visible {
            None => self.whole(candles, progress),
            Some(visible) => self.in_parts(candles, visible, progress),
        }
    }

    /// One engine that goes through everything and finds its fits made.
    fn whole(&self, candles: &[Candle], progress: Progress<'_>) -> Vec<Step> {
        let (fits, units) = self.fit_beforehand(candles, progress);
        let all = units + candles.len();
        let mut engine = Engine::with_fits(self.config, self.horizon, Arc::new(fits));
        let mut steps = Vec::with_capacity(candles.len());
        for (done, candle) in candles.iter().enumerate() {
            steps.push(step(candle, &mut engine));
            if done % 256 == 255 || done + 1 == candles.len() {
                progress(units + done + 1, all);
            }
        }
        steps
    }

    /// Makes the fits that an engine will want, in parallel; gives them and their number. Those after
    /// a gap that begins a new history are left to the engine.
    fn fit_beforehand(&self, candles: &[Candle], progress: Progress<'_>) -> (Fits, usize) {
        let challengers = challengers(self.config.source, Horizon::new(self.horizon));
        if challengers.is_empty() {
            return (Fits::new(), 0);
        }
        let (lessons, due) = self.scout(candles, &challengers);
        let all = due.len() + candles.len();
        let done = AtomicUsize::new(0);
        let fit = |due: &Due| {
            let known = lessons.first(due.lessons);
            let fit = known.and_then(|known| challengers[due.place].fit(known));
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, all);
            ((due.place, due.day), fit)
        };
        let fits = in_parallel(self.threads, &due, &fit);
        (fits.into_iter().collect(), due.len())
    }

    /// All lessons of a history, and which fits will be wanted with how many of them.
    fn scout(
        &self,
        candles: &[Candle],
        challengers: &[Arc<dyn Challenger>],
    ) -> (Lessons, Vec<Due>) {
        let config = ForecastConfig {
            source: Choice::Prior,
            ..self.config.clone()
        };
        let mut engine = Engine::new(&config, self.horizon);
        let mut fitted = vec![None; challengers.len()];
        let mut due = Vec::new();
        let mut newest = None;
        for candle in candles {
            let hour = candle.start.div_euclid(HOUR);
            if newest.is_some_and(|newest: i64| hour.saturating_sub(newest) > LONGEST_GAP) {
                break;
            }
            newest = Some(hour);
            engine.push(candle.start, candle.close);
            let lessons = engine.lessons().len();
            if hour.rem_euclid(24) != 0 || lessons < LEAST_LESSONS {
                continue;
            }
            let day = hour.div_euclid(24);
            for (place, challenger) in challengers.iter().enumerate() {
                if is_due(challenger.every(), fitted[place], day) {
                    fitted[place] = Some(day);
                    due.push(Due {
                        place,
                        day,
                        lessons,
                    });
                }
            }
        }
        (engine.into_lessons(), due)
    }

    /// A fresh engine for each close, or for each day.
    fn in_parts(&self, candles: &[Candle], visible: Duration, progress: Progress<'_>) -> Vec<Step> {
        let parts: Vec<&[Candle]> = if visible <= HOURLY {
            candles.chunks(1).collect()
        } else {
            let day = |candle: &Candle| candle.start.div_euclid(24 * HOUR);
            candles.chunk_by(|a, b| day(a) == day(b)).collect()
        };
        let seconds = i64::try_from(visible.as_secs()).unwrap_or(i64::MAX);
        let done = AtomicUsize::new(0);
        let walk = |part: &&[Candle]| {
            let first = part.first().map_or(0, |candle| candle.start);
            let oldest = first.saturating_sub(seconds);
            let begin = candles.partition_point(|candle| candle.start < oldest);
            let known = candles.partition_point(|candle| candle.start < first);
            let mut engine = Engine::new(self.config, self.horizon);
            for candle in &candles[begin..known] {
                engine.push(candle.start, candle.close);
            }
            let steps: Vec<Step> = part
                .iter()
                .map(|candle| step(candle, &mut engine))
                .collect();
            let before = done.fetch_add(steps.len(), Ordering::Relaxed);
            progress(before + steps.len(), candles.len());
            steps
        };
        let steps = in_parallel(self.threads, &parts, &walk);
        steps.into_iter().flatten().collect()
    }
}

/// A fit that will be wanted.
#[derive(Clone, Copy, Debug)]
struct Due {
    place: usize,
    day: i64,
    lessons: usize,
}

fn step(candle: &Candle, engine: &mut Engine) -> Step {
    engine.push(candle.start, candle.close);
    Step {
        start: candle.start,
        close: candle.close,
        opinion: engine.opinion().ok(),
    }
}

/// What `work` gives for each item, in their order.
fn in_parallel<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    work: &(dyn Fn(&T) -> R + Sync),
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(place) else {
                return done;
            };
            done.push((place, work(item)));
        }
    };
    let mut all: Vec<(usize, R)> = thread::scope(|scope| {
        let others: Vec<_> = (1..threads.max(1)).map(|_| scope.spawn(take)).collect();
        let mut all = take();
        for other in others {
            match other.join() {
                Ok(done) => all.extend(done),
                Err(panic) => resume_unwind(panic),
            }
        }
        all
    });
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
