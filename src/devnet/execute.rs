//! Carrying out a transaction's messages.

use cosmrs::{Any, proto::cosmos::base::abci::v1beta1::TxMsgData};
use prost::Message as _;

use super::{
    ante, bundle,
    config::EmissionsVersion,
    emissions, events,
    refusal::Refusal,
    schedule,
    state::{Inference, State},
    transaction::{Message, Transaction},
};
use crate::chain::{
    jsonrpc::Event,
    proto::emissions::{InsertWorkerPayloadRequest, RegisterRequest},
};

/// Gas of a transaction's frame, of each submission and of each registration.
const GAS_FRAME: u64 = 79_200;
const GAS_SUBMISSION: u64 = 65_000;
const GAS_REGISTRATION: u64 = 56_000;
/// Gas that is used when the first message is refused.
const GAS_REFUSED: u64 = 91_000;
/// Submissions vary by up to this.
const GAS_SPREAD: u64 = 1_100;

/// What came of a transaction's messages.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// The messages' answers, protobuf; none when one was refused.
    pub(super) data: Vec<u8>,
    pub(super) refusal: Option<Refusal>,
    pub(super) gas_used: u64,
    /// The messages' events; none when one was refused.
    pub(super) events: Vec<Event>,
}

/// Gas that a transaction uses: the same for the same bytes.
pub(super) fn gas_used(tx: &Transaction) -> u64 {
    let each = |message: &Message| match message {
        Message::Insert(_) => GAS_SUBMISSION,
        Message::Register(_) => GAS_REGISTRATION,
    };
    let hash = hex::decode(&tx.hash).unwrap_or_default();
    let spread = hash
        .iter()
        .take(2)
        .fold(0, |n, byte| n << 8 | u64::from(*byte));
    GAS_FRAME + tx.messages.iter().map(each).sum::<u64>() + spread % GAS_SPREAD
}

/// Gas that is used when the message at this index is refused.
const fn gas_when_refused(index: usize) -> u64 {
    GAS_REFUSED + index as u64 * GAS_SUBMISSION
}

/// Carries out all messages, or none.
pub(super) fn run(
    tx: &Transaction,
    state: &mut State,
    height: i64,
    version: EmissionsVersion,
    gas_limit: u64,
) -> Outcome {
    let refused = |refusal, gas_used| Outcome {
        data: Vec::new(),
        refusal: Some(refusal),
        gas_used,
        events: Vec::new(),
    };
    let out_of_gas = || {
        let used = gas_limit + 1 + gas_used(tx) % GAS_SPREAD;
        refused(ante::out_of_gas("ReadFlat", gas_limit, used), used)
    };
    let mut branch = state.clone();
    let mut all_events = Vec::new();
    let mut answers = Vec::new();
    for (index, message) in tx.messages.iter().enumerate() {
        match run_one(message, &mut branch, height, version) {
            Ok((fee, own)) => {
                all_events.extend(events::of_message(version, index, message, fee, own));
                answers.push(answer(message, version));
            }
            Err(_) if gas_limit < gas_when_refused(index) => return out_of_gas(),
            Err(refusal) => {
                let doing = format!("failed to execute message; message index: {index}");
                return refused(refusal.while_doing(&doing), gas_when_refused(index));
            }
        }
    }
    let gas_used = gas_used(tx);
    if gas_limit < gas_used {
        return out_of_gas();
    }
    *state = branch;
    let data = TxMsgData {
        msg_responses: answers,
        ..TxMsgData::default()
    }
    .encode_to_vec();
    Outcome {
        data,
        refusal: None,
        gas_used,
        events: all_events,
    }
}

fn answer(message: &Message, version: EmissionsVersion) -> Any {
    let name = message.name().replace("Request", "Response");
    Any {
        type_url: format!("/emissions.{}.{name}", version.word()),
        value: Vec::new(),
    }
}

/// Carries out one message; gives the fee that it paid and its event.
fn run_one(
    message: &Message,
    state: &mut State,
    height: i64,
    version: EmissionsVersion,
) -> Result<(u128, Option<Event>), Refusal> {
    match message {
        Message::Register(request) => register(request, state, height, version),
        Message::Insert(request) => insert(request, state, height, version),
    }
}

