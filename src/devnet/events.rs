//! The application's events, attribute for attribute as the node writes them.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

use super::{
    config::EmissionsVersion,
    decimal,
    state::{DENOM, Window},
    transaction::{Message, Transaction},
};
use crate::chain::{
    jsonrpc::{Attribute, Event},
    proto::emissions::InputWorkerDataBundle,
};

/// Where fees are held while a transaction runs, the topics' chest, and who gets the tips.
const FEE_COLLECTOR: &str = "allo13pxn9n3qw79e03844rdadagmg0nshmwfsnklnq";
const ECOSYSTEM: &str = "allo12uxa8rw9hte3z2nuswjzpmfen289n30uag6agp";
const PROPOSER: &str = "allo162x70kea57vkn9jjy99mamwuzjxry0wm4xw3um";

fn event<'a>(kind: impl Into<String>, pairs: impl IntoIterator<Item = (&'a str, String)>) -> Event {
    let attribute = |(key, value): (&str, String)| Attribute {
        key: key.into(),
        value: Some(value),
        index: true,
    };
    Event {
        kind: kind.into(),
        attributes: pairs.into_iter().map(attribute).collect(),
    }
}

/// A typed event: attributes in the alphabet's order, each value as JSON.
fn typed(version: EmissionsVersion, name: &str, mut pairs: Vec<(&str, Value)>) -> Event {
    pairs.sort_by_key(|pair| pair.0);
    let kind = format!("emissions.{}.{name}", version.word());
    event(
        kind,
        pairs
            .into_iter()
            .map(|(key, value)| (key, value.to_string())),
    )
}

/// Marks an event as of a block's end.
fn at_end(mut event: Event) -> Event {
    event.attributes.push(Attribute {
        key: "mode".into(),
        value: Some("EndBlock".into()),
        index: true,
    });
    event
}

/// A window of the workers opened.
pub(super) fn window_opened(version: EmissionsVersion, topic: u64, window: Window) -> Event {
    opened(version, "EventWorkerSubmissionWindowOpened", topic, window)
}

/// A window of the reputers opened.
pub(super) fn reputers_opened(version: EmissionsVersion, topic: u64, window: Window) -> Event {
    opened(version, "EventReputerSubmissionWindowOpened", topic, window)
}

fn opened(version: EmissionsVersion, name: &str, topic: u64, window: Window) -> Event {
    at_end(typed(
        version,
        name,
        vec![
            ("topic_id", json!(topic.to_string())),
            ("nonce_block_height", json!(window.nonce.to_string())),
            ("window_end_block", json!(window.end.to_string())),
        ],
    ))
}

/// A window of the workers closed.
pub(super) fn window_closed(version: EmissionsVersion, topic: u64, nonce: i64) -> Event {
    closed(version, "EventWorkerSubmissionWindowClosed", topic, nonce)
}

/// A window of the reputers closed.
pub(super) fn reputers_closed(version: EmissionsVersion, topic: u64, nonce: i64) -> Event {
    closed(version, "EventReputerSubmissionWindowClosed", topic, nonce)
}

fn closed(version: EmissionsVersion, name: &str, topic: u64, nonce: i64) -> Event {
    at_end(typed(
        version,
        name,
        vec![
            ("topic_id", json!(topic.to_string())),
            ("nonce_block_height", json!(nonce.to_string())),
        ],
    ))
}

/// The inferers that count for a nonce.
pub(super) fn active_inferers(
    version: EmissionsVersion,
    topic: u64,
    nonce: i64,
    addresses: &[&str],
) -> Event {
    at_end(typed(
        version,
        "EventActiveInferersSet",
        vec![
            ("topic_id", json!(topic.to_string())),
            ("nonce_block_height", json!(nonce.to_string())),
            ("addresses", json!(addresses)),
        ],
    ))
}

/// How inferers are scored for a nonce.
pub(super) fn scores_set(
    version: EmissionsVersion,
    topic: u64,
    nonce: i64,
    addresses: &[&str],
    scores: &[String],
) -> Event {
    let more = vec![
        ("block_height", json!(nonce.to_string())),
        ("scores", json!(scores)),
    ];
    of_inferers(version, "EventScoresSet", topic, addresses, more)
}

/// The moving averages of inferers' scores, brought up to a nonce.
pub(super) fn ema_scores_set(
    version: EmissionsVersion,
    topic: u64,
    nonce: i64,
    addresses: &[&str],
    scores: &[String],
) -> Event {
    let more = vec![
        ("nonce", json!(nonce.to_string())),
        ("scores", json!(scores)),
        ("is_active", json!(vec![true; addresses.len()])),
    ];
    of_inferers(version, "EventEMAScoresSet", topic, addresses, more)
}

/// What inferers are paid for a nonce, in the block at `height`.
pub(super) fn rewards_settled(
    version: EmissionsVersion,
    topic: u64,
    (nonce, height): (i64, i64),
    addresses: &[&str],
    rewards: &[String],
) -> Event {
    let more = vec![
        ("block_height", json!(nonce.to_string())),
        ("block_height_tx", json!(height.to_string())),
        ("rewards", json!(rewards)),
    ];
    of_inferers(version, "EventRewardsSettled", topic, addresses, more)
}

