//! An hour, or as long as is asked for, on a real chain: what the worker takes of the machine does not
//! grow, with a mild trouble at one of its two doors each minute. Many topics make the windows of days:
//! what keeps the newest of something is full after the first third, which is the warm-up, and what grows
//! with each window without a bound shows in the rest.

mod gauge;
mod slope;

use std::{
    fmt::Write,
    thread,
    time::{Duration, Instant},
};

use self::{
    gauge::{Gauge, KINDS},
    slope::{Slope, Verdict},
};
use crate::{
    chain::Chain,
    gate::{self, number, say},
    ledger::{Answered, Ledger, assert_no_strays, pair},
    node::Node,
    plan::Plan,
    rough::{
        door::{Door, port_of},
        mood::Mood,
    },
    site::Site,
    wallet::{Funded, Wallet},
    worker::Worker,
};

/// Blocks from one window to the next, and of a window: as `scripts/localnet.sh` has them.
const EPOCH: i64 = 10;
const WINDOW: i64 = 6;
/// Topics that open their windows in the same block: about 240 windows a minute.
const TOPICS: u64 = 44;
/// Windows after which all that is kept by count or by blocks is full: heap profiles of 10,000 windows show
/// nothing that grows from here on.
const FULL: usize = 4_000;
/// A run of fewer minutes is not held against the bounds: its warm-up is too short to fill everything.
const JUDGED: u64 = 40;
/// How long each minute's trouble lasts: connections are cut in a moment, a stall takes two seconds.
const CUT: Duration = Duration::from_millis(200);
const STALL: Duration = Duration::from_secs(2);

#[test]
fn memory_and_descriptors_stay_flat_on_the_real_node() {
    let Some(binary) = gate::node_binary() else {
        return;
    };
    let minutes = number("ALLORA_REAL_MINUTES", 1);
    let plan = Plan::new().topics(TOPICS).paced(EPOCH, WINDOW);
    let node = plan.start(&binary);
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::funded(Funded::Worker);
    let mut doors = [1, 2].map(|seed| Door::open(port_of(&node.rpc), seed));
    let endpoints = doors.each_ref().map(Door::endpoint);
    let site = Site::new(&node, &wallet).reached_by(&endpoints);
    let site = site.all_topics();
    let mut worker = site.start();
    worker.wait_until_prepared(node.topics.clone().count());
    let mut ledger = Ledger::of(&chain, node.topics.clone());
    let begun = ledger.advance();
    let artifacts = site.path().join("data/artifacts");
    let mut gauge = Gauge::new(worker.pid(), artifacts);
    let (troubles, warming) = sit(minutes, &mut gauge, &mut doors, &mut ledger);

    let newest = ledger.advance();
    let closed = ledger.windows_after(begun).filter(|it| it.end <= newest);
    let count = closed.count();
    let windows = ledger.wait_for_closed(begun, count);
    worker.wait_for_verdicts(&windows[count.saturating_sub(1)..]);
    let slopes = slopes(&gauge, minutes);
    say(&table(&gauge, &slopes, minutes));
    let txs = chain.all_submissions(&wallet.address);
    let answered = pair(&windows, &txs);
    say(&closing(&answered, &slopes, minutes, troubles));
    say(&format!("windows in the warm-up: {warming}"));
    let faults: Vec<String> = answered
        .iter()
        .filter_map(|one| one.fault(&wallet.address, WINDOW))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}{}", worker.last_words());
    // Windows went on to open while the chain was searched.
    ledger.advance();
    assert_no_strays(&ledger, &txs, begun);
    site.assert_never_anew();
    assert!(
        minutes < JUDGED || warming >= FULL,
        "only {warming} windows in the warm-up: what keeps {FULL} was still filling"
    );
    assert_flat(&slopes, minutes);
    finish(worker, &node, &site, &chain, &windows);
}

fn finish(
    worker: Worker,
    node: &Node,
    site: &Site<'_>,
    chain: &Chain,
    windows: &[crate::ledger::Window],
) {
    worker.stop();
    site.assert_counted(chain, windows);
    say(&format!("{} was left as it was found", node.chain_id));
}

