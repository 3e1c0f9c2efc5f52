//! Signs of life of tasks, for whoever watches them.
//!
//! A pulse counts; it knows no time. The one who watches looks at regular intervals whether it has
//! counted on, so that a beat costs one addition, and a process that was frozen starts no false alarm.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep, sleep_until};

/// How often a task that waits gives a sign of life.
pub const BEAT: Duration = Duration::from_secs(1);

/// What it means when a task is silent for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Nothing goes on without it: the process has to begin anew.
    Vital,
    /// The operator is told: others do without it for a while.
    Told,
}

#[derive(Debug)]
struct Heart {
    name: &'static str,
    weight: Weight,
    beats: AtomicU64,
}

/// A task's sign of life. It is watched until the last clone is dropped: with its task.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Heart>);

impl Pulse {
    /// One that nobody watches.
    #[must_use]
    pub fn unwatched() -> Self {
        Self::new("", Weight::Told)
    }

    fn new(name: &'static str, weight: Weight) -> Self {
        Self(Arc::new(Heart {
            name,
            weight,
            beats: AtomicU64::new(0),
        }))
    }

    /// Gives a sign of life.
    pub fn beat(&self) {
        self.0.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends when the next sign of life is due: for a task that waits in a `select!`, and beats in each
    /// turn of its loop.
    pub async fn due(&self) {
        sleep(BEAT).await;
    }

    /// Waits for what may rightly take long, and beats meanwhile.
    pub async fn during<F: Future>(&self, wait: F) -> F::Output {
        tokio::pin!(wait);
        let mut next = Instant::now();
        loop {
            tokio::select! {
                biased;
                done = &mut wait => {
                    self.beat();
                    return done;
                }
                () = sleep_until(next) => {
                    self.beat();
                    next = Instant::now() + BEAT;
                }
            }
        }
    }
}

/// What a pulse shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Tells one pulse from another of the same name.
    pub id: usize,
    /// The task.
    pub name: &'static str,
    /// What its silence means.
    pub weight: Weight,
    /// How often it has beaten.
    pub beats: u64,
}

/// The pulses of a process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Pulses(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    hearts: Vec<(usize, Weak<Heart>)>,
    given: usize,
}

impl Pulses {
    /// A pulse for a task of this name.
    #[must_use]
    pub fn pulse(&self, name: &'static str, weight: Weight) -> Pulse {
        let pulse = Pulse::new(name, weight);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.given += 1;
        let id = known.given;
        known.hearts.push((id, Arc::downgrade(&pulse.0)));
        pulse
    }

    /// What the pulses of the living tasks show.
    #[must_use]
    pub fn show(&self) -> Vec<Shown> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.hearts.retain(|(_, heart)| heart.strong_count() > 0);
        let living = known.hearts.iter();
        let living = living.filter_map(|(id, heart)| Some((*id, heart.upgrade()?)));
        living
            .map(|(id, heart)| Shown {
                id,
                name: heart.name,
                weight: heart.weight,
                beats: heart.beats.load(Ordering::Relaxed),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_waits_rightly_beats_each_second() {
        let pulses = Pulses::default();
        let pulse = pulses.pulse("feed", Weight::Vital);
        pulse.during(sleep(Duration::from_millis(9_500))).await;
        let shown = pulses.show();
        assert_eq!((shown[0].name, shown[0].beats), ("feed", 11));
    }

    #[test]
    fn a_pulse_goes_with_its_task() {
        let pulses = Pulses::default();
        let first = pulses.pulse("journal", Weight::Told);
        let second = pulses.pulse("journal", Weight::Told);
        second.clone().beat();
        let beats: Vec<_> = pulses.show().iter().map(|it| (it.id, it.beats)).collect();
        assert_eq!(beats, [(1, 0), (2, 1)]);
        drop(first);
        assert_eq!(pulses.show().len(), 1);
        drop(second);
        assert_eq!(pulses.show(), []);
    }
}
