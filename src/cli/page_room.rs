//! The page, as a worker or a process of its own serves it.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    clock::SharedClock,
    config::Settings,
    page::{
        Board, BoardPlan, Reader,
        serve::{self, Boards, ClockNow, Clocks, Hub},
    },
    types::TopicId,
    vitals::{PageRoom, Shared, Vitals},
};

/// Boards of the worker in this very process.
struct Live {
    reader: Reader,
    vitals: Shared,
    clock: SharedClock,
}

#[async_trait]
impl Boards for Live {
    async fn board(&mut self) -> Board {
        let vitals = self.vitals.now();
        self.reader.board(Some(&vitals), self.clock.now()).await
    }
}

/// The page of the worker in this process; `is_open` where nobody has to sign in.
pub(super) fn room(
    settings: &Settings,
    vitals: &Shared,
    clock: &SharedClock,
    is_open: bool,
) -> PageRoom {
    let clocks: Clocks = {
        let (vitals, clock) = (vitals.clone(), Arc::clone(clock));
        Arc::new(move |topic| clock_now(&vitals.hold(), topic, &clock))
    };
    let hub = Hub::new(clocks, clock.now());
    let mut routes = serve::routes(hub.clone());
    if is_open {
        routes = routes.merge(serve::assets());
    }
    let told = hub.clone();
    let plan = BoardPlan::by(settings);
    let (vitals, clock) = (vitals.clone(), Arc::clone(clock));
    PageRoom {
        routes,
        changed: Box::new(move || told.change()),
        keep: Box::new(move || {
            let boards = Live {
                reader: Reader::new(plan.clone()),
                vitals: vitals.clone(),
                clock: Arc::clone(&clock),
            };
            Box::pin(hub.clone().keep(boards))
        }),
    }
}

/// The newest block and the topic's next window: the first topic's, where none is wanted.
fn clock_now(vitals: &Vitals, topic: Option<TopicId>, clock: &SharedClock) -> Option<ClockNow> {
    let wanted = topic.and_then(|id| vitals.topics.get(&id));
    let next = wanted.or_else(|| vitals.topics.values().next());
    let next = next.and_then(|it| it.next.as_ref());
    Some(ClockNow {
        now: clock.now(),
        height: vitals.head.height?,
        opens: next.map(|it| it.opens),
        expected: next.and_then(|it| it.expected.0),
        block_ms: vitals.head.block_ms,
    })
}
