//! The task that waits for a wallet's lease, and keeps it.

use std::{sync::Arc, time::Duration};

use time::OffsetDateTime;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{LeadNote, Role, StandbyConfig, WithoutDatabase};
use crate::{
    failpoint::stall,
    leash::Leash,
    ops::{Event, Reporter, Shutdown, StandbyEvent},
    pulse::Pulse,
    store::{Claim, Down, Lead, Seen, StoreError, Wallet, WalletLeases},
};

/// After another's lapse, so that it has lapsed for the server, too.
const SURELY: Duration = Duration::from_millis(10);
/// How far this machine's clock may be from the server's before that is told.
const CLOCKS: Duration = Duration::from_secs(5);
/// How often it is told that the database can't be asked.
const REPEAT: Duration = Duration::from_secs(600);

/// What a lease is kept with.
pub struct KeeperParts {
    /// Whose lease.
    pub wallet: Wallet,
    /// This worker's name.
    pub name: String,
    /// `[standby]`
    pub config: StandbyConfig,
    /// Where leases are kept.
    pub leases: Arc<dyn WalletLeases>,
    /// What holds everything that is sent.
    pub leash: Leash,
    /// What an earlier start left.
    pub note: LeadNote,
    /// What this worker is; [`Role::Waiting`] at first.
    pub role: watch::Sender<Role>,
    /// Takes what is to be told.
    pub reporter: Reporter,
    /// Asked to begin anew when the lease is lost.
    pub shutdown: Shutdown,
}

/// Waits for a lease, keeps it, and has the process begin anew when another one has taken it.
pub struct Keeper {
    parts: KeeperParts,
    /// Since when the database has answered each time.
    steady_since: Option<Instant>,
    /// The leader's last sign of life, and when it was first seen.
    sign: Option<(i64, Instant)>,
    /// Since when it has been down for all.
    down_since: Option<Instant>,
    /// The last change was not taken: reading alone does not tell that an owner could have renewed.
    is_unwritten: bool,
    /// The token that was told last, and whether somebody held it.
    told: Option<(i64, bool)>,
    complained: Option<Instant>,
    /// Whether it was looked who else uses the database.
    surveyed: bool,
    life: Pulse,
    /// Since when nothing may be sent, or the worker goes on alone.
    troubled: Option<(Instant, Trouble)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Silent,
    Alone,
}

/// Why the database could not be asked.
struct Failed {
    down: Option<Down>,
    cause: String,
}

impl Keeper {
    /// A worker that stands by so far.
    #[must_use]
    pub fn new(parts: KeeperParts) -> Self {
        Self {
            parts,
            steady_since: None,
            sign: None,
            down_since: None,
            is_unwritten: false,
            told: None,
            complained: None,
            surveyed: false,
            life: Pulse::unwatched(),
            troubled: None,
        }
    }

    /// Gives signs of life there.
    #[must_use]
    pub fn watched(mut self, life: Pulse) -> Self {
        self.life = life;
        self
    }

    /// Waits, leads, and, once another one leads, does nothing more. It ends with `cancel` alone; the lease
    /// is not given back then.
    pub async fn run(mut self, cancel: CancellationToken) {
        tokio::select! {
            biased;
            () = cancel.cancelled() => {}
            () = self.keep() => {}
        }
    }

    async fn keep(&mut self) {
        let token = self.wait().await;
        self.lead(token).await;
        // The process is about to end.
        let life = self.life.clone();
        life.during(std::future::pending::<()>()).await;
    }

    /// Waits for the lease; gives its token.
    async fn wait(&mut self) -> i64 {
        loop {
            self.life.beat();
            let begun = Instant::now();
            let sent = self.parts.leash.now();
            let leases = Arc::clone(&self.parts.leases);
            let wallet = self.parts.wallet.clone();
            let mut pause = self.parts.config.third();
            match self.look_and_take(begun).await {
                Ok((Some(token), _)) => return token,
                Ok((None, Some(seen))) => {
                    pause = pause.min(self.until_lapse(&seen));
                    self.stand_by(seen);
                }
                Ok((None, None)) => {}
                Err(failed) => {
                    if let Some(token) = self.resume_alone(begun, sent, failed) {
                        return token;
                    }
                }
            }
            let woken = async {
                tokio::select! {
                    () = sleep_until((begun + pause).max(Instant::now() + SURELY * 2)) => {}
                    () = leases.given_back(&wallet) => {}
                }
            };
            self.life.during(woken).await;
        }
    }

    /// How the lease stands, and its token if it could be taken.
    async fn look_and_take(
        &mut self,
        begun: Instant,
    ) -> Result<(Option<i64>, Option<Seen>), Failed> {
        let leases = Arc::clone(&self.parts.leases);
        let wallet = self.parts.wallet.clone();
        let seen = self.asked(leases.look(&wallet)).await?;
        self.steady_since.get_or_insert(begun);
        self.survey().await;
        self.note_sign(seen.as_ref(), begun);
        self.note_leader(seen.as_ref());
        let token = self.take(seen.as_ref()).await?;
        self.down_since = None;
        Ok((token, seen))
    }

