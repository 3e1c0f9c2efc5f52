//! What an open page is sent: sections that have changed, the countdown, and a sign of life.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use serde_json::json;
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior, interval},
};

use super::hub::{ClockNow, Hub, Seat, Snapshot};
use crate::page::view::{Choice, Section};

/// A page without a sign of life for longer than this and a half takes the worker as lost.
const ALIVE: Duration = Duration::from_secs(10);
/// How often it is looked for a new block.
const TICK: Duration = Duration::from_secs(1);

/// One open page.
struct Follower {
    hub: Hub,
    choice: Choice,
    newest: watch::Receiver<Option<Arc<Snapshot>>>,
    /// What the page shows.
    shown: HashMap<Section, Arc<str>>,
    ticks: Interval,
    told: Option<ClockNow>,
    waiting: VecDeque<Event>,
    _seat: Seat,
}

/// The events for a page that shows `since`; none when too many follow already.
pub(super) fn follow(
    hub: &Hub,
    choice: Choice,
    since: u64,
) -> Option<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>> {
    let (seat, mut newest) = hub.follow()?;
    let mut waiting = VecDeque::new();
    let mut shown = HashMap::new();
    // A page that chose anew shows no generation.
    if since > 0 && hub.is_older(since) {
        waiting.push_back(Event::default().event("restarted").data("{}"));
    } else {
        let now = newest.borrow_and_update().clone();
        if let Some(now) = now.filter(|it| it.generation == since) {
            shown = sheets(&now, &choice);
        } else {
            newest.mark_changed();
        }
    }
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let follower = Follower {
        hub: hub.clone(),
        choice,
        newest,
        shown,
        ticks,
        told: None,
        waiting,
        _seat: seat,
    };
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Some(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)))
}

fn sheets(snapshot: &Snapshot, choice: &Choice) -> HashMap<Section, Arc<str>> {
    let sheets = snapshot.sheets(choice);
    let pair = |it: &super::hub::Sheet| (it.section, Arc::clone(&it.html));
    sheets.iter().map(pair).collect()
}

impl Follower {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            tokio::select! {
                changed = self.newest.changed() => {
                    changed.ok()?;
                    self.compare();
                }
                _ = self.ticks.tick() => self.tick(),
            }
        }
    }

    fn compare(&mut self) {
        let Some(newest) = self.newest.borrow_and_update().clone() else {
            return;
        };
        for sheet in newest.sheets(&self.choice).iter() {
            let known = self.shown.get(&sheet.section);
            if known.is_some_and(|known| **known == *sheet.html) {
                continue;
            }
            self.shown.insert(sheet.section, Arc::clone(&sheet.html));
            let data = json!({
                "id": sheet.section.id(),
                "html": &*sheet.html,
                "generation": newest.generation,
            });
            let event = Event::default().event("section");
            self.waiting.push_back(event.data(data.to_string()));
        }
    }

    fn tick(&mut self) {
        let Some(now) = self.hub.clock(self.choice.topic) else {
            return;
        };
        if self.told.as_ref().is_some_and(|told| told.says_as(&now)) {
            return;
        }
        if let Ok(data) = serde_json::to_string(&now) {
            let event = Event::default().event("clock").data(data);
            self.waiting.push_back(event);
        }
        self.told = Some(now);
    }
}
