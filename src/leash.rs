//! How long this process may send for its wallet, looked at just before the bytes leave.
//!
//! The end is a time since the machine's boot that counts suspended time, too: a process that was
//! stopped and goes on finds its time over, without having been told.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

/// No end.
const EVER: u64 = u64::MAX;
/// Over for good.
const CUT: u64 = 1;

/// A permit to send, shared by who prolongs it and who sends.
#[derive(Clone, Debug)]
pub struct Leash {
    /// Nanoseconds since boot.
    end: Arc<AtomicU64>,
    clock: BootClock,
}

/// The permit is past its end: nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "nothing is sent: this worker's lease of the wallet is past its end; it sends again when it \
     has renewed it, or another worker leads"
)]
pub struct PastEnd;

/// Tells the time since boot.
#[derive(Clone, Copy, Debug)]
enum BootClock {
    System,
    /// `tokio`'s time, which tests may pause.
    #[cfg(test)]
    Tokio(tokio::time::Instant),
}

impl Leash {
    /// A permit without an end: this process is the wallet's only one.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::ending(EVER, BootClock::System)
    }

    /// A permit that allows nothing until it is prolonged.
    #[must_use]
    pub fn drawn() -> Self {
        Self::ending(0, BootClock::System)
    }

    #[cfg(test)]
    pub(crate) fn drawn_on_paused_time() -> Self {
        Self::ending(0, BootClock::Tokio(tokio::time::Instant::now()))
    }

    fn ending(end: u64, clock: BootClock) -> Self {
        let end = Arc::new(AtomicU64::new(end));
        Self { end, clock }
    }

    /// The time since boot, suspended time included.
    #[must_use]
    pub fn now(&self) -> Duration {
        match self.clock {
            BootClock::System => {
                let now = clock_gettime(ClockId::Boottime);
                let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
                Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0))
            }
            #[cfg(test)]
            BootClock::Tokio(origin) => Duration::from_secs(1) + origin.elapsed(),
        }
    }

    /// Moves the end to a time since boot, if that is later than the present end. One that was cut stays so.
    pub fn extend(&self, until: Duration) {
        // One below the mark of a permit without an end.
        let until = u64::try_from(until.as_nanos())
            .unwrap_or(EVER)
            .min(EVER - 1);
        let later = |end| (end != CUT).then_some(until.max(end));
        let (set, read) = (Ordering::AcqRel, Ordering::Acquire);
        // Without effect where it was cut.
        let _ = self.end.fetch_update(set, read, later);
    }

    /// Ends it now, for good.
    pub fn cut(&self) {
        self.end.store(CUT, Ordering::Release);
    }

    /// Whether bytes may be written now.
    ///
    /// # Errors
    /// When it is past its end.
    pub fn check(&self) -> Result<(), PastEnd> {
        let end = self.end.load(Ordering::Acquire);
        let may = end == EVER || self.now() < Duration::from_nanos(end);
        may.then_some(()).ok_or(PastEnd)
    }
}

impl PastEnd {
    /// Whether this is what is behind a failure.
    #[must_use]
    pub fn is_behind(failure: &(dyn Error + 'static)) -> bool {
        let mut cause = Some(failure);
        while let Some(error) = cause {
            if error.is::<Self>() {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn it_allows_what_comes_before_its_end_alone() {
        let leash = Leash::drawn_on_paused_time();
        assert_eq!(leash.check(), Err(PastEnd));
        leash.extend(leash.now() + SECOND * 2);
        advance(SECOND).await;
        assert_eq!(leash.clone().check(), Ok(()));
        leash.extend(leash.now());
        assert_eq!(leash.check(), Ok(()), "it does not become shorter");
        advance(SECOND).await;
        assert_eq!(leash.check(), Err(PastEnd));
        leash.extend(leash.now() + SECOND);
        assert_eq!(leash.check(), Ok(()));
        leash.cut();
        leash.extend(leash.now() + SECOND);
        assert_eq!(leash.check(), Err(PastEnd), "for good");
    }

    #[test]
    fn the_systems_clock_goes_on() {
        let leash = Leash::drawn();
        let before = leash.now();
        assert!(before > Duration::ZERO);
        std::thread::sleep(Duration::from_millis(2));
        assert!(leash.now() >= before + Duration::from_millis(2));
        assert_eq!(Leash::unlimited().check(), Ok(()));
    }

    #[test]
    fn it_is_found_behind_what_a_client_makes_of_it() {
        #[derive(Debug, thiserror::Error)]
        #[error("the request failed")]
        struct Wrapped(#[source] PastEnd);
        assert!(PastEnd::is_behind(&Wrapped(PastEnd)) && PastEnd::is_behind(&PastEnd));
        assert!(!PastEnd::is_behind(&std::io::Error::other("reset")));
    }
}
