//! Which worker calls which model, where several share a crunch.

use std::{collections::HashSet, time::Duration};

use async_trait::async_trait;

use super::{ModelRecord, PredictionConfig, StoreError};

/// A sign of life of a worker, and what it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The crunch.
    pub crunch_id: String,
    /// The worker; no two have the same name.
    pub worker: String,
    /// How long its leases last from now on, by the server's clock.
    pub lapse: Duration,
    /// The models that the orchestrator lists.
    pub listed: Vec<String>,
    /// Models that are not listed are shared, too, when they were seen within this time: somebody has to
    /// store that they are absent.
    pub absent_within: Duration,
    /// Models that it gives back.
    pub give: Vec<String>,
    /// Models that it held before and knows.
    pub known: Vec<String>,
    /// Which deployment of its models was told all of the past, as far as it knows; none while it is not
    /// told yet.
    pub told: Vec<(String, Option<String>)>,
    /// Workers that it may remove if they have lapsed and gave no sign of life since.
    pub bury: Vec<Sign>,
}

/// A worker's newest sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign {
    /// The worker's number in the database.
    pub worker: i64,
    /// How many heartbeats it has had.
    pub beats: i64,
}

/// What the database knows of a model that has become this worker's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The model.
    pub record: ModelRecord,
    /// Whether its deployment was told all of the past up to when it was last seen.
    pub is_told: bool,
}

/// What a worker holds, and who the others are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Its models, by id.
    pub models: Vec<String>,
    /// Models of the crunch, whoever holds them.
    pub total: usize,
    /// Models that nobody holds.
    pub free: usize,
    /// The other workers that live, each with how many models it holds; by name.
    pub others: Vec<(String, usize)>,
    /// Until the first of them lapses, unless it renews.
    pub next_lapse: Option<Duration>,
    /// All other workers' newest signs of life, also of those that have lapsed.
    pub signs: Vec<Sign>,
    /// What is known of its models but those that it knew; nothing of one that was never seen.
    pub known: Vec<Known>,
}

impl Held {
    /// The most models that this worker may hold: all of them over the workers that live, rounded up. But
    /// while one lacks even what is rounded down, only as many may hold one more as come out, the first
    /// by name. So all end with one of the two numbers, and then no model moves.
    #[must_use]
    pub fn limit(&self, own: &str) -> usize {
        self.limits(own)(own)
    }

    /// The same for each worker.
    fn limits<'a>(&'a self, own: &'a str) -> impl Fn(&str) -> usize + 'a {
        let workers = self.others.len() + 1;
        let (least, over) = (self.total / workers, self.total % workers);
        let is_short =
            self.models.len() < least || self.others.iter().any(|(_, held)| *held < least);
        move |name| {
            let names = self.others.iter().map(|it| it.0.as_str());
            let before = names.chain([own]).filter(|it| *it < name).count();
            let has_more = over > 0 && (!is_short || before < over);
            least + usize::from(has_more)
        }
    }

    /// How many models are held by workers that do not live.
    #[must_use]
    pub fn orphans(&self) -> usize {
        let others = self.others.iter().map(|it| it.1).sum::<usize>();
        self.total
            .saturating_sub(self.free + self.models.len() + others)
    }

    /// How many models this worker has above its limit and others have room for.
    #[must_use]
    pub fn excess(&self, own: &str) -> usize {
        let limits = self.limits(own);
        let room = self
            .others
            .iter()
            .map(|(name, held)| limits(name).saturating_sub(*held));
        let room = room.sum::<usize>().saturating_sub(self.free);
        self.models.len().saturating_sub(limits(own)).min(room)
    }
}

