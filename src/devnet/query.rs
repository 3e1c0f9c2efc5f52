//! The queries of `abci_query`: protobuf in, protobuf out, by path.

use cosmrs::{
    Any,
    crypto::PublicKey,
    proto::cosmos::{
        auth::v1beta1::{BaseAccount, QueryAccountInfoRequest, QueryAccountInfoResponse},
        bank::v1beta1::{QueryBalanceRequest, QueryBalanceResponse},
        base::{
            abci::v1beta1::{GasInfo, Result as SdkResult},
            v1beta1::Coin,
        },
        crypto::secp256k1::PubKey,
        tx::v1beta1::{SimulateRequest, SimulateResponse},
    },
};
use prost::Message;

use super::{
    chain::Chain,
    config::{EmissionsVersion, OutputArity},
    refusal::Refusal,
    state::{DENOM, Inference, State, Topic, check_address},
};
use crate::chain::proto::{
    emissions::{self as pb, Nonce, Nonces},
    feemarket::{DecCoin, GasPricesResponse},
};

/// Answers a query.
///
/// # Errors
/// The node's refusal; an unknown path is code 6 of `sdk`.
pub(super) fn answer(
    chain: &mut Chain,
    path: &str,
    data: &[u8],
    height: Option<i64>,
) -> Result<Vec<u8>, Refusal> {
    match path {
        "/cosmos.auth.v1beta1.Query/AccountInfo" => {
            let request: QueryAccountInfoRequest = read(data)?;
            chain.fund(&request.address);
            account_info(&*state(chain, height)?, &request)
        }
        "/cosmos.bank.v1beta1.Query/Balance" => {
            let request: QueryBalanceRequest = read(data)?;
            chain.fund(&request.address);
            balance(&*state(chain, height)?, &request)
        }
        "/feemarket.feemarket.v1.Query/GasPrices" => Ok(gas_prices(&*state(chain, height)?)),
        "/cosmos.tx.v1beta1.Service/Simulate" => simulate(chain, &read(data)?),
        _ => {
            let prefix = format!("/emissions.{}.QueryService/", chain.config.version.word());
            let method = path.strip_prefix(&prefix).ok_or_else(unknown_path)?;
            emissions(&*state(chain, height)?, method, data, chain.config.version)
        }
    }
}

fn unknown_path() -> Refusal {
    Refusal::unknown_request("unknown query path")
}

fn read<M: Message + Default>(data: &[u8]) -> Result<M, Refusal> {
    M::decode(data).map_err(|error| Refusal::invalid_request(error.to_string()))
}

fn state(chain: &Chain, height: Option<i64>) -> Result<std::sync::Arc<State>, Refusal> {
    if height.is_some_and(|h| h > chain.shown_height()) {
        return Err(Refusal::invalid_height(
            "cannot query with height in the future; please provide a valid height",
        ));
    }
    chain.state_at(height).ok_or_else(|| {
        Refusal::invalid_request(format!(
            "failed to load state at height {}; version does not exist (latest height: {})",
            height.unwrap_or_default(),
            chain.shown_height()
        ))
    })
}

fn account_info(state: &State, request: &QueryAccountInfoRequest) -> Result<Vec<u8>, Refusal> {
    let address = &request.address;
    if address.is_empty() {
        return Err(Refusal::invalid_request(
            "rpc error: code = InvalidArgument desc = address cannot be empty",
        ));
    }
    check_address(address).map_err(Refusal::invalid_request)?;
    let account = state.accounts.get(address).ok_or_else(|| {
        Refusal::key_not_found(format!(
            "rpc error: code = NotFound desc = account {address} not found"
        ))
    })?;
    let key = account.pubkey.as_ref().map(|key| Any {
        type_url: PublicKey::SECP256K1_TYPE_URL.into(),
        value: PubKey { key: key.clone() }.encode_to_vec(),
    });
    let info = BaseAccount {
        address: address.clone(),
        pub_key: key,
        account_number: account.number,
        sequence: account.sequence,
    };
    Ok(QueryAccountInfoResponse { info: Some(info) }.encode_to_vec())
}

