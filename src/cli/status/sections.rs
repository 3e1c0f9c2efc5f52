//! The status in sections of lines: what the table and the dashboard both show.

use time::OffsetDateTime;

use super::words::{ago, coins, cut, percent, span};
use crate::{
    chain::Uallo,
    ops::Status as Answer,
    status::{Chances, Life, Status, TopicStatus},
    store::{Tally, Uptime},
    vitals::{ForecastNow, Role, Window},
};

/// How a line stands to its goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// It has none.
    None,
    /// It is reached.
    Good,
    /// It is missed, or something will go wrong.
    Warn,
    /// Windows are, or will be, missed.
    Bad,
}

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) mark: Mark,
    pub(super) label: String,
    /// In full.
    pub(super) text: String,
    /// The same for narrow places.
    pub(super) short: String,
}

/// Lines under a title.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) lines: Vec<Line>,
}

/// Topics of which each has a section; of more, each has a line.
const MANY: usize = 3;

fn line(mark: Mark, label: &str, text: impl Into<String>) -> Line {
    let text = text.into();
    Line {
        mark,
        label: label.to_owned(),
        short: text.clone(),
        text,
    }
}

impl Line {
    fn short(mut self, short: impl Into<String>) -> Self {
        self.short = short.into();
        self
    }
}

/// All sections that have something to say.
pub(super) fn sections(status: &Status) -> Vec<Section> {
    let section = |title: &str, lines: Vec<Line>| Section {
        title: title.to_owned(),
        lines,
    };
    let mut all = vec![
        section("Windows", windows(status)),
        section("Uptime", uptime(status)),
    ];
    if status.topics.len() <= MANY {
        for one in &status.topics {
            all.push(section(&format!("Topic {}", one.id), topic(one, status.at)));
        }
    } else {
        let lines = status.topics.iter().map(|it| in_a_line(it, status));
        all.push(section("Topics", lines.collect()));
    }
    all.push(section("Answers", answers(status)));
    all.push(section("Wallet", money(status)));
    all.push(section("Nodes", nodes(status)));
    all.push(section("Prices", prices(status)));
    all.push(section("Standby", standby(status)));
    all.retain(|it| !it.lines.is_empty());
    all
}

fn mark(reached: Option<bool>) -> Mark {
    match reached {
        None => Mark::None,
        Some(true) => Mark::Good,
        Some(false) => Mark::Warn,
    }
}

fn windows(status: &Status) -> Vec<Line> {
    let goal = status.goals.windows;
    let one = |(span, tally): (&str, &Tally)| {
        let Some(rate) = tally.rate else {
            let text = match tally.open {
                0 => "none opened".to_owned(),
                open => format!("{open} open"),
            };
            return line(Mark::None, span_name(span, status), text);
        };
        let done = tally.opened - tally.open;
        let missed = match (tally.missed, tally.missed_while_down) {
            (0, _) => String::new(),
            (missed, 0) => format!(", {missed} missed"),
            (missed, down) => format!(", {missed} missed ({down} while down)"),
        };
        let undecided = tally.answered - tally.counted - tally.outranked;
        let undecided = match undecided {
            0 => String::new(),
            some => format!(", {some} not decided"),
        };
        let text = format!(
            "{} of {done} answered, {} (goal {}): {} counted, {} outranked{undecided}{missed}",
            tally.answered,
            percent(rate),
            whole(goal),
            tally.counted,
            tally.outranked,
        );
        let short = format!("{}/{done}  {}{missed}", tally.answered, percent(rate));
        line(mark(Some(rate >= goal)), span_name(span, status), text).short(short)
    };
    let mut lines: Vec<_> = status.windows.named().into_iter().map(one).collect();
    let mut causes: Vec<_> = status.windows.week.causes.iter().collect();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (cause, count) in causes.into_iter().take(3) {
        lines.push(line(Mark::None, "missed", format!("{count} × {cause}")));
    }
    lines
}

fn span_name<'a>(span: &'a str, status: &Status) -> &'a str {
    if span == "period" && !status.period.is_competition {
        "all"
    } else {
        span
    }
}

