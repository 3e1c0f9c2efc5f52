//! A wallet with too few coins: for gas, for the registration's fee, for the fee for data. Its
//! registration makes the topic active again.

use cosmrs::Any;
use serde_json::Value;

use super::{
    TOPIC,
    book::Book,
    client::{number, verdict},
    scene::Scene,
    wallet::{POOR, Wallet},
};

/// What a transaction pays for gas, uallo.
const GAS_FEE: u128 = 3_000_000;
const UNPAID: &str = "sdk 5 failed to execute message; message index: 0: sender has insufficient balance to cover fees: insufficient funds";

/// Gives a wallet so much beside the fee for gas, and delivers a message of it.
async fn deliver_with(scene: &Scene<'_>, wallet: &Wallet, uallo: u128, message: Any) -> Value {
    let target = scene.target;
    target
        .fund(&scene.client, &wallet.address, GAS_FEE + uallo)
        .await;
    scene.deliver(wallet, vec![message]).await
}

/// What the mempool says to a wallet that cannot pay for gas.
async fn at_once(scene: &Scene<'_>, wallet: &Wallet) -> String {
    let terms = scene.terms(wallet).await;
    let message = wallet.registration(scene.version.word(), TOPIC);
    verdict(
        &scene
            .client
            .broadcast(&wallet.sign(vec![message], &terms))
            .await,
    )
}

/// What a wallet holds, how many transactions it has sent, and whether the topic is active.
async fn standing(scene: &Scene<'_>, wallet: &Wallet) -> String {
    let held = scene.balance(&wallet.address).await;
    let sequence = scene.account(&wallet.address).await.sequence;
    let active = scene.status("").await.is_topic_active;
    format!("{held} {sequence} {active}")
}

/// The topic has weight enough, and is inactive.
pub(super) async fn play(scene: &Scene<'_>, book: &mut Book) {
    let poor = Wallet::from_words(POOR);
    let join = || poor.registration(scene.version.word(), TOPIC);
    let refused = deliver_with(scene, &poor, 199, join()).await;
    book.says(
        "a registration whose fee the wallet cannot pay is refused in the block",
        &verdict(&refused),
        UNPAID,
    );
    book.says(
        "what is refused for its fee pays for gas alone and makes no topic active",
        &standing(scene, &poor).await,
        "199 1 false",
    );
    let lacks = |held: u8| {
        format!(
            "sdk 5 error escrowing funds: spendable balance {held}uallo is smaller than 3000000uallo: insufficient funds"
        )
    };
    book.says(
        "a fee for gas that the wallet cannot pay is refused at once",
        &at_once(scene, &poor).await,
        &lacks(199),
    );
    let taken = deliver_with(scene, &poor, 200, join()).await;
    book.says(
        "a registration takes the last coin",
        &verdict(&taken),
        " 0 ",
    );
    book.says(
        "a fee makes a topic with weight active again",
        &standing(scene, &poor).await,
        "0 2 true",
    );
    let opening = number(&taken["height"]) + scene.target.epoch().0;
    book.says(
        "its next window opens an epoch after the fee",
        &scene.next_opening().await.to_string(),
        &opening.to_string(),
    );
    book.says(
        "an empty wallet is refused at once",
        &at_once(scene, &poor).await,
        &lacks(0),
    );
    fee_for_data(scene, book, &poor, opening).await;
}

async fn fee_for_data(scene: &Scene<'_>, book: &mut Book, poor: &Wallet, nonce: i64) {
    let (client, target) = (&scene.client, scene.target);
    let submission = || poor.submission(scene.version, nonce, "0.5");
    target.fund(client, &poor.address, GAS_FEE + 9).await;
    scene.reach(nonce).await;
    let refused = scene.deliver(poor, vec![submission()]).await;
    book.says(
        "a submission whose fee the wallet cannot pay is refused in the block",
        &verdict(&refused),
        UNPAID,
    );
    let taken = deliver_with(scene, poor, 10, submission()).await;
    book.says("a submission takes the last coin", &verdict(&taken), " 0 ");
    book.says(
        "each attempt was paid for",
        &standing(scene, poor).await,
        "0 4 true",
    );
}
