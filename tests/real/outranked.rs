//! One place and two workers: the one that is left out knows it.

use crate::{
    chain::Chain,
    gate::{self, say},
    ledger::Ledger,
    plan::Plan,
    site::Site,
    wallet::{Funded, Wallet},
    worker::READY,
};

const WINDOWS: usize = 2;

#[test]
fn of_two_workers_for_one_place_the_one_left_out_reports_outranked() {
    let Some(binary) = gate::node_binary() else {
        return;
    };
    let node = Plan::new().places(1).start(&binary);
    let chain = Chain::new(&node.rpc);
    let wallets = [
        Wallet::funded(Funded::Worker),
        Wallet::funded(Funded::Second),
    ];
    let sites = wallets.each_ref().map(|wallet| Site::new(&node, wallet));
    let mut workers = sites.each_ref().map(Site::start);
    for worker in &mut workers {
        worker.wait_until_ready();
    }
    let mut ledger = Ledger::new(&chain);
    let ready_at = ledger.advance();
    let windows = ledger.wait_for_closed(ready_at, WINDOWS);
    for window in &windows {
        let nonce = window.nonce;
        assert_eq!(
            window.counted.len(),
            1,
            "one place in window {nonce}: {window:?}"
        );
        for (wallet, worker) in wallets.iter().zip(&mut workers) {
            let verdict = worker.wait_for("verdict", READY, |event| {
                event["nonce"] == nonce
                    && (event["event"] == "counted" || event["event"] == "outranked")
            });
            let expected = if window.counted.contains(&wallet.address) {
                "counted"
            } else {
                "outranked"
            };
            assert_eq!(
                verdict["event"],
                expected,
                "window {nonce}, {}: the chain counted {:?}{}",
                wallet.address,
                window.counted,
                worker.last_words()
            );
        }
        say(&format!(
            "window {nonce}: one place, two workers; counted {:?}, the other outranked",
            window.counted
        ));
    }
    for worker in workers {
        worker.stop();
    }
}
