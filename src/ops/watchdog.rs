//! Watches over the process from a thread of its own: the runtime may be what hangs.

mod vigil;

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

use self::vigil::{Look, Silent, Vigil};
use super::{OpsError, Reporter, WatchEvent, systemd::Systemd};
use crate::{
    clock::{Clocks, Jump, JumpTeller},
    pulse::Pulses,
};

/// What is done about a process that hangs, on the watchdog's thread. It is given what hangs, in words.
type Alarm = Box<dyn FnOnce(String) + Send>;

/// What a watchdog needs.
pub struct WatchdogParts<C> {
    /// The signs of life to watch.
    pub pulses: Pulses,
    /// How long a task may give none.
    pub limit: Duration,
    /// The system's clocks.
    pub clocks: C,
    /// Who is told that they jumped.
    pub jumps: JumpTeller,
    /// Who tells the operator.
    pub reporter: Reporter,
    /// What is done when nothing goes on; the watch is over then.
    pub alarm: Alarm,
}

/// A watchdog; dropped, it watches no more.
#[derive(Debug)]
pub struct Watchdog {
    _ends: Sender<()>,
}

impl Watchdog {
    /// Begins to watch, and to give systemd signs of life if it wants any.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub fn start(parts: WatchdogParts<impl Clocks>) -> Result<Self, OpsError> {
        Self::start_with(parts, Systemd::new())
    }

    fn start_with(parts: WatchdogParts<impl Clocks>, systemd: Systemd) -> Result<Self, OpsError> {
        let (ends, ended) = channel();
        thread::Builder::new()
            .name("watchdog".into())
            .spawn(move || watch(parts, systemd, &ended))
            .map_err(|cause| OpsError::Watchdog { cause })?;
        Ok(Self { _ends: ends })
    }
}

fn watch(parts: WatchdogParts<impl Clocks>, mut systemd: Systemd, ended: &Receiver<()>) {
    let period = systemd.period();
    let mut vigil = Vigil::new(period, parts.limit);
    loop {
        let now = parts.clocks.read();
        let look = vigil.look(now, &parts.pulses.show());
        tell(&look, &parts.reporter);
        if !look.jumps.is_empty() {
            parts.jumps.tell();
        }
        if !look.stuck.is_empty() {
            for &(task, silent) in &look.stuck {
                let remedy =
                    "nothing goes on without it: report it with the log if it happens again";
                tell_stuck(&parts.reporter, (task, silent), remedy);
            }
            return (parts.alarm)(named(&look.stuck));
        }
        systemd.live(now.monotonic, parts.reporter.is_starting());
        match ended.recv_timeout(period) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn tell(look: &Look, reporter: &Reporter) {
    for jump in &look.news {
        let seconds = match jump {
            Jump::Suspended(time) | Jump::Frozen(time) => time.as_secs_f64(),
            Jump::Stepped(by) => by.as_seconds_f64(),
        };
        let jump = jump.to_string();
        reporter.emit(WatchEvent::ClockJumped { jump, seconds }.into());
    }
    for &slow in &look.slow {
        let remedy = "others go on without it: check the disk's load and its space";
        tell_stuck(reporter, slow, remedy);
    }
    for &(task, silent) in &look.back {
        let (task, seconds) = (task.to_owned(), silent.as_secs());
        reporter.emit(WatchEvent::TaskMoves { task, seconds }.into());
    }
}

fn tell_stuck(reporter: &Reporter, (task, silent): Silent, remedy: &str) {
    let stuck = WatchEvent::TaskStuck {
        task: task.to_owned(),
        seconds: silent.as_secs(),
        remedy: remedy.to_owned(),
    };
    reporter.emit(stuck.into());
}

/// What hangs, in words.
fn named(stuck: &[Silent]) -> String {
    let names: Vec<_> = stuck.iter().map(|(name, _)| format!("{name:?}")).collect();
    match &names[..] {
        [name] => format!("the task {name} hangs"),
        names => format!("the tasks {} hang", names.join(", ")),
    }
}

#[cfg(test)]
#[path = "watchdog/tests.rs"]
mod tests;