    /// Tells, once, what looks like a mistake: a wallet beside those of others, and a clock that is not the
    /// server's.
    async fn survey(&mut self) {
        if self.surveyed {
            return;
        }
        let leases = Arc::clone(&self.parts.leases);
        let wallet = self.parts.wallet.clone();
        let Ok(survey) = self.asked(leases.survey(&wallet)).await else {
            return;
        };
        self.surveyed = true;
        if !survey.others.is_empty() {
            self.emit(StandbyEvent::StandbyStrangers {
                own: wallet.address,
                others: survey.others,
            });
        }
        let ahead = OffsetDateTime::now_utc() - survey.now;
        if ahead.unsigned_abs() > CLOCKS {
            let seconds = ahead.whole_seconds();
            self.emit(StandbyEvent::StandbyClock { seconds });
        }
    }

    /// Until a lease lapses that can be taken then.
    fn until_lapse(&self, seen: &Seen) -> Duration {
        let quiet = self.parts.config.heartbeat / 2;
        let until_quiet = self
            .sign
            .map(|(_, since)| quiet.saturating_sub(since.elapsed()));
        let left = seen.left.max(until_quiet.unwrap_or_default());
        left.max(self.until_steady()) + SURELY
    }

    /// Until the database has answered for a whole heartbeat: after an outage an owner has the time to renew.
    fn until_steady(&self) -> Duration {
        let steady = self.steady_since.map(|at| at.elapsed());
        self.parts
            .config
            .heartbeat
            .saturating_sub(steady.unwrap_or_default())
    }

    fn note_sign(&mut self, seen: Option<&Seen>, begun: Instant) {
        let sign = seen.map(|seen| seen.sign);
        if self.sign.map(|(known, _)| known) != sign {
            self.sign = sign.map(|sign| (sign, begun));
        }
    }

    /// Whether the leader gave no sign of life for half a heartbeat of this worker's own clock, in which it
    /// would have given one: a server's clock that jumps makes nobody lapse.
    fn is_quiet(&self) -> bool {
        let half = self.parts.config.heartbeat / 2;
        self.sign.is_none_or(|(_, since)| since.elapsed() >= half)
    }

    /// Takes the lease if it can be taken. After a change that was not taken nothing is buried before a
    /// heartbeat is over since the next that was: while a server reads and does not write, an owner can't
    /// renew.
    async fn take(&mut self, seen: Option<&Seen>) -> Result<Option<i64>, Failed> {
        let KeeperParts {
            name, note, config, ..
        } = &self.parts;
        let may_bury = !self.is_unwritten && self.until_steady().is_zero() && self.is_quiet();
        let own = note.token();
        let is_free = seen.is_none_or(|seen| {
            let is_own = seen.owner.as_deref() == Some(name) && Some(seen.token) == own;
            seen.owner.is_none() || is_own || (may_bury && seen.left.is_zero())
        });
        if !is_free && !self.is_unwritten {
            return Ok(None);
        }
        let claim = Claim {
            owner: name.clone(),
            own,
            lapse: config.heartbeat,
            may_bury,
        };
        let sent = self.parts.leash.now();
        let leases = Arc::clone(&self.parts.leases);
        let wallet = self.parts.wallet.clone();
        let taken = self.asked(leases.take(&wallet, &claim)).await;
        let was_unwritten = std::mem::replace(&mut self.is_unwritten, taken.is_err());
        let Some(taken) = taken? else {
            if was_unwritten {
                self.steady_since = Some(Instant::now());
            }
            return Ok(None);
        };
        self.parts.note.set(taken.token);
        self.parts
            .leash
            .extend(sent + self.parts.config.allowance());
        self.emit(StandbyEvent::StandbyTookOver {
            name: self.parts.name.clone(),
            from: taken.from,
            token: taken.token,
            silent_ms: u64::try_from(taken.silent.as_millis()).unwrap_or(u64::MAX),
        });
        self.become_leader(taken.token, false);
        Ok(Some(taken.token))
    }

    /// Where another one leads, what was noted of an own lease is over.
    fn note_leader(&mut self, seen: Option<&Seen>) {
        let Some(seen) = seen else { return };
        let is_own = seen.owner.as_deref() == Some(&self.parts.name)
            && Some(seen.token) == self.parts.note.token();
        if seen.owner.is_some() && !is_own {
            self.parts.note.clear();
        }
    }

    /// Another one leads, or may.
    fn stand_by(&mut self, seen: Seen) {
        let news = (seen.token, seen.owner.is_some());
        if self.told != Some(news) {
            self.told = Some(news);
            self.emit(StandbyEvent::StandbyWaiting {
                name: self.parts.name.clone(),
                leader: seen.owner,
                token: seen.token,
            });
        }
    }

