//! The checks of a worker's signed bundle.

use prost::Message as _;

use super::{
    ante,
    config::{DevnetTopic, EmissionsVersion, OutputArity},
    refusal::Refusal,
    state,
};
use crate::chain::proto::emissions::{
    InputForecast, InputInference, InputInferenceForecastBundle, InputWorkerDataBundle,
};

/// The only label of a topic with one output.
const SINGLE_LABEL: &str = "y";
const MAX_LABEL_BYTES: usize = 64;

/// Checks a bundle as a version of the chain does, in the block of this height.
///
/// # Errors
/// The first thing that is wrong, in that version's words.
pub(super) fn check_as(
    bundle: &InputWorkerDataBundle,
    version: EmissionsVersion,
    height: i64,
) -> Result<(), Refusal> {
    match version {
        EmissionsVersion::V10 => check_nonce(bundle)
            .and_then(|()| check(bundle))
            .map_err(|r| r.while_doing("Error validating worker data bundle")),
        EmissionsVersion::V9 => convert(bundle)
            .map_err(|r| r.while_doing("failed to convert inference forecasts bundle"))
            .and_then(|()| {
                check(bundle).map_err(|r| r.while_doing("failed to validate worker data bundle"))
            })
            .map_err(|r| r.while_doing(&format!("Worker bad data format for block: {height}"))),
    }
}

/// What the older version finds before it validates: it converts the inner bundle first.
fn convert(bundle: &InputWorkerDataBundle) -> Result<(), Refusal> {
    let inner = bundle.inference_forecasts_bundle.as_ref();
    let inner = inner.ok_or_else(|| Refusal::invalid_value(""))?;
    if inner.inference.is_none() && inner.forecast.is_none() {
        return Err(neither().while_doing("failed to validate inference forecast bundle"));
    }
    if inner.inference.as_ref().is_some_and(|i| i.topic_id == 0) {
        return Err(topic_zero("inference")
            .while_doing("failed to convert inference: failed to validate inference"));
    }
    Ok(())
}

fn check_nonce(bundle: &InputWorkerDataBundle) -> Result<(), Refusal> {
    if bundle.nonce.is_some_and(|nonce| nonce.block_height <= 0) {
        return Err(Refusal::invalid_type(
            "worker data bundle nonce block height must be greater than 0",
        ));
    }
    Ok(())
}

fn neither() -> Refusal {
    Refusal::invalid_request("inference and forecast cannot both be nil")
}

fn topic_zero(name: &str) -> Refusal {
    Refusal::invalid_type(format!(
        "{name} contents are invalid: topic id is invalid: topic id zero is reserved"
    ))
}

/// Checks a bundle against itself: that it is whole, that its parts agree, and that the key that it
/// names has signed it.
///
/// # Errors
/// The first thing that is wrong.
fn check(bundle: &InputWorkerDataBundle) -> Result<(), Refusal> {
    let invalid = |why: &str| Refusal::invalid_request(why);
    let nonce = bundle
        .nonce
        .ok_or_else(|| invalid("worker data bundle nonce cannot be nil"))?;
    if bundle.pubkey.is_empty() {
        return Err(invalid("public key cannot be empty"));
    }
    let key = hex::decode(bundle.pubkey.as_bytes()).ok();
    let (key, address) = key
        .and_then(|key| ante::address_of(&key).map(|address| (key, address)))
        .ok_or_else(|| invalid("invalid pubkey"))?;
    if bundle.inferences_forecasts_bundle_signature.is_empty() {
        return Err(invalid("signature cannot be empty"));
    }
    let inner = bundle
        .inference_forecasts_bundle
        .as_ref()
        .ok_or_else(|| invalid("inference forecasts bundle cannot be nil"))?;
    check_parts(bundle, inner, nonce.block_height, &address)?;
    let signature = &bundle.inferences_forecasts_bundle_signature;
    if !ante::verifies(&key, &inner.encode_to_vec(), signature) {
        return Err(Refusal::unauthorized("signature verification failed"));
    }
    if address != bundle.worker {
        return Err(Refusal::unauthorized(
            "worker address does not match signature",
        ));
    }
    Ok(())
}

fn check_parts(
    bundle: &InputWorkerDataBundle,
    inner: &InputInferenceForecastBundle,
    nonce: i64,
    signer: &str,
) -> Result<(), Refusal> {
    if inner.inference.is_none() && inner.forecast.is_none() {
        return Err(neither());
    }
    if let Some(InputInference {
        topic_id,
        block_height,
        inferer,
        ..
    }) = &inner.inference
    {
        let part = Part {
            name: "inference",
            role: "Inference.Inferer",
            who: inferer,
            topic: *topic_id,
            height: *block_height,
        };
        part.check(bundle, nonce, signer)?;
    }
    if let Some(InputForecast {
        topic_id,
        block_height,
        forecaster,
        forecast_elements,
        ..
    }) = &inner.forecast
    {
        if forecast_elements.is_empty() {
            return Err(Refusal::invalid_request(
                "at least one forecast element must be provided",
            ));
        }
        let part = Part {
            name: "forecast",
            role: "Forecast.Forecaster",
            who: forecaster,
            topic: *topic_id,
            height: *block_height,
        };
        part.check(bundle, nonce, signer)?;
    }
    Ok(())
}