fn balance(state: &State, request: &QueryBalanceRequest) -> Result<Vec<u8>, Refusal> {
    check_address(&request.address).map_err(|why| {
        Refusal::invalid_request(format!(
            "rpc error: code = InvalidArgument desc = invalid address: {why}"
        ))
    })?;
    let held = if request.denom == DENOM {
        state.accounts.balance(&request.address)
    } else {
        0
    };
    let coin = Coin {
        denom: request.denom.clone(),
        amount: held.to_string(),
    };
    Ok(QueryBalanceResponse {
        balance: Some(coin),
    }
    .encode_to_vec())
}

/// Prices with 18 implied decimals.
fn gas_prices(state: &State) -> Vec<u8> {
    let amount = format!("{}{:018}", state.gas_price, 0);
    let price = DecCoin {
        denom: DENOM.into(),
        amount,
    };
    GasPricesResponse {
        prices: vec![price],
    }
    .encode_to_vec()
}

fn simulate(chain: &mut Chain, request: &SimulateRequest) -> Result<Vec<u8>, Refusal> {
    if request.tx_bytes.is_empty() {
        return Err(Refusal::invalid_request(
            "rpc error: code = InvalidArgument desc = empty txBytes is not allowed",
        ));
    }
    let outcome = chain
        .simulate(&request.tx_bytes)
        .map_err(|(refusal, used)| {
            Refusal::unknown_request(format!(
                "rpc error: code = Unknown desc = {} with gas used: '{used}'",
                refusal.log
            ))
        })?;
    #[allow(deprecated, reason = "the protobuf message keeps its old field")]
    let result = SdkResult {
        data: outcome.data,
        log: String::new(),
        events: Vec::new(),
        msg_responses: Vec::new(),
    };
    let gas_info = GasInfo {
        gas_wanted: 0,
        gas_used: outcome.gas_used,
    };
    let response = SimulateResponse {
        gas_info: Some(gas_info),
        result: Some(result),
    };
    Ok(response.encode_to_vec())
}

fn emissions(
    state: &State,
    method: &str,
    data: &[u8],
    version: EmissionsVersion,
) -> Result<Vec<u8>, Refusal> {
    match method {
        "GetWorkerSubmissionWindowStatus" => window_status(state, &read(data)?),
        "GetUnfulfilledWorkerNonces" => {
            let request: pb::GetUnfulfilledWorkerNoncesRequest = read(data)?;
            let topic = state.topics.get(&request.topic_id);
            let open = topic.and_then(|topic| topic.open);
            let nonces = open.map(|window| Nonce {
                block_height: window.nonce,
            });
            let nonces = Nonces {
                nonces: nonces.into_iter().collect(),
            };
            Ok(pb::GetUnfulfilledWorkerNoncesResponse {
                nonces: Some(nonces),
            }
            .encode_to_vec())
        }
        "CanSubmitWorkerPayload" => {
            let request: pb::CanSubmitWorkerPayloadRequest = read(data)?;
            check_address(&request.address).map_err(|why| {
                Refusal::unknown_request(format!(
                    "invalid address: error validating actor id: {why}: invalid address"
                ))
            })?;
            let topic = state.topics.get(&request.topic_id);
            let can = topic.is_none_or(|topic| topic.may_submit(&request.address));
            let response = pb::CanSubmitWorkerPayloadResponse {
                can_submit_worker_payload: can,
            };
            Ok(response.encode_to_vec())
        }
        "GetTopic" => {
            let request: pb::GetTopicRequest = read(data)?;
            let topic = topic_message(find(state, request.topic_id)?);
            Ok(pb::GetTopicResponse { topic: Some(topic) }.encode_to_vec())
        }
        "GetInferencesAtBlock" => inferences(state, &read(data)?, version),
        "GetParams" => {
            let params = pb::Params {
                version: version.word().into(),
                max_top_inferers_to_reward: state.max_top_inferers as u64,
                registration_fee: state.registration_fee.to_string(),
                data_sending_fee: state.data_sending_fee.to_string(),
            };
            Ok(pb::GetParamsResponse {
                params: Some(params),
            }
            .encode_to_vec())
        }
        _ => Err(unknown_path()),
    }
}

