//! The chain room alone against the real node: what it builds is accepted, and each refusal has the
//! meaning that the worker acts on.

use allora_worker::{
    chain::{Answer, Envelope, Uallo},
    types::Height,
};

use crate::{
    chain::Chain,
    gate::say,
    ledger::{Ledger, Window},
    node,
    peer::{Peer, meaning},
    wallet::Wallet,
};

/// What makes a transaction wrong.
type Change<'a> = &'a dyn Fn(&mut Envelope);

/// Waits for a window to open, and tells of it within its first block.
fn next_window(ledger: &mut Ledger<'_>, chain: &Chain) -> Window {
    let after = ledger.advance();
    loop {
        let height = ledger.advance();
        if let Some(window) = ledger.windows_after(after).last() {
            return window.clone();
        }
        assert!(height < after + 40, "no window opened after block {after}");
        chain.wait_for(height + 1);
    }
}

#[test]
fn the_chain_accepts_one_submission_for_a_nonce_and_each_refusal_has_its_meaning() {
    let Some(node) = node::shared() else { return };
    let chain = Chain::new(&node.rpc);
    let (wallet, stranger) = (Wallet::random(), Wallet::random());
    node.fund(&wallet.address, 1);
    node.fund(&stranger.address, 1);
    let mut peer = Peer::new(node, &chain, &wallet);
    let mut unregistered = Peer::new(node, &chain, &stranger);
    peer.register();
    let mut ledger = Ledger::new(&chain);
    let window = next_window(&mut ledger, &chain);
    let nonce = window.nonce;

    // Refused before it enters the mempool: neither sequence nor fee is spent.
    let at_the_door =
        |change: &dyn Fn(&mut Envelope)| peer.broadcast(&peer.submission(nonce, "0.01", change));
    let due = peer.envelope.sequence;
    let cases: [(Change<'_>, Answer); 6] = [
        (
            &|envelope| envelope.sequence += 5,
            Answer::Sequence {
                expected: Some(due),
            },
        ),
        (&|envelope| envelope.fee = Uallo(1), Answer::FeeTooLow),
        (
            &|envelope| envelope.chain_id = "allora-elsewhere-1".into(),
            Answer::WrongSigner,
        ),
        (
            &|envelope| envelope.account_number += 1,
            Answer::WrongSigner,
        ),
        (
            &|envelope| envelope.fee = Uallo(5_000_000_000_000_000_000),
            Answer::NoFunds,
        ),
        (
            &|envelope| envelope.timeout_height = Some(Height(nonce - 1)),
            Answer::TooLate,
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(at_the_door(change), expected);
    }

    // Taken into a block: the first is in, all others are refused there.
    let first = peer.send(nonce, "0.0123", |_| {});
    assert_eq!(peer.broadcast(&first), Answer::Pending);
    let again = peer.send(nonce, "0.0123", |_| {});
    let not_open = peer.send(nonce + 1, "0.0123", |_| {});
    let short_of_gas = peer.send(nonce, "0.0123", |envelope| envelope.gas = 90_000);
    let outsider = unregistered.send(nonce, "0.0123", |_| {});
    for (tx, expected) in [
        (&first, Answer::Accepted),
        (&again, Answer::AlreadySubmitted),
        (&not_open, Answer::NonceNotOpen),
        (&short_of_gas, Answer::OutOfGas),
        (&outsider, Answer::NotRegistered),
    ] {
        let result = peer.result(tx);
        assert_eq!(meaning(&result), expected, "{result:?}");
    }

    // The chain's record, which the other tests rely on, has refused transactions too.
    let closed = ledger.wait_for_closed(nonce - 1, 1).remove(0);
    assert!(closed.counted.contains(&wallet.address), "{closed:?}");
    assert!(!closed.counted.contains(&stranger.address), "{closed:?}");
    let ours = chain.submissions(&wallet.address, crate::ledger::TOPIC);
    let codes: Vec<(i64, bool)> = ours.iter().map(|tx| (tx.nonce, tx.code == 0)).collect();
    assert_eq!(
        codes,
        [
            (nonce, true),
            (nonce, false),
            (nonce + 1, false),
            (nonce, false)
        ]
    );
    assert!(ours.iter().all(|tx| tx.height <= window.end), "{ours:?}");
    assert_eq!(
        chain
            .submissions(&stranger.address, crate::ledger::TOPIC)
            .len(),
        1
    );
    say(&format!(
        "window {nonce}: 12 answers of the chain have the meaning that the worker acts on"
    ));
}

#[test]
fn the_chain_verifies_signatures_over_decimals_in_our_canonical_form() {
    let Some(node) = node::shared() else { return };
    let chain = Chain::new(&node.rpc);
    let values = ["-1.2345E-7", "0.0000012", "98765.4321"];
    let wallets = values.map(|_| Wallet::random());
    let mut peers = wallets.each_ref().map(|wallet| {
        node.fund(&wallet.address, 1);
        let mut peer = Peer::new(node, &chain, wallet);
        peer.register();
        peer
    });
    let mut ledger = Ledger::new(&chain);
    let window = next_window(&mut ledger, &chain);
    for (peer, value) in peers.iter_mut().zip(values) {
        let tx = peer.send(window.nonce, value, |_| {});
        let result = peer.result(&tx);
        assert_eq!(meaning(&result), Answer::Accepted, "{value}: {result:?}");
    }
    let closed = ledger.wait_for_closed(window.nonce - 1, 1).remove(0);
    for wallet in &wallets {
        assert!(closed.counted.contains(&wallet.address), "{closed:?}");
    }
}
