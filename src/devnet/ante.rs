//! What stands before the messages: the checks that spend nothing when they refuse, in the node's
//! order.

use cosmrs::{
    bip32::secp256k1::ecdsa::{Signature, VerifyingKey, signature::Verifier as _},
    crypto::PublicKey,
    proto::cosmos::{
        crypto::secp256k1::PubKey,
        tx::v1beta1::{SignDoc, mode_info},
    },
};
use prost::Message as _;

use super::{
    refusal::Refusal,
    state::{Accounts, DENOM, PREFIX},
    transaction::Transaction,
};

/// `SIGN_MODE_DIRECT`.
const DIRECT: i32 = 1;
const MAX_MEMO: usize = 256;
/// Gas of each byte.
const GAS_PER_BYTE: u64 = 10;
/// Gas of all that these checks read and write beside the bytes.
const GAS_OF_CHECKS: u64 = 55_000;

/// Why the checks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// For the mempool or a block.
    Execute,
    /// For the mempool again, after a block: signatures are known to be good.
    Recheck,
    /// To estimate gas: signatures, gas and fee may be missing.
    Simulate,
}

/// What the checks are made against.
pub(super) struct Context<'a> {
    pub(super) chain_id: &'a str,
    /// The block that runs, or the newest one for the mempool.
    pub(super) height: i64,
    pub(super) gas_price: u128,
    pub(super) mode: Mode,
}

/// Checks a transaction and, if it passes, takes its fee and its sequence numbers.
///
/// # Errors
/// The first check that fails; the accounts are then as they were.
pub(super) fn check(
    tx: &Transaction,
    accounts: &mut Accounts,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    let mut branch = accounts.clone();
    let simulate = context.mode == Mode::Simulate;
    if !simulate {
        check_form(tx)?;
    }
    if tx.timeout_height > 0 && context.height.unsigned_abs() > tx.timeout_height {
        return Err(Refusal::tx_timeout(format!(
            "block height: {}, timeout height: {}",
            context.height, tx.timeout_height
        )));
    }
    if tx.memo.len() > MAX_MEMO {
        return Err(Refusal::memo_too_large(format!(
            "maximum number of characters is {MAX_MEMO} but received {} characters",
            tx.memo.len()
        )));
    }
    if !simulate {
        check_gas(tx)?;
    }
    set_keys(tx, &mut branch, simulate)?;
    for (index, signer) in tx.signers().into_iter().enumerate() {
        check_signer(tx, index, signer, &mut branch, context)?;
    }
    if !simulate {
        take_fee(tx, &mut branch, context.gas_price)?;
    }
    *accounts = branch;
    Ok(())
}

/// Gas that the checks use.
pub(super) fn gas(tx: &Transaction) -> u64 {
    tx.bytes.len() as u64 * GAS_PER_BYTE + GAS_OF_CHECKS
}

fn check_form(tx: &Transaction) -> Result<(), Refusal> {
    if tx.signatures.is_empty() {
        return Err(Refusal::no_signatures(""));
    }
    let (expected, got) = (tx.signers().len(), tx.signatures.len());
    if expected != got {
        return Err(Refusal::unauthorized(format!(
            "wrong number of signers; expected {expected}, got {got}"
        )));
    }
    Ok(())
}

fn check_gas(tx: &Transaction) -> Result<(), Refusal> {
    let size = tx.bytes.len() as u64 * GAS_PER_BYTE;
    let (location, used) = if tx.gas_limit < size {
        ("txSize", size)
    } else {
        ("WriteFlat", gas(tx))
    };
    if tx.gas_limit > 0 && tx.gas_limit < used {
        return Err(out_of_gas(location, tx.gas_limit, used));
    }
    Ok(())
}

/// The node's words for a limit that was too low.
pub(super) fn out_of_gas(location: &str, wanted: u64, used: u64) -> Refusal {
    Refusal::out_of_gas(format!(
        "out of gas in location: {location}; gasWanted: {wanted}, gasUsed: {used}"
    ))
}

