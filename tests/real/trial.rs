//! One worker through several troubles: what became of each window that opened meanwhile.

use std::fmt::Write;

use crate::{
    chain::Chain,
    figures::Log,
    gate::say,
    ledger::{Answered, Ledger, assert_no_strays, pair},
    site::Site,
    wallet::Wallet,
    worker::Worker,
};

/// The latest block after a nonce that any window of the tests takes: all of them are asked for.
const IN_THE_WINDOW: i64 = crate::node::WINDOW;

/// A worker that runs, and the troubles that it was put through.
pub(crate) struct Trial<'a> {
    /// The chain's windows.
    pub(crate) ledger: Ledger<'a>,
    /// The worker; it is never started anew.
    pub(crate) worker: Worker,
    chain: &'a Chain,
    wallet: &'a Wallet,
    epoch: i64,
    pid: u32,
    /// From which block on each trouble held.
    phases: Vec<(i64, String)>,
}

impl<'a> Trial<'a> {
    /// Starts the worker and waits until it is ready.
    pub(crate) fn begin(
        site: &Site<'_>,
        chain: &'a Chain,
        wallet: &'a Wallet,
        phase: &str,
    ) -> Self {
        let mut worker = site.start();
        worker.wait_until_prepared(1);
        let mut ledger = Ledger::new(chain);
        let ready_at = ledger.advance();
        Self {
            pid: worker.pid(),
            ledger,
            worker,
            chain,
            wallet,
            epoch: crate::node::EPOCH,
            phases: vec![(ready_at, phase.to_owned())],
        }
    }

    /// Waits for the third block before the next opening, so that what comes now holds for that window.
    pub(crate) fn before_an_opening(&mut self) -> i64 {
        let height = self.ledger.advance();
        let mut opening = self.ledger.next_opening(self.epoch);
        if opening < height + 3 {
            opening += self.epoch;
        }
        self.chain.wait_for(opening - 3);
        opening
    }

    /// From the next window on this holds.
    pub(crate) fn phase(&mut self, name: &str) {
        let height = self.ledger.advance();
        self.phases.push((height, name.to_owned()));
    }

    /// Waits until so many windows have closed that opened after now.
    pub(crate) fn windows(&mut self, count: usize) {
        let now = self.ledger.advance();
        self.ledger.wait_for_closed(now, count);
    }

    /// Tells of all windows since the beginning. Each was answered once and counted, in the window, by
    /// the process that was there at the beginning.
    pub(crate) fn finish(mut self, site: &Site<'_>, title: &str) {
        let begun = self.phases[0].0;
        let newest = self.ledger.advance();
        let open = self.ledger.windows_after(begun);
        let count = open.filter(|window| window.end <= newest).count();
        let windows = self.ledger.wait_for_closed(begun, count);
        self.worker.wait_for_verdicts(&windows);
        let txs = self.chain.all_submissions(&self.wallet.address);
        let answered = pair(&windows, &txs);
        let log = Log::of(&self.worker);
        say(&self.table(&answered, &log, title));
        let faults: Vec<String> = answered
            .iter()
            .filter_map(|one| one.fault(&self.wallet.address, IN_THE_WINDOW))
            .collect();
        assert!(faults.is_empty(), "{faults:#?}{}", self.worker.last_words());
        assert_no_strays(&self.ledger, &txs, begun);
        assert_eq!(self.worker.pid(), self.pid, "the worker was started anew");
        self.worker.stop();
        site.assert_counted(self.chain, &windows);
    }

    fn table(&self, answered: &[Answered], log: &Log, title: &str) -> String {
        let mut text = format!(
            "\n{title}; one worker throughout\n| then | window (nonce) | heard by | transactions | included at | taken by | event to mempool |\n|---|---|---|---|---|---|---|\n"
        );
        for one in answered {
            let Answered { window, txs } = one;
            let nonce = window.nonce;
            let phase = self.phases.iter().rev().find(|(from, _)| *from <= nonce);
            let field = |kind: &str, name: &str| {
                let event = log.find(kind, window);
                event
                    .and_then(|event| event[name].as_str())
                    .unwrap_or("-")
                    .to_owned()
            };
            writeln!(
                text,
                "| {} | {nonce} | {} | {} | {} | {} | {} |",
                phase.map_or("-", |(_, name)| name),
                field("window_open", "source"),
                txs.len(),
                one.blocks_after()
                    .map_or("-".into(), |blocks| format!("nonce+{blocks}")),
                field("submitted", "endpoint"),
                log.latency(window)
                    .map_or("-".into(), |ms| format!("{ms:.1} ms")),
            )
            .expect("a string takes all");
        }
        let all = answered.len();
        let once = answered.iter().filter(|one| one.txs.len() == 1).count();
        let next = answered
            .iter()
            .filter(|one| one.blocks_after() == Some(1))
            .count();
        writeln!(
            text,
            "{all} windows: {once}/{all} with exactly one submission, {next}/{all} at nonce+1"
        )
        .expect("a string takes all");
        text
    }
}