fn find(state: &State, id: u64) -> Result<&Topic, Refusal> {
    state
        .topics
        .get(&id)
        .ok_or_else(|| Refusal::unknown_request("error getting topic: topic does not exist"))
}

fn window_status(
    state: &State,
    request: &pb::GetWorkerSubmissionWindowStatusRequest,
) -> Result<Vec<u8>, Refusal> {
    let topic = find(state, request.topic_id)?;
    let address = &request.address;
    if !address.is_empty() {
        check_address(address).map_err(|why| {
            Refusal::unknown_request(format!(
                "invalid address format: error validating actor id: {why}"
            ))
        })?;
    }
    let open = topic.open;
    let next = topic.next_opening(state.height);
    let known = !address.is_empty();
    let response = pb::GetWorkerSubmissionWindowStatusResponse {
        is_open: open.is_some(),
        current_nonce_block_height: open.map_or(0, |w| w.nonce),
        window_start_block: open.map_or(0, |w| w.nonce),
        window_end_block: open.map_or(0, |w| w.end),
        next_window_start_block: if topic.active { next } else { 0 },
        next_window_end_block: if topic.active {
            next + topic.config.window
        } else {
            0
        },
        is_registered: known && topic.workers.contains(address),
        is_whitelisted: known && topic.may_submit(address),
        is_topic_active: topic.active,
    };
    Ok(response.encode_to_vec())
}

fn topic_message(topic: &Topic) -> pb::Topic {
    let config = &topic.config;
    pb::Topic {
        id: config.id.0,
        creator: "allo12uxa8rw9hte3z2nuswjzpmfen289n30uag6agp".into(),
        metadata: config.metadata.clone(),
        loss_method: "mse".into(),
        epoch_last_ended: topic.epoch_last_ended,
        epoch_length: config.epoch_length,
        ground_truth_lag: config.ground_truth_lag,
        allow_negative: true,
        worker_submission_window: config.window,
        topic_type: 1,
        output_arity: match config.arity {
            OutputArity::Single => 1,
            OutputArity::Multi => 2,
        },
        max_labels_per_submission: config.max_labels,
        label_whitelist: config.label_whitelist.clone(),
    }
}

fn inferences(
    state: &State,
    request: &pb::GetInferencesAtBlockRequest,
    version: EmissionsVersion,
) -> Result<Vec<u8>, Refusal> {
    let id = request.topic_id;
    let topic = state.topics.get(&id).ok_or_else(|| {
        Refusal::key_not_found(format!(
            "rpc error: code = NotFound desc = topic {id} not found"
        ))
    })?;
    let counted = topic.closed.get(&request.block_height);
    let message = |inference: &Inference| {
        let mut values = inference.values.iter().map(|(_, value)| value.clone());
        let single = version == EmissionsVersion::V9;
        pb::Inference {
            topic_id: id,
            block_height: request.block_height,
            inferer: inference.inferer.clone(),
            value: if single {
                values.next().unwrap_or_default()
            } else {
                String::new()
            },
            values: if single { Vec::new() } else { values.collect() },
        }
    };
    let all = counted
        .map(|c| c.iter().map(message).collect())
        .unwrap_or_default();
    let all = pb::Inferences { inferences: all };
    Ok(pb::GetInferencesAtBlockResponse {
        inferences: Some(all),
    }
    .encode_to_vec())
}
