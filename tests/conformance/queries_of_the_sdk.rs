//! The queries of a worker's account: its number and sequence, its coins, the price of gas, and what a
//! transaction would cost.

use allora_worker::chain::proto::feemarket;
use cosmrs::proto::cosmos::{
    auth::v1beta1::{QueryAccountInfoRequest, QueryAccountInfoResponse},
    bank::v1beta1::{QueryBalanceRequest, QueryBalanceResponse},
    tx::v1beta1::{SimulateRequest, SimulateResponse},
};

use super::{
    TOPIC,
    queries::Asker,
    wallet::{UNKNOWN, Wallet},
};

pub(super) const ACCOUNT: &str = "/cosmos.auth.v1beta1.Query/AccountInfo";
const BALANCE: &str = "/cosmos.bank.v1beta1.Query/Balance";
const SIMULATE: &str = "/cosmos.tx.v1beta1.Service/Simulate";

pub(super) fn account(address: &str) -> QueryAccountInfoRequest {
    QueryAccountInfoRequest {
        address: address.into(),
    }
}

fn balance(address: &str, denom: &str) -> QueryBalanceRequest {
    QueryBalanceRequest {
        address: address.into(),
        denom: denom.into(),
    }
}

pub(super) async fn accounts(asker: &mut Asker<'_, '_>) {
    let us = asker.scene.worker().address.clone();
    let stranger = Wallet::from_words(UNKNOWN).address;
    asker.gives::<QueryAccountInfoResponse>("an account that has sent nothing has no key", ACCOUNT, &account(&us),
        &format!("QueryAccountInfoResponse {{ info: Some(BaseAccount {{ address: \"{us}\", pub_key: None, account_number: <int>, sequence: 0 }}) }}")).await;
    asker.refuses("an account that does not exist is not found", ACCOUNT, &account(&stranger),
        &format!("sdk 22 rpc error: code = NotFound desc = account {stranger} not found: key not found")).await;
    asker.refuses("no account is no address", ACCOUNT, &account(""), "sdk 18 rpc error: code = InvalidArgument desc = address cannot be empty: invalid request").await;
    asker
        .refuses(
            "an account that is no address is refused",
            ACCOUNT,
            &account("nobody"),
            "<any> <any>decoding bech32 failed: invalid bech32 string length 6<any>",
        )
        .await;
    asker.gives::<QueryBalanceResponse>("a balance is told in uallo", BALANCE, &balance(&us, "uallo"),
        "QueryBalanceResponse { balance: Some(Coin { denom: \"uallo\", amount: \"1000000000000000000000\" }) }").await;
    asker
        .gives::<QueryBalanceResponse>(
            "a balance of another coin is 0",
            BALANCE,
            &balance(&us, "uatom"),
            "QueryBalanceResponse { balance: Some(Coin { denom: \"uatom\", amount: \"0\" }) }",
        )
        .await;
    asker
        .gives::<QueryBalanceResponse>(
            "a balance of an account that does not exist is 0",
            BALANCE,
            &balance(&stranger, "uallo"),
            "QueryBalanceResponse { balance: Some(Coin { denom: \"uallo\", amount: \"0\" }) }",
        )
        .await;
    asker.refuses("a balance of what is no address is refused", BALANCE, &balance("nobody", "uallo"),
        "sdk 18 rpc error: code = InvalidArgument desc = invalid address: decoding bech32 failed: invalid bech32 string length 6: invalid request").await;
    asker.gives::<feemarket::GasPricesResponse>("a gas price has 18 places", "/feemarket.feemarket.v1.Query/GasPrices", &feemarket::GasPricesRequest {},
        "GasPricesResponse { prices: [DecCoin { denom: \"uallo\", amount: \"10000000000000000000\" }] }").await;
}

pub(super) async fn simulations(asker: &mut Asker<'_, '_>) {
    #[allow(deprecated, reason = "the protobuf message keeps its old field")]
    let of = |tx_bytes| SimulateRequest { tx: None, tx_bytes };
    let (worker, word) = (asker.scene.worker(), asker.scene.version.word());
    let terms = asker.scene.terms(worker).await;
    let registration = worker.sign(vec![worker.registration(word, TOPIC)], &terms);
    let answer: SimulateResponse = asker.scene.client.read(SIMULATE, &of(registration)).await;
    let gas = answer.gas_info.expect("gas").gas_used;
    let told = if (110_000..160_000).contains(&gas) {
        "about 135000".into()
    } else {
        gas.to_string()
    };
    asker
        .book
        .says("an estimate runs the messages", &told, "about 135000");
    let bad = worker.sign(vec![worker.submission(asker.scene.version, 5, "1")], &terms);
    asker.refuses("an estimate of what a message refuses is refused", SIMULATE, &of(bad),
        "sdk 6 rpc error: code = Unknown desc = failed to execute message; message index: 0: unfulfilled nonce not found [cosmos/cosmos-sdk@<any>/baseapp/baseapp.go:<int>] with gas used: '<int>': unknown request").await;
    let mut late = terms.clone();
    late.sequence += 5;
    let late = worker.sign(vec![worker.registration(word, TOPIC)], &late);
    asker.refuses("an estimate with a wrong sequence number is refused", SIMULATE, &of(late),
        "sdk 6 rpc error: code = Unknown desc = account sequence mismatch, expected 0, got 5: incorrect account sequence [cosmos/cosmos-sdk@<any>/x/auth/ante/sigverify.go:<int>] with gas used: '<int>': unknown request").await;
    asker.refuses("an estimate of nothing is refused", SIMULATE, &of(Vec::new()), "sdk 18 rpc error: code = InvalidArgument desc = empty txBytes is not allowed: invalid request").await;
}