/// Keeps leases. Only a server does: a file has one worker.
///
/// Whoever waits for an answer may stop waiting at any time: what was not finished by then is not done.
#[async_trait]
pub trait LeaseRepository: Send + Sync + 'static {
    /// A heartbeat, in one transaction: renews what the worker holds, notes which of its models were told
    /// the past, adds models that are new, drops those that nobody wants, gives back what is to be given,
    /// removes workers that have lapsed if that is allowed, takes what is free up to the worker's limit,
    /// and tells what is known of models that have come.
    ///
    /// # Errors
    /// When the database can't be reached or written; [`StoreError::down`] tells whether it is away
    /// for all.
    async fn beat(&self, beat: &Beat) -> Result<Held, StoreError>;

    /// Gives all back at once, and leaves.
    ///
    /// # Errors
    /// When the database can't be written: then the leases lapse.
    async fn leave(&self, crunch_id: &str, worker: &str) -> Result<(), StoreError>;

    /// Which of these models have a part in which of these rounds: the round's place, and the model. That
    /// one was absent is no part.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn parts_of(
        &self,
        crunch_id: &str,
        rounds: &[(PredictionConfig, i64)],
        models: &[String],
    ) -> Result<HashSet<(usize, String)>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(own: usize, others: &[usize], free: usize) -> Held {
        let others = others.iter().enumerate();
        let others: Vec<_> = others.map(|(it, held)| (it.to_string(), *held)).collect();
        let total = own + free + others.iter().map(|it| it.1).sum::<usize>();
        Held {
            models: (0..own).map(|it| it.to_string()).collect(),
            total,
            free,
            others,
            ..Held::default()
        }
    }

    #[test]
    fn models_of_the_dead_are_neither_free_nor_anybodys() {
        let mut held = held(100, &[100], 20);
        assert_eq!(held.orphans(), 0);
        held.total += 80;
        assert_eq!(held.orphans(), 80);
    }

    #[test]
    fn one_that_is_alone_may_hold_all() {
        assert_eq!(held(300, &[], 0).limit("me"), 300);
        assert_eq!(held(0, &[], 0).limit("me"), 0);
    }

    #[test]
    fn models_are_given_only_where_somebody_has_room() {
        assert_eq!(held(100, &[100, 100, 0], 0).excess("me"), 25);
        assert_eq!(held(100, &[75, 100, 0], 25).excess("me"), 25);
        assert_eq!(held(100, &[75, 75, 0], 50).excess("me"), 25);
        assert_eq!(held(4, &[4, 2], 0).excess("me"), 1, "the last by name");
        assert_eq!(held(4, &[4, 2], 0).excess("1a"), 1);
        assert_eq!(held(4, &[3, 3], 0).excess("me"), 0, "as even as it gets");
        assert_eq!(held(5, &[4, 0], 1).excess("me"), 2, "4, 3 and 3");
        assert_eq!(held(6, &[6, 0], 0).excess("me"), 2);
    }

    /// Lets workers beat in turn, each giving with the beat after the one that found what is above its
    /// limit; gives how many each holds, and how many moves there were in the last turn.
    fn settled(models: usize, workers: usize, new: usize) -> (Vec<usize>, usize) {
        let mut held = vec![0; workers];
        let mut give = vec![0; workers];
        let (mut free, mut moves) = (models, 0);
        for turn in 0..40 {
            moves = 0;
            // The newcomers come later, and their names stand among the others'.
            let lives = |it: usize| turn >= 15 || it % workers >= new;
            for own in (0..workers).filter(|it| lives(*it)) {
                held[own] -= give[own];
                free += give[own];
                moves += give[own];
                let others = (0..workers).filter(|it| *it != own && lives(*it));
                let view = |held: &[usize], free| Held {
                    models: vec![String::new(); held[own]],
                    total: models,
                    free,
                    others: others
                        .clone()
                        .map(|it| (format!("{it:03}"), held[it]))
                        .collect(),
                    ..Held::default()
                };
                let name = format!("{own:03}");
                let room = view(&held, free).limit(&name).saturating_sub(held[own]);
                let taken = room.min(free - give[own].min(free));
                held[own] += taken;
                free -= taken;
                moves += taken;
                give[own] = view(&held, free).excess(&name);
            }
        }
        assert_eq!(free, 0);
        (held, moves)
    }

    #[test]
    fn shares_are_as_even_as_can_be_and_then_no_model_moves() {
        for (models, workers, new) in [
            (30, 4, 1),
            (300, 31, 1),
            (4, 3, 1),
            (300, 7, 3),
            (2, 5, 2),
            (100, 3, 2),
            (61, 60, 30),
        ] {
            let (held, moves) = settled(models, workers, new);
            let fair = models / workers..=models.div_ceil(workers);
            assert!(
                held.iter().all(|it| fair.contains(it)),
                "{models}: {held:?}"
            );
            assert_eq!(moves, 0, "{models} on {workers}");
        }
    }
}
