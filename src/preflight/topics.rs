//! The topics, and the wallet's standing in each.

use std::time::Duration;

use time::OffsetDateTime;

use super::{Area, Check, chain::Found, words};
use crate::{
    chain::{Uallo, WindowStatus, has_many_outputs, proto::emissions::Topic},
    types::{Height, TopicId},
};

/// What topics are judged by, beside what the chain says of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) chain_id: &'a str,
    /// The newest block, and when it was made.
    pub(super) height: Height,
    pub(super) time: OffsetDateTime,
    /// None when it could not be measured.
    pub(super) block_time: Option<Duration>,
    /// Whether the worker registers the wallet by itself.
    pub(super) registers: bool,
    pub(super) registration_fee: Option<Uallo>,
    /// Topics whose forecaster can answer several values.
    pub(super) own_forecasters: &'a [TopicId],
}

pub(super) fn judge(found: &Found, view: &View<'_>) -> Vec<Check> {
    let name = format!("topic {}", found.id);
    let Some(topic) = &found.topic else {
        let what = format!("the chain {} has no such topic", view.chain_id);
        let remedy = "correct --topic or [[topics]]";
        return vec![Check::error(Area::Topics, name, what, remedy).ends_a_start()];
    };
    let mut all = vec![windows(&name, topic, found.status.as_ref(), view)];
    if has_many_outputs(topic) && !view.own_forecasters.contains(&found.id) {
        let labels = topic.label_whitelist.join(", ");
        let what =
            format!("it takes values for several labels ({labels}): one forecast does not do");
        let remedy = "give its [[topics]] entry a forecaster that answers {\"values\": {label: value}}, \
                      or leave it out";
        all.push(Check::error(Area::Topics, &name, what, remedy).ends_a_start());
    }
    if let Some(status) = &found.status {
        all.push(registration(&name, status, view));
        all.push(whitelist(&name, status));
    }
    all
}

/// When and how long it opens.
fn windows(name: &str, topic: &Topic, status: Option<&WindowStatus>, view: &View<'_>) -> Check {
    let mut what = format!(
        "a window every {}, open for {}, loss {}",
        blocks(topic.epoch_length, view.block_time),
        blocks(topic.worker_submission_window, view.block_time),
        match topic.loss_method.as_str() {
            "" => "not told",
            loss => loss,
        }
    );
    let Some(status) = status else {
        return Check::ok(Area::Topics, name, what);
    };
    if !status.is_active {
        return Check::error(
            Area::Topics,
            name,
            format!("it is not active and opens no windows ({what})"),
            "check its number, or wait until it is funded; a worker looks again every two minutes",
        );
    }
    if let Some(open) = status.open {
        what += &format!("; open now until block {}", words::number(open.end.0));
    }
    if let Some(next) = status.next_start {
        what += &format!("; next at block {}", words::number(next.0));
        if let Some(at) = due(next, view) {
            what += &format!(", about {}", words::moment(at));
        }
    }
    Check::ok(Area::Topics, name, what)
}

/// When a block is due.
fn due(height: Height, view: &View<'_>) -> Option<OffsetDateTime> {
    let ahead = u32::try_from(height.0 - view.height.0).ok()?;
    Some(view.time + view.block_time?.saturating_mul(ahead))
}

fn blocks(of: i64, block_time: Option<Duration>) -> String {
    let count = u32::try_from(of).ok();
    let span = block_time
        .zip(count)
        .map(|(one, count)| one.saturating_mul(count));
    let span = span.map(|it| format!(" ({})", words::minutes(it)));
    format!("{} blocks{}", words::number(of), span.unwrap_or_default())
}

fn registration(name: &str, status: &WindowStatus, view: &View<'_>) -> Check {
    let name = format!("{name} registered");
    if status.is_registered {
        return Check::ok(Area::Topics, name, "the wallet is registered as a worker");
    }
    let fee = view.registration_fee.map(|fee| format!(" for {fee}"));
    let fee = fee.unwrap_or_default();
    if view.registers {
        let what = "the wallet is not registered yet";
        let remedy = format!("start the worker: it registers the wallet by itself{fee}");
        return Check::warning(Area::Topics, name, what, remedy);
    }
    let what = "the wallet is not registered, and is not to be (--no-register)";
    let remedy =
        format!("leave --no-register out (worker.auto_register){fee}, or register it by hand");
    Check::error(Area::Topics, name, what, remedy)
}

fn whitelist(name: &str, status: &WindowStatus) -> Check {
    let name = format!("{name} whitelist");
    if status.is_whitelisted {
        return Check::ok(Area::Topics, name, "the wallet may submit");
    }
    let what = "the wallet is not on the topic's whitelist";
    let remedy =
        "ask the topic's creator to add its address; a worker looks again every two minutes";
    Check::error(Area::Topics, name, what, remedy)
}

#[cfg(test)]
#[path = "topics_tests.rs"]
mod tests;
