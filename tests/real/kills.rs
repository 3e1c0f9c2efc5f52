//! kill -9 at every step and at any moment: after the restart an open window is answered once.

use std::{fmt::Write, thread, time::Duration};

use allora_worker::store::StateName;
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    chain::Chain,
    gate::{number, say, setting},
    ledger::{Ledger, TOPIC},
    node::{self, EPOCH},
    site::Site,
    wallet::{Funded, Wallet},
    worker::{READY, Worker},
};

/// In the order of the path. `before-reply`: the bytes have left and the answer is not read yet.
const POINTS: [&str; 5] = [
    "before-journal",
    "after-journal",
    "after-send",
    "before-reply",
    "before-confirmation",
];
/// Several epochs: a fail point lies on the way of the first window at the latest.
const DEATH: Duration = Duration::from_secs(60);
/// A worker that is back this many blocks before a window's end can answer it: its transaction
/// needs one block, and the second is for a machine that is busy.
const TO_SPARE: i64 = 2;

#[test]
fn a_worker_killed_at_any_fail_point_answers_the_open_window_once() {
    let Some(node) = node::shared() else { return };
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::funded(Funded::Second);
    let site = Site::new(node, &wallet);
    let mut record = Record::new(&chain, &wallet);
    for point in POINTS {
        let mut doomed = site.start_failing_at(point);
        doomed.wait_for_own_death(point, DEATH);
        record.note_kill(point);
        let mut worker = site.start();
        worker.wait_until_ready();
        record.settle(&mut worker);
        worker.stop();
    }
    record.finish(&site);
}

#[test]
fn a_worker_killed_at_random_moments_answers_every_open_window_once() {
    let Some(node) = node::shared() else { return };
    let kills = number("ALLORA_REAL_KILLS", 3);
    let seed =
        setting("ALLORA_REAL_SEED").map_or_else(rand::random, |_| number("ALLORA_REAL_SEED", 0));
    say(&format!(
        "{kills} kills at random moments, ALLORA_REAL_SEED={seed}"
    ));
    let mut moments = StdRng::seed_from_u64(seed);
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::funded(Funded::Third);
    let site = Site::new(node, &wallet);
    let mut record = Record::new(&chain, &wallet);
    let mut worker = site.start();
    worker.wait_until_ready();
    for kill in 1..=kills {
        // In turn anywhere in an epoch of one-second blocks, and within a second of an opening.
        let place = if kill % 2 == 1 {
            let wait = moments.random_range(0..=EPOCH.unsigned_abs() * 1000);
            thread::sleep(Duration::from_millis(wait));
            format!("random {kill}, {wait} ms into the epoch's rest")
        } else {
            let wait = moments.random_range(0..=2000);
            chain.wait_for(record.ledger.next_opening(EPOCH) - 1);
            thread::sleep(Duration::from_millis(wait));
            format!("random {kill}, {wait} ms after the block before an opening")
        };
        worker.kill();
        record.note_kill(&place);
        thread::sleep(Duration::from_millis(moments.random_range(0..=500)));
        worker = site.start();
        worker.wait_until_ready();
        record.settle(&mut worker);
    }
    worker.stop();
    record.finish(&site);
}

/// What the kills did, told by the chain.
struct Record<'a> {
    chain: &'a Chain,
    wallet: &'a Wallet,
    ledger: Ledger<'a>,
    begun: i64,
    table: String,
    kills: usize,
    caught: usize,
}

impl<'a> Record<'a> {
    fn new(chain: &'a Chain, wallet: &'a Wallet) -> Self {
        let mut ledger = Ledger::new(chain);
        Self {
            begun: ledger.advance(),
            chain,
            wallet,
            ledger,
            table: "\n| killed at | block | open window | back at | transactions for it |\n|---|---|---|---|---|\n"
                .to_owned(),
            kills: 0,
            caught: 0,
        }
    }

    fn note_kill(&mut self, place: &str) {
        let height = self.ledger.advance();
        self.kills += 1;
        let open = self.ledger.open_at(height).map_or("none".into(), |window| {
            format!("{} to {}", window.nonce, window.end)
        });
        write!(self.table, "| {place} | {height} | {open} |").expect("a string takes all");
    }

    /// With the worker back: waits until the window that is open now, else the next one, has closed, and
    /// checks that it was answered exactly once.
    fn settle(&mut self, worker: &mut Worker) {
        let back_at = self.ledger.advance();
        let still_open = self
            .ledger
            .open_at(back_at)
            .filter(|window| back_at + TO_SPARE <= window.end)
            .cloned();
        let after = still_open
            .as_ref()
            .map_or(back_at, |window| window.nonce - 1);
        let window = self.ledger.wait_for_closed(after, 1).remove(0);
        let txs = self.answers(window.nonce);
        writeln!(
            self.table,
            " {back_at} | {} for {} |",
            txs.len(),
            window.nonce
        )
        .expect("a string takes all");
        self.caught += usize::from(still_open.is_some());
        assert!(
            txs.len() == 1 && txs[0].code == 0,
            "window {} is answered exactly once: {txs:?}{}\n{}",
            window.nonce,
            self.table,
            worker.last_words()
        );
        assert!(
            window.counted.contains(&self.wallet.address),
            "window {} closed without us: {window:?}",
            window.nonce
        );
        worker.wait_for("verdict", READY, |event| {
            event["nonce"] == window.nonce && event["event"] == "counted"
        });
    }

    /// No window was ever answered twice, not even by a refused transaction, and the journal ended
    /// with what the chain knows.
    fn finish(mut self, site: &Site<'_>) {
        self.ledger.advance();
        let txs = self.chain.submissions(&self.wallet.address, TOPIC);
        let counts: Vec<(i64, usize)> = self
            .ledger
            .windows_after(self.begun)
            .map(|window| {
                (
                    window.nonce,
                    txs.iter().filter(|tx| tx.nonce == window.nonce).count(),
                )
            })
            .collect();
        let twice: Vec<_> = counts.iter().filter(|(_, count)| *count > 1).collect();
        let once = counts.iter().filter(|(_, count)| *count == 1).count();
        say(&format!(
            "{}{} kills, {} with a window still open afterwards; {once} of {} windows answered, \
             {} more than once",
            self.table,
            self.kills,
            self.caught,
            counts.len(),
            twice.len()
        ));
        assert!(
            twice.is_empty(),
            "windows with more than one transaction: {twice:?} in {txs:?}"
        );
        let journal = site.journal(self.chain);
        for window in self.ledger.windows_after(self.begun) {
            if window.counted.contains(&self.wallet.address) {
                assert_eq!(
                    journal.get(&(TOPIC, window.nonce)),
                    Some(&StateName::Counted),
                    "the journal on window {}",
                    window.nonce
                );
            }
        }
    }

    fn answers(&self, nonce: i64) -> Vec<crate::chain::Submission> {
        let mut txs = self.chain.submissions(&self.wallet.address, TOPIC);
        txs.retain(|tx| tx.nonce == nonce);
        txs
    }
}
