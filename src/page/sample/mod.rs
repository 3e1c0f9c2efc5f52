//! A season's data without a season: what a worker, its learning and a network of models would have left
//! behind, for tests, measurements, and a look at the page. It is written through the same functions as
//! the real thing, into a folder that holds nothing else. Prices are true ones, moved in time; forecasts
//! know a little of what came, so that there is something to see.

mod journal;
mod learnt;
mod life;
mod logs;
mod models;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use time::{Duration, OffsetDateTime};

use crate::{
    chain::{ChainError, Envelope, KeyError, Signer, Uallo},
    market::{CsvError, read_csv},
    ops::{Artifacts, OpsError},
    store::{SignedTx, Store, StoreError, Wallet},
    types::{Height, Nonce, TopicId, WindowKey},
};

/// Blocks from one window to the next.
const EPOCH: i64 = 720;
/// Blocks that a window takes answers for.
const BLOCKS: i64 = 16;
/// The first nonce.
const FIRST: i64 = 3_600_000;
/// Seconds from block to block.
const BLOCK_SECONDS: i64 = 5;
/// How far ahead is forecast, in windows of an hour.
const HORIZON: usize = 7 * 24;
/// Windows that can be added.
const SPARE: usize = 48;
/// How long ago the newest window opened.
const SINCE: Duration = Duration::minutes(20);
/// The topic.
const TOPIC: TopicId = TopicId(67);
/// A key that signs nothing but samples.
const KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

