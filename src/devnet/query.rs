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
    query_emissions,
    refusal::Refusal,
    state::{DENOM, State, check_address},
};
use crate::chain::proto::feemarket::{DecCoin, GasPricesResponse};

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
            let behind = (chain.view.accounts_lag > 0).then(|| {
                (chain.shown_height() - chain.view.accounts_lag).max(chain.first_height())
            });
            account_info(&*state(chain, height.or(behind))?, &request)
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
            query_emissions::answer(&*state(chain, height)?, method, data, chain.config.version)
        }
    }
}

pub(super) fn unknown_path() -> Refusal {
    Refusal::unknown_request("unknown query path")
}

pub(super) fn read<M: Message + Default>(data: &[u8]) -> Result<M, Refusal> {
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

/// The place in the node's source that an estimate names where it can.
fn raised_at(refusal: &Refusal) -> &'static str {
    if refusal.log.starts_with("failed to execute message") {
        " [cosmos/cosmos-sdk@v0.50.14/baseapp/baseapp.go:1023]"
    } else if refusal.code == Refusal::wrong_sequence("").code {
        " [cosmos/cosmos-sdk@v0.50.14/x/auth/ante/sigverify.go:290]"
    } else {
        ""
    }
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
                "rpc error: code = Unknown desc = {}{} with gas used: '{used}'",
                refusal.log,
                raised_at(&refusal)
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
