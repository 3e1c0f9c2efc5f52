//! The wallet, and what was paid.

use askama::Template;

use super::words::{self, Stamp};
use crate::{page::Board, status::Chances};

#[derive(Template)]
#[template(path = "page/money.html")]
pub(super) struct Money {
    balance: Option<String>,
    balance_at: Option<Stamp>,
    lasts: Option<String>,
    /// `good`, `warn` or nothing, and the same in words.
    chances: (&'static str, &'static str),
    spent: Vec<(&'static str, String)>,
    /// The cap of 24 hours: paid, the most, and how far a bar reaches of 100.
    cap: Option<(String, String, String)>,
}

pub(super) fn money(board: &Board) -> Money {
    let money = &board.status.money;
    let lasts = money.lasts_days.map(|days| words::span(days * 86_400.0));
    let chances = match money.chances {
        Some(Chances::Lasts) => ("good", "to the competition's end"),
        Some(Chances::Short) => ("warn", "not to the competition's end"),
        None => ("", ""),
    };
    let period = if board.status.period.is_competition {
        "Competition"
    } else {
        "All"
    };
    let mut spent = vec![
        ("Today", words::coins(money.spent.today)),
        ("7 days", words::coins(money.spent.week)),
        (period, words::coins(money.spent.period)),
    ];
    if let Some(day) = money.per_day {
        spent.push(("A day, of late", words::coins(day)));
    }
    let cap = money.fees.most.map(|most| {
        let share = money.fees.day.0 as f64 / (most.0 as f64).max(1.0);
        (
            words::coins(money.fees.day),
            words::coins(most),
            format!("{:.2}", share.clamp(0.0, 1.0) * 100.0),
        )
    });
    Money {
        balance: money.balance.map(words::coins),
        balance_at: money.balance_at.0.map(words::short),
        lasts,
        chances,
        spent,
        cap,
    }
}
