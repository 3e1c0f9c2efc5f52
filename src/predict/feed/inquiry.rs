//! Asks for the new candles of one asset.

use std::ops::Range;

use super::{live::Supplies, stall::Stall};
use crate::{
    forecast::Candle,
    market::{MarketError, PriceSource},
    ops::{Event, Reporter},
    store::{Origin, Series},
};

/// How long a source that refuses is left alone, in seconds.
const REFUSED: i64 = 3_600;

/// One question of an asset's new candles.
pub(super) struct Inquiry {
    /// The asset's place.
    pub(super) place: usize,
    pub(super) series: Series,
    /// The starts of the candles, unix seconds.
    pub(super) range: Range<i64>,
    /// When it is asked, unix seconds.
    pub(super) now: i64,
    /// The close before.
    pub(super) before: Option<f64>,
    pub(super) stall: Stall,
    /// After how many seconds the second source stands in.
    pub(super) patience: i64,
    pub(super) max_jump: f64,
    /// Seconds between two questions.
    pub(super) pace: i64,
    pub(super) supplies: Supplies,
    pub(super) reporter: Reporter,
}

/// What the sources gave.
pub(super) struct Answer {
    pub(super) place: usize,
    /// What was asked for.
    pub(super) range: Range<i64>,
    pub(super) stall: Stall,
    /// Those that can be believed, oldest first; none when no source had any.
    pub(super) candles: Vec<Candle>,
    /// Who gave them.
    pub(super) origin: Origin,
}

impl Inquiry {
    /// Asks the first source, and the second where that stands in.
    pub(super) async fn ask(mut self) -> Answer {
        let (candles, origin) = self.ask_both().await;
        Answer {
            place: self.place,
            range: self.range,
            stall: self.stall,
            candles,
            origin,
        }
    }

    async fn ask_both(&mut self) -> (Vec<Candle>, Origin) {
        let Supplies { first, second, .. } = self.supplies.clone();
        let none = (Vec::new(), first.origin());
        let mut is_spent = false;
        if self.now >= self.stall.not_before {
            match self.ask_one(first.as_ref()).await {
                Ok(candles) if !candles.is_empty() => {
                    let back = self.stall.end(self.now, &self.series, first.origin());
                    self.tell(back);
                    return (candles, first.origin());
                }
                Ok(_) => self.stall.begin(self.now),
                Err(cause) => {
                    is_spent = matches!(cause, MarketError::QuotaSpent { .. });
                    self.stall.begin(self.now);
                    if !cause.is_transient() {
                        self.stall.refuse(self.now + REFUSED);
                    }
                    self.complain(&cause);
                }
            }
        }
        let Some(second) = second else {
            return none;
        };
        if !is_spent && !self.stall.is_over(self.now, self.patience) {
            return none;
        }
        let stands_in =
            self.stall
                .stand_in(self.now, &self.series, second.origin(), first.origin());
        self.tell(stands_in);
        match self.ask_one(second.as_ref()).await {
            Ok(candles) => (candles, second.origin()),
            Err(cause) => {
                self.complain(&cause);
                none
            }
        }
    }

    /// Asks one source; gives what can be believed.
    async fn ask_one(&self, source: &dyn PriceSource) -> Result<Vec<Candle>, MarketError> {
        let asked = source.candles(&self.series, self.range.clone(), false);
        let mut candles = asked.await?.candles;
        candles.retain(|candle| self.range.contains(&candle.start));
        candles.sort_by_key(|candle| candle.start);
        candles.dedup_by_key(|candle| candle.start);
        Ok(believed(&candles, self.before, self.max_jump))
    }

    fn complain(&mut self, cause: &MarketError) {
        let complaint = self
            .stall
            .complaint(self.now, &self.series, cause, self.pace);
        self.tell(complaint);
    }

    fn tell(&self, event: Option<Event>) {
        if let Some(event) = event {
            self.reporter.emit(event);
        }
    }
}

/// Those up to a close that jumps: the newest one that does is held back until the next one confirms it,
/// and one that the next one takes back is left out.
fn believed(candles: &[Candle], before: Option<f64>, max_jump: f64) -> Vec<Candle> {
    let mut good = Vec::with_capacity(candles.len());
    let mut last = before;
    let far = |one: f64, other: f64| (one / other).ln().abs();
    for (place, candle) in candles.iter().enumerate() {
        let jumps = last.filter(|last| (candle.close / last - 1.0).abs() > max_jump);
        if let Some(last) = jumps {
            let next = candles.get(place + 1);
            let is_confirmed =
                next.is_some_and(|next| far(next.close, candle.close) < far(next.close, last));
            if !is_confirmed {
                continue;
            }
        }
        last = Some(candle.close);
        good.push(*candle);
    }
    good
}
