//! Two workers of one wallet on a real node: one leads, and the other takes over.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use allora_worker::store::{SharedSteps as _, StandbyDb, StateName, Wallet as Whose};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::runtime::Runtime;

use crate::{
    chain::Chain,
    gate::{number, say, setting},
    ledger::{Ledger, TOPIC},
    node::{self, EPOCH, Node},
    postgres_server::{self, Server},
    prediction_store::Place,
    site::Site,
    wallet::Wallet,
    worker::{READY, Worker},
};

const HEARTBEAT: Duration = Duration::from_secs(3);
/// From a lost lease to standing by again: a pause of a second and a start.
const ANEW: Duration = Duration::from_secs(10);
/// From a takeover to a block that holds an answer: a start, a block, and a busy machine.
const TO_SPARE: Duration = Duration::from_secs(2);
const NAMES: [&str; 2] = ["one", "two"];

/// Two sites of one wallet, with the database that they share.
struct Pair<'a> {
    sites: [Site<'a>; 2],
    address: String,
}

impl<'a> Pair<'a> {
    fn new(node: &'a Node, wallet: &'a Wallet, address: &str) -> Self {
        Self {
            sites: NAMES.map(|_| Site::new(node, wallet)),
            address: address.to_owned(),
        }
    }

    fn start(&self, which: usize) -> Worker {
        self.sites[which].start_with(&[
            ("STANDBY_DATABASE_URL", &self.address),
            ("ALLORA_STANDBY__NAME", NAMES[which]),
            ("ALLORA_STANDBY__HEARTBEAT", "3s"),
        ])
    }

    /// The first leads, and the second stands by.
    fn start_both(&self) -> [Worker; 2] {
        let mut one = self.start(0);
        one.wait_until_prepared(1);
        let mut two = self.start(1);
        stands_by(&mut two, 1);
        [one, two]
    }
}

fn is(event: &Value, name: &str) -> bool {
    event["event"] == name
}

fn count(worker: &Worker, name: &str) -> usize {
    let events = worker.events();
    events.iter().filter(|it| is(it, name)).count()
}

/// Waits until an event has happened so often.
fn nth(worker: &mut Worker, name: &str, nth: usize, timeout: Duration) -> Value {
    let begun = Instant::now();
    loop {
        let found = worker
            .events()
            .into_iter()
            .filter(|it| is(it, name))
            .nth(nth - 1);
        if let Some(found) = found {
            return found;
        }
        assert!(
            begun.elapsed() < timeout,
            "no {name} (number {nth}) within {timeout:?}{}",
            worker.last_words()
        );
        thread::sleep(Duration::from_millis(20));
    }
}

fn stands_by(worker: &mut Worker, times: usize) {
    nth(worker, "standby_waiting", times, READY);
}

fn at(event: &Value) -> OffsetDateTime {
    let text = event["timestamp"]
        .as_str()
        .expect("each event has its time");
    OffsetDateTime::parse(text, &Rfc3339).expect("a time")
}

fn signal(worker: &Worker, name: &str) {
    let pid = worker.pid().to_string();
    let sent = Command::new("kill").args([name, &pid]).status();
    assert!(sent.expect("kill runs").success(), "{name}");
}

/// A place for two workers in a server that is shared with other tests.
fn shared_place() -> Option<(Runtime, Place)> {
    let server = postgres_server::shared()?;
    Some(place_at(&server))
}

fn place_at(server: &str) -> (Runtime, Place) {
    let runtime = Runtime::new().expect("a runtime");
    let place = runtime.block_on(Place::postgres(server));
    (runtime, place)
}

fn funded(node: &Node) -> Wallet {
    let wallet = Wallet::random();
    node.fund(&wallet.address, 1);
    wallet
}