    /// The last leader goes on while the database is down, after a heartbeat in which it was.
    fn resume_alone(&mut self, begun: Instant, sent: Duration, failed: Failed) -> Option<i64> {
        self.steady_since = None;
        self.down_since = failed.down.map(|_| self.down_since.unwrap_or(begun));
        let heartbeat = self.parts.config.heartbeat;
        let is_down = self.down_since.is_some_and(|at| at.elapsed() >= heartbeat);
        if let Some(token) = self
            .parts
            .note
            .token()
            .filter(|_| is_down && self.goes_on())
        {
            self.prolong_alone(sent, token, failed.cause);
            return Some(token);
        }
        if self.complained.is_none_or(|at| at.elapsed() >= REPEAT) {
            self.complained = Some(Instant::now());
            self.parts.reporter.emit(Event::Trouble {
                cause: format!("who leads this wallet can't be told: {}", failed.cause),
                remedy: "this worker stands by, and asks again; see STANDBY_DATABASE_URL".into(),
            });
        }
        None
    }

    fn goes_on(&self) -> bool {
        self.parts.config.without_database == WithoutDatabase::GoOn
    }

    /// Keeps the lease until another one has taken it.
    async fn lead(&mut self, token: i64) {
        let lead = Lead {
            owner: self.parts.name.clone(),
            token,
        };
        let third = self.parts.config.third();
        let mut next = Instant::now() + third;
        loop {
            self.life.during(sleep_until(next)).await;
            stall("standby").await;
            let begun = Instant::now();
            let sent = self.parts.leash.now();
            let may_go_on = self.may_go_on();
            let leases = Arc::clone(&self.parts.leases);
            let wallet = self.parts.wallet.clone();
            let lapse = self.parts.config.heartbeat;
            match self.asked(leases.renew(&wallet, &lead, lapse)).await {
                Ok(true) => self.renewed(sent, token),
                Ok(false) => {
                    self.lose(token);
                    return;
                }
                Err(failed) if failed.down.is_some() && may_go_on => {
                    self.prolong_alone(sent, token, failed.cause);
                }
                Err(failed) => self.fall_silent(token, failed.cause),
            }
            next = (begun + third).max(Instant::now() + third / 4);
        }
    }

    /// Whether it would go on without the database. Once its lease has ended another one may have led, and
    /// that can't be told while the database is down.
    fn may_go_on(&self) -> bool {
        let is_alone = matches!(self.troubled, Some((_, Trouble::Alone)));
        self.goes_on() && (is_alone || self.parts.leash.check().is_ok())
    }

    /// `sent` is when the renewal began, since boot: the lease lasts longer than what is reckoned from it.
    fn renewed(&mut self, sent: Duration, token: i64) {
        self.parts
            .leash
            .extend(sent + self.parts.config.allowance());
        if let Some((since, before)) = self.troubled.take() {
            self.become_leader(token, false);
            let seconds = since.elapsed().as_secs();
            let was_silent = before == Trouble::Silent;
            self.emit(StandbyEvent::StandbyRenewed {
                seconds,
                was_silent,
            });
        }
    }

    /// Nobody can take the lease while the database is down for all. `sent` is when it was asked, since
    /// boot.
    fn prolong_alone(&mut self, sent: Duration, token: i64, cause: String) {
        self.parts
            .leash
            .extend(sent + self.parts.config.allowance());
        if self.note_trouble(Trouble::Alone) {
            self.become_leader(token, true);
            self.emit(StandbyEvent::StandbyAlone { cause });
        }
    }

    /// The lease could not be renewed. As long as nobody has taken it, it may still be.
    fn fall_silent(&mut self, token: i64, cause: String) {
        if self.parts.leash.check().is_err() && self.note_trouble(Trouble::Silent) {
            self.become_leader(token, false);
            self.emit(StandbyEvent::StandbySilent { cause });
        }
    }

    /// Whether it is a new one.
    fn note_trouble(&mut self, trouble: Trouble) -> bool {
        let is_new = self.troubled.is_none_or(|(_, known)| known != trouble);
        if is_new {
            self.troubled = Some((Instant::now(), trouble));
        }
        is_new
    }

    /// Another one leads.
    fn lose(&mut self, token: i64) {
        self.parts.leash.cut();
        self.parts.note.clear();
        self.parts.role.send_replace(Role::Lost);
        self.emit(StandbyEvent::StandbyLost { token });
        self.parts.shutdown.request_return(LOST);
    }

    fn become_leader(&self, token: i64, alone: bool) {
        let role = Role::Leading { token, alone };
        self.parts.role.send_replace(role);
    }

    /// Asks the database, no longer than a lease lasts.
    async fn asked<T>(
        &self,
        question: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Failed> {
        let limit = self.parts.config.third();
        let answer = timeout(limit, question).await;
        self.life.beat();
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(cause)) => Err(Failed {
                down: cause.down(),
                cause: cause.to_string(),
            }),
            Err(_) => Err(Failed {
                down: None,
                cause: format!("the database did not answer within {limit:?}"),
            }),
        }
    }

    fn emit(&self, event: StandbyEvent) {
        self.parts.reporter.emit(event.into());
    }
}

/// Why a worker that lost its lease ends.
const LOST: &str = "another worker leads this wallet";

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
