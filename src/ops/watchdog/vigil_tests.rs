use time::Duration as Span;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(10);

/// A process with a feed and a journal, and clocks that a test moves.
struct Played {
    vigil: Vigil,
    clocks: Reading,
    beats: [u64; 2],
}

impl Played {
    fn new() -> Self {
        let mut played = Self {
            vigil: Vigil::new(SECOND, LIMIT),
            clocks: Reading {
                realtime: Span::seconds(1_759_000_000),
                monotonic: Duration::from_secs(50),
                boottime: Duration::from_secs(90),
            },
            beats: [0, 0],
        };
        assert_eq!(played.look(), Look::default());
        played
    }

    fn look(&mut self) -> Look {
        let shown = |id: usize, name, weight| Shown {
            id,
            name,
            weight,
            beats: self.beats[id],
        };
        let shown = [
            shown(0, "feed", Weight::Vital),
            shown(1, "journal", Weight::Told),
        ];
        self.vigil.look(self.clocks, &shown)
    }

    /// All clocks go on by so much.
    fn pass(&mut self, time: Duration) {
        self.clocks.monotonic += time;
        self.clocks.boottime += time;
        self.clocks.realtime += time;
    }

    /// Looks each second for so long; gives the last.
    fn watch(&mut self, seconds: u32) -> Look {
        let mut last = Look::default();
        for _ in 0..seconds {
            self.pass(SECOND);
            last = self.look();
        }
        last
    }

    /// The same while the feed and the journal beat.
    fn live(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.beats = self.beats.map(|beats| beats + 1);
            assert_eq!(self.watch(1), Look::default());
        }
    }
}

#[test]
fn who_beats_is_left_alone_and_who_is_silent_for_long_is_stuck() {
    let mut played = Played::new();
    played.live(100);
    assert_eq!(played.watch(9), Look::default());
    let look = played.watch(1);
    assert_eq!(look.stuck, [("feed", LIMIT)]);
    assert_eq!(look.slow, [("journal", LIMIT)]);
    let look = played.watch(1);
    assert_eq!((look.stuck.len(), look.slow.len()), (1, 0), "told once");
    played.beats[1] += 1;
    let look = played.watch(1);
    assert_eq!(look.back, [("journal", LIMIT + SECOND)]);
    assert_eq!(played.watch(1).back, []);
}

#[test]
fn a_process_that_was_frozen_gives_everyone_a_new_term() {
    let mut played = Played::new();
    played.live(3);
    played.watch(8);
    played.pass(Duration::from_mins(10));
    let look = played.look();
    assert!(look.stuck.is_empty(), "{look:?}");
    assert!(matches!(look.news[..], [Jump::Frozen(away)] if away == Duration::from_secs(599)));
    assert_eq!(played.watch(9), Look::default());
    assert_eq!(played.watch(1).stuck.len(), 1);
}

#[test]
fn a_machine_that_is_starved_raises_no_alarm_and_is_told_of_seldom() {
    let mut played = Played::new();
    let mut told = 0;
    for _ in 0..60 {
        played.pass(Duration::from_secs(5));
        let look = played.look();
        assert!(look.stuck.is_empty());
        told += look.news.len();
    }
    assert_eq!(told, 5);
}

#[test]
fn a_sleep_of_the_host_is_told_once_and_no_alarm() {
    let mut played = Played::new();
    played.watch(8);
    let night = Duration::from_hours(8);
    played.clocks.boottime += night;
    played.clocks.realtime += night;
    let look = played.watch(1);
    assert_eq!(look.news, [Jump::Suspended(night)]);
    assert_eq!(look.stuck, []);
    assert_eq!(played.watch(9), Look::default());
}

#[test]
fn a_clock_that_is_set_either_way_is_told_with_its_step() {
    for step in [Span::HOUR, Span::ZERO.saturating_sub(Span::HOUR)] {
        let mut played = Played::new();
        played.live(2);
        played.clocks.realtime += step;
        let look = played.watch(1);
        assert_eq!(look.news, [Jump::Stepped(step)]);
        assert_eq!(look.jumps, look.news);
        played.live(5);
    }
}

#[test]
fn a_jump_takes_nothing_from_the_record_of_a_slow_disk() {
    let mut played = Played::new();
    played.watch(1);
    for _ in 0..11 {
        played.beats[0] += 1;
        played.watch(1);
    }
    played.clocks.realtime += Span::HOUR;
    played.beats[0] += 1;
    assert_eq!(played.watch(1).slow, []);
    played.beats[1] += 1;
    assert!(played.watch(1).back[0].1 > LIMIT);
}