#[test]
fn one_that_stops_hands_over_at_once_and_no_stranger_comes_in() {
    let Some(node) = node::shared() else { return };
    let Some((runtime, place)) = shared_place() else {
        return;
    };
    let wallet = funded(node);
    let pair = Pair::new(node, &wallet, place.address());
    let [one, mut two] = pair.start_both();
    // A worker of this wallet that knows nothing of the others.
    let stranger = Site::new(node, &wallet);
    let mut alone = stranger.start();
    assert!(!alone.wait_for_exit(READY).success());
    assert!(
        alone.printed().contains("already uses the wallet"),
        "{}",
        alone.printed()
    );
    let state = std::fs::read_to_string(pair.sites[1].path().join("data/artifacts/worker.state"));
    assert!(state.expect("a state").contains("\"state\":\"standby\""));
    let chain = Chain::new(&node.rpc);
    let mut ledger = Ledger::new(&chain);
    let begun = ledger.advance();
    let asked = OffsetDateTime::now_utc();
    one.stop();
    let took = nth(&mut two, "standby_took_over", 1, HEARTBEAT);
    let ready = nth(&mut two, "ready", 1, READY);
    say(&format!(
        "handed over {} ms after SIGTERM, ready {} ms later",
        (at(&took) - asked).whole_milliseconds(),
        (at(&ready) - at(&took)).whole_milliseconds()
    ));
    assert_eq!((&took["from"], &took["token"]), (&"one".into(), &2.into()));
    let windows = ledger.wait_for_closed(begun, 2);
    two.wait_for_verdicts(&windows);
    for window in &windows {
        assert!(
            window.counted.contains(&wallet.address),
            "{window:?}{}",
            two.last_words()
        );
    }
    two.stop();
    runtime.block_on(place.clear());
}

#[test]
fn while_the_database_is_down_the_leader_answers_and_nobody_takes_over() {
    let Some(node) = node::shared() else { return };
    let Some(server) = postgres_server::own() else {
        return;
    };
    let (runtime, place) = place_at(server.url());
    let wallet = funded(node);
    let pair = Pair::new(node, &wallet, place.address());
    let [mut one, two] = pair.start_both();
    let chain = Chain::new(&node.rpc);
    let mut ledger = Ledger::new(&chain);
    let begun = ledger.advance();
    server.command("stop");
    nth(&mut one, "standby_alone", 1, HEARTBEAT * 2);
    let windows = ledger.wait_for_closed(begun, 2);
    one.wait_for_verdicts(&windows);
    // Killed and started again, it knows what it has sent.
    one.kill();
    let mut one = pair.start(0);
    nth(&mut one, "standby_alone", 1, HEARTBEAT * 3);
    one.wait_until_ready();
    let more = ledger.wait_for_closed(ledger_end(&windows), 1);
    one.wait_for_verdicts(&more);
    server.command("start");
    nth(&mut one, "standby_renewed", 1, READY);
    assert_eq!(count(&two, "standby_took_over"), 0, "{}", two.last_words());
    let txs = chain.submissions(&wallet.address, TOPIC);
    for window in windows.iter().chain(&more) {
        let own = txs.iter().filter(|it| it.nonce == window.nonce).count();
        let counted = window.counted.contains(&wallet.address);
        assert!(counted && own == 1, "{window:?}: {own}{}", one.last_words());
    }
    handed_on(&runtime, &server, &place, node, &wallet, windows[0].nonce);
    one.stop();
    two.stop();
    drop(place);
}

fn ledger_end(windows: &[crate::ledger::Window]) -> i64 {
    windows.last().map_or(0, |it| it.nonce)
}