/// Why a season could not be made up.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// Something is in the folder.
    #[error("{folder} holds something already: a season is made up in an empty folder alone")]
    Taken {
        /// The folder.
        folder: PathBuf,
    },
    /// The prices are too few.
    #[error(
        "{known} closes are known and {needed} are needed: name a longer file, or fewer windows"
    )]
    Short {
        /// Closes that are known.
        known: usize,
        /// Closes that are needed.
        needed: usize,
    },
    /// The prices can't be read.
    #[error(transparent)]
    Prices(#[from] CsvError),
    /// The disk refused.
    #[error("{folder} can't be written: {cause}")]
    Disk {
        /// The folder.
        folder: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The logs could not be written.
    #[error(transparent)]
    Logs(#[from] OpsError),
    /// The key could not be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A transaction could not be signed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The models' database has no such address.
    #[error("what was made up has no form: {0}")]
    Form(#[from] serde_json::Error),
}

/// A season of hourly windows of topic 67.
#[derive(Clone, Debug)]
pub struct Season {
    wallet: Wallet,
    windows: usize,
    until: OffsetDateTime,
    /// Of each hour from the first window on, and for a week after the last.
    closes: Vec<f64>,
    tx: SignedTx,
}

impl Season {
    /// With the newest closes of a file of hourly candles; its newest window opened twenty minutes before
    /// `until`. Prices of some windows more are kept: see [`Season::more`].
    ///
    /// # Errors
    /// When the prices can't be read, or are too few.
    pub fn of_prices(
        prices: &Path,
        windows: usize,
        until: OffsetDateTime,
    ) -> Result<Self, SampleError> {
        let candles = read_csv(prices)?.candles;
        let needed = windows + SPARE + HORIZON;
        let known = candles.len();
        let first = known.checked_sub(needed);
        let first = first.ok_or(SampleError::Short { known, needed })?;
        let signer = Signer::from_private_key(&KEY.into())?;
        let chain_id = "allora-testnet-1".to_owned();
        let envelope = Envelope {
            chain_id: chain_id.clone(),
            account_number: 7,
            sequence: 1,
            gas: 250_000,
            fee: Uallo(3_750_000),
            denom: "uallo".into(),
            timeout_height: None,
        };
        // One for all: a real fee is read from it, and signing thousands would take long.
        let tx = signer.sign_tx(Vec::new(), &envelope)?;
        Ok(Self {
            wallet: Wallet {
                chain_id,
                address: signer.address().to_owned(),
            },
            windows,
            until,
            closes: candles[first..].iter().map(|it| it.close).collect(),
            tx,
        })
    }

    /// Fills an empty data folder: the worker's database, its vitals and its logs, and the models'
    /// database.
    ///
    /// # Errors
    /// When something is in the folder, or it can't be written.
    pub async fn fill(&self, folder: &Path) -> Result<(), SampleError> {
        let failed = |cause| SampleError::Disk {
            folder: folder.to_owned(),
            cause,
        };
        fs::create_dir_all(folder).map_err(failed)?;
        if fs::read_dir(folder).map_err(failed)?.next().is_some() {
            return Err(SampleError::Taken {
                folder: folder.to_owned(),
            });
        }
        let artifacts = Artifacts::new(folder);
        fs::create_dir_all(artifacts.folder()).map_err(failed)?;
        let store = Store::open(&artifacts.database()).await?;
        self.write_journal(&store, 0..self.windows).await?;
        self.write_runs(&store).await?;
        self.write_outcomes(&store, 0..self.windows).await?;
        self.write_standing(&store).await?;
        self.write_earnings(&store, 0..self.windows).await?;
        self.write_logs(&artifacts)?;
        let text = serde_json::to_string_pretty(&self.vitals())?;
        fs::write(artifacts.vitals(), text + "\n").map_err(failed)?;
        self.write_models(&Artifacts::predict(folder)).await
    }

    /// A window more, with all that was learnt of it: `after` is how many were added before, 47 at most.
    ///
    /// # Errors
    /// When the database can't be written, or there are no more.
    pub async fn more(&self, store: &Store, after: usize) -> Result<(), SampleError> {
        let first = self.windows + after;
        let (known, needed) = (self.closes.len(), first + HORIZON + 1);
        if needed > known {
            return Err(SampleError::Short { known, needed });
        }
        let next = first..first + 1;
        self.write_journal(store, next.clone()).await?;
        self.write_outcomes(store, next.clone()).await?;
        self.write_earnings(store, next).await
    }

    /// Whose season.
    #[must_use]
    pub const fn wallet(&self) -> &Wallet {
        &self.wallet
    }

    /// When it is over.
    #[must_use]
    pub const fn until(&self) -> OffsetDateTime {
        self.until
    }

    fn key(window: usize) -> WindowKey {
        WindowKey {
            topic: TOPIC,
            nonce: Nonce(FIRST + EPOCH * signed(window)),
        }
    }

    fn opened(&self, window: usize) -> OffsetDateTime {
        self.at(Self::key(window).nonce.0)
    }

    /// When a block was.
    fn at(&self, height: i64) -> OffsetDateTime {
        let newest = Self::key(self.windows.saturating_sub(1)).nonce.0;
        self.until - SINCE + Duration::seconds((height - newest) * BLOCK_SECONDS)
    }

    /// The chain's newest block.
    fn head(&self) -> Height {
        let newest = Self::key(self.windows.saturating_sub(1)).nonce.height();
        newest.plus(SINCE.whole_seconds() / BLOCK_SECONDS)
    }

    /// Log-return from a window's opening over the horizon.
    fn outcome(&self, window: usize) -> f64 {
        (self.closes[window + HORIZON] / self.closes[window]).ln()
    }

    /// What was forecast: a small part of what came, and chance.
    fn value(&self, window: usize) -> f64 {
        let value = 0.05 * self.outcome(window) + 0.008 * (chance(window, 1) - 0.5);
        (value * 1e9).round() / 1e9
    }
}

/// What became of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Counted,
    Outranked,
    Included,
    Missed(&'static str),
    /// Nobody journaled it: the worker was down, or cut off.
    Unseen,
}

impl Season {
    fn fate(&self, window: usize) -> Fate {
        const CAUSES: [&str; 3] = [
            "no node took it before block 3600016",
            "the chain refused it: insufficient funds",
            "the window was learnt of after its last block",
        ];
        if is_down(window) || window % 611 == 300 {
            return Fate::Unseen;
        }
        match window {
            it if it + 1 == self.windows => Fate::Included,
            it if it % 97 == 40 => Fate::Missed(CAUSES[it / 97 % CAUSES.len()]),
            it if it % 23 == 7 => Fate::Outranked,
            _ => Fate::Counted,
        }
    }

    fn is_answered(&self, window: usize) -> bool {
        !matches!(self.fate(window), Fate::Unseen | Fate::Missed(_))
    }
}

/// Windows in which no worker ran.
fn is_down(window: usize) -> bool {
    (500..524).contains(&window) || (1_400..1_406).contains(&window)
}

/// A number from 0 to 1 that looks like chance and is always the same.
fn chance(window: usize, of: u64) -> f64 {
    let mut bits = (window as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ of.rotate_left(32);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
