//! Against folders as a worker, or another hand, leaves them.

use std::{fs, sync::Arc};

use tempfile::TempDir;
use time::{Duration, OffsetDateTime, macros::datetime};

use super::{Desk, Life, Plan, Severity, State, Status};
use crate::{
    chain::Uallo,
    ops::{Artifacts, Phase, Pidfile},
    store::{
        Journal as _, Mark, Run, RunRepository as _, SignedTx, State as Step, Store, Terms,
        sample::{step, wallet},
    },
    types::{Height, TopicId},
    vitals::{Head, Vitals},
};

const START: OffsetDateTime = datetime!(2025-09-16 0:00 UTC);

/// A block each five seconds.
fn at(height: i64) -> OffsetDateTime {
    START + Duration::seconds(height * 5)
}

struct Folder {
    _folder: TempDir,
    artifacts: Artifacts,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::new(folder.path());
        fs::create_dir_all(artifacts.folder()).unwrap();
        Self {
            _folder: folder,
            artifacts,
        }
    }

    /// A run from height 90 to 215 that answered windows 100 and 200, of an epoch of 100 blocks.
    async fn run(&self) -> Store {
        let store = Store::open(&self.artifacts.database()).await.unwrap();
        for nonce in [100, 200] {
            let tx = SignedTx {
                bytes: vec![1],
                hash: format!("AB{nonce}"),
                sequence: 1,
            };
            let (hash, endpoint) = (tx.hash.clone(), "http://node".into());
            let steps = [
                Step::Prepared(Arc::new(tx)),
                Step::Broadcast {
                    hash: hash.clone(),
                    endpoint,
                },
                Step::Included {
                    hash,
                    height: Height(nonce + 1),
                },
                Step::Counted,
            ];
            for (index, state) in steps.into_iter().enumerate() {
                let mut step = step(nonce, state);
                step.at = at(nonce) + Duration::milliseconds(i64::try_from(index).unwrap());
                store.append(&[step]).await.unwrap();
            }
        }
        let mut run = Run {
            ready: Some(at(92)),
            seen: at(215),
            first_mark: Some(Mark {
                height: 92,
                at: at(92),
            }),
            last_mark: Some(Mark {
                height: 215,
                at: at(215),
            }),
            ..Run::of_test(at(90))
        };
        run.id = store.begin(&wallet(), &run).await.unwrap();
        store.keep(&run).await.unwrap();
        let terms = Terms {
            topic: TopicId(67),
            height: 92,
            epoch: 100,
            blocks: 10,
            is_active: true,
            last_opened: None,
        };
        store
            .note_terms(&wallet().chain_id, &terms, at(92))
            .await
            .unwrap();
        store
    }

    fn vitals(&self, change: impl FnOnce(&mut Vitals)) {
        let mut vitals = Vitals {
            at: at(215).into(),
            ..Vitals::default()
        };
        vitals.process.chain_id = wallet().chain_id;
        vitals.process.address = wallet().address;
        vitals.process.phase = Some(Phase::Ready);
        vitals.process.since = at(92).into();
        vitals.limits.forecasts = false;
        vitals.wallet.balance = Some(Uallo(1_000_000_000_000_000_000));
        vitals.head = Head {
            height: Some(Height(215)),
            heard: at(215).into(),
            ..Head::default()
        };
        let _topic = vitals.topics.entry(TopicId(67)).or_default();
        change(&mut vitals);
        let text = serde_json::to_string(&vitals).unwrap();
        fs::write(self.artifacts.vitals(), text).unwrap();
    }

    fn state(&self, word: &str) {
        let text = format!(
            "{{\"pid\":1,\"state\":\"{word}\",\"since\":\"2025-09-16T00:07:40Z\",\"address\":\"allo1x\",\"balance\":\"\",\"message\":\"told\"}}\n"
        );
        fs::write(self.artifacts.state(), text).unwrap();
    }

    async fn status(&self, height: i64) -> Status {
        Desk::new(Plan::of(self.artifacts.clone()))
            .status(at(height))
            .await
    }
}

fn told(status: &Status, about: &str) -> String {
    let found = status.advice.iter().find(|it| it.about == about);
    let found = found.unwrap_or_else(|| panic!("{about} is not in {:?}", status.advice));
    assert!(!found.remedy.is_empty());
    found.cause.clone()
}

#[tokio::test]
async fn a_folder_in_which_nothing_ran_says_so() {
    let folder = Folder::new();
    let status = folder.status(0).await;
    assert_eq!(
        (status.state, status.state.exit_code()),
        (State::NeverStarted, 3)
    );
    assert!(told(&status, "stopped").contains("no worker has run"));
    assert!(!folder.artifacts.database().exists(), "nothing is made");
}

#[tokio::test]
async fn a_killed_worker_is_missed_and_so_are_the_windows_since() {
    let folder = Folder::new();
    let _store = folder.run().await;
    folder.vitals(|_| {});
    folder.state("ready");
    fs::write(folder.artifacts.pidfile(), "4194303\n").unwrap();
    let status = folder.status(620).await;
    assert_eq!(
        (status.state, status.process.life),
        (State::Stopped, Life::Gone)
    );
    let tally = &status.windows.today;
    assert_eq!((tally.opened, tally.answered, tally.missed), (6, 2, 4));
    assert_eq!((tally.missed_while_down, tally.counted), (4, 2));
    assert!(told(&status, "stopped").contains("last sign of life was at 2025-09-16 00:17:55 UTC"));
    assert!(told(&status, "windows").contains("the worker was down"));
    let [topic] = &status.topics[..] else {
        panic!()
    };
    assert_eq!(topic.last.as_ref().map(|it| it.nonce.0), Some(200));
    let next = topic.next.as_ref().unwrap();
    assert_eq!((next.opens, next.expected.0), (Height(700), Some(at(700))));
    let up = status.uptime.period.unwrap();
    assert!((up.share - 123.0 / 530.0).abs() < 1e-9, "{up:?}");
}

