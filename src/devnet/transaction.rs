//! Transactions as they come: protobuf bytes, read as strictly as the node reads them.

use cosmrs::{
    Any,
    proto::cosmos::{
        base::v1beta1::Coin,
        tx::v1beta1::{AuthInfo, SignerInfo, TxBody, TxRaw},
    },
};
use prost::{
    Message as _,
    encoding::{DecodeContext, WireType, decode_key, skip_field},
};
use sha2::{Digest, Sha256};

use super::{config::EmissionsVersion, decimal, refusal::Refusal, state::check_address};
use crate::chain::proto::emissions::{InsertWorkerPayloadRequest, RegisterRequest};

/// A message that the devnet carries out.
#[derive(Clone, Debug)]
pub(super) enum Message {
    Register(RegisterRequest),
    Insert(Box<InsertWorkerPayloadRequest>),
}

impl Message {
    pub(super) fn sender(&self) -> &str {
        match self {
            Self::Register(request) => &request.sender,
            Self::Insert(request) => &request.sender,
        }
    }

    /// The message's name without its package.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Register(_) => "RegisterRequest",
            Self::Insert(_) => "InsertWorkerPayloadRequest",
        }
    }
}

/// The fields of a registration.
const REGISTRATION: [u32; 4] = [1, 4, 5, 6];

/// A decoded transaction.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    pub(super) bytes: Vec<u8>,
    /// Upper-case hex of the bytes' SHA-256.
    pub(super) hash: String,
    pub(super) body_bytes: Vec<u8>,
    pub(super) auth_info_bytes: Vec<u8>,
    pub(super) messages: Vec<Message>,
    pub(super) memo: String,
    pub(super) timeout_height: u64,
    pub(super) fee: Vec<Coin>,
    pub(super) gas_limit: u64,
    pub(super) signer_infos: Vec<SignerInfo>,
    pub(super) signatures: Vec<Vec<u8>>,
}

/// The hash by which a transaction is known.
pub(super) fn hash(bytes: &[u8]) -> String {
    hex::encode_upper(Sha256::digest(bytes))
}

impl Transaction {
    /// Reads a transaction.
    ///
    /// # Errors
    /// The node's own codes: 2 when the bytes or a message can't be read, 18 without messages.
    pub(super) fn decode(bytes: &[u8], version: EmissionsVersion) -> Result<Self, Refusal> {
        let unreadable = |error: prost::DecodeError| Refusal::decode(error.to_string());
        let raw = TxRaw::decode(bytes).map_err(unreadable)?;
        let body = TxBody::decode(raw.body_bytes.as_slice()).map_err(unreadable)?;
        let auth = AuthInfo::decode(raw.auth_info_bytes.as_slice()).map_err(unreadable)?;
        let messages = body
            .messages
            .iter()
            .map(|any| read_message(any, version))
            .collect::<Result<Vec<_>, _>>()?;
        for message in &messages {
            check_address(message.sender()).map_err(Refusal::plain)?;
        }
        if messages.is_empty() {
            return Err(Refusal::invalid_request(
                "must contain at least one message",
            ));
        }
        let fee = auth.fee.unwrap_or_default();
        Ok(Self {
            bytes: bytes.to_vec(),
            hash: hash(bytes),
            body_bytes: raw.body_bytes,
            auth_info_bytes: raw.auth_info_bytes,
            messages,
            memo: body.memo,
            timeout_height: body.timeout_height,
            fee: fee.amount,
            gas_limit: fee.gas_limit,
            signer_infos: auth.signer_infos,
            signatures: raw.signatures,
        })
    }

    /// Who must sign: the messages' senders, each once, in their order.
    pub(super) fn signers(&self) -> Vec<&str> {
        let mut signers: Vec<&str> = Vec::new();
        for message in &self.messages {
            if !signers.contains(&message.sender()) {
                signers.push(message.sender());
            }
        }
        signers
    }
}

