//! Plays a season: the chain with its faults, the worker, and its kills.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use rand::{Rng as _, RngCore as _, SeedableRng as _, rngs::StdRng};
use time::OffsetDateTime;

use super::{
    Gauge, KILLS, Report, Run, SeasonError, WHOLE,
    child::{Home, Site, Worker},
    kept::Kept,
    report::Played,
};
use crate::{
    chain::Signer,
    clock::{Clock as _, FastClock},
    devnet::{Control, Devnet, DevnetConfig, DevnetHandle, DevnetTopic, RandomFaults},
    types::TopicId,
};

pub(super) const CHAIN: &str = "allora-season-1";
const BLOCK: Duration = Duration::from_millis(100);
const EPOCH: i64 = 12;
const WINDOW: i64 = 10;
const ENDPOINTS: usize = 3;
/// What a wallet starts with, uallo.
const COINS: u128 = 1_000_000_000_000_000_000_000;
/// How long the first start may take.
const FIRST_START: Duration = Duration::from_secs(60);
/// A worker that was started so long ago counts as running, ready or not.
const READY_AT_LAST: Duration = Duration::from_secs(5);
/// How often the driver looks around.
const LOOK: Duration = Duration::from_millis(5);
/// Ends that nobody asked for, after which a season makes no sense.
const MOST_EXITS: usize = 20;
/// How many seconds of the season's clock pass in a second when a window opens each hour.
pub const AN_HOUR_A_WINDOW: u32 = 3_000;
/// The topic that is played.
pub(super) const TOPIC: TopicId = TopicId(67);
/// How often memory is looked at.
const GAUGE: Duration = Duration::from_millis(500);

/// What is played.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many windows.
    pub windows: u64,
    /// What all chance comes from.
    pub seed: u64,
    /// The worker's program.
    pub binary: PathBuf,
    /// The project's root, which holds `config/`.
    pub root: PathBuf,
    /// A configuration file for the worker instead of the season's own.
    pub config: Option<PathBuf>,
    /// Where the worker writes; an empty folder.
    pub folder: PathBuf,
    /// Seconds of the season's clock in a second. At [`AN_HOUR_A_WINDOW`] a window opens each hour.
    pub speed: u32,
}

/// How far a season is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Windows that have opened.
    pub windows: u64,
    /// Kills so far.
    pub kills: usize,
}

struct Season {
    plan: Plan,
    handle: DevnetHandle,
    home: Home,
    runs: Vec<Run>,
    gauge: Gauge,
    /// Ends of the worker that nobody asked for.
    exits: Vec<String>,
}

/// Plays a season to its end.
///
/// # Errors
/// When the chain or the worker can't be started.
pub async fn play(plan: Plan, told: impl Fn(Progress)) -> Result<Report, SeasonError> {
    let mut dice = StdRng::seed_from_u64(plan.seed);
    let mut key = [0; 32];
    dice.fill_bytes(&mut key);
    let key = hex::encode(key);
    let ours = Signer::from_private_key(&key.as_str().into())?;
    let ours = ours.address().to_owned();
    let clock = FastClock::new(OffsetDateTime::now_utc(), plan.speed);
    let devnet = chain(&ours, clock).await?;
    let site = Site {
        chain_id: CHAIN,
        addresses: devnet.addresses(),
        prices: devnet.prices_url().unwrap_or_default(),
        clock,
    };
    let mut season = Season {
        home: Home::new(&plan, key, &site)?,
        handle: devnet.handle(),
        runs: Vec::new(),
        gauge: Gauge::default(),
        exits: Vec::new(),
        plan,
    };
    let worker = season.first_start().await?;
    let begun = Instant::now();
    // The windows of the quiet start don't count.
    let before = season.handle.opened();
    let random = RandomFaults::new(season.plan.seed, ENDPOINTS, WINDOW);
    season.handle.play_random(Some(random)).await?;
    let kills = kills(&season.plan, &mut dice);
    let count = kills.len();
    let worker = season
        .windows(worker, before, kills, &mut dice, &told)
        .await?;
    season.handle.play_random(None).await?;
    let took = begun.elapsed();
    let stopped = worker.stop(Duration::from_secs(30)).await;
    if stopped.and_then(|it| it.code()) != Some(0) {
        season
            .exits
            .push(format!("the last stop ended with {stopped:?}"));
    }
    let (hits, _) = season.handle.faults().await?;
    let kept = Kept::read(&season.plan.folder, &ours, clock.now()).await?;
    let played = Played {
        windows: season.handle.windows(),
        before,
        ours,
        runs: season.runs,
        hits,
        price_hits: season.handle.price_hits(),
        price_requests: season.handle.price_requests(),
        upgrades: season.handle.upgrades(),
        kept,
        memory: season.gauge.memory(),
        exits: season.exits,
        kills: count,
        took,
    };
    devnet.shutdown().await;
    Ok(Report::new(&season.plan, &played))
}

