//! The wallet, and what was paid.

use time::{Duration, OffsetDateTime};

use super::{Chances, Fees, Money, Spans};
use crate::{
    chain::Uallo,
    store::{Payment, Span, spent},
    vitals,
};

/// How far back fees tell what a day costs.
const WEEK: Duration = Duration::days(7);
/// Less than this tells nothing of a day.
const LEAST: Duration = Duration::minutes(10);

/// What is known of the money. `end` is the competition's, `most` what a day's fees may be.
pub(super) fn money(
    wallet: &vitals::Wallet,
    payments: &[Payment],
    spans: &Spans<Span>,
    most: Option<Uallo>,
    end: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Money {
    let past = |back: Duration| {
        let span = Span {
            from: now - back,
            to: now + Duration::SECOND,
        };
        spent(payments, span)
    };
    let day = past(Duration::DAY);
    let per_day = rate(payments, past(WEEK), now);
    let lasts_days = wallet
        .balance
        .zip(per_day)
        .and_then(|(balance, fees)| (fees > Uallo(0)).then(|| balance.0 as f64 / fees.0 as f64));
    let left = end.map(|end| (end - now).as_seconds_f64() / 86_400.0);
    let chances = left.filter(|left| *left > 0.0).zip(lasts_days);
    Money {
        balance: wallet.balance,
        balance_at: wallet.balance_at,
        fees: Fees {
            day,
            most,
            left: most.map(|most| Uallo(most.0.saturating_sub(day.0))),
        },
        spent: Spans {
            today: spent(payments, spans.today),
            week: spent(payments, spans.week),
            period: spent(payments, spans.period),
        },
        rewards: Spans::default(),
        per_day,
        lasts_days,
        chances: chances.map(|(left, lasts)| {
            if lasts < left {
                Chances::Short
            } else {
                Chances::Lasts
            }
        }),
    }
}

/// Fees a day, of a week's fees: over the time since the first of them.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an amount above zero"
)]
fn rate(payments: &[Payment], paid: Uallo, now: OffsetDateTime) -> Option<Uallo> {
    let first = payments.iter().find(|it| it.at >= now - WEEK)?;
    let whole = now - first.at;
    let days = whole.as_seconds_f64() / 86_400.0;
    (whole >= LEAST).then(|| Uallo((paid.0 as f64 / days) as u128))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2025-10-16 12:00 UTC);

    fn told(days: &[i64], balance: u128, end: Option<i64>) -> Money {
        let payments: Vec<_> = days
            .iter()
            .map(|back| Payment {
                at: NOW - Duration::days(*back),
                fee: Uallo(10),
            })
            .collect();
        let span = Span {
            from: NOW - WEEK,
            to: NOW,
        };
        let spans = Spans {
            today: span,
            week: span,
            period: span,
        };
        let wallet = vitals::Wallet {
            balance: Some(Uallo(balance)),
            ..vitals::Wallet::default()
        };
        let end = end.map(|days| NOW + Duration::days(days));
        money(&wallet, &payments, &spans, Some(Uallo(15)), end, NOW)
    }

    #[test]
    fn how_long_the_balance_lasts_goes_by_the_last_week() {
        let told = told(&[30, 4, 3, 2, 1, 0], 100, Some(20));
        // Five fees in four days.
        assert_eq!(told.per_day, Some(Uallo(12)));
        assert_eq!(told.lasts_days.map(f64::floor), Some(8.0));
        assert_eq!(told.chances, Some(Chances::Short));
        assert_eq!((told.fees.day, told.fees.left), (Uallo(20), Some(Uallo(0))));
    }

    #[test]
    fn nothing_paid_tells_nothing() {
        let empty = told(&[], 100, Some(20));
        assert_eq!((empty.per_day, empty.lasts_days), (None, None));
        assert_eq!(told(&[4], 1_000, None).chances, None);
        assert_eq!(told(&[4], 1_000, Some(2)).chances, Some(Chances::Lasts));
    }
}