/// What was journaled while the database was down is in it. Its window's first step may be older than that.
fn handed_on(
    runtime: &Runtime,
    server: &Server,
    place: &Place,
    node: &Node,
    wallet: &Wallet,
    nonce: i64,
) {
    let whose = Whose {
        chain_id: node.chain_id.clone(),
        address: wallet.address.clone(),
    };
    let begun = Instant::now();
    let state = loop {
        let db = StandbyDb::at(&place.url(), HEARTBEAT).expect("a server");
        let recent = runtime.block_on(db.recent(&whose, 100));
        let recent = recent.expect("the server is back");
        let found = recent.iter().find(|it| it.key.nonce.0 == nonce);
        let state = found.map(|it| it.state.name());
        if state == Some(StateName::Counted) || begun.elapsed() > READY {
            break state;
        }
        thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(state, Some(StateName::Counted), "at {}", server.url());
}

#[test]
fn a_leader_that_is_killed_or_paused_is_taken_over_from_within_a_heartbeat() {
    let Some(node) = node::shared() else { return };
    let Some((runtime, place)) = shared_place() else {
        return;
    };
    let rounds = number("ALLORA_REAL_STANDBY", 3);
    let seed =
        setting("ALLORA_REAL_SEED").map_or_else(rand::random, |_| number("ALLORA_REAL_SEED", 0));
    say(&format!(
        "{rounds} faults of the leader, ALLORA_REAL_SEED={seed}"
    ));
    let wallet = funded(node);
    let pair = Pair::new(node, &wallet, place.address());
    let chain = Chain::new(&node.rpc);
    let mut moments = StdRng::seed_from_u64(seed);
    let mut workers = pair.start_both().map(Some);
    let mut show = Show::new(&chain, &wallet.address);
    let mut leader = 0;
    for round in 1..=rounds {
        if round % 2 == 1 {
            thread::sleep(Duration::from_millis(moments.random_range(0..=9_000)));
        } else {
            // Within two seconds of an opening.
            chain.wait_for(show.ledger.next_opening(EPOCH) - 1);
            thread::sleep(Duration::from_millis(moments.random_range(0..=2_000)));
        }
        let is_pause = moments.random_bool(0.5);
        let mut old = workers[leader].take().expect("it runs");
        let mut new = workers[1 - leader].take().expect("it runs");
        let before = count(&new, "standby_took_over");
        let ready = count(&new, "ready");
        let fault = OffsetDateTime::now_utc();
        let sick = if is_pause {
            signal(&old, "-STOP");
            Some(&mut old)
        } else {
            signal(&old, "-KILL");
            None
        };
        let took = at(&nth(
            &mut new,
            "standby_took_over",
            before + 1,
            HEARTBEAT * 3,
        ));
        let led = at(&nth(&mut new, "ready", ready + 1, READY));
        if let Some(old) = sick {
            // It wakes up in the middle of what it did, and must stay silent.
            thread::sleep(Duration::from_millis(moments.random_range(0..=3_000)));
            let (lost, waits) = (count(old, "standby_lost"), count(old, "standby_waiting"));
            signal(old, "-CONT");
            nth(old, "standby_lost", lost + 1, HEARTBEAT * 2);
            // However often that has happened to it.
            nth(old, "standby_waiting", waits + 1, ANEW);
        }
        show.note(round, is_pause, fault, took, led, &old);
        workers[leader] = Some(back(&pair, leader, is_pause, old));
        workers[1 - leader] = Some(new);
        leader = 1 - leader;
    }
    let last = show.ledger.advance();
    show.ledger.wait_for_closed(last, 1);
    let mut all = workers.into_iter().flatten();
    for worker in all.by_ref() {
        show.hear(&worker);
        worker.stop();
    }
    show.close();
    runtime.block_on(place.clear());
}

/// The worker as a standby: one that was paused has begun anew by itself, and one that was killed is
/// started again.
fn back(pair: &Pair<'_>, which: usize, is_pause: bool, mut old: Worker) -> Worker {
    if is_pause {
        assert!(!old.has_ended(), "{}", old.last_words());
        return old;
    }
    let mut worker = pair.start(which);
    stands_by(&mut worker, 1);
    worker
}

/// What the faults did, told by the chain.
struct Show<'a> {
    chain: &'a Chain,
    address: &'a str,
    ledger: Ledger<'a>,
    begun: i64,
    faults: Vec<OffsetDateTime>,
    table: String,
    longest: Duration,
    /// The hashes that were taken into a mempool, by nonce.
    hashes: BTreeMap<i64, BTreeSet<String>>,
    /// What the workers told: windows that were sent twice, and those that were answered twice.
    told: BTreeSet<(&'static str, i64)>,
}

impl<'a> Show<'a> {
    fn new(chain: &'a Chain, address: &'a str) -> Self {
        let mut ledger = Ledger::new(chain);
        Self {
            chain,
            address,
            begun: ledger.advance(),
            ledger,
            faults: Vec::new(),
            table:
                "\n| round | fault | block | open window | another leads after | ready after |\n\
                    |---|---|---|---|---|---|\n"
                    .to_owned(),
            longest: Duration::ZERO,
            hashes: BTreeMap::new(),
            told: BTreeSet::new(),
        }
    }

    fn note(
        &mut self,
        round: u64,
        is_pause: bool,
        fault: OffsetDateTime,
        took: OffsetDateTime,
        led: OffsetDateTime,
        old: &Worker,
    ) {
        self.hear(old);
        let height = self.ledger.advance();
        let open = self.ledger.open_at(height);
        let open = open.map_or("none".into(), |it| format!("{} to {}", it.nonce, it.end));
        self.faults.push(fault);
        let kind = if is_pause { "SIGSTOP" } else { "kill -9" };
        let after = |time: OffsetDateTime| (time - fault).whole_milliseconds();
        let nobody = Duration::try_from(led - fault).unwrap_or_default();
        self.longest = self.longest.max(nobody);
        writeln!(
            self.table,
            "| {round} | {kind} | {height} | {open} | {} ms | {} ms |",
            after(took),
            after(led)
        )
        .expect("a string takes all");
    }

    fn hear(&mut self, worker: &Worker) {
        for event in worker.events().iter().filter(|it| is(it, "submitted")) {
            let (nonce, hash) = (event["nonce"].as_i64(), event["hash"].as_str());
            let hashes = self.hashes.entry(nonce.expect("a nonce")).or_default();
            hashes.insert(hash.expect("a hash").to_owned());
        }
        for name in ["sent_twice", "answered_twice"] {
            for event in worker.events().iter().filter(|it| is(it, name)) {
                self.told
                    .insert((name, event["nonce"].as_i64().expect("a nonce")));
            }
        }
    }

    /// Whether a window was open for longer than a heartbeat after each fault that it knew, with the time
    /// that an answer takes.
    fn could_be_answered(&self, nonce: i64, end: i64) -> bool {
        let (opened, closed) = (self.chain.time(nonce), self.chain.time(end));
        let needed = HEARTBEAT + TO_SPARE;
        self.faults
            .iter()
            .filter(|&&fault| fault + needed > opened && fault < closed)
            .all(|&fault| closed - fault > needed)
    }

    fn close(mut self) {
        self.ledger.advance();
        let txs = self.chain.submissions(self.address, TOPIC);
        let windows: Vec<_> = self.ledger.windows_after(self.begun).cloned().collect();
        let last = windows.len().saturating_sub(1);
        let (mut answered, mut twice, mut sent_twice) = (0, Vec::new(), 0);
        let (mut missed, mut unexcused) = (Vec::new(), Vec::new());
        // The newest may still be open.
        for window in &windows[..last] {
            let own = txs.iter().filter(|it| it.nonce == window.nonce);
            let accepted = own.clone().filter(|it| it.code == 0).count();
            let known = self.hashes.get(&window.nonce).map_or(0, BTreeSet::len);
            sent_twice += usize::from(known > 1 || own.count() > 1);
            match accepted {
                0 => {
                    missed.push(window.nonce);
                    if self.could_be_answered(window.nonce, window.end) {
                        unexcused.push(window.nonce);
                    }
                }
                1 => answered += 1,
                _ => twice.push(window.nonce),
            }
        }
        let told = |name| self.told.iter().filter(|it| it.0 == name).count();
        say(&format!(
            "{}nobody led for {} ms at the longest\nwindows: {last}\nanswered: {answered}\n\
             answered twice: {}\nsent twice: {sent_twice}\nmissed: {}\n\
             the workers told of {} sent twice and {} answered twice",
            self.table,
            self.longest.as_millis(),
            twice.len(),
            missed.len(),
            told("sent_twice"),
            told("answered_twice")
        ));
        assert_eq!(told("answered_twice"), 0);
        assert!(twice.is_empty(), "answered twice: {twice:?}");
        assert!(
            unexcused.is_empty(),
            "missed though open for longer than a heartbeat after the fault: {unexcused:?}"
        );
    }
}