fn register(
    request: &RegisterRequest,
    state: &mut State,
    height: i64,
    version: EmissionsVersion,
) -> Result<(u128, Option<Event>), Refusal> {
    bundle::check_address(&request.sender, "invalid sender")?;
    bundle::check_address(&request.owner, "invalid owner")?;
    let fee = state.registration_fee;
    let topic = state.topics.get_mut(&request.topic_id);
    let topic = topic.ok_or_else(|| Refusal::no_such_topic(""))?;
    if request.is_reputer {
        return Err(Refusal::invalid_request("the devnet has no reputers"));
    }
    if topic.workers.contains(&request.sender) {
        return Err(Refusal::already_registered(
            "worker is already registered in this topic",
        ));
    }
    pay(&mut state.accounts, &request.sender, fee)?;
    topic.workers.insert(request.sender.clone());
    schedule::activate(state, request.topic_id, height);
    let event = events::registered(version, request.topic_id, &request.sender, &request.owner);
    Ok((fee, Some(event)))
}

fn pay(accounts: &mut super::state::Accounts, sender: &str, fee: u128) -> Result<(), Refusal> {
    if accounts.balance(sender) < fee {
        return Err(Refusal::insufficient_funds(
            "sender has insufficient balance to cover fees",
        ));
    }
    accounts.spend(sender, fee)
}

fn insert(
    request: &InsertWorkerPayloadRequest,
    state: &mut State,
    height: i64,
    version: EmissionsVersion,
) -> Result<(u128, Option<Event>), Refusal> {
    bundle::check_address(&request.sender, "Error validating sender address")?;
    let data = request.worker_data_bundle.clone().unwrap_or_default();
    bundle::check_address(&data.worker, "Error validating worker address")?;
    let known = state.topics.get(&data.topic_id);
    if known.is_some_and(|topic| !topic.may_submit(&data.worker)) {
        return Err(Refusal::not_permitted(
            "Worker is not permitted to submit payload",
        ));
    }
    bundle::check_as(&data, version, height)?;
    let places = state.max_top_inferers;
    let fee = state.data_sending_fee;
    let topic = state.topics.get_mut(&data.topic_id);
    let topic = topic.ok_or_else(|| Refusal::invalid_topic(""))?;
    let nonce = data.nonce.map_or(0, |n| n.block_height);
    let window = topic.open.filter(|w| w.nonce == nonce);
    let window = window.ok_or_else(|| Refusal::nonce_not_found(""))?;
    if height < window.nonce || height > window.end {
        return Err(Refusal::window_unavailable(format!(
            "Worker window not open for topic: {}, current block {height}, start window: {nonce}, end window: {}",
            data.topic_id, window.end
        )));
    }
    if !topic.workers.contains(&data.worker) {
        return Err(Refusal::not_registered(
            "worker is not registered in this topic",
        ));
    }
    pay(&mut state.accounts, &request.sender, fee)?;
    schedule::activate(state, data.topic_id, height);
    let topic = state.topics.get_mut(&data.topic_id);
    let topic = topic.ok_or_else(|| Refusal::invalid_topic(""))?;
    let inner = data.inference_forecasts_bundle.as_ref();
    let Some(given) = inner.and_then(|b| b.inference.as_ref()) else {
        return Ok((fee, None));
    };
    let values = bundle::values(&topic.config, given)?;
    let inference = Inference {
        inferer: given.inferer.clone(),
        values: values.clone(),
    };
    let admitted = emissions::admit(topic, places, nonce, inference).map_err(|r| {
        r.while_doing(match version {
            EmissionsVersion::V9 => "Error appending inference",
            EmissionsVersion::V10 => "Error planning inference admission",
        })
    })?;
    if admitted {
        // Values are looked at together only when there is a place for them.
        bundle::check_kept(&topic.config, &values)?;
    }
    // The older version tells of all that are delivered, the newer of those admitted.
    let told = admitted || version == EmissionsVersion::V9;
    Ok((fee, told.then(|| events::inserted(version, &data))))
}
