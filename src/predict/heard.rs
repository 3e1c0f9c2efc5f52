//! Which ticks which model has heard. Pure.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use crate::models::ModelInfo;

/// Ticks whose extent is known. A model that is farther behind is told the whole book.
const KEPT: usize = 4_096;
/// Ticks after which a model that was called for none of them is forgotten.
const FORGOTTEN: u64 = 1_440;
/// The longest pause, in ticks, before a model that failed at a large call is told so much again.
const LONGEST_PAUSE: u64 = 64;

/// A model's deployment: the unit that hears.
type Key = (String, String);

fn key(model: &ModelInfo) -> Key {
    (model.model_id.clone(), model.deployment_id.clone())
}

/// A row of ticks, and how far along it each model is.
///
/// A model's place is set when a call is sent, and set back when the call fails. So a model that is at
/// earlier calls all the while is told each tick once, and one that missed some is told them again.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The number of the newest tick; the first one is 1.
    number: u64,
    /// The earliest close of each of the last ticks, the newest last.
    earliest: VecDeque<i64>,
    models: HashMap<Key, Place>,
    /// Those whose servers were asked for an instance and have not answered.
    setting_up: HashSet<Key>,
}

/// How far a model is with being told the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is not told yet.
    Waits,
    /// It is being told, or that failed.
    Telling,
    /// This deployment of it was told all.
    Told(String),
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// It was told all ticks up to this one.
    through: u64,
    /// It surely took all ticks up to this one.
    surely: u64,
    /// Which of the 64 ticks after that it took as well; the first one in the lowest bit. Answers may
    /// be heard in another order than they came.
    beyond: u64,
    /// Large calls that failed in a row.
    strikes: u32,
    /// It is not told what it missed before this tick.
    not_before: u64,
    /// The last tick at which it could be called, or was brought up to date.
    seen: u64,
    /// What a replay tells it, until that is known to have gone well. One that is tried again tells the
    /// same, and what came since.
    replaying: Option<Replaying>,
}

#[derive(Clone, Copy, Debug)]
struct Replaying {
    since: Since,
    /// The newest tick that it tells.
    through: u64,
}

/// From when on a model is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// From the book's beginning.
    Ever,
    /// From a time on, unix seconds.
    At(i64),
    /// It knows all.
    Now,
}

/// Models that are told the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The first tick that they are told; 0 means the whole book.
    pub(super) first: u64,
    /// The models.
    pub(super) models: Vec<Arc<ModelInfo>>,
}

impl Heard {
    /// A new tick; gives its number.
    pub(super) fn push(&mut self, earliest: i64) -> u64 {
        self.number += 1;
        self.earliest.push_back(earliest);
        if self.earliest.len() > KEPT {
            self.earliest.pop_front();
        }
        let number = self.number;
        self.models
            .retain(|_, place| place.seen + FORGOTTEN > number);
        number
    }

    /// The earliest close of the ticks from `first` on; none when that is not known any more.
    pub(super) fn earliest(&self, first: u64) -> Option<i64> {
        let many = usize::try_from((self.number + 1).checked_sub(first)?).ok()?;
        let skipped = self.earliest.len().checked_sub(many)?;
        self.earliest.iter().skip(skipped).copied().min()
    }

    /// A model's server is asked for an instance.
    pub(super) fn begins(&mut self, model: &ModelInfo) {
        self.setting_up.insert(key(model));
    }

    /// It has one: a new one knows nothing until it was told all.
    pub(super) fn has(&mut self, model: &ModelInfo, is_new: bool) {
        let key = key(model);
        self.setting_up.remove(&key);
        if is_new {
            let place = Place {
                seen: self.number,
                replaying: Some(Replaying {
                    since: Since::Ever,
                    through: 0,
                }),
                ..Place::default()
            };
            self.models.insert(key, place);
        }
    }

    /// How far models are, by their ids. Of a model with several deployments that counts which was told
    /// and called last.
    pub(super) fn stages(&self) -> HashMap<String, Stage> {
        let waits = self
            .setting_up
            .iter()
            .map(|it| (it.0.clone(), Stage::Waits));
        let mut stages: HashMap<String, Stage> = waits.collect();
        let mut places: Vec<_> = self.models.iter().collect();
        places.sort_by_key(|(_, place)| place.seen);
        for (key, place) in places {
            let stage = match place.replaying {
                _ if self.setting_up.contains(key) => Stage::Waits,
                None if place.surely > 0 => Stage::Told(key.1.clone()),
                Some(Replaying { through: 0, .. }) => Stage::Waits,
                _ => Stage::Telling,
            };
            let known = stages.entry(key.0.clone()).or_insert(Stage::Waits);
            if matches!(stage, Stage::Told(_)) || !matches!(known, Stage::Told(_)) {
                *known = stage;
            }
        }
        stages
    }

    /// Nothing is known of what a model knows.
    pub(super) fn forget(&mut self, model_id: &str) {
        self.models.retain(|key, _| key.0 != model_id);
    }

