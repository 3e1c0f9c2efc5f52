//! A journal's rows, in either database.

use std::sync::Arc;

use time::OffsetDateTime;

use super::{
    Refusal, SignedTx, State, StateName, StoreError, Submission, Transition, Wallet,
    prediction_db::Columns as Row,
};
use crate::types::{Height, Nonce, TopicId, WindowKey};

/// The columns of a state.
#[derive(Default)]
pub(super) struct Columns<'a> {
    pub(super) hash: Option<&'a str>,
    pub(super) endpoint: Option<&'a str>,
    pub(super) height: Option<i64>,
    pub(super) code: Option<u32>,
    pub(super) codespace: Option<&'a str>,
    pub(super) detail: Option<&'a str>,
}

impl<'a> From<&'a Transition> for Columns<'a> {
    fn from(step: &'a Transition) -> Self {
        match &step.state {
            State::Due | State::Counted | State::Outranked | State::Superseded => Self::default(),
            State::Prepared(tx) => Self {
                hash: Some(&tx.hash),
                detail: step.report.as_deref(),
                ..Self::default()
            },
            State::Broadcast { hash, endpoint } => Self {
                hash: Some(hash),
                endpoint: Some(endpoint),
                ..Self::default()
            },
            State::Included { hash, height } => Self {
                hash: Some(hash),
                height: Some(height.0),
                ..Self::default()
            },
            State::Rejected(refusal) => Self {
                code: Some(refusal.code),
                codespace: Some(&refusal.codespace),
                detail: Some(&refusal.log),
                ..Self::default()
            },
            State::Expired { reason } => Self {
                detail: Some(reason),
                ..Self::default()
            },
        }
    }
}

/// A window with its newest step; `since` is its first step's time.
pub(super) fn submission(row: &impl Row, since: OffsetDateTime) -> Result<Submission, sqlx::Error> {
    let signed = signed(row)?;
    Ok(Submission {
        key: key(row)?,
        window_end: Height(row.number("window_end")?),
        since,
        state: state(row, signed.as_ref())?,
        signed,
        value: row.text_or_none("s_value")?,
    })
}

/// A step as it was written, with the bytes of its transaction.
pub(super) fn step(
    row: &impl Row,
    wallet: &Wallet,
    at: OffsetDateTime,
) -> Result<Transition, sqlx::Error> {
    let state = state(row, signed(row)?.as_ref())?;
    let is_prepared = matches!(state, State::Prepared(_));
    let report = row.text_or_none("detail")?.filter(|_| is_prepared);
    Ok(Transition {
        at,
        wallet: wallet.clone(),
        key: key(row)?,
        window_end: Height(row.number("window_end")?),
        value: row.text_or_none("value")?,
        report,
        state,
    })
}

/// That a row can't be read.
pub(super) fn corrupt(cause: &sqlx::Error) -> StoreError {
    StoreError::Corrupt {
        what: "a submission",
        cause: cause.to_string(),
    }
}

fn key(row: &impl Row) -> Result<WindowKey, sqlx::Error> {
    Ok(WindowKey {
        topic: TopicId(row.number("topic")?.cast_unsigned()),
        nonce: Nonce(row.number("nonce")?),
    })
}

/// The signed transaction that was joined to a row.
fn signed(row: &impl Row) -> Result<Option<Arc<SignedTx>>, sqlx::Error> {
    let Some(bytes) = row.bytes_or_none("s_bytes")? else {
        return Ok(None);
    };
    Ok(Some(Arc::new(SignedTx {
        bytes,
        hash: row.text("s_hash")?,
        sequence: row.number("s_sequence")?.cast_unsigned(),
    })))
}

fn state(row: &impl Row, signed: Option<&Arc<SignedTx>>) -> Result<State, sqlx::Error> {
    let name = row.text("state")?;
    let text = |column| Ok::<_, sqlx::Error>(row.text_or_none(column)?.unwrap_or_default());
    let state = match StateName::parse(&name) {
        Some(StateName::Due) => State::Due,
        Some(StateName::Counted) => State::Counted,
        Some(StateName::Outranked) => State::Outranked,
        Some(StateName::Superseded) => State::Superseded,
        Some(StateName::Prepared) => {
            let missing = || sqlx::Error::Decode("a prepared submission without its bytes".into());
            State::Prepared(signed.ok_or_else(missing)?.clone())
        }
        Some(StateName::Broadcast) => State::Broadcast {
            hash: text("tx_hash")?,
            endpoint: text("endpoint")?,
        },
        Some(StateName::Included) => State::Included {
            hash: text("tx_hash")?,
            height: Height(row.number("height")?),
        },
        Some(StateName::Rejected) => State::Rejected(Refusal {
            codespace: text("codespace")?,
            code: u32::try_from(row.number("code")?).unwrap_or(u32::MAX),
            log: text("detail")?,
        }),
        Some(StateName::Expired) => State::Expired {
            reason: text("detail")?,
        },
        None => {
            return Err(sqlx::Error::Decode(
                format!("unknown state {name:?}").into(),
            ));
        }
    };
    Ok(state)
}
