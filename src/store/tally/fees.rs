//! What was paid.

use time::OffsetDateTime;

use super::Span;
use crate::chain::{Uallo, fee_of};

/// A transaction of ours that a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payment {
    /// When the journal was told.
    pub at: OffsetDateTime,
    /// Its fee; what a message pays beside it is not in it.
    pub fee: Uallo,
}

impl Payment {
    /// Of a transaction as broadcast, in the chain's coin.
    #[must_use]
    pub fn of(at: OffsetDateTime, bytes: &[u8], denom: &str) -> Self {
        let fee = fee_of(bytes, denom).unwrap_or_default();
        Self { at, fee }
    }
}

/// The fees of a span.
#[must_use]
pub fn spent(payments: &[Payment], span: Span) -> Uallo {
    let inside = payments.iter().filter(|it| span.holds(it.at));
    inside.fold(Uallo(0), |sum, it| sum.plus(it.fee))
}