/// Sits by for so many minutes, looks each ten seconds, or more often in a run below ten minutes, and
/// makes a mild trouble at one door each minute. How many, and how many windows opened in the warm-up.
fn sit(
    minutes: u64,
    gauge: &mut Gauge,
    doors: &mut [Door; 2],
    ledger: &mut Ledger<'_>,
) -> (usize, usize) {
    let before = ledger.advance();
    let warm = Duration::from_secs(20 * minutes);
    let mut warming = 0;
    let every = Duration::from_secs(minutes.min(10));
    let begun = Instant::now();
    let end = Duration::from_secs(60 * minutes);
    let mut next_look = Duration::ZERO;
    let mut troubles = 0;
    loop {
        thread::sleep(next_look.saturating_sub(begun.elapsed()));
        gauge.look();
        if next_look >= end {
            return (troubles, warming);
        }
        // Read as it grows: at the end it would take long.
        ledger.advance();
        if next_look <= warm {
            warming = ledger.windows_after(before).count();
        }
        next_look += every;
        let is_due = begun.elapsed() >= Duration::from_secs(60 * troubles as u64 + 30);
        if is_due {
            troubles += 1;
            // Each trouble at each door in turn.
            let door = &mut doors[troubles % 2];
            let (mood, lasts) = match troubles / 2 % 3 {
                0 => (Mood::Stall, STALL),
                1 => (Mood::Close, CUT),
                _ => (Mood::Reset, CUT),
            };
            door.begin(troubles, mood);
            thread::sleep(lasts);
            door.end(troubles);
        }
    }
}

/// Of each kind, after the warm-up, by means of the run's twelfths: twenty and five minutes of an hour.
fn slopes(gauge: &Gauge, minutes: u64) -> [Slope; KINDS.len()] {
    let twelfth = 5.0 * minutes as f64;
    let mut kind = 0;
    KINDS.map(|_| {
        kind += 1;
        Slope::of(&gauge.series(kind - 1), 4.0 * twelfth, twelfth)
    })
}

fn table(gauge: &Gauge, slopes: &[Slope; KINDS.len()], minutes: u64) -> String {
    let mut text = format!("\n{} samples\n| minute |", gauge.samples().len());
    let names = KINDS.map(|kind| {
        format!(" {} {}", kind.name, kind.unit)
            .trim_end()
            .to_owned()
    });
    writeln!(text, "{} |", names.join(" |")).expect("a string takes all");
    writeln!(text, "|---|{}", "---|".repeat(KINDS.len())).expect("a string takes all");
    let twelfth = 5.0 * minutes as f64;
    let mut next = 0.0;
    for (at, values) in gauge.samples() {
        if *at + 0.1 >= next {
            let values = values.map(|value| format!(" {value:.1} |")).concat();
            writeln!(text, "| {:.1} |{values}", at / 60.0).expect("a string takes all");
            next += twelfth;
        }
    }
    writeln!(
        text,
        "\nslopes an hour by least squares through means of {:.1} minutes, after {:.1}, with standard errors",
        twelfth / 60.0,
        twelfth / 15.0
    )
    .expect("a string takes all");
    for (kind, it) in KINDS.iter().zip(slopes) {
        let bound = kind.bound.map_or("grows with the work".into(), |bound| {
            let word = match it.verdict(bound) {
                _ if minutes < JUDGED => "not judged",
                Verdict::Flat => "flat",
                Verdict::Grows => "GROWS",
                Verdict::Open => "the run is too short to tell",
            };
            format!("95 % within ±{:.2}, bound +{bound}: {word}", it.half)
        });
        writeln!(
            text,
            "{}: {:+.2} ± {:.2} {}/h; {bound}",
            kind.name, it.rate, it.error, kind.unit
        )
        .expect("a string takes all");
    }
    text
}

fn closing(
    answered: &[Answered],
    slopes: &[Slope; KINDS.len()],
    minutes: u64,
    troubles: usize,
) -> String {
    let count = |holds: &dyn Fn(&Answered) -> bool| answered.iter().filter(|it| holds(it)).count();
    let is_in = |one: &Answered| one.blocks_after().is_some();
    let flat = KINDS.iter().zip(slopes).filter(|(kind, slope)| {
        if minutes < JUDGED {
            return false;
        }
        let verdict = kind.bound.map(|bound| slope.verdict(bound));
        verdict == Some(Verdict::Flat)
    });
    let names: Vec<&str> = flat.map(|(kind, _)| kind.name).collect();
    format!(
        "minutes: {minutes}\ntroubles of a door: {troubles}\nwindows: {}\nanswerable: {}\nanswered: {}\n\
         answered in the next block: {}\nanswered twice: {}\nflat: {}",
        answered.len(),
        // One door is always well.
        answered.len(),
        count(&is_in),
        count(&|one| one.blocks_after() == Some(1)),
        count(&|one| one.txs.len() > 1),
        if names.is_empty() {
            "nothing, or not judged".into()
        } else {
            names.join(", ")
        },
    )
}

fn assert_flat(slopes: &[Slope; KINDS.len()], minutes: u64) {
    if minutes < JUDGED {
        say(&format!(
            "a run below {JUDGED} minutes is not judged: its warm-up fills not everything"
        ));
        return;
    }
    for (kind, slope) in KINDS.iter().zip(slopes) {
        let Some(bound) = kind.bound else { continue };
        let is_flat = slope.verdict(bound) == Verdict::Flat;
        assert!(is_flat, "{} is not flat: {slope:?}", kind.name);
    }
}