fn whole(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn uptime(status: &Status) -> Vec<Line> {
    let goal = status.goals.uptime;
    let one = |(name, told): (&str, &Option<Uptime>)| {
        let told = (*told)?;
        let starts = match told.starts {
            0 => String::new(),
            1 => ", 1 start".into(),
            many => format!(", {many} starts"),
        };
        let share = format!("{:.2} %", (told.share * 1e4).floor() / 1e2);
        let text = format!(
            "{share} of {} (goal {}){starts}",
            span(told.seconds),
            whole(goal)
        );
        let short = format!("{share}{starts}");
        Some(
            line(
                // In the first hour the start alone misses the goal.
                mark((told.seconds > 3_600.0).then_some(told.share >= goal)),
                span_name(name, status),
                text,
            )
            .short(short),
        )
    };
    status.uptime.named().into_iter().filter_map(one).collect()
}

fn topic(topic: &TopicStatus, now: OffsetDateTime) -> Vec<Line> {
    let mut lines = vec![last(topic.last.as_ref(), now), next(topic, now)];
    lines.push(match &topic.forecast {
        Some(it) => forecast(it, topic.why.as_deref().unwrap_or_default(), now),
        None => line(Mark::None, "forecast", "none is known"),
    });
    lines.push(score(topic));
    if let Some(record) = topic.record.as_ref().filter(|it| it.n > 0) {
        let ratio = record
            .ratio
            .map(|it| format!(", {it:.3} of zero's deviation"));
        let place = record.place.zip(record.places);
        let place = place.map(|(place, of)| format!(", place {place} of {of}"));
        let text = format!(
            "{} forecasts judged{}{}",
            record.n,
            ratio.unwrap_or_default(),
            place.unwrap_or_default()
        );
        lines.push(line(Mark::None, "record", text));
    }
    lines
}

fn score(topic: &TopicStatus) -> Line {
    let score = match (topic.score, topic.score_ema) {
        (Some(score), Some(ema)) => format!("{score:.4}, {ema:.4} (EMA)"),
        (Some(score), None) => format!("{score:.4}"),
        (None, Some(ema)) => format!("{ema:.4} (EMA)"),
        (None, None) => "not known".into(),
    };
    let rewards = &topic.rewards;
    let text = if rewards.period == Uallo(0) {
        score.clone()
    } else {
        format!(
            "{score}, rewards {} today, {} in 7 days, {} in all",
            coins(rewards.today),
            coins(rewards.week),
            coins(rewards.period)
        )
    };
    line(Mark::None, "score", text).short(score)
}

fn last(window: Option<&Window>, now: OffsetDateTime) -> Line {
    let Some(window) = window else {
        return line(Mark::None, "last", "no window is known yet");
    };
    let (mark, word) = verdict(window);
    let value = window.value.as_deref().map(|it| format!(", value {it}"));
    let value = value.unwrap_or_default();
    let blocks = window.height.map(|it| it.0 - window.nonce.0);
    let blocks = blocks.map(|it| format!(", in block +{it}"));
    let latency = window.latency_ms.map(|it| format!(", {it:.0} ms"));
    let cause = window.cause.as_deref().filter(|_| mark == Mark::Bad);
    let cause = cause.map(|it| format!(": {it}")).unwrap_or_default();
    let when = if window.opened.0.is_some() {
        format!(", {}", ago(window.opened, now))
    } else {
        String::new()
    };
    let text = format!(
        "nonce {} {word}{when}{value}{}{}{cause}",
        window.nonce,
        blocks.unwrap_or_default(),
        latency.unwrap_or_default()
    );
    let short = format!("{} {word}{when}{cause}", window.nonce);
    line(mark, "last", text).short(short)
}

fn verdict(window: &Window) -> (Mark, &'static str) {
    match window.status {
        None => (Mark::None, "open"),
        Some(Answer::DryRun) => (Mark::None, "shown, not sent"),
        Some(Answer::Submitted) => (Mark::None, "submitted"),
        Some(Answer::Included) => (Mark::Good, "included"),
        Some(Answer::Counted) => (Mark::Good, "counted"),
        Some(Answer::Outranked) => (Mark::Good, "outranked"),
        Some(Answer::Refused) => (Mark::Warn, "refused"),
        Some(Answer::Missed) => (Mark::Bad, "missed"),
    }
}

fn next(topic: &TopicStatus, now: OffsetDateTime) -> Line {
    let text = match &topic.next {
        None => "not known".to_owned(),
        Some(next) if next.expected.0.is_none() => format!("block {}", next.opens),
        Some(next) => format!("block {}, {}", next.opens, ago(next.expected, now)),
    };
    line(Mark::None, "next", text)
}

fn forecast(forecast: &ForecastNow, why: &str, now: OffsetDateTime) -> Line {
    let mark = if forecast.fallback.is_some() {
        Mark::Warn
    } else {
        Mark::Good
    };
    let data = match forecast.data_until.0 {
        Some(_) => format!(
            ", from {} closes, the newest {}",
            forecast.closes,
            ago(forecast.data_until, now)
        ),
        None => String::new(),
    };
    let value = if forecast.values.is_empty() {
        format!("{:.6}", forecast.value)
    } else {
        format!("{} values", forecast.values.len())
    };
    let text = format!("{value}, {why}{data}");
    line(mark, "forecast", text).short(format!("{value}, {why}"))
}

/// One of many topics.
fn in_a_line(topic: &TopicStatus, status: &Status) -> Line {
    let goal = status.goals.windows;
    let rate = topic.windows.week.rate;
    let told = rate.map_or_else(|| "–".to_owned(), percent);
    let last = topic.last.as_ref().map(|it| (it.nonce, verdict(it).1));
    let last = last.map_or_else(String::new, |(nonce, word)| format!(", {nonce} {word}"));
    let value = topic
        .forecast
        .as_ref()
        .map(|it| format!(", {:.6}", it.value));
    let text = format!("{told} in 7 days{last}{}", value.unwrap_or_default());
    let reached = mark(rate.map(|rate| rate >= goal));
    line(reached, &topic.id.to_string(), text).short(format!("{told}{last}"))
}

fn answers(status: &Status) -> Vec<Line> {
    let latency = &status.latency;
    let mut lines = Vec::new();
    if let (Some(p50), Some(p99)) = (latency.p50_ms, latency.p99_ms) {
        let text = format!(
            "p50 {p50:.0} ms, p99 {p99:.0} ms from event to mempool ({} in this run)",
            latency.count
        );
        let short = format!("p50 {p50:.0} ms, p99 {p99:.0} ms");
        lines.push(line(Mark::None, "latency", text).short(short));
    }
    if let Some(blocks) = &latency.blocks {
        let text = format!(
            "p50 {}, p99 {} after the opening block",
            blocks.p50, blocks.p99
        );
        let short = format!("p50 +{}, p99 +{}", blocks.p50, blocks.p99);
        lines.push(line(Mark::None, "blocks", text).short(short));
    }
    lines
}

fn money(status: &Status) -> Vec<Line> {
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

fn nodes(status: &Status) -> Vec<Line> {
    let mut lines = Vec::new();
    if status.process.life != Life::Runs {
        // What a worker saw last says nothing of now.
        return lines;
    }
    if let Some(height) = status.head.height {
        let heard = ago(status.head.heard, status.at);
        let block = status
            .head
            .block_ms
            .map(|ms| format!(", a block each {:.1} s", ms / 1e3));
        let text = format!("{height}, heard {heard}{}", block.unwrap_or_default());
        lines.push(line(Mark::None, "block", text).short(format!("{height}, {heard}")));
    }
    let socket = &status.socket;
    if socket.since.0.is_some() {
        let text = if socket.is_connected {
            format!("open to {}", socket.endpoint)
        } else {
            format!("lost {}: {}", ago(socket.since, status.at), socket.cause)
        };
        lines.push(line(mark(Some(socket.is_connected)), "socket", text));
    }
    for it in &status.endpoints {
        let latency = it
            .latency_ms
            .map(|ms| format!(", {ms:.0} ms"))
            .unwrap_or_default();
        let first = if it.is_pinned { ", first" } else { "" };
        let (state, short) = match &it.cause {
            Some(cause) if !it.is_healthy => (format!("{}: {cause}", it.endpoint), cause.clone()),
            _ => (it.endpoint.clone(), it.endpoint.clone()),
        };
        let text = format!("{state}{latency}{first}");
        lines.push(line(mark(Some(it.is_healthy)), "node", text).short(short));
    }
    lines
}

fn prices(status: &Status) -> Vec<Line> {
    let one = |(ticker, prices): (&String, &crate::vitals::Prices)| {
        let (mark, more) = match (&prices.obstacle, &prices.stand_in) {
            (Some(obstacle), _) => (Mark::Warn, format!("; {}", obstacle.cause)),
            (None, Some(it)) => (
                Mark::Warn,
                format!("; {} stands in for {}", it.source, it.first),
            ),
            (None, None) => (Mark::Good, String::new()),
        };
        let days = prices.closes / 24;
        let until = ago(prices.until, status.at);
        let text = format!(
            "{} closes, {days} days of them by the hour, the newest {until}{more}",
            prices.closes
        );
        let short = format!("{} closes, newest {until}", prices.closes);
        line(mark, ticker, text).short(short)
    };
    status.prices.iter().map(one).collect()
}

fn standby(status: &Status) -> Vec<Line> {
    let Some(standby) = &status.standby else {
        return Vec::new();
    };
    let leader = standby.leader.as_deref().unwrap_or("another");
    let (mark, text) = match standby.role {
        Role::Leads => (Mark::Good, "leads and answers".to_owned()),
        Role::Waits => (Mark::Good, format!("stands by; {leader} leads")),
        Role::Silent => (Mark::Bad, "sends nothing: its lease is past its end".into()),
        Role::Alone => (Mark::Warn, "goes on alone".into()),
    };
    vec![line(mark, &standby.name, text)]
}
