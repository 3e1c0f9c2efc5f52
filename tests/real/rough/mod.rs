//! Windows on a real chain with the worker killed and stopped, its doors to the nodes bad, and a node
//! frozen: all that could be answered are, and none twice.

pub(crate) mod account;
pub(crate) mod blocks;
pub(crate) mod door;
mod door_tests;
pub(crate) mod mood;
mod pipe;
mod play;
mod report;
pub(crate) mod runs;
mod schedule;
pub(crate) mod track;

use std::{path::Path, time::Duration};

use self::{play::Play, report::Report, runs::Runs, schedule::Act};
use crate::{
    chain::Chain,
    gate::{self, number, say, setting},
    ledger::{Ledger, assert_no_strays, pair},
    plan::Plan,
    site::Site,
    wallet::{Funded, Wallet},
};

/// Blocks from one window to the next, and of a window; the season's, too.
const EPOCH: i64 = 12;
const WINDOW: i64 = 10;

/// Longer than a window, and the pauses between tries have grown by then.
const DARKNESS: Duration = Duration::from_secs(20);

#[test]
fn a_worker_killed_stopped_and_behind_bad_doors_answers_what_could_be_answered_once() {
    let Some(binary) = gate::node_binary() else {
        return;
    };
    let count = usize::try_from(number("ALLORA_REAL_ROUGH_WINDOWS", 5)).expect("a small number");
    let seed =
        setting("ALLORA_REAL_SEED").map_or_else(rand::random, |_| number("ALLORA_REAL_SEED", 0));
    let schedule = schedule::deal(count, seed);
    say(&format!(
        "\n{count} windows of {WINDOW} blocks, ALLORA_REAL_SEED={seed}; a window's times count from the \
         second block before it opens\n{}",
        schedule::print(&schedule)
    ));
    show(&binary, &schedule, seed);
}

#[test]
fn after_twenty_seconds_behind_black_holes_the_window_that_is_left_is_answered_once() {
    let Some(binary) = gate::node_binary() else {
        return;
    };
    let report = show(&binary, &schedule::darkness(DARKNESS), 1);
    assert!(report.answerable() > 0, "no window was left");
}

/// Plays a schedule on a chain of its own, tells of each window and checks it.
fn show(binary: &Path, schedule: &[Vec<Act>], seed: u64) -> Report {
    let node = Plan::new().paced(EPOCH, WINDOW).second().start(binary);
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::funded(Funded::Worker);
    let mut play = Play::new(&node, seed);
    let site = Site::new(&node, &wallet).reached_by(&play.endpoints());
    let mut ledger = Ledger::new(&chain);
    let mut runs = Runs::begin(&site);
    let begun = ledger.advance();
    let nonces = play.play(schedule, &mut runs, &mut ledger);

    let windows = ledger.wait_for_closed(nonces[0] - 1, nonces.len());
    assert!(windows.iter().map(|it| it.nonce).eq(nonces), "{windows:?}");
    runs.worker()
        .wait_for_verdicts(&windows[windows.len() - 1..]);
    assert!(!runs.worker().printed().contains("panicked"), "a panic");
    let txs = chain.all_submissions(&wallet.address);
    let answered = pair(&windows, &txs);
    let report = Report::new(&play, &runs, &answered, schedule, &wallet.address);
    say(&report.to_string());
    let faults = report.faults();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_no_strays(&ledger, &txs, begun);
    runs.end();
    site.assert_never_anew();
    report.assert_journal(&site.journal(&chain));
    report
}
