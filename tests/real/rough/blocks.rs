//! When each block was there, and whether the second node kept up.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::Value;
use time::OffsetDateTime;
use tokio::runtime::Builder;

use super::track::Track;

/// How often the nodes are asked.
const EVERY: Duration = Duration::from_millis(50);
/// A node that says nothing for so long is not well.
const PATIENCE: Duration = Duration::from_millis(700);
/// A second node is well that is at most so many blocks behind: the first one tells of a block sooner.
const LAG: i64 = 1;

/// Looks at the nodes themselves, past all doors, until it is dropped.
pub(crate) struct Blocks {
    seen: Arc<Mutex<Seen>>,
    ends: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What was seen by now.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// When the first node told of each height first.
    pub(crate) at: BTreeMap<i64, OffsetDateTime>,
    /// When the second node was well.
    pub(crate) second: Track,
    is_second_well: bool,
}

impl Blocks {
    /// Begins to look.
    pub(crate) fn watch(first: &str, second: Option<&str>) -> Self {
        let seen = Arc::new(Mutex::new(Seen {
            at: BTreeMap::new(),
            second: Track::good(),
            is_second_well: true,
        }));
        let ends = Arc::new(AtomicBool::new(false));
        let urls = [Some((first, true)), second.map(|url| (url, false))];
        let threads = urls.into_iter().flatten().map(|(url, is_first)| {
            let (seen, ends, url) = (Arc::clone(&seen), Arc::clone(&ends), url.to_owned());
            thread::spawn(move || look(&url, is_first, &seen, &ends))
        });
        let threads = threads.collect();
        Self {
            seen,
            ends,
            threads,
        }
    }

    /// What was seen by now.
    pub(crate) fn seen(&self) -> Seen {
        hold(&self.seen).clone()
    }

    /// The newest block.
    pub(crate) fn height(&self) -> i64 {
        let seen = hold(&self.seen);
        seen.at.last_key_value().map_or(0, |(height, _)| *height)
    }

    /// Whether the second node keeps up at present.
    pub(crate) fn is_second_well(&self) -> bool {
        hold(&self.seen).is_second_well
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn hold(lock: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn look(url: &str, is_first: bool, seen: &Mutex<Seen>, ends: &AtomicBool) {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let client = reqwest::Client::builder().timeout(PATIENCE).build();
    let client = client.expect("an HTTP client");
    while !ends.load(Ordering::Relaxed) {
        let asked = OffsetDateTime::now_utc();
        let height = runtime.block_on(height(&client, url));
        let mut seen = hold(seen);
        if is_first {
            if let Some(height) = height {
                let now = OffsetDateTime::now_utc();
                seen.at.entry(height).or_insert(now);
            }
        } else {
            let newest = seen.at.last_key_value().map_or(0, |(height, _)| *height);
            let is_well = height.is_some_and(|height| height + LAG >= newest);
            if is_well != seen.is_second_well {
                seen.is_second_well = is_well;
                // It fell silent after the question at the latest.
                let since = if is_well {
                    OffsetDateTime::now_utc()
                } else {
                    asked
                };
                seen.second.turn_at(since, is_well);
            }
        }
        drop(seen);
        thread::sleep(EVERY);
    }
}

async fn height(client: &reqwest::Client, url: &str) -> Option<i64> {
    let answer = client.get(format!("{url}/status")).send().await.ok()?;
    let status: Value = answer.json().await.ok()?;
    let height = &status["result"]["sync_info"]["latest_block_height"];
    height.as_str()?.parse().ok()
}