/// Notes the keys of accounts that are new here.
fn set_keys(tx: &Transaction, accounts: &mut Accounts, simulate: bool) -> Result<(), Refusal> {
    for (index, signer) in tx.signers().into_iter().enumerate() {
        let given = tx
            .signer_infos
            .get(index)
            .and_then(|i| i.public_key.as_ref());
        let key = match given {
            Some(any) if any.type_url == PublicKey::SECP256K1_TYPE_URL => Some(
                PubKey::decode(any.value.as_slice())
                    .map_err(|error| Refusal::decode(error.to_string()))?
                    .key,
            ),
            Some(any) => {
                return Err(Refusal::decode(format!(
                    "unable to resolve type URL {}",
                    any.type_url
                )));
            }
            None => None,
        };
        if let Some(key) = &key
            && !simulate
            && address_of(key).as_deref() != Some(signer)
        {
            return Err(Refusal::invalid_pubkey(format!(
                "pubKey does not match signer address {signer} with signer index: {index}"
            )));
        }
        let account = accounts.get_mut(signer).ok_or_else(|| unknown(signer))?;
        account.pubkey = account.pubkey.take().or(key);
    }
    Ok(())
}

fn unknown(address: &str) -> Refusal {
    Refusal::unknown_address(format!("account {address} does not exist"))
}

/// The address of a compressed key.
pub(super) fn address_of(key: &[u8]) -> Option<String> {
    let key = VerifyingKey::from_sec1_bytes(key).ok()?;
    let id = PublicKey::from(key).account_id(PREFIX).ok()?;
    Some(id.to_string())
}

fn check_signer(
    tx: &Transaction,
    index: usize,
    signer: &str,
    accounts: &mut Accounts,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    let account = accounts.get_mut(signer).ok_or_else(|| unknown(signer))?;
    let info = tx.signer_infos.get(index).ok_or_else(|| {
        Refusal::unauthorized(format!(
            "invalid number of signer;  expected: {}, got {}",
            tx.signers().len(),
            tx.signer_infos.len()
        ))
    })?;
    if context.mode != Mode::Simulate && account.pubkey.is_none() {
        return Err(Refusal::invalid_pubkey("pubkey on account is not set"));
    }
    if info.sequence != account.sequence {
        return Err(Refusal::wrong_sequence(format!(
            "account sequence mismatch, expected {}, got {}",
            account.sequence, info.sequence
        )));
    }
    if context.mode == Mode::Execute {
        let single = info.mode_info.as_ref().and_then(|m| m.sum.as_ref());
        let direct = matches!(single, Some(mode_info::Sum::Single(s)) if s.mode == DIRECT);
        let document = SignDoc {
            body_bytes: tx.body_bytes.clone(),
            auth_info_bytes: tx.auth_info_bytes.clone(),
            chain_id: context.chain_id.into(),
            account_number: account.number,
        };
        let key = account.pubkey.as_deref().unwrap_or_default();
        let signature = tx.signatures.get(index).map_or(&[][..], Vec::as_slice);
        if !direct || !verifies(key, &document.encode_to_vec(), signature) {
            return Err(Refusal::unauthorized(format!(
                "signature verification failed; please verify account number ({}) and chain-id ({}): (unable to verify single signer signature)",
                account.number, context.chain_id
            )));
        }
    }
    account.sequence += 1;
    Ok(())
}

/// Whether a signature (r‖s, the low s) is of this key over these bytes.
pub(super) fn verifies(key: &[u8], bytes: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (
        VerifyingKey::from_sec1_bytes(key),
        Signature::from_slice(signature),
    ) else {
        return false;
    };
    signature.normalize_s().is_none() && key.verify(bytes, &signature).is_ok()
}

fn take_fee(tx: &Transaction, accounts: &mut Accounts, price: u128) -> Result<(), Refusal> {
    if tx.gas_limit == 0 {
        return Err(Refusal::invalid_gas_limit("must provide positive gas"));
    }
    let coin = match tx.fee.as_slice() {
        [] => return Err(Refusal::no_fee_coin("got length 0")),
        [coin] => coin,
        many => {
            return Err(Refusal::too_many_fee_coins(format!(
                "got length {}",
                many.len()
            )));
        }
    };
    if coin.denom != DENOM {
        return Err(Refusal::no_fee_resolver(format!(
            "unable to get min gas price for denom {}: error resolving denom",
            coin.denom
        )));
    }
    let paid: u128 = coin.amount.parse().unwrap_or_default();
    let required = price * u128::from(tx.gas_limit);
    if paid < required {
        return Err(Refusal::insufficient_fee(format!(
            "got: {paid}{DENOM} required: {required}{DENOM}, minGasPrice: {price}.000000000000000000{DENOM}, gas: {}",
            gas(tx)
        ))
        .while_doing("error checking fee"));
    }
    let signers = tx.signers();
    let payer = signers.first().copied().unwrap_or_default();
    accounts
        .spend(payer, paid)
        .map_err(|refusal| refusal.while_doing("error escrowing funds"))
}
