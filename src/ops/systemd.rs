//! What systemd is told beside the phases: that the process lives, and that its start takes long.

use std::{
    env, io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    time::Duration,
};

use sd_notify::NotifyState;

/// How long a manager that reads nothing is waited for: neither the logs nor the watchdog may hang by it.
const MANAGER: Duration = Duration::from_secs(1);

/// A start that takes long asks for this much more time, again and again.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest time between two signs.
const LONGEST: Duration = Duration::from_secs(10);
/// The longest and the shortest time between two looks.
const SELDOM: Duration = Duration::from_secs(1);
const LEAST: Duration = Duration::from_millis(20);

/// Whether systemd started this very process, and starts it again when it ends. A login session or a
/// timer's job hands the variables of its own unit on to its children.
#[must_use]
pub fn is_supervised() -> bool {
    let value = |name| env::var(name).ok().filter(|value| !value.is_empty());
    supervises(value, std::process::id())
}

fn supervises(value: impl Fn(&'static str) -> Option<String>, own: u32) -> bool {
    if value("NOTIFY_SOCKET").is_some() {
        return true;
    }
    let started = value("SYSTEMD_EXEC_PID").is_none_or(|pid| pid == own.to_string());
    value("INVOCATION_ID").is_some() && started
}

/// Within which time systemd wants a sign of life of this process, as `sd_watchdog_enabled(3)` reads it.
fn wanted(value: impl Fn(&'static str) -> Option<String>, own: u32) -> Option<Duration> {
    let is_ours = value("WATCHDOG_PID").is_none_or(|pid| pid == own.to_string());
    let within: u64 = value("WATCHDOG_USEC").filter(|_| is_ours)?.parse().ok()?;
    (within > 0).then(|| Duration::from_micros(within))
}

/// Tells systemd, if it listens.
pub(super) fn notify(states: &[NotifyState<'_>]) {
    let Ok(place) = env::var("NOTIFY_SOCKET") else {
        return;
    };
    let lines: Vec<_> = states.iter().map(ToString::to_string).collect();
    if let Err(cause) = send(&place, (lines.join("\n") + "\n").as_bytes()) {
        tracing::debug!(%cause, "systemd could not be told");
    }
}

fn send(place: &str, text: &[u8]) -> io::Result<usize> {
    let to = match place.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(place)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(MANAGER))?;
    socket.send_to_addr(text, &to)
}

/// Signs of life for systemd.
#[derive(Debug)]
pub(super) struct Systemd {
    /// Within which it wants a sign of life.
    within: Option<Duration>,
    pinged: Option<Duration>,
    extended: Option<Duration>,
    is_there: bool,
    /// The longest time between two looks.
    seldom: Duration,
}

impl Systemd {
    /// As the environment says.
    pub(super) fn new() -> Self {
        let value = |name| env::var(name).ok();
        Self {
            within: wanted(value, std::process::id()),
            pinged: None,
            extended: None,
            is_there: env::var_os("NOTIFY_SOCKET").is_some(),
            seldom: SELDOM,
        }
    }

    /// None, and looks that come often.
    #[cfg(test)]
    pub(super) const fn looking_each(seldom: Duration) -> Self {
        Self {
            within: None,
            pinged: None,
            extended: None,
            is_there: false,
            seldom,
        }
    }

    /// How often to look: eight times in the time within which a sign is wanted, and each second.
    pub(super) fn period(&self) -> Duration {
        let often = self.within.map_or(Duration::MAX, |within| within / 8);
        often.max(LEAST).min(self.seldom)
    }

    /// Gives the signs that are due; `now` is any time that only goes on. Asked for when all is well.
    pub(super) fn live(&mut self, now: Duration, is_starting: bool) {
        if !self.is_there {
            return;
        }
        let is_due = |last: Option<Duration>, every: Duration| {
            last.is_none_or(|at| now.saturating_sub(at) >= every)
        };
        if let Some(within) = self.within
            && is_due(self.pinged, (within / 4).min(LONGEST))
        {
            self.pinged = Some(now);
            notify(&[NotifyState::Watchdog]);
        }
        if is_starting && is_due(self.extended, LONGEST) {
            self.extended = Some(now);
            let more = u32::try_from(PATIENCE.as_micros()).unwrap_or(u32::MAX);
            notify(&[NotifyState::ExtendTimeoutUsec(more)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_shell(&[], false)]
    #[case::a_service(&[("INVOCATION_ID", "a"), ("SYSTEMD_EXEC_PID", "7")], true)]
    #[case::an_old_systemd(&[("INVOCATION_ID", "a")], true)]
    #[case::a_shell_in_a_session(&[("INVOCATION_ID", "a"), ("SYSTEMD_EXEC_PID", "6")], false)]
    #[case::a_service_that_notifies(&[("NOTIFY_SOCKET", "/run/n")], true)]
    fn only_a_unit_of_its_own_supervises(
        #[case] given: &[(&'static str, &str)],
        #[case] expected: bool,
    ) {
        let value = |name| {
            let found = given.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(supervises(value, 7), expected);
    }

    #[rstest]
    #[case::none(&[], None)]
    #[case::a_manager_that_names_nobody(&[("WATCHDOG_USEC", "30000000")], Some(30))]
    #[case::ours(&[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "7")], Some(30))]
    #[case::anothers(&[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "6")], None)]
    #[case::nonsense(&[("WATCHDOG_USEC", "soon")], None)]
    #[case::off(&[("WATCHDOG_USEC", "0")], None)]
    fn signs_of_life_are_wanted_of_one_process(
        #[case] given: &[(&'static str, &str)],
        #[case] seconds: Option<u64>,
    ) {
        let value = |name| {
            let found = given.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(wanted(value, 7), seconds.map(Duration::from_secs));
    }

    #[test]
    fn it_looks_often_enough_for_half_of_what_is_wanted() {
        let mut systemd = Systemd::looking_each(SELDOM);
        assert_eq!(systemd.period(), Duration::from_secs(1));
        for wanted in [Duration::from_millis(400), Duration::from_secs(30)] {
            systemd.within = Some(wanted);
            let late = (wanted / 4).min(LONGEST) + systemd.period();
            assert!(late < wanted / 2, "{wanted:?}");
        }
    }
}
