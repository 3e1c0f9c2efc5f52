use std::sync::{Arc, Mutex};

use super::*;
use crate::{
    clock::Reading,
    ops::{Event, Recording},
    pulse::Weight,
};

const LIMIT: Duration = Duration::from_secs(5);

/// Clocks on which each look is a second after the last, save for what a test adds.
#[derive(Clone, Default)]
struct Played(Arc<Mutex<Reading>>);

impl Clocks for Played {
    fn read(&self) -> Reading {
        let mut now = self.0.lock().unwrap();
        now.monotonic += Duration::from_secs(1);
        now.boottime += Duration::from_secs(1);
        now.realtime += Duration::from_secs(1);
        *now
    }
}

struct Watched {
    clocks: Played,
    jumps: JumpTeller,
    told: Recording,
    alarmed: Receiver<String>,
    dog: Watchdog,
}

fn watched(pulses: &Pulses) -> Watched {
    let (reporter, told) = Reporter::recording();
    let (clocks, jumps) = (Played::default(), JumpTeller::default());
    let (alarm, alarmed) = channel();
    let systemd = Systemd::looking_each(Duration::from_millis(1));
    let parts = WatchdogParts {
        pulses: pulses.clone(),
        limit: LIMIT,
        clocks: clocks.clone(),
        jumps: jumps.clone(),
        reporter,
        alarm: Box::new(move |what| alarm.send(what).unwrap()),
    };
    Watched {
        clocks,
        jumps,
        told,
        alarmed,
        dog: Watchdog::start_with(parts, systemd).unwrap(),
    }
}

#[tokio::test]
async fn a_task_that_hangs_is_named_and_the_alarm_is_given_once() {
    let pulses = Pulses::default();
    let _feed = pulses.pulse("feed", Weight::Vital);
    let _journal = pulses.pulse("journal", Weight::Told);
    let watched = watched(&pulses);
    let alarm = watched.alarmed.recv_timeout(Duration::from_secs(10));
    assert_eq!(alarm.unwrap(), "the task \"feed\" hangs");
    let stuck = |name: &str| {
        let fits = |event: &Event| matches!(event, Event::Watch(WatchEvent::TaskStuck { task, seconds, .. }) if task == name && *seconds == LIMIT.as_secs());
        watched.told.count(fits)
    };
    assert_eq!((stuck("feed"), stuck("journal")), (1, 1));
    assert!(watched.alarmed.recv().is_err(), "the watch is over");
}

#[tokio::test]
async fn a_slow_disk_and_a_task_that_ended_raise_no_alarm() {
    let pulses = Pulses::default();
    let journal = pulses.pulse("journal", Weight::Told);
    drop(pulses.pulse("feed", Weight::Vital));
    let watched = watched(&pulses);
    let is = |wanted: fn(&WatchEvent) -> bool| move |event: &Event| matches!(event, Event::Watch(event) if wanted(event));
    let stuck = is(|it| matches!(it, WatchEvent::TaskStuck { .. }));
    watched.told.wait_for(stuck).await;
    journal.beat();
    let moves = is(|it| matches!(it, WatchEvent::TaskMoves { .. }));
    watched.told.wait_for(moves).await;
    assert!(watched.alarmed.try_recv().is_err());
    drop(watched.dog);
    assert!(watched.alarmed.recv().is_err(), "its thread has ended");
}

#[tokio::test]
async fn a_jump_is_told_and_wakes_what_waits() {
    let pulses = Pulses::default();
    let watched = watched(&pulses);
    let mut jumps = watched.jumps.jumps();
    // From the second look on there is something to compare with.
    while watched.clocks.0.lock().unwrap().monotonic < Duration::from_secs(2) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    watched.clocks.0.lock().unwrap().realtime -= Duration::from_hours(1);
    jumps.next().await;
    let told = watched.told.wait_for(|event| {
        matches!(event, Event::Watch(WatchEvent::ClockJumped { seconds, .. }) if (*seconds + 3_600.0).abs() < 1e-6)
    });
    told.await;
}