fn read_message(any: &Any, version: EmissionsVersion) -> Result<Message, Refusal> {
    let package = format!("/emissions.{}.", version.word());
    match any.type_url.strip_prefix(&package) {
        Some("RegisterRequest") => Ok(Message::Register(read_strictly(any, &REGISTRATION)?)),
        Some("InsertWorkerPayloadRequest") => {
            let request: InsertWorkerPayloadRequest = read_strictly(any, &[1, 2])?;
            normalised(request, version).map(|r| Message::Insert(Box::new(r)))
        }
        // The messages of older versions are known by name, but not to the last part.
        _ if any.type_url == "/emissions.v9.InsertWorkerPayloadRequest" => Err(Refusal::decode(
            "failed to retrieve the message of type \"emissions.v9.InputWorkerDataBundle\"",
        )),
        _ if any.type_url == "/emissions.v9.RegisterRequest" => {
            refuse_unknown(&any.value, &REGISTRATION, "*emissionsv9.RegisterRequest")?;
            Err(Refusal::unknown_request(
                "no message handler found for *emissionsv9.RegisterRequest",
            ))
        }
        _ => Err(unresolved(any)),
    }
}

fn unresolved(any: &Any) -> Refusal {
    Refusal::decode(format!("unable to resolve type URL {}", any.type_url))
}

/// Reads a message and refuses fields that it doesn't have: of its own by their number, and of its
/// parts' because what is left out when it is written again was unknown.
fn read_strictly<M: prost::Message + Default>(any: &Any, known: &[u32]) -> Result<M, Refusal> {
    let name = any.type_url.rsplit('.').next().unwrap_or_default();
    refuse_unknown(&any.value, known, &format!("*types.{name}"))?;
    let message =
        M::decode(any.value.as_slice()).map_err(|error| Refusal::decode(error.to_string()))?;
    if message.encoded_len() < any.value.len() {
        return Err(Refusal::decode(format!(
            "errUnknownField \"*types.{name}\""
        )));
    }
    Ok(message)
}

/// Refuses the first field of a message that is not among the known ones.
fn refuse_unknown(mut bytes: &[u8], known: &[u32], name: &str) -> Result<(), Refusal> {
    let unreadable = |error: prost::DecodeError| Refusal::decode(error.to_string());
    while !bytes.is_empty() {
        let (tag, wire) = decode_key(&mut bytes).map_err(unreadable)?;
        if !known.contains(&tag) {
            let wire = match wire {
                WireType::Varint => "varint",
                WireType::SixtyFourBit => "fixed64",
                WireType::LengthDelimited => "bytes",
                WireType::StartGroup => "start_group",
                WireType::EndGroup => "end_group",
                WireType::ThirtyTwoBit => "fixed32",
            };
            return Err(Refusal::decode(format!(
                "errUnknownField \"{name}\": {{TagNum: {tag}, WireType:\"{wire}\"}}"
            )));
        }
        skip_field(wire, tag, &mut bytes, DecodeContext::default()).map_err(unreadable)?;
    }
    Ok(())
}

/// Rewrites each number in the chain's form, as decoding it into the chain's types does.
fn normalised(
    mut request: InsertWorkerPayloadRequest,
    version: EmissionsVersion,
) -> Result<InsertWorkerPayloadRequest, Refusal> {
    let bundle = request.worker_data_bundle.as_mut();
    let Some(inner) = bundle.and_then(|b| b.inference_forecasts_bundle.as_mut()) else {
        return Ok(request);
    };
    if let Some(inference) = inner.inference.as_mut() {
        if version == EmissionsVersion::V9 && !inference.values.is_empty() {
            return Err(Refusal::decode(
                "errUnknownField \"*types.InputInference\": {TagNum: 7, WireType:\"bytes\"}",
            ));
        }
        rewrite(&mut inference.value)?;
        for labelled in &mut inference.values {
            rewrite(&mut labelled.value)?;
        }
    }
    for element in inner
        .forecast
        .iter_mut()
        .flat_map(|f| &mut f.forecast_elements)
    {
        rewrite(&mut element.value)?;
    }
    Ok(request)
}

fn rewrite(number: &mut String) -> Result<(), Refusal> {
    *number = decimal::canonical(number).map_err(Refusal::decode)?;
    Ok(())
}
