//! Two doors to a chain, and what happens to them, to the worker and to the second node.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{
    EPOCH,
    account::Truth,
    blocks::{Blocks, Seen},
    door::{Door, port_of},
    mood::Mood,
    runs::Runs,
    schedule::{Act, What, Which},
    track::Track,
};
use crate::{
    gate::say,
    ledger::Ledger,
    node::{Endpoint, Node},
};

/// Blocks from a window's mark to its opening.
const MARK: i64 = 2;
/// From the last relief until the second node keeps up again.
const CATCH_UP: Duration = Duration::from_secs(30);

/// The doors, the nodes behind them, and what is seen of these.
pub(crate) struct Play<'a> {
    node: &'a Node,
    doors: [Door; 2],
    blocks: Blocks,
    freezes: usize,
}

/// The beginning or the end of an act.
struct Turn<'a> {
    at: Duration,
    act: &'a Act,
    number: usize,
    is_begin: bool,
}

impl<'a> Play<'a> {
    /// Opens a door to each of the chain's two nodes.
    pub(crate) fn new(node: &'a Node, seed: u64) -> Self {
        let second = node.second.as_ref().expect("a second node was asked for");
        let door = |url: &str, seed| Door::open(port_of(url), seed);
        Self {
            node,
            doors: [door(&node.rpc, seed ^ 1), door(&second.rpc, seed ^ 2)],
            blocks: Blocks::watch(&node.rpc, Some(&second.rpc)),
            freezes: 0,
        }
    }

    /// Where the doors are.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        self.doors.iter().map(Door::endpoint).collect()
    }

    /// Has all of it happen, a window after the other, and waits until everybody is well; the windows'
    /// nonces.
    pub(crate) fn play(
        &mut self,
        schedule: &[Vec<Act>],
        runs: &mut Runs<'_>,
        ledger: &mut Ledger<'_>,
    ) -> Vec<i64> {
        // The first window is left in peace: it tells when the next ones open.
        ledger.wait_for_closed(0, 1);
        let mut opening = ledger.next_opening(EPOCH);
        if opening < ledger.advance() + MARK + 1 {
            opening += EPOCH;
        }
        let mut nonces = Vec::new();
        let mut number = 0;
        for (index, acts) in schedule.iter().enumerate() {
            self.wait_for(opening - MARK);
            self.act(acts, &mut number, runs);
            nonces.push(opening);
            opening += EPOCH;
            if (index + 1) % 10 == 0 {
                say(&format!("{} of {} windows", index + 1, schedule.len()));
            }
        }
        let deadline = Instant::now() + CATCH_UP;
        while !self.blocks.is_second_well() {
            assert!(
                Instant::now() < deadline,
                "the second node does not keep up"
            );
            thread::sleep(Duration::from_millis(50));
        }
        nonces
    }

    /// Waits for a block; they come every second.
    fn wait_for(&self, height: i64) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.blocks.height() < height {
            assert!(
                Instant::now() < deadline,
                "the chain does not reach {height}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn act(&mut self, acts: &[Act], number: &mut usize, runs: &mut Runs<'_>) {
        let mark = Instant::now();
        let mut turns = Vec::new();
        for act in acts {
            *number += 1;
            let turn = |at, is_begin| Turn {
                at,
                act,
                number: *number,
                is_begin,
            };
            turns.extend([turn(act.from, true), turn(act.from + act.lasts, false)]);
        }
        turns.sort_by_key(|turn| turn.at);
        for turn in turns {
            thread::sleep((mark + turn.at).saturating_duration_since(Instant::now()));
            self.turn(&turn, runs);
        }
    }

    fn turn(&mut self, turn: &Turn<'_>, runs: &mut Runs<'_>) {
        match (turn.act.what, turn.is_begin) {
            (What::Kill, true) => runs.kill(),
            (What::Kill, false) => runs.start(),
            (What::Stop, true) => runs.stop(),
            (What::Stop, false) => runs.go_on(),
            (What::Freeze, true) => {
                self.node.order(&["node2-freeze"]);
                self.freezes += 1;
            }
            (What::Freeze, false) => {
                self.node.order(&["node2-thaw"]);
            }
            (What::Doors(which, mood), is_begin) => {
                let doors = match which {
                    Which::First => &mut self.doors[..1],
                    Which::Second => &mut self.doors[1..],
                    Which::Both => &mut self.doors[..],
                };
                for door in doors {
                    if is_begin {
                        door.begin(turn.number, mood);
                    } else {
                        door.end(turn.number);
                    }
                }
            }
        }
    }

    /// What the nodes told by now.
    pub(crate) fn seen(&self) -> Seen {
        self.blocks.seen()
    }

    /// What could be answered, by what was seen and when the worker ran.
    pub(crate) fn truth<'t>(&'t self, seen: &'t Seen, worker: &'t [Track]) -> Truth<'t> {
        let [first, second] = &self.doors;
        Truth {
            blocks: &seen.at,
            doors: vec![vec![first.track()], vec![second.track(), &seen.second]],
            worker,
        }
    }

    /// How often the second node was frozen.
    pub(crate) const fn freezes(&self) -> usize {
        self.freezes
    }

    /// How often each mood hit a message or a connection.
    pub(crate) fn tally(&self) -> Vec<(Mood, usize)> {
        let all = self.doors.iter().map(Door::tally);
        let sum = |mood| {
            (
                mood,
                all.clone().filter_map(|it| it.get(&mood).copied()).sum(),
            )
        };
        Mood::TROUBLES.map(sum).to_vec()
    }
}
