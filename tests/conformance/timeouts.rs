//! A timeout height that passes between the mempool and the block.

use std::time::Duration;

use serde_json::{Value, json};

use super::{book::Book, client::verdict, scene::Scene};

/// Sends a transaction whose timeout is the newest block, and one that follows it, right after that
/// block; gives its height and what the next block says of both.
///
/// The mempool goes by the newest block, so it takes both. On a chain with a clock they may come too
/// late for the next block; then the mempool drops them, and it is tried again.
async fn pass_over(scene: &Scene<'_>) -> (i64, [Value; 2]) {
    let worker = scene.worker();
    for _ in 0..10 {
        let first = scene.terms(worker).await;
        let height = scene.client.height().await + 1;
        let mut second = first.clone();
        second.sequence += 1;
        let mut first = first;
        first.timeout = u32::try_from(height).expect("a height");
        let message = || vec![worker.submission(scene.version, 5, "1")];
        let txs = [&first, &second].map(|terms| worker.sign(message(), terms));
        scene.reach(height).await;
        let mut sent = Vec::new();
        for tx in &txs {
            sent.push(scene.client.broadcast(tx).await);
        }
        scene.reach(height + 1).await;
        if let [Some(first), Some(second)] = found(scene, &sent).await {
            return (height, [first, second]);
        }
    }
    panic!("no block takes a transaction that the mempool took at the block before")
}

async fn found(scene: &Scene<'_>, sent: &[Value]) -> [Option<Value>; 2] {
    let hash = |at: usize| sent[at]["result"]["hash"].as_str().unwrap_or_default();
    for _ in 0..20 {
        let both = [
            scene.client.tx(hash(0)).await,
            scene.client.tx(hash(1)).await,
        ];
        if both.iter().all(Option::is_some) {
            return both;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    [None, None]
}

pub(super) async fn play(scene: &Scene<'_>, book: &mut Book) {
    let address = &scene.worker().address;
    let before = (
        scene.account(address).await.sequence,
        scene.balance(address).await,
    );
    let (height, [first, second]) = pass_over(scene).await;
    book.says(
        "a timeout height that passes before the block is refused in the block",
        &verdict(&first),
        &format!(
            "sdk 30 block height: {}, timeout height: {height}: tx timeout height",
            height + 1
        ),
    );
    book.shows(
        "a block's result of what timed out",
        &first["tx_result"],
        &json!({
            "code": 30, "codespace": "sdk", "data": null, "events": [], "info": "",
            "gas_used": "<int>", "gas_wanted": "300000", "log": "<any>",
        }),
    );
    let sequence = before.0;
    book.says(
        "what follows a transaction that timed out has no longer the right sequence number",
        &verdict(&second),
        &format!(
            "sdk 32 account sequence mismatch, expected {sequence}, got {}: incorrect account sequence",
            sequence + 1
        ),
    );
    let after = (
        scene.account(address).await.sequence,
        scene.balance(address).await,
    );
    book.says(
        "what times out spends nothing",
        &format!("{after:?}"),
        &format!("{before:?}"),
    );
}