fn of_inferers(
    version: EmissionsVersion,
    name: &str,
    topic: u64,
    addresses: &[&str],
    more: Vec<(&str, Value)>,
) -> Event {
    let mut pairs = vec![
        ("actor_type", json!("ACTOR_TYPE_INFERER_UNSPECIFIED")),
        ("topic_id", json!(topic.to_string())),
        ("addresses", json!(addresses)),
    ];
    pairs.extend(more);
    at_end(typed(version, name, pairs))
}

/// A worker registered.
pub(super) fn registered(
    version: EmissionsVersion,
    topic: u64,
    worker: &str,
    owner: &str,
) -> Event {
    typed(
        version,
        "EventWorkerRegistered",
        vec![
            ("topic_id", json!(topic.to_string())),
            ("worker", json!(worker)),
            ("owner", json!(owner)),
        ],
    )
}

/// An inference was admitted.
pub(super) fn inserted(version: EmissionsVersion, bundle: &InputWorkerDataBundle) -> Event {
    let inner = bundle.inference_forecasts_bundle.as_ref();
    let inference = inner.and_then(|b| b.inference.as_ref());
    let mut pairs = vec![
        ("inferer", json!(bundle.worker)),
        (
            "nonce",
            json!(bundle.nonce.map_or(0, |n| n.block_height).to_string()),
        ),
        ("topic_id", json!(bundle.topic_id.to_string())),
        (
            "value",
            json!(decimal::in_full(
                inference.map_or("0", |i| i.value.as_str())
            )),
        ),
        (
            "extra_data",
            match inference {
                Some(i) if !i.extra_data.is_empty() => json!(BASE64.encode(&i.extra_data)),
                _ => Value::Null,
            },
        ),
    ];
    if version == EmissionsVersion::V10 {
        let values = inference.map(|i| i.values.as_slice()).unwrap_or_default();
        let values: Vec<_> = values
            .iter()
            .map(|v| json!({"label": v.label, "value": decimal::in_full(&v.value)}))
            .collect();
        pairs.push(("values", json!(values)));
    }
    typed(version, "EventInsertInfererPayload", pairs)
}

/// Coins moved: four events, as the bank writes them.
fn transfer(from: &str, to: &str, amount: u128) -> Vec<Event> {
    let amount = format!("{amount}{DENOM}");
    vec![
        event(
            "coin_spent",
            [("spender", from.into()), ("amount", amount.clone())],
        ),
        event(
            "coin_received",
            [("receiver", to.into()), ("amount", amount.clone())],
        ),
        event(
            "transfer",
            [
                ("recipient", to.into()),
                ("sender", from.into()),
                ("amount", amount),
            ],
        ),
        event("message", [("sender", from.into())]),
    ]
}

/// What stands before the messages: a transaction's signers and its fee. It is all that a
/// transaction shows which a message refused.
pub(super) fn before_messages(tx: &Transaction, paid: u128) -> Vec<Event> {
    let mut events = Vec::new();
    for ((signer, info), signature) in tx
        .signers()
        .iter()
        .zip(&tx.signer_infos)
        .zip(&tx.signatures)
    {
        events.push(event(
            "tx",
            [("acc_seq", format!("{signer}/{}", info.sequence))],
        ));
        events.push(event("tx", [("signature", BASE64.encode(signature))]));
    }
    if let Some(payer) = tx.signers().first() {
        events.extend(transfer(payer, FEE_COLLECTOR, paid));
    }
    events
}

/// What one message emits: its action, the fee that it pays beside gas, and its own events.
pub(super) fn of_message(
    version: EmissionsVersion,
    index: usize,
    message: &Message,
    fee: u128,
    own: Option<Event>,
) -> Vec<Event> {
    let action = format!("/emissions.{}.{}", version.word(), message.name());
    let mut events = vec![event(
        "message",
        [
            ("action", action),
            ("sender", message.sender().into()),
            ("module", version.word().into()),
        ],
    )];
    events.extend(transfer(message.sender(), ECOSYSTEM, fee));
    events.extend(own);
    for event in &mut events {
        event.attributes.push(Attribute {
            key: "msg_index".into(),
            value: Some(index.to_string()),
            index: true,
        });
    }
    events
}

/// What follows the messages: the fee for the gas that was used, and the rest as a tip.
pub(super) fn after_messages(used: u128, tip: u128) -> Vec<Event> {
    let mut events = transfer(FEE_COLLECTOR, PROPOSER, tip);
    events.push(event("fee_pay", [("fee", format!("{used}{DENOM}"))]));
    events.push(event(
        "tip_pay",
        [
            ("tip", format!("{tip}{DENOM}")),
            ("tip_payee", PROPOSER.into()),
        ],
    ));
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_event_carries_json_in_sorted_attributes() {
        let event = window_opened(EmissionsVersion::V9, 67, Window { nonce: 24, end: 32 });
        assert_eq!(event.kind, "emissions.v9.EventWorkerSubmissionWindowOpened");
        let pairs: Vec<_> = event
            .attributes
            .iter()
            .map(|a| (a.key.as_str(), a.value.as_deref().unwrap_or_default()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("nonce_block_height", "\"24\""),
                ("topic_id", "\"67\""),
                ("window_end_block", "\"32\""),
                ("mode", "EndBlock")
            ]
        );
    }
}
