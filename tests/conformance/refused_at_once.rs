//! Transactions that never come into the mempool: they spend neither fee nor sequence number.

use cosmrs::{Any, proto::cosmos::tx::v1beta1::TxRaw};
use prost::Message as _;

use super::{
    Version,
    book::Book,
    client::verdict,
    scene::Scene,
    wallet::{Terms, UNKNOWN, Wallet, any, insert},
};

/// A transaction that would be taken, to be spoilt.
struct Draft {
    version: Version,
    terms: Terms,
    messages: Vec<Any>,
    height: i64,
}

type Case = (&'static str, fn(&mut Draft), String);

fn cases(draft: &Draft) -> Vec<Case> {
    let Terms {
        chain_id,
        account_number,
        sequence,
        ..
    } = &draft.terms;
    let unsigned = format!(
        "sdk 4 signature verification failed; please verify account number ({account_number}) and chain-id ({chain_id}): (unable to verify single signer signature): unauthorized"
    );
    let mismatch = |got| {
        format!(
            "sdk 32 account sequence mismatch, expected {sequence}, got {got}: incorrect account sequence"
        )
    };
    vec![
        ("a sequence number that is too high is named with the right one", |d| d.terms.sequence += 3, mismatch(sequence + 3)),
        ("a sequence number that is too low is named with the right one", |d| d.terms.sequence -= 1, mismatch(sequence - 1)),
        ("a signature for another chain is not verified", |d| d.terms.chain_id = "another-1".into(), unsigned.clone()),
        ("a signature of another account's number is not verified", |d| d.terms.account_number += 1, unsigned),
        ("a fee below the price is too little", |d| d.terms.fee -= 1,
         "sdk 13 error checking fee: got: 2999999uallo required: 3000000uallo, minGasPrice: 10.000000000000000000uallo, gas: <int>: insufficient fee".into()),
        ("no fee at all is too little", |d| d.terms.fee = 0, "sdk 13 error checking fee: got: 0uallo required: 3000000uallo, minGasPrice: 10.000000000000000000uallo, gas: <int>: insufficient fee".into()),
        ("a fee in another coin is refused", |d| d.terms.denom = "uatom",
         "undefined 1 unable to get min gas price for denom uatom: error resolving denom: the only denom supported is uallo".into()),
        ("a fee beyond the balance is not escrowed", |d| d.terms.fee = 10_u128.pow(25),
         "sdk 5 error escrowing funds: spendable balance <int>uallo is smaller than 10000000000000000000000000uallo: insufficient funds".into()),
        ("no gas at all is out of gas", |d| d.terms.gas = 1, "sdk 11 out of gas in location: <any>; gasWanted: 1, gasUsed: <int>: out of gas".into()),
        ("gas below the checks' need is out of gas", |d| d.terms.gas = 30_000, "sdk 11 out of gas in location: <any>; gasWanted: 30000, gasUsed: <int>: out of gas".into()),
        ("a timeout height that is past is refused", |d| d.terms.timeout = u32::try_from(d.height - 2).expect("small"),
         format!("sdk 30 block height: <int>, timeout height: {}: tx timeout height", draft.height - 2)),
        ("a long memo is refused", |d| d.terms.memo = "m".repeat(257), "sdk 12 maximum number of characters is 256 but received 257 characters: memo too large".into()),
        ("no message is refused", |d| d.messages.clear(), "sdk 18 must contain at least one message: invalid request".into()),
        ("an unknown message is not resolved", |d| d.messages[0].type_url = "/emissions.v10.Nope".into(),
         "sdk 2 unable to resolve type URL /emissions.v10.Nope: tx parse error".into()),
        ("a submission of the other version is not read", |d| d.messages[0].type_url = format!("/emissions.{}.InsertWorkerPayloadRequest", d.version.other()),
         draft.version.pick(
             "sdk 2 unable to resolve type URL /emissions.v10.InsertWorkerPayloadRequest: tx parse error",
             "sdk 2 failed to retrieve the message of type \"emissions.v9.InputWorkerDataBundle\": tx parse error").into()),
        ("a registration of the other version with another message's body is not read", |d| d.messages[0].type_url = format!("/emissions.{}.RegisterRequest", d.version.other()),
         draft.version.pick(
             "sdk 2 unable to resolve type URL /emissions.v10.RegisterRequest: tx parse error",
             "sdk 2 errUnknownField \"*emissionsv9.RegisterRequest\": {TagNum: 2, WireType:\"bytes\"}: tx parse error").into()),
        ("a registration of the other version is not carried out", |d| d.registration(),
         draft.version.pick(
             "sdk 2 unable to resolve type URL /emissions.v10.RegisterRequest: tx parse error",
             "sdk 6 no message handler found for *emissionsv9.RegisterRequest: unknown request").into()),
        ("a number above 1e40 is not read", |d| d.value("1E+41"), format!("sdk 2 value 1{} cannot be greater than ±1e40: value is out of range: tx parse error", "0".repeat(41))),
        ("a text is no number", |d| d.value("abc"), "sdk 2 <any>parse mantissa: abc: tx parse error".into()),
        ("what is no finite number is not read", |d| d.value("NaN"), "sdk 2 <any>value must be finite: value is out of range: tx parse error".into()),
    ]
}

impl Draft {
    fn registration(&mut self) {
        let worker = Wallet::from_words(super::wallet::FUNDED[0]);
        self.messages = vec![worker.registration(self.version.other(), super::TOPIC)];
    }

    fn value(&mut self, value: &str) {
        let worker = Wallet::from_words(super::wallet::FUNDED[0]);
        self.messages = vec![worker.submission(self.version, 5, value)];
    }
}

async fn draft(scene: &Scene<'_>) -> Draft {
    Draft {
        version: scene.version,
        terms: scene.terms(scene.worker()).await,
        messages: vec![scene.worker().submission(scene.version, 5, "1")],
        height: scene.client.height().await,
    }
}

pub(super) async fn play(scene: &Scene<'_>, book: &mut Book) {
    let worker = scene.worker();
    let before = (
        scene.account(&worker.address).await.sequence,
        scene.balance(&worker.address).await,
    );
    for (at, (name, _, _)) in cases(&draft(scene).await).into_iter().enumerate() {
        let mut draft = draft(scene).await;
        let (_, spoil, expected) = cases(&draft).swap_remove(at);
        spoil(&mut draft);
        let tx = worker.sign(draft.messages, &draft.terms);
        let sent = scene.client.broadcast(&tx).await;
        book.says(name, &verdict(&sent), &expected);
    }
    spoilt_signatures(scene, book).await;
    strangers(scene, book).await;
    let after = (
        scene.account(&worker.address).await.sequence,
        scene.balance(&worker.address).await,
    );
    book.says(
        "what is refused at once spends nothing",
        &format!("{after:?}"),
        &format!("{before:?}"),
    );
}

/// Name, what spoils a signed transaction, and what the node says.
type SpoiltSignature = (&'static str, fn(&mut TxRaw), &'static str);

async fn spoilt_signatures(scene: &Scene<'_>, book: &mut Book) {
    let Draft {
        terms, messages, ..
    } = draft(scene).await;
    let signed = scene.worker().sign(messages, &terms);
    let cases: [SpoiltSignature; 3] = [
        (
            "a transaction without a signature is refused",
            |raw| raw.signatures.clear(),
            "sdk 15 no signatures supplied",
        ),
        (
            "a signature too many is refused",
            |raw| raw.signatures.push(vec![1; 64]),
            "sdk 4 wrong number of signers; expected 1, got 2: unauthorized",
        ),
        (
            "a spoilt signature is not verified",
            |raw| raw.signatures[0][5] ^= 1,
            "sdk 4 signature verification failed; please verify account number (<int>) and chain-id (<any>): (unable to verify single signer signature): unauthorized",
        ),
    ];
    for (name, spoil, expected) in cases {
        let mut raw = TxRaw::decode(signed.as_slice()).expect("a transaction");
        spoil(&mut raw);
        let sent = scene.client.broadcast(&raw.encode_to_vec()).await;
        book.says(name, &verdict(&sent), expected);
    }
}

async fn strangers(scene: &Scene<'_>, book: &mut Book) {
    let stranger = Wallet::from_words(UNKNOWN);
    let mut terms = scene.terms(scene.worker()).await;
    terms.sequence = 0;
    let tx = stranger.sign(vec![stranger.submission(scene.version, 5, "1")], &terms);
    let expected = format!(
        "sdk 9 account {} does not exist: unknown address",
        stranger.address
    );
    book.says(
        "an account that never had coins is unknown",
        &verdict(&scene.client.broadcast(&tx).await),
        &expected,
    );
    let terms = scene.terms(scene.worker()).await;
    let tx = scene.worker().sign(
        vec![scene.wallets[1].submission(scene.version, 5, "1")],
        &terms,
    );
    let expected = format!(
        "sdk 8 pubKey does not match signer address {} with signer index: 0: invalid pubkey",
        scene.wallets[1].address
    );
    book.says(
        "a message of another's is not signed by its key",
        &verdict(&scene.client.broadcast(&tx).await),
        &expected,
    );
    let mut request = scene.worker().request(scene.version, 5, "1", |_| {});
    request.sender = "nobody".into();
    let tx = scene
        .worker()
        .sign(vec![insert(scene.version.word(), &request)], &terms);
    book.says(
        "a sender that is no address is not read",
        &verdict(&scene.client.broadcast(&tx).await),
        "undefined 1 decoding bech32 failed: invalid bech32 string length 6",
    );
    let mut message = any(scene.version.word(), "InsertWorkerPayloadRequest", &request);
    message.value.extend([0xf8, 0x07, 0x01]);
    let tx = scene.worker().sign(vec![message], &terms);
    book.says("a field that the message does not have is refused", &verdict(&scene.client.broadcast(&tx).await), "sdk 2 <any>errUnknownField \"*types.InsertWorkerPayloadRequest\": {TagNum: 127, WireType:\"varint\"}: tx parse error");
}