/// What an inference and a forecast have in common.
struct Part<'a> {
    name: &'a str,
    role: &'a str,
    who: &'a str,
    topic: u64,
    height: i64,
}

impl Part<'_> {
    fn check(
        &self,
        bundle: &InputWorkerDataBundle,
        nonce: i64,
        signer: &str,
    ) -> Result<(), Refusal> {
        let Part {
            name,
            role,
            who,
            topic,
            height,
        } = self;
        if *topic == 0 {
            return Err(topic_zero(name));
        }
        if *who != signer {
            return Err(Refusal::unauthorized(format!(
                "{role} {who} does not match pubkey {signer}"
            )));
        }
        if *who != bundle.worker {
            return Err(Refusal::unauthorized(format!(
                "{role} {who} does not match worker address {}",
                bundle.worker
            )));
        }
        if *topic != bundle.topic_id {
            return Err(Refusal::invalid_request(format!(
                "{name} topic id {topic} does not match bundle topic id {}",
                bundle.topic_id
            )));
        }
        if *height != nonce {
            return Err(Refusal::invalid_request(format!(
                "{name} block height {height} does not match bundle block height {nonce}"
            )));
        }
        Ok(())
    }
}

/// The labels and values of an inference that a topic takes: `values` when there are any, and else
/// the single `value`.
///
/// # Errors
/// When there are too many labels, or one that the topic doesn't know.
pub(super) fn values(
    topic: &DevnetTopic,
    inference: &InputInference,
) -> Result<Vec<(String, String)>, Refusal> {
    let single = topic.arity == OutputArity::Single;
    let cap = if single { 1 } else { topic.max_labels.max(1) };
    let count = inference.values.len() as u64;
    if count > cap {
        return Err(Refusal::too_many_labels(format!(
            "submission has {count} labels, per-topic cap is {cap}"
        ))
        .while_doing("input inference failed label validation"));
    }
    let mut values: Vec<(String, String)> = Vec::new();
    for (index, given) in inference.values.iter().enumerate() {
        let label = label(&given.label)
            .map_err(|r| r.while_doing(&format!("input labeled value at index {index}")))
            .map_err(|r| r.while_doing("input inference failed label validation"))?;
        if values.iter().any(|(known, _)| *known == label) {
            return Err(Refusal::invalid_label(format!(
                "duplicate label after canonicalization at index {index}: {label:?}"
            ))
            .while_doing("input inference failed label validation"));
        }
        if !topic.label_whitelist.is_empty() && !topic.label_whitelist.contains(&label) {
            return Err(Refusal::label_not_listed(format!(
                "label {label:?} is not in topic label whitelist"
            ))
            .while_doing("input inference failed label validation"));
        }
        if single && label != SINGLE_LABEL {
            return Err(Refusal::invalid_request(format!(
                "single-arity label must be {SINGLE_LABEL:?}, got {label:?}"
            )));
        }
        values.push((label, given.value.clone()));
    }
    if values.is_empty() && single {
        values.push((SINGLE_LABEL.into(), inference.value.clone()));
    }
    Ok(values)
}

/// How far the values of a topic that wants them to add up to 1 may miss it.
const UNITY_TOLERANCE: f64 = 1e-6;

/// Checks what a topic with several outputs would keep of an inference: the values that differ from its
/// default, 0.
///
/// # Errors
/// When none does, or they don't add up to 1 where they must.
pub(super) fn check_kept(topic: &DevnetTopic, values: &[(String, String)]) -> Result<(), Refusal> {
    if topic.arity == OutputArity::Single {
        return Ok(());
    }
    let refuse = |why: String| {
        let refusal = Refusal::invalid_request(why);
        Err(refusal.while_doing("failed to normalize admitted inference"))
    };
    if values.is_empty() {
        return refuse("multi-arity inference requires labeled values".into());
    }
    let number = |text: &str| text.parse::<f64>().unwrap_or_default();
    let sum: f64 = values.iter().map(|(_, value)| number(value)).sum();
    if values.iter().all(|(_, value)| number(value) == 0.0) {
        return refuse(
            "multi-arity inference requires at least one non-default label value".into(),
        );
    }
    if topic.unity && (sum - 1.0).abs() > UNITY_TOLERANCE {
        return refuse(format!(
            "require_unity violated: sum={sum} tol={UNITY_TOLERANCE}"
        ));
    }
    Ok(())
}

fn label(text: &str) -> Result<String, Refusal> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(Refusal::invalid_label("label is empty after trimming"));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_- /.".contains(c);
    if let Some(other) = trimmed.chars().find(|c| !allowed(*c)) {
        return Err(Refusal::invalid_label(format!(
            "label contains a disallowed character: U+{:04X}",
            u32::from(other)
        )));
    }
    if trimmed.len() > MAX_LABEL_BYTES {
        return Err(Refusal::invalid_label(format!(
            "label exceeds {MAX_LABEL_BYTES} bytes (got {})",
            trimmed.len()
        )));
    }
    Ok(trimmed.to_ascii_lowercase())
}

/// Refuses a text that is no address, as a message's field.
pub(super) fn check_address(address: &str, doing: &str) -> Result<(), Refusal> {
    state::check_address(address)
        .map_err(|why| Refusal::plain(format!("{doing}: error validating actor id: {why}")))
}