    /// A model is about to be told by a replay what it lacks: all when it `is_new`, else what it missed
    /// since it heard something last; `answered` says when that was, if this process does not know. Gives
    /// from when on. Ticks that come from now on are on top of that.
    pub(super) fn replay(
        &mut self,
        model: &ModelInfo,
        is_new: bool,
        answered: Option<i64>,
    ) -> Since {
        let since = match self.models.get(&key(model)) {
            _ if is_new => Since::Ever,
            Some(place) => match place.replaying {
                Some(replaying) => replaying.since,
                // What is under way may still fail.
                None => self.lacks(place.surely),
            },
            None => answered.map_or(Since::Ever, Since::At),
        };
        let through = self.number;
        let place = Place {
            through,
            surely: through,
            seen: through,
            replaying: (since != Since::Now).then_some(Replaying { since, through }),
            ..Place::default()
        };
        self.models.insert(key(model), place);
        since
    }

    fn lacks(&self, surely: u64) -> Since {
        if surely == self.number {
            return Since::Now;
        }
        self.earliest(surely + 1).map_or(Since::Ever, Since::At)
    }

    /// A replay went well, or failed: then what the model knows is not known.
    pub(super) fn replayed(&mut self, model: &ModelInfo, is_good: bool) {
        if let Some(place) = self.models.get_mut(&key(model)) {
            if !is_good {
                place.forget();
            } else if let Some(Replaying { through, .. }) = place.replaying.take() {
                // An earlier try's failure may have been heard after this one began.
                place.through = place.through.max(through);
                place.take(0, through);
            }
        }
    }

    /// News of replays were missed: one that is not known to have gone well may have failed.
    pub(super) fn missed_news(&mut self) {
        let replaying = |place: &&mut Place| place.replaying.is_some();
        let places = self.models.values_mut().filter(replaying);
        places.for_each(Place::forget);
    }

    /// Who is told what with the newest tick. Those that are behind are put together by powers of two of
    /// ticks, so that there are few different calls.
    pub(super) fn plan(&mut self, models: &[Arc<ModelInfo>]) -> Vec<Part> {
        let number = self.number;
        let known = self.earliest.len() as u64;
        let mut parts: BTreeMap<u64, Vec<Arc<ModelInfo>>> = BTreeMap::new();
        for model in models {
            let place = self.models.entry(key(model)).or_default();
            place.seen = number;
            let behind = number - place.through;
            let first = if behind <= 1 || number < place.not_before {
                number
            } else {
                match behind.next_power_of_two() {
                    many if many > known => 0,
                    many => number + 1 - many,
                }
            };
            if first <= place.through + 1 {
                place.through = number;
            }
            parts.entry(first).or_default().push(Arc::clone(model));
        }
        let parts = parts.into_iter().rev();
        parts
            .map(|(first, models)| Part { first, models })
            .collect()
    }

    /// A model took what it was told.
    pub(super) fn took(&mut self, model: &ModelInfo, first: u64, number: u64) {
        if let Some(place) = self.models.get_mut(&key(model)) {
            if first <= place.through + 1 {
                place.through = place.through.max(number);
            }
            place.take(first, number);
            if first < number {
                (place.strikes, place.not_before) = (0, 0);
            }
            if first == 0 {
                place.replaying = None;
            }
        }
    }

    /// A model missed what it was told. After a large call the next one waits for some ticks, twice as
    /// many each time: one that can't take the whole book is not told it every minute.
    pub(super) fn missed(&mut self, model: &ModelInfo, first: u64, is_large: bool) {
        let number = self.number;
        if let Some(place) = self.models.get_mut(&key(model)) {
            let before = first.saturating_sub(1).max(place.surely);
            place.through = place.through.min(before);
            if is_large {
                place.strikes = (place.strikes + 1).min(16);
                let pause = (1 << place.strikes).min(LONGEST_PAUSE);
                place.not_before = number + pause;
            }
        }
    }
}

impl Place {
    /// Nothing is known of what it knows.
    const fn forget(&mut self) {
        (self.through, self.surely, self.beyond) = (0, 0, 0);
    }

    /// It took the ticks from `first` to `last`.
    fn take(&mut self, first: u64, last: u64) {
        if first <= self.surely + 1 {
            self.advance(last.saturating_sub(self.surely));
        } else {
            let bits = (first..=last).map_while(|tick| {
                let bit = u32::try_from(tick - self.surely - 1).ok()?;
                1_u64.checked_shl(bit)
            });
            self.beyond |= bits.sum::<u64>();
        }
        self.advance(self.beyond.trailing_ones().into());
    }

    fn advance(&mut self, by: u64) {
        self.surely += by;
        let by = u32::try_from(by).unwrap_or(u32::MAX);
        self.beyond = self.beyond.checked_shr(by).unwrap_or(0);
    }
}

#[cfg(test)]
#[path = "heard_tests.rs"]
mod tests;
