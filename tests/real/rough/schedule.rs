//! What comes over each window, by a seed.

use std::{fmt, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::mood::Mood;

/// The troubles of a window begin at most so long after its mark, two blocks before it opens,
const LATEST: u64 = 8_000;
/// Half of them begin before it has opened for long.
const EARLY: u64 = 2_500;
/// and are over by then: before the next window's mark.
const OVER: u64 = 11_500;

/// Which doors a trouble holds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The first named to the worker.
    First,
    /// The second.
    Second,
    /// Both.
    Both,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// kill -9 of the worker, and a new start once it has lasted.
    Kill,
    /// SIGSTOP of the worker, and SIGCONT.
    Stop,
    /// Doors in a mood.
    Doors(Which, Mood),
    /// SIGSTOP of the second node, and SIGCONT.
    Freeze,
}

/// Something that happens around a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act {
    /// What.
    pub(crate) what: What,
    /// From when on, after the window's mark.
    pub(crate) from: Duration,
    /// How long.
    pub(crate) lasts: Duration,
}

/// Both doors are black holes from a window's mark on for so long; two more windows follow.
pub(crate) fn darkness(lasts: Duration) -> Vec<Vec<Act>> {
    let what = What::Doors(Which::Both, Mood::BlackHole);
    let from = Duration::ZERO;
    vec![vec![Act { what, from, lasts }], Vec::new(), Vec::new()]
}

/// The kinds of acts, each as often as the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Kill,
    Stop,
    Freeze,
    Mood(Mood),
}

/// Deals the acts of so many windows: one, two or three for each. Every kind comes before one comes again.
pub(crate) fn deal(windows: usize, seed: u64) -> Vec<Vec<Act>> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut deck = Vec::new();
    (0..windows)
        .map(|_| {
            let count = random.random_range(1..=3);
            let mut acts: Vec<Act> = (0..count)
                .map(|_| {
                    let kind = draw(&mut random, &mut deck);
                    act(&mut random, kind)
                })
                .collect();
            acts.sort_by_key(|act| act.from);
            acts
        })
        .collect()
}

fn draw(random: &mut StdRng, deck: &mut Vec<Kind>) -> Kind {
    if deck.is_empty() {
        deck.extend(Mood::TROUBLES.map(Kind::Mood));
        // As troubles go, these two are the worst.
        deck.extend([Kind::Kill, Kind::Kill, Kind::Stop, Kind::Stop, Kind::Freeze]);
        deck.shuffle(random);
    }
    deck.pop().unwrap_or(Kind::Kill)
}

fn act(random: &mut StdRng, kind: Kind) -> Act {
    let latest = if random.random_bool(0.5) {
        EARLY
    } else {
        LATEST
    };
    let from = random.random_range(0..=latest);
    let longest = OVER - from;
    let (what, least, most) = match kind {
        Kind::Kill => (What::Kill, 0, 3_000),
        Kind::Stop => (What::Stop, 1_000, 8_000),
        Kind::Freeze => (What::Freeze, 2_000, 8_000),
        Kind::Mood(mood) => {
            let which = match random.random_range(0..20) {
                0..10 => Which::First,
                10..16 => Which::Second,
                _ => Which::Both,
            };
            (What::Doors(which, mood), 2_000, 10_000)
        }
    };
    let lasts = random.random_range(least..=most).min(longest);
    Act {
        what,
        from: Duration::from_millis(from),
        lasts: Duration::from_millis(lasts),
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, lasts) = (self.from.as_secs_f64(), self.lasts.as_secs_f64());
        match self.what {
            What::Kill => write!(f, "killed at {from:.1} s, started {lasts:.1} s later"),
            What::Stop => write!(f, "stopped at {from:.1} s for {lasts:.1} s"),
            What::Freeze => write!(f, "second node frozen at {from:.1} s for {lasts:.1} s"),
            What::Doors(which, mood) => {
                let door = match which {
                    Which::First => "first door",
                    Which::Second => "second door",
                    Which::Both => "each door",
                };
                write!(
                    f,
                    "{door} {} from {from:.1} s for {lasts:.1} s",
                    mood.name()
                )
            }
        }
    }
}

/// All acts as text, a window a line.
pub(crate) fn print(schedule: &[Vec<Act>]) -> String {
    let line =
        |(index, acts): (usize, &Vec<Act>)| format!("window {}: {}\n", index + 1, told(acts));
    schedule.iter().enumerate().map(line).collect()
}

/// A window's acts in words.
pub(crate) fn told(acts: &[Act]) -> String {
    let all: Vec<String> = acts.iter().map(Act::to_string).collect();
    all.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_schedule_and_every_trouble() {
        let schedule = deal(30, 7);
        assert_eq!(print(&schedule), print(&deal(30, 7)));
        assert_ne!(print(&schedule), print(&deal(30, 8)));
        let all: Vec<&Act> = schedule.iter().flatten().collect();
        let over = Duration::from_millis(OVER);
        assert!(all.iter().all(|act| act.from + act.lasts <= over));
        for mood in Mood::TROUBLES {
            let has = |act: &&Act| matches!(act.what, What::Doors(_, it) if it == mood);
            assert!(all.iter().any(has), "{mood:?}");
        }
        for what in [What::Kill, What::Stop, What::Freeze] {
            assert!(all.iter().filter(|act| act.what == what).count() > 1);
        }
    }
}
