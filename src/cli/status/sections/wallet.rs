//! The wallet, and what was paid.

use super::{Line, Mark, line, mark};
use crate::{
    cli::status::words::{ago, coins, cut, span},
    status::{Chances, Status},
};

pub(super) fn lines(status: &Status) -> Vec<Line> {
    let money = &status.money;
    let mut lines = Vec::new();
    if !status.process.address.is_empty() {
        let address = &status.process.address;
        lines.push(line(Mark::None, "address", address).short(cut(address, 25)));
    }
    if let Some(balance) = money.balance {
        let lasts = money
            .lasts_days
            .map(|days| format!(", lasts {}", days_of(days)));
        let is_bad = status.advice.iter().any(|it| it.about == "no_coins");
        let is_low = status.advice.iter().any(|it| it.about == "balance");
        let mark = match (is_bad, is_low) {
            (true, _) => Mark::Bad,
            (_, true) => Mark::Warn,
            _ => Mark::Good,
        };
        let until = match money.chances {
            Some(Chances::Lasts) => ", to the competition's end",
            Some(Chances::Short) => ", NOT to the competition's end",
            None => "",
        };
        let lasts = lasts.unwrap_or_default();
        let text = format!(
            "{}{lasts}{until}, {}",
            coins(balance),
            ago(money.balance_at, status.at)
        );
        let lasts = lasts.replace("more than", ">");
        lines.push(line(mark, "balance", text).short(format!("{}{lasts}", coins(balance))));
    }
    let spent = &money.spent;
    let text = format!(
        "{} today, {} in 7 days, {} in all",
        coins(spent.today),
        coins(spent.week),
        coins(spent.period)
    );
    let short = format!("{} today", coins(spent.today));
    lines.push(line(Mark::None, "fees", text).short(short));
    if let (Some(most), Some(left)) = (money.fees.most, money.fees.left) {
        let text = format!("{} of {} for 24 hours", coins(left), coins(most));
        let short = format!("{} of {}", coins(left), coins(most));
        lines.push(line(mark(Some(left.0 > 0)), "left", text).short(short));
    }
    lines
}

fn days_of(days: f64) -> String {
    match days {
        days if days > 3_650.0 => "more than 10 years".into(),
        days if days > 730.0 => format!("{:.0} years", (days / 365.0).floor()),
        days if days >= 3.0 => format!("{:.0} days", days.floor()),
        days => span(days * 86_400.0),
    }
}