async fn chain(ours: &str, clock: FastClock) -> Result<Devnet, SeasonError> {
    let free = || std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let devnet = Devnet::start(DevnetConfig {
        chain_id: CHAIN.into(),
        block_time: BLOCK,
        more_endpoints: vec![free(); ENDPOINTS - 1],
        prices: Some(free()),
        clock,
        topics: vec![DevnetTopic {
            id: TOPIC,
            epoch_length: EPOCH,
            window: WINDOW,
            reward: Some(DevnetTopic::USUAL_REWARD),
            ..DevnetTopic::default()
        }],
        funded: vec![("allo1other".into(), 1), (ours.into(), COINS)],
        ..DevnetConfig::default()
    })
    .await?;
    let address = ours.to_owned();
    devnet
        .control(Control::Register {
            topic: TOPIC,
            address,
            registered: true,
        })
        .await?;
    Ok(devnet)
}

/// The windows in which the worker is killed, and how long after their opening.
fn kills(plan: &Plan, dice: &mut StdRng) -> Vec<(u64, Duration)> {
    let count = (plan.windows * KILLS).div_ceil(WHOLE);
    let epoch = u64::try_from(EPOCH).unwrap_or_default() * 100;
    let mut kills: Vec<_> = (0..count)
        .map(|_| {
            let window = dice.random_range(1..plan.windows.max(2));
            (window, Duration::from_millis(dice.random_range(0..epoch)))
        })
        .collect();
    // The last one is to be taken first.
    kills.sort_unstable_by(|a, b| b.cmp(a));
    kills
}

impl Season {
    async fn first_start(&mut self) -> Result<Worker, SeasonError> {
        let mut worker = self.home.start()?;
        if !self.home.ready_within(&mut worker, FIRST_START).await {
            let words =
                std::fs::read_to_string(self.home.folder.join("artifacts/logs/worker_output.log"));
            let said = std::fs::read_to_string(self.home.folder.join("stderr.log"));
            let words = words.unwrap_or_default() + &said.unwrap_or_default();
            let from = words.char_indices().nth_back(2_000).map_or(0, |it| it.0);
            return Err(SeasonError::NeverReady {
                seconds: FIRST_START.as_secs(),
                words: words[from..].to_owned(),
            });
        }
        self.runs.push(Run {
            from: Instant::now(),
            until: None,
        });
        Ok(worker)
    }

    /// Until the last window has closed; gives the worker that runs then.
    async fn windows(
        &mut self,
        mut worker: Worker,
        before: u64,
        mut kills: Vec<(u64, Duration)>,
        dice: &mut StdRng,
        told: &impl Fn(Progress),
    ) -> Result<Worker, SeasonError> {
        let (mut seen, mut at, mut killed) = (0, Instant::now(), 0);
        let mut looked = Instant::now();
        loop {
            let opened = self.handle.opened().saturating_sub(before);
            if opened > seen {
                (seen, at) = (opened, Instant::now());
                told(Progress {
                    windows: seen,
                    kills: killed,
                });
            }
            // One more opens before the last one has been closed for good.
            if seen > self.plan.windows {
                return Ok(worker);
            }
            let due = kills.last().copied();
            if let Some((window, after)) = due.filter(|it| it.0 <= seen)
                && (window < seen || at.elapsed() >= after)
            {
                kills.pop();
                killed += 1;
                let pause = Duration::from_millis(dice.random_range(0..300));
                worker = self.kill(worker, pause).await?;
            }
            if let Some(status) = worker.ended() {
                self.exits.push(status.to_string());
                if self.exits.len() >= MOST_EXITS {
                    return Err(SeasonError::KeepsEnding {
                        times: self.exits.len(),
                        how: status.to_string(),
                        folder: self.home.folder.clone(),
                    });
                }
                tokio::time::sleep(BLOCK).await;
                worker = self.home.start()?;
            }
            if looked.elapsed() >= GAUGE {
                looked = Instant::now();
                self.gauge.look(worker.pid);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Kills the worker and starts it again; the windows go on meanwhile.
    async fn kill(&mut self, worker: Worker, pause: Duration) -> Result<Worker, SeasonError> {
        self.gauge.look(worker.pid);
        if let Some(run) = self.runs.last_mut() {
            run.until = Some(Instant::now());
        }
        worker.kill().await;
        tokio::time::sleep(pause).await;
        let mut worker = self.home.start()?;
        self.home.ready_within(&mut worker, READY_AT_LAST).await;
        self.runs.push(Run {
            from: Instant::now(),
            until: None,
        });
        Ok(worker)
    }
}
