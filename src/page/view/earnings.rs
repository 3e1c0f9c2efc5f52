//! Scores and rewards.

use std::collections::BTreeMap;

use askama::Template;
use time::{Date, UtcOffset};

use super::{
    chart::{self, Area, Chart, Mark},
    words,
};
use crate::page::{Board, Earnings as Known, TopicBoard};

const AREA: Area = Area::new(560, 180);

#[derive(Template)]
#[template(path = "page/earnings.html")]
pub(super) struct Earnings {
    ema: Option<String>,
    rewards: Option<String>,
    scores: Option<Chart>,
    days: Option<Chart>,
    empty: Option<&'static str>,
    no_rewards: Option<&'static str>,
}

pub(super) fn earnings(board: &Board, topic: Option<&TopicBoard>) -> Earnings {
    let none = Known::default();
    let known = topic.map_or(&none, |it| &it.earnings);
    let told = topic.and_then(|it| board.status.topics.iter().find(|told| told.id == it.id));
    let ema = known.scores.iter().rev().find_map(|it| it.ema);
    let ema = ema.or_else(|| told.and_then(|it| it.score_ema));
    let sum: f64 = known.rewards.iter().map(|it| it.amount).sum();
    let sum = (!known.rewards.is_empty()).then_some(sum);
    let rewards = sum.map(words::uallo);
    let paid = told.map(|it| it.rewards.period).filter(|it| it.0 > 0);
    let rewards = rewards.or_else(|| paid.map(words::coins));
    let is_answered = topic.is_some_and(|it| it.windows.iter().any(|it| it.height.is_some()));
    let empty = (ema.is_none() && known.scores.is_empty()).then_some(if is_answered {
        "No score is known yet: the chain scores an answer once reputers have posted its losses, which takes the topic's horizon and then some."
    } else {
        "No score is known yet: the chain scores answers, and none of ours is in a block so far."
    });
    Earnings {
        ema: ema.map(|it| words::number(it, 4)),
        no_rewards: rewards.is_none().then_some(
            "None yet: rewards follow scores, and a topic pays them only while it is funded.",
        ),
        rewards,
        scores: scores(known),
        days: days(known),
        empty,
    }
}

fn scores(known: &Known) -> Option<Chart> {
    let (first, last) = (known.scores.first()?, known.scores.last()?);
    let points = |value: fn(&crate::page::ScorePoint) -> Option<f64>| {
        let points = known.scores.iter();
        let points = points.filter_map(|it| Some((chart::seconds(it.at), value(it)?)));
        let points: Vec<_> = points.filter(|it| it.1.is_finite()).collect();
        chart::thinned(&points, 400)
    };
    let (single, ema) = (points(|it| it.score), points(|it| it.ema));
    let (low, high) = chart::bounds(single.iter().chain(&ema).map(|it| it.1))?;
    let room = (high - low) * 0.05;
    let up = AREA.up(low - room, high + room);
    let across = AREA.across(chart::seconds(first.at), chart::seconds(last.at));
    let place = |(x, y): &(f64, f64)| (across.at(*x), up.at(*y));
    Some(Chart {
        label: format!(
            "{} scores of our answers, and their moving average",
            known.scores.len()
        ),
        area: AREA,
        across: chart::time_ticks(across, first.at, last.at, 6),
        up: up.ticks(4, "", false),
        marks: vec![
            Mark {
                class: "dot small",
                path: chart::dots(single.iter().map(place)),
            },
            Mark {
                class: "line ours",
                path: chart::line(ema.iter().map(place)),
            },
        ],
        notes: Vec::new(),
    })
}

fn days(known: &Known) -> Option<Chart> {
    const PER_ALLO: f64 = 1e18;
    let mut by_day: BTreeMap<Date, f64> = BTreeMap::new();
    for reward in &known.rewards {
        let day = reward.at.to_offset(UtcOffset::UTC).date();
        *by_day.entry(day).or_default() += reward.amount / PER_ALLO;
    }
    let (first, last) = (by_day.keys().next()?, by_day.keys().next_back()?);
    let count = (*last - *first).whole_days() + 1;
    let area = Area::new(560, 120);
    let width = f64::from(area.right - area.left) / count as f64;
    let most = by_day.values().copied().fold(0.0, f64::max);
    let up = area.up(0.0, most.max(f64::MIN_POSITIVE));
    let floor = f64::from(area.bottom);
    let bar = |(day, amount): (&Date, &f64)| {
        let left = f64::from(area.left) + width * (*day - *first).whole_days() as f64;
        let gap = (width * 0.15).min(2.0);
        (
            left + gap,
            (width - 2.0 * gap).min(40.0),
            up.at(*amount),
            floor,
        )
    };
    let (from, to) = (first.midnight().assume_utc(), last.midnight().assume_utc());
    let end = to + time::Duration::DAY;
    let across = area.across(chart::seconds(from), chart::seconds(end));
    Some(Chart {
        label: format!(
            "Rewards by day, from {} to {}",
            words::day(*first),
            words::day(*last)
        ),
        area,
        across: chart::time_ticks(across, from, to, 6),
        up: up.ticks(3, "", false),
        marks: vec![Mark {
            class: "bar",
            path: chart::bars(by_day.iter().map(bar)),
        }],
        notes: Vec::new(),
    })
}
