//! Bundles that contradict themselves, or that lack something, or that no key has signed.

use allora_worker::chain::proto::emissions as pb;

use super::{
    TOPIC, Version,
    refused_in_block::{Case, case},
    wallet::{Wallet, insert},
};

/// A bundle and what spoils it after it is signed.
type Spoil = fn(&mut pb::InputWorkerDataBundle);

/// What stands before a fault of a bundle: the older version names the block and its step.
pub(super) const fn bundle(version: Version) -> &'static str {
    match version {
        Version::V9 => {
            "failed to execute message; message index: 0: Worker bad data format for block: <int>: failed to validate worker data bundle: "
        }
        Version::V10 => {
            "failed to execute message; message index: 0: Error validating worker data bundle: "
        }
    }
}

/// The same for what the older version finds while it converts the inner bundle.
const fn convert(version: Version) -> &'static str {
    match version {
        Version::V9 => {
            "failed to execute message; message index: 0: Worker bad data format for block: <int>: failed to convert inference forecasts bundle: "
        }
        Version::V10 => bundle(version),
    }
}

pub(super) fn contradictions(
    worker: &Wallet,
    other: &Wallet,
    version: Version,
    nonce: i64,
) -> Vec<Case> {
    let (us, them) = (&worker.address, &other.address);
    let bundle = bundle(version);
    let zero = version.pick(
        format!(
            "{}failed to convert inference: failed to validate inference: ",
            convert(version)
        ),
        bundle.to_owned(),
    );
    let spoilt = |change: &dyn Fn(&mut pb::InputInference)| {
        let mut request = worker.request(version, nonce, "1", |inference| change(inference));
        let bundle = request.worker_data_bundle.as_mut().expect("a bundle");
        bundle.topic_id = TOPIC;
        vec![insert(version.word(), &request)]
    };
    vec![
        case(
            "an inference of another block contradicts its bundle",
            spoilt(&|i| i.block_height -= 1),
            format!(
                "sdk 18 {bundle}inference block height {} does not match bundle block height {nonce}: invalid request",
                nonce - 1
            ),
        ),
        case(
            "an inference of another topic contradicts its bundle",
            spoilt(&|i| i.topic_id = 68),
            format!(
                "sdk 18 {bundle}inference topic id 68 does not match bundle topic id 67: invalid request"
            ),
        ),
        case(
            "an inference of topic 0 is of no topic",
            spoilt(&|i| i.topic_id = 0),
            format!(
                "sdk 29 {zero}inference contents are invalid: topic id is invalid: topic id zero is reserved: invalid type"
            ),
        ),
        case(
            "an inference of another's does not match the key",
            spoilt(&|i| i.inferer.clone_from(them)),
            format!(
                "sdk 4 {bundle}Inference.Inferer {them} does not match pubkey {us}: unauthorized"
            ),
        ),
    ]
}

pub(super) fn spoilt_bundles(worker: &Wallet, version: Version, nonce: i64) -> Vec<Case> {
    let spoils: [(&str, Spoil, &str); 8] = [
        (
            "a bundle's spoilt signature is not verified",
            |b| b.inferences_forecasts_bundle_signature[3] ^= 1,
            "sdk 4 {}signature verification failed: unauthorized",
        ),
        (
            "a bundle without a signature is refused",
            |b| b.inferences_forecasts_bundle_signature.clear(),
            "sdk 18 {}signature cannot be empty: invalid request",
        ),
        (
            "a bundle without a key is refused",
            |b| b.pubkey.clear(),
            "sdk 18 {}public key cannot be empty: invalid request",
        ),
        (
            "a bundle with a key that is none is refused",
            |b| b.pubkey = "00".into(),
            "sdk 18 {}invalid pubkey: invalid request",
        ),
        (
            "a bundle without a nonce is refused",
            |b| b.nonce = None,
            "sdk 18 {}worker data bundle nonce cannot be nil: invalid request",
        ),
        (
            "a bundle of nonce 0 is refused",
            |b| b.nonce = Some(pb::Nonce { block_height: 0 }),
            version.pick("sdk 18 {}inference block height {nonce} does not match bundle block height 0: invalid request", "sdk 29 {}worker data bundle nonce block height must be greater than 0: invalid type"),
        ),
        (
            "a bundle without its inner one is refused",
            |b| b.inference_forecasts_bundle = None,
            version.pick("emissions 52 {convert}invalid value", "sdk 18 {}inference forecasts bundle cannot be nil: invalid request"),
        ),
        (
            "a bundle with neither inference nor forecast is refused",
            |b| b.inference_forecasts_bundle = Some(pb::InputInferenceForecastBundle::default()),
            version.pick("sdk 18 {convert}failed to validate inference forecast bundle: inference and forecast cannot both be nil: invalid request", "sdk 18 {}inference and forecast cannot both be nil: invalid request"),
        ),
    ];
    let spoilt = |(name, spoil, expected): (&'static str, Spoil, &str)| {
        let mut request = worker.request(version, nonce, "1", |_| {});
        spoil(request.worker_data_bundle.as_mut().expect("a bundle"));
        case(
            name,
            vec![insert(version.word(), &request)],
            expected
                .replace("{}", bundle(version))
                .replace("{convert}", convert(version))
                .replace("{nonce}", &nonce.to_string()),
        )
    };
    spoils.map(spoilt).into()
}