#[tokio::test]
async fn a_running_worker_is_well_until_something_stands_in_the_way() {
    let folder = Folder::new();
    let _store = folder.run().await;
    let held = Pidfile::acquire(&folder.artifacts).unwrap();
    folder.state("ready");
    folder.vitals(|_| {});
    let status = folder.status(217).await;
    assert_eq!(status.state, State::Running, "{:?}", status.advice);
    assert_eq!(status.process.pid, Some(std::process::id()));
    assert_eq!(status.windows.period.rate, Some(1.0));

    // No block for a minute.
    let status = folder.status(230).await;
    assert_eq!(
        (status.state, status.state.exit_code()),
        (State::Trouble, 1)
    );
    assert!(told(&status, "no_blocks").contains("no block was heard of"));

    folder.vitals(|it| it.wallet.balance = Some(Uallo(0)));
    let status = folder.status(217).await;
    assert_eq!(status.state, State::Trouble);
    assert!(told(&status, "no_coins").contains("too little"));
    assert_eq!(
        status.advice[0].severity,
        Severity::Trouble,
        "the worst first"
    );

    // An end in good order.
    drop(held);
    folder.state("stopped");
    let status = folder.status(217).await;
    assert_eq!(
        (status.state, status.process.life),
        (State::Stopped, Life::Ended)
    );
    assert!(told(&status, "stopped").contains("told"));
}

#[tokio::test]
async fn what_cant_be_read_is_told_and_the_rest_is_shown() {
    let folder = Folder::new();
    let store = folder.run().await;
    for odd in ["", "{", "7", "{\"topics\": 7}", "\u{0}", "null"] {
        fs::write(folder.artifacts.vitals(), odd).unwrap();
        fs::write(folder.artifacts.state(), "{").unwrap();
        let status = folder.status(217).await;
        assert!(told(&status, "vitals").contains("makes no sense"), "{odd}");
        assert!(told(&status, "state").contains("worker.state"), "{odd}");
        assert_eq!(status.windows.period.answered, 2, "the journal tells them");
        assert_eq!(status.process.address, wallet().address);
    }
    fs::write(
        folder.artifacts.vitals(),
        "{\"vigour\": 11, \"head\": {\"height\": 5}}",
    )
    .unwrap();
    let status = folder.status(217).await;
    assert_eq!(status.head.height, Some(Height(5)), "of a newer version");
    assert!(status.advice.iter().all(|it| it.about != "vitals"));

    // A database of the future, and one that is none.
    let future = "UPDATE _sqlx_migrations SET version = 99 WHERE version = 8";
    store.run_for_test(future).await;
    drop(store);
    let status = folder.status(217).await;
    assert!(told(&status, "database").contains("newer worker"));
    assert_eq!(status.windows.period.opened, 0);
    // What the last writer left in its log would still be read.
    for beside in ["-wal", "-shm"] {
        let mut path = folder.artifacts.database().into_os_string();
        path.push(beside);
        let _gone = fs::remove_file(path);
    }
    fs::write(folder.artifacts.database(), vec![7; 9_000]).unwrap();
    let status = folder.status(217).await;
    assert!(told(&status, "database").contains("damaged"));
}

#[tokio::test]
async fn a_desk_hears_of_what_is_written_while_it_looks() {
    let folder = Folder::new();
    let mut desk = Desk::new(Plan::of(folder.artifacts.clone()));
    assert_eq!(desk.status(at(0)).await.state, State::NeverStarted);
    let store = folder.run().await;
    folder.vitals(|_| {});
    assert_eq!(desk.status(at(217)).await.windows.period.opened, 2);
    let mut missed = step(
        300,
        Step::Expired {
            reason: "no node".into(),
        },
    );
    missed.at = at(311);
    store.append(&[missed]).await.unwrap();
    let status = desk.status(at(312)).await;
    assert_eq!(
        (status.windows.period.opened, status.windows.period.missed),
        (3, 1)
    );
    assert_eq!(status.windows.period.causes["no node"], 1);
}

#[tokio::test]
async fn a_period_counts_from_its_begin() {
    let folder = Folder::new();
    let _store = folder.run().await;
    folder.vitals(|_| {});
    let plan = Plan {
        competition: Some((None, at(-250), at(10_000))),
        ..Plan::of(folder.artifacts.clone())
    };
    let status = Desk::new(plan).status(at(217)).await;
    assert!(status.period.is_competition);
    // Heights begin at 1.
    assert_eq!(status.windows.period.opened, 2);
    let plan = Plan {
        competition: Some((None, at(-250), at(150))),
        ..Plan::of(folder.artifacts.clone())
    };
    let status = Desk::new(plan).status(at(217)).await;
    assert_eq!(status.windows.period.opened, 1, "it is over");
}
