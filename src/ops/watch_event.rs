//! What a process tells of its own life: tasks that hang, clocks that jump, a new beginning.

use serde::Serialize;

use super::phrase::{Words, bad, good, span, warning};

/// Something that happened to a process as a whole.
#[allow(
    missing_docs,
    reason = "the fields are named in full, with their units"
)]
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum WatchEvent {
    /// A task gives no sign of life.
    TaskStuck {
        task: String,
        seconds: u64,
        remedy: String,
    },
    /// A task that hung goes on.
    TaskMoves { task: String, seconds: u64 },
    /// The host slept, its clock was set, or the process was not run.
    ClockJumped {
        /// What happened.
        jump: String,
        /// For how long, or by how much: below zero for a clock that was set back.
        seconds: f64,
    },
    /// The host's clock is far from the time of the chain's blocks.
    ClockOff {
        /// The clock's lead over the blocks; below zero when it is behind.
        seconds: f64,
    },
    /// The process could not go on and begins anew by itself.
    BeginningAnew {
        cause: String,
        pause_seconds: u64,
        /// New beginnings in a row, with this one.
        count: u32,
    },
    /// The process has begun anew.
    BegunAnew {
        /// New beginnings in a row.
        count: u32,
        /// Since the first of them.
        seconds: u64,
    },
}

impl WatchEvent {
    pub(super) fn words(&self) -> Words {
        match self {
            Self::TaskStuck {
                task,
                seconds,
                remedy,
            } => bad(format!(
                "The task {task:?} has given no sign of life for {seconds} s; {remedy}"
            )),
            Self::TaskMoves { task, seconds } => {
                good("✅", "A task goes on").with(format!("({task}, after {seconds} s)"))
            }
            Self::ClockJumped { jump, .. } => warning(format!(
                "A jump in time: {jump}; connections, windows and prices are looked at again"
            )),
            Self::ClockOff { seconds } => warning(format!(
                "This host's clock is {:.0} s {} the chain's: have it set by NTP, for example with `timedatectl set-ntp true`",
                seconds.abs(),
                if *seconds < 0.0 { "behind" } else { "ahead of" },
            )),
            Self::BeginningAnew {
                cause,
                pause_seconds,
                ..
            } => bad(format!(
                "The process can't go on: {cause}; it begins anew in {pause_seconds} s"
            )),
            Self::BegunAnew { count, seconds } => warning(format!(
                "The process has begun anew by itself, {} in the last {}; see the log before it for the cause",
                match count {
                    1 => "once".to_owned(),
                    many => format!("{many} times"),
                },
                span(seconds.cast_signed()),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{Event, Level};

    #[test]
    fn each_says_what_and_what_to_do() {
        let line = |event: WatchEvent| {
            let words = event.words();
            (words.level, words.lines.join("\n"))
        };
        let stuck = WatchEvent::TaskStuck {
            task: "feed".into(),
            seconds: 61,
            remedy: "the process begins anew".into(),
        };
        let (level, text) = line(stuck);
        assert_eq!(level, Level::Error);
        assert!(text.contains("❌ ERROR The task \"feed\" has given no sign of life for 61 s"));
        let (level, text) = line(WatchEvent::ClockOff { seconds: -41.7 });
        assert_eq!(level, Level::Warn);
        assert!(
            text.contains("42 s behind the chain's: have it set by NTP"),
            "{text}"
        );
        let begun = WatchEvent::BegunAnew {
            count: 2,
            seconds: 90,
        };
        let (level, text) = line(begun);
        assert_eq!(level, Level::Warn);
        assert!(text.contains("2 times in the last"), "{text}");
        let moves = WatchEvent::TaskMoves {
            task: "journal".into(),
            seconds: 9,
        };
        let (level, text) = line(moves);
        assert!(level == Level::Info && !text.to_lowercase().contains("error"));
    }

    #[test]
    fn its_line_bears_its_name() {
        let event = Event::from(WatchEvent::ClockOff { seconds: 31.0 });
        let line = serde_json::to_value(&event).unwrap();
        assert_eq!(line["event"], "clock_off");
    }
}
