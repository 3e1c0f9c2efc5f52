//! The page, as a worker or a process of its own serves it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use time::OffsetDateTime;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::sleep,
};

use super::failure::Failure;
use crate::{
    clock::{Clock as _, SharedClock, SystemClock},
    config::Settings,
    page::{
        Board, BoardPlan, Reader,
        serve::{self, Boards, ClockNow, Clocks, Hub},
    },
    status::Status,
    types::TopicId,
    vitals::{self, Head, Next, PageRoom, Shared, Vitals},
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

/// How often files are looked at for what is new, while a page is open.
const LOOK: Duration = Duration::from_secs(2);

/// Boards of a worker's files.
struct Files {
    reader: Reader,
    newest: Arc<Mutex<Option<Status>>>,
}

#[async_trait]
impl Boards for Files {
    async fn board(&mut self) -> Board {
        let board = self.reader.board(None, SystemClock.now()).await;
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = Some(board.status.clone());
        drop(newest);
        board
    }
}

/// Serves the page of a worker's files to this machine, until the process is asked to end.
#[allow(clippy::print_stderr, reason = "a command without a log")]
pub(super) async fn serve_files(plan: BoardPlan, listen: SocketAddr) -> Result<(), Failure> {
    if !vitals::is_local(listen) {
        let wrong =
            format!("--listen {listen} is reached by other machines, and asks for no token");
        return Err(Failure::lasting(format!(
            "{wrong}: listen on 127.0.0.1, or reach it with ssh -L"
        )));
    }
    let taken = |cause| {
        Failure::lasting(format!(
            "can't listen on {listen}: {cause}; choose --listen"
        ))
    };
    let listener = TcpListener::bind(listen).await.map_err(taken)?;
    let address = listener.local_addr()?;
    let newest = Arc::new(Mutex::new(None));
    let known = Arc::clone(&newest);
    let clocks: Clocks = Arc::new(move |topic| {
        let known = known.lock().unwrap_or_else(PoisonError::into_inner);
        clock_of(known.as_ref()?, topic)
    });
    let hub = Hub::new(clocks, SystemClock.now());
    let routes = serve::routes(hub.clone()).merge(serve::assets());
    let boards = Files {
        reader: Reader::new(plan),
        newest,
    };
    eprintln!("the page is at http://{address}/ (Ctrl-C ends it)");
    let mut ended = signal(SignalKind::terminate())?;
    let looks = async {
        loop {
            sleep(LOOK).await;
            hub.change();
        }
    };
    tokio::select! {
        () = vitals::serve_pages(listener, routes) => {}
        () = hub.clone().keep(boards) => {}
        () = looks => {}
        _ = ended.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(())
}

/// As [`clock_now`], of what the files told.
fn clock_of(status: &Status, topic: Option<TopicId>) -> Option<ClockNow> {
    let wanted = status.topics.iter().find(|it| Some(it.id) == topic);
    let next = wanted.or_else(|| status.topics.first());
    let next = next.and_then(|it| it.next.as_ref());
    countdown(SystemClock.now(), &status.head, next)
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
    countdown(clock.now(), &vitals.head, next)
}

/// None while no block is known.
fn countdown(now: OffsetDateTime, head: &Head, next: Option<&Next>) -> Option<ClockNow> {
    Some(ClockNow {
        now,
        height: head.height?,
        opens: next.map(|it| it.opens),
        expected: next.and_then(|it| it.expected.0),
        block_ms: head.block_ms,
    })
}
