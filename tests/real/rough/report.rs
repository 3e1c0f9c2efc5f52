//! What became of each window.

use std::{collections::BTreeMap, fmt};

use allora_worker::store::StateName;
use serde_json::Value;

use super::{
    account::{ENOUGH, Sentence, judge},
    mood::Mood,
    play::Play,
    runs::{Runs, at},
    schedule::{Act, told},
};
use crate::ledger::{Answered, TOPIC};

/// The report of a run.
pub(crate) struct Report {
    rows: Vec<Row>,
    tally: Vec<(Mood, usize)>,
    kills: usize,
    stops: usize,
    freezes: usize,
}

struct Row {
    nonce: i64,
    acts: String,
    sentence: Sentence,
    /// What the worker logged from the mark of the window to its end.
    log: Vec<String>,
}

impl Report {
    /// Judges each window.
    pub(crate) fn new(
        play: &Play<'_>,
        runs: &Runs<'_>,
        answered: &[Answered],
        schedule: &[Vec<Act>],
        address: &str,
    ) -> Self {
        let (seen, worker, log) = (play.seen(), runs.tracks(), runs.log());
        let truth = play.truth(&seen, &worker);
        let rows = answered.iter().zip(schedule).map(|(one, acts)| {
            let window = &one.window;
            let time = |height: i64| truth.blocks.get(&height).copied();
            let from = time(window.nonce - 3);
            let until = time(window.end + 1);
            let is_meanwhile = |event: &&Value| {
                let at = at(event);
                at >= from && (at <= until || until.is_none())
            };
            Row {
                nonce: window.nonce,
                acts: told(acts),
                sentence: judge(one, address, &truth),
                log: log
                    .iter()
                    .filter(is_meanwhile)
                    .map(Value::to_string)
                    .collect(),
            }
        });
        let (kills, stops) = runs.counts();
        Self {
            rows: rows.collect(),
            tally: play.tally(),
            kills,
            stops,
            freezes: play.freezes(),
        }
    }

    fn count(&self, holds: impl Fn(&Sentence) -> bool) -> usize {
        self.rows.iter().filter(|row| holds(&row.sentence)).count()
    }

    /// How many windows had to be answered.
    pub(crate) fn answerable(&self) -> usize {
        self.count(Sentence::answerable)
    }

    /// What is wrong: windows that could be answered and were not, or twice, or did not count.
    pub(crate) fn faults(&self) -> Vec<String> {
        let fault = |row: &Row| {
            let it = row.sentence;
            let what = match it {
                Sentence { twice: true, .. } => "was answered twice",
                Sentence {
                    uncounted: true, ..
                } => "was answered and did not count",
                _ if it.answerable() && it.answered.is_none() => "could be answered and was not",
                _ => return None,
            };
            let (nonce, acts, log) = (row.nonce, &row.acts, row.log.join("\n"));
            Some(format!("window {nonce} {what} ({acts}):\n{log}"))
        };
        self.rows.iter().filter_map(fault).collect()
    }

    /// The journal says of each window that was answered that it counts.
    pub(crate) fn assert_journal(&self, journal: &BTreeMap<(u64, i64), StateName>) {
        for row in self
            .rows
            .iter()
            .filter(|row| row.sentence.answered.is_some())
        {
            assert_eq!(
                journal.get(&(TOPIC, row.nonce)),
                Some(&StateName::Counted),
                "the journal on window {} ({})",
                row.nonce,
                row.acts
            );
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n| window (nonce) | what came over it | good blocks in a row | answerable | included at | transactions |\n\
             |---|---|---|---|---|---|"
        )?;
        for row in &self.rows {
            let it = row.sentence;
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} |",
                row.nonce,
                row.acts,
                it.row,
                if it.answerable() { "yes" } else { "no" },
                it.answered.map_or("-".into(), |at| format!("nonce+{at}")),
                it.txs
            )?;
        }
        let tally = self.tally.iter();
        let tally: Vec<String> = tally
            .map(|(mood, count)| format!("{} {count}", mood.name()))
            .collect();
        writeln!(f, "\nhits of the doors' troubles: {}", tally.join(", "))?;
        for least in 1..=ENOUGH {
            let has = |it: &Sentence| it.row >= least;
            writeln!(
                f,
                "with {least} good blocks in a row or more: {} windows, {} answered",
                self.count(has),
                self.count(|it| has(it) && it.answered.is_some())
            )?;
        }
        let lost = |it: &Sentence| it.row_of_doors >= ENOUGH && !it.answerable();
        let answered = |it: &Sentence| it.answered.is_some();
        for (name, count) in [
            ("kills", self.kills),
            ("stops", self.stops),
            ("freezes of the second node", self.freezes),
            ("windows", self.rows.len()),
            ("answerable", self.answerable()),
            ("not answerable for a kill or a stop", self.count(lost)),
            ("answered", self.count(answered)),
            (
                "answerable and answered",
                self.count(|it| it.answerable() && answered(it)),
            ),
            (
                "answerable and not answered",
                self.count(|it| it.answerable() && !answered(it)),
            ),
            ("answered twice", self.count(|it| it.twice)),
            (
                "with a refused transaction besides",
                self.count(|it| it.txs > 1 && !it.twice),
            ),
        ] {
            writeln!(f, "{name}: {count}")?;
        }
        Ok(())
    }
}
