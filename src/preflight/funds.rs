//! The balance beside the cost of the rest of the period.

use std::time::Duration;

use time::OffsetDateTime;

use super::{Area, Check, chain::Purse, words};
use crate::chain::{FeeConfig, Uallo};

/// The period that is reckoned with where there is no competition.
pub(super) const WITHOUT_END: Duration = Duration::from_secs(90 * 86_400);
const DAY: Duration = Duration::from_secs(86_400);

/// What the cost is reckoned from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bill<'a> {
    pub(super) fees: &'a FeeConfig,
    /// How long windows are answered from now on.
    pub(super) left: Duration,
    /// The competition's end, where there is one.
    pub(super) end: Option<OffsetDateTime>,
    /// From one window of each topic to its next; empty when that is not known.
    pub(super) epochs: &'a [Duration],
    /// Topics in which the wallet has to be registered still.
    pub(super) registrations: u32,
    /// How coins are had.
    pub(super) source: &'a str,
}

pub(super) fn judge(purse: &Purse, bill: &Bill<'_>) -> Vec<Check> {
    let fee = purse.price.fee(bill.fees.gas_limit, bill.fees.tier);
    let each = fee.plus(purse.data_fee);
    let mut all = vec![price(fee, bill.fees)];
    let a_day = windows(bill, DAY);
    if times(fee, a_day) > bill.fees.max_fee_per_day {
        all.push(Check::warning(
            Area::Funds,
            "fees a day",
            format!(
                "{} windows a day cost {}, more than fees.max_fee_per_day ({})",
                words::number(count(a_day)),
                times(fee, a_day),
                bill.fees.max_fee_per_day
            ),
            "raise fees.max_fee_per_day, or answer fewer topics: above it nothing is sent",
        ));
    }
    let Some(balance) = purse.balance else {
        return all;
    };
    all.push(coins(balance, purse, bill));
    if balance > Uallo(0) && !bill.epochs.is_empty() {
        all.push(cost(balance, each, bill));
    }
    all
}

fn price(fee: Uallo, fees: &FeeConfig) -> Check {
    if fee > fees.max_fee {
        let what = format!(
            "an answer costs {fee} at present, more than fees.max_fee ({})",
            fees.max_fee
        );
        let remedy =
            "raise fees.max_fee, or choose a lower fees.tier: the worker waits for a lower price";
        return Check::error(Area::Funds, "fee", what, remedy);
    }
    let tier = format!("{:?}", fees.tier).to_lowercase();
    Check::ok(
        Area::Funds,
        "fee",
        format!("{fee} an answer at present (tier {tier})"),
    )
}

fn coins(balance: Uallo, purse: &Purse, bill: &Bill<'_>) -> Check {
    let source = bill.source;
    if balance == Uallo(0) {
        let what = "the wallet has no coins";
        let remedy = format!("{source}; a worker waits for them");
        return Check::error(Area::Funds, "balance", what, remedy);
    }
    let registering = times(purse.registration_fee, u128::from(bill.registrations));
    if registering > balance {
        let what = format!("{balance} does not cover the registration, {registering}");
        return Check::error(
            Area::Funds,
            "balance",
            what,
            format!("{source}; a worker waits for them"),
        );
    }
    let low = bill.fees.low_balance;
    if balance < low {
        let what = format!("{balance} is below fees.low_balance ({low})");
        return Check::warning(Area::Funds, "balance", what, source);
    }
    Check::ok(Area::Funds, "balance", balance.to_string())
}

/// What the rest of the period costs at the present price.
fn cost(balance: Uallo, each: Uallo, bill: &Bill<'_>) -> Check {
    let left = windows(bill, bill.left);
    let whole = times(each, left);
    let until = match bill.end {
        Some(end) => format!("until {}", end.date()),
        None => format!("in {}", words::span(bill.left)),
    };
    let sum = format!(
        "{} windows {until} cost {whole} at most",
        words::number(count(left))
    );
    let affordable = balance.0 / each.0.max(1);
    if affordable < left {
        let share = affordable as f64 / left.max(1) as f64;
        let lasts = words::span(bill.left.mul_f64(share));
        let what = format!("{sum}; {balance} lasts for {lasts}");
        let missing = Uallo(whole.0 - balance.0);
        let remedy = format!("{}: {missing} are missing", bill.source);
        return Check::warning(Area::Funds, "cost", what, remedy);
    }
    Check::ok(Area::Funds, "cost", format!("{sum}: the balance covers it"))
}

/// Windows of all topics within a span.
fn windows(bill: &Bill<'_>, span: Duration) -> u128 {
    let of = |epoch: &Duration| span.as_millis().div_ceil(epoch.as_millis().max(1));
    bill.epochs.iter().map(of).sum()
}

const fn times(fee: Uallo, windows: u128) -> Uallo {
    Uallo(fee.0.saturating_mul(windows))
}

fn count(windows: u128) -> i64 {
    i64::try_from(windows).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::{chain::GasPrice, preflight::Level};

    const ALLO: u128 = 1_000_000_000_000_000_000;
    const HOUR: Duration = Duration::from_secs(3_600);
    const TWO: [Duration; 2] = [HOUR, Duration::from_secs(1_800)];

    fn purse(balance: u128) -> Purse {
        Purse {
            balance: Some(Uallo(balance)),
            price: GasPrice::floor(10),
            registration_fee: Uallo(200),
            data_fee: Uallo(10),
        }
    }

    fn judged(purse: Purse, change: impl FnOnce(&mut FeeConfig, &mut Bill<'_>)) -> Vec<Check> {
        let mut fees = FeeConfig::default();
        let shared = FeeConfig::default();
        let mut bill = Bill {
            fees: &shared,
            left: WITHOUT_END,
            end: None,
            epochs: &[HOUR],
            registrations: 0,
            source: "send ALLO to allo1x",
        };
        change(&mut fees, &mut bill);
        let bill = Bill {
            fees: &fees,
            ..bill
        };
        judge(&purse, &bill)
    }

    fn find<'a>(all: &'a [Check], name: &str) -> &'a Check {
        all.iter().find(|it| it.name == name).unwrap()
    }

    #[test]
    fn the_rest_of_the_period_is_reckoned_window_by_window() {
        let all = judged(purse(ALLO), |_, _| {});
        assert!(all.iter().all(|it| it.level == Level::Ok), "{all:?}");
        assert_eq!(
            find(&all, "cost").what,
            "2,160 windows in 90 days cost 0.0000000081000216 ALLO at most: the balance covers it"
        );
        let all = judged(purse(ALLO), |_, bill| {
            bill.left = HOUR * 24;
            bill.end = Some(datetime!(2025-12-15 0:00 UTC));
            bill.epochs = &TWO;
        });
        assert!(
            find(&all, "cost")
                .what
                .starts_with("72 windows until 2025-12-15")
        );
    }

    #[test]
    fn what_does_not_last_is_told_with_what_is_missing() {
        let all = judged(purse(3_750_010 * 216), |fees, _| {
            fees.low_balance = Uallo(0)
        });
        let cost = find(&all, "cost");
        assert_eq!(cost.level, Level::Warning);
        assert!(cost.what.ends_with("lasts for 9 days"), "{cost:?}");
        assert!(cost.remedy.contains("7.290019440") || cost.remedy.contains("are missing"));
    }

    #[test]
    fn no_coins_and_too_few_are_waited_for() {
        let none = judged(purse(0), |_, _| {});
        let balance = find(&none, "balance");
        assert_eq!(balance.level, Level::Error);
        assert!(!balance.stops() && balance.remedy.contains("allo1x"));
        assert!(none.iter().all(|it| it.name != "cost"));
        let few = judged(purse(100), |_, bill| bill.registrations = 1);
        assert_eq!(find(&few, "balance").level, Level::Error);
        let low = judged(purse(1_000), |_, _| {});
        assert_eq!(find(&low, "balance").level, Level::Warning);
    }

    #[test]
    fn a_price_above_the_limits_is_told() {
        let all = judged(purse(ALLO), |fees, _| fees.max_fee = Uallo(1));
        assert_eq!(find(&all, "fee").level, Level::Error);
        let all = judged(purse(ALLO), |fees, _| {
            fees.max_fee_per_day = Uallo(1_000_000)
        });
        assert_eq!(find(&all, "fees a day").level, Level::Warning);
    }

    #[test]
    fn without_an_address_only_the_price_is_told() {
        let unknown = Purse {
            balance: None,
            ..purse(0)
        };
        let all = judged(unknown, |_, _| {});
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].name, "fee");
    }
}
