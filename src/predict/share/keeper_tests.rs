use std::{collections::HashSet, fs, sync::Mutex};

use async_trait::async_trait;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::{
    models::{Instance, ModelInfo, ModelsConfig},
    ops::Recording,
    predict::{
        Attendance as _, BookConfig, Prices,
        heard::Since,
        scene::{CRUNCH, NOW, Office, record},
    },
    store::{Close, PredictionConfig, StoreError},
};

const HEARTBEAT: Duration = Duration::from_secs(4);
const HALF: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Well,
    /// Nobody listens there.
    Down,
    /// It fails in another way.
    Fails,
    Hangs,
}

/// A database whose other workers do as the test says.
struct Leases {
    mood: Mutex<Mood>,
    held: Mutex<Held>,
    beats: Mutex<Vec<Beat>>,
    left: Mutex<Vec<String>>,
}

impl Leases {
    async fn answer(&self) -> Result<(), StoreError> {
        let mood = *self.mood.lock().unwrap();
        let kind = match mood {
            Mood::Well => return Ok(()),
            Mood::Down => std::io::ErrorKind::ConnectionRefused,
            Mood::Fails => std::io::ErrorKind::ConnectionReset,
            Mood::Hangs => return std::future::pending().await,
        };
        Err(StoreError::Server {
            place: "postgres://here".into(),
            cause: std::io::Error::from(kind).into(),
        })
    }
}

#[async_trait]
impl LeaseRepository for Leases {
    async fn beat(&self, beat: &Beat) -> Result<Held, StoreError> {
        self.beats.lock().unwrap().push(beat.clone());
        self.answer().await?;
        let mut held = self.held.lock().unwrap();
        held.models.retain(|model| !beat.give.contains(model));
        held.free += beat.give.len();
        let mut told = held.clone();
        told.known
            .retain(|it| !beat.known.contains(&it.record.model_id));
        Ok(told)
    }
    async fn leave(&self, _: &str, worker: &str) -> Result<(), StoreError> {
        self.answer().await?;
        self.left.lock().unwrap().push(worker.to_owned());
        Ok(())
    }
    async fn parts_of(
        &self,
        _: &str,
        _: &[(PredictionConfig, i64)],
        _: &[String],
    ) -> Result<HashSet<(usize, String)>, StoreError> {
        Ok(HashSet::new())
    }
}

/// A keeper at work.
struct Desk {
    leases: Arc<Leases>,
    ours: watch::Receiver<Ours>,
    office: Office,
    book: Arc<SharedBook>,
    folder: TempDir,
    cancel: CancellationToken,
    task: JoinHandle<()>,
    list: watch::Sender<Option<Arc<[String]>>>,
}

fn ids(models: &[&str]) -> Vec<String> {
    models.iter().map(|&it| it.to_owned()).collect()
}

/// This worker's models, and those of others.
fn held(models: &[&str], others: &[(&str, usize)]) -> Held {
    let others: Vec<_> = others
        .iter()
        .map(|&(it, held)| (it.to_owned(), held))
        .collect();
    Held {
        models: ids(models),
        total: models.len() + others.iter().map(|it| it.1).sum::<usize>(),
        signs: (1..)
            .zip(&others)
            .map(|(worker, _)| Sign { worker, beats: 7 })
            .collect(),
        others,
        ..Held::default()
    }
}

impl Desk {
    /// At work for so long that it has told its first models.
    async fn with(first: Held) -> Self {
        Self::begun(first, Mood::Well, tempfile::tempdir().unwrap()).await
    }

    /// The same in a folder that may have been another's.
    async fn begun(first: Held, mood: Mood, folder: TempDir) -> Self {
        let note = folder.path().join("alone");
        let leases = Arc::new(Leases {
            mood: Mutex::new(mood),
            held: Mutex::new(first),
            beats: Mutex::default(),
            left: Mutex::default(),
        });
        let office = Office::new(|_| (), Vec::new());
        let book = SharedBook::new(
            BookConfig {
                history: Duration::from_secs(86_400),
                margin: Duration::from_secs(600),
                tick: ModelsConfig::default().tick,
            },
            office.roll.clone(),
            office.facts.clone(),
            Arc::new(office.clock.clone()),
            office.reporter.clone(),
        );
        let book = book.unwrap();
        let past = [NOW.unix_timestamp() - 60].map(|at| Close { at, price: 1.0 });
        book.fill(Prices::of("BTC", past.to_vec()));
        let (sender, ours) = watch::channel(Some(Arc::default()));
        let list = watch::Sender::new(Some(ids(&["a", "b", "c", "d"]).into()));
        let listed = list.subscribe();
        let keeper = ShareKeeper::new(ShareParts {
            crunch_id: CRUNCH.into(),
            name: "me".into(),
            heartbeat: HEARTBEAT,
            absent_within: Duration::from_secs(60),
            down_within: HEARTBEAT * 150,
            note: note.clone(),
            leases: leases.clone(),
            listed: Arc::new(move || listed.borrow().clone()),
            roll: office.roll.clone(),
            book: Arc::clone(&book),
            ours: sender,
            reporter: office.reporter.clone(),
        });
        let cancel = CancellationToken::new();
        let task = tokio::spawn(keeper.run(cancel.clone()));
        let desk = Self {
            leases,
            ours,
            office,
            book,
            folder,
            cancel,
            task,
            list,
        };
        desk.pass(Duration::from_millis(100)).await;
        desk
    }

    async fn pass(&self, time: Duration) {
        sleep(time).await;
    }

    fn become_(&self, mood: Mood) {
        *self.leases.mood.lock().unwrap() = mood;
    }

    fn hold(&self, next: Held) {
        *self.leases.held.lock().unwrap() = next;
    }

    fn ours(&self) -> Vec<String> {
        let ours = self.ours.borrow().clone().unwrap();
        let mut ours: Vec<_> = ours.iter().cloned().collect();
        ours.sort_unstable();
        ours
    }

    fn last_beat(&self) -> Beat {
        self.leases.beats.lock().unwrap().last().cloned().unwrap()
    }

    fn told(&self) -> Vec<String> {
        told(&self.office.told)
    }
}

fn told(recording: &Recording) -> Vec<String> {
    let name = |event: &Event| serde_json::to_value(event).unwrap()["event"].to_string();
    recording.events().iter().map(name).collect()
}

#[tokio::test(start_paused = true)]
async fn one_that_is_cut_off_calls_no_model_until_it_can_renew() {
    let desk = Desk::with(held(&["a", "b"], &[("other", 2)])).await;
    assert_eq!(desk.ours(), ["a", "b"]);
    for mood in [Mood::Fails, Mood::Hangs] {
        desk.become_(mood);
        // The last good heartbeat is at most half a one old, and its leases last two.
        desk.pass(HEARTBEAT).await;
        assert_eq!(desk.ours(), ["a", "b"], "none may take them yet");
        desk.pass(HEARTBEAT).await;
        assert_eq!(desk.ours(), Vec::<String>::new());
        desk.become_(Mood::Well);
        desk.pass(HEARTBEAT * 2).await;
        assert_eq!(desk.ours(), ["a", "b"]);
    }
    let expected = [
        "share_joined",
        "models_taken_over",
        "share_fenced",
        "share_resumed",
        "share_fenced",
        "share_resumed",
    ];
    assert_eq!(desk.told(), expected.map(|it| format!("{it:?}")));
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_back_late_has_what_others_left_it() {
    let desk = Desk::with(held(&["a", "b"], &[("other", 2)])).await;
    desk.become_(Mood::Hangs);
    desk.pass(HEARTBEAT * 5).await;
    assert_eq!(desk.ours(), Vec::<String>::new());
    desk.hold(held(&["b"], &[("other", 3)]));
    desk.become_(Mood::Well);
    desk.pass(HEARTBEAT * 2).await;
    assert_eq!(desk.ours(), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn while_the_server_is_down_all_go_on_and_nobody_takes_over_soon_after() {
    let desk = Desk::with(held(&["a", "b"], &[("other", 2)])).await;
    desk.pass(HEARTBEAT * 3).await;
    assert!(!desk.last_beat().bury.is_empty());
    desk.become_(Mood::Down);
    desk.pass(HEARTBEAT * 100).await;
    assert_eq!(desk.ours(), ["a", "b"]);
    desk.become_(Mood::Well);
    desk.pass(HEARTBEAT * 2).await;
    assert_eq!(desk.last_beat().bury, [], "the others renew first");
    desk.pass(HEARTBEAT).await;
    assert!(!desk.last_beat().bury.is_empty());
    assert_eq!(desk.told().len(), 2, "{:?}", desk.told());
}

#[tokio::test(start_paused = true)]
async fn one_that_is_alone_goes_on_however_long_it_is_cut_off() {
    let desk = Desk::with(held(&["a", "b"], &[])).await;
    desk.become_(Mood::Hangs);
    desk.pass(HEARTBEAT * 100).await;
    assert_eq!(desk.ours(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_was_alone_goes_on_when_it_is_started_again_while_the_server_is_away() {
    for (others, expected) in [(&[][..], 4), (&[("other", 2)], 0)] {
        let desk = Desk::with(held(&["a", "b"], others)).await;
        desk.cancel.cancel();
        desk.task.await.unwrap();
        for mood in [Mood::Down, Mood::Hangs] {
            let folder = tempfile::tempdir().unwrap();
            let noted = fs::read(desk.folder.path().join("alone"));
            if let Ok(noted) = noted {
                fs::write(folder.path().join("alone"), noted).unwrap();
            }
            let next = Desk::begun(held(&["b"], &[("other", 3)]), mood, folder).await;
            next.pass(HEARTBEAT * 2).await;
            assert_eq!(next.ours().len(), expected);
            next.become_(Mood::Well);
            next.pass(HEARTBEAT * 2).await;
            assert_eq!(next.ours(), ["b"], "the database knows better");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_freeze_that_turns_into_an_outage_stops_nobody_for_long() {
    let desk = Desk::with(held(&["a", "b"], &[("other", 2)])).await;
    desk.become_(Mood::Hangs);
    desk.pass(HEARTBEAT * 3).await;
    assert_eq!(desk.ours(), Vec::<String>::new());
    desk.become_(Mood::Down);
    desk.pass(HEARTBEAT * 2).await;
    assert_eq!(desk.ours(), ["a", "b"]);
    // That nobody listens may be so from here alone.
    desk.pass(HEARTBEAT * 150).await;
    assert_eq!(desk.ours(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_takes_over_from_nobody_before_he_could_have_renewed() {
    let desk = Desk::with(held(&[], &[("other", 4)])).await;
    desk.pass(HEARTBEAT + HALF).await;
    assert!(
        desk.leases
            .beats
            .lock()
            .unwrap()
            .iter()
            .all(|it| it.bury.is_empty())
    );
    desk.pass(HEARTBEAT).await;
    let beat = desk.last_beat();
    assert!(!beat.bury.is_empty() && beat.lapse == HEARTBEAT * 2);
    assert_eq!(beat.listed, ["a", "b", "c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_is_not_called_for_a_turn_before() {
    let desk = Desk::with(held(&["a", "b", "c", "d"], &[])).await;
    desk.hold(held(&["a", "b", "c", "d"], &[("other", 0)]));
    desk.pass(HALF).await;
    assert_eq!(desk.ours(), ["a", "b"]);
    assert_eq!(desk.leases.held.lock().unwrap().models.len(), 4);
    desk.pass(HALF).await;
    assert_eq!(desk.last_beat().give, ["c", "d"]);
    assert_eq!(desk.ours(), ["a", "b"]);
    desk.pass(HALF).await;
    assert_eq!(desk.last_beat().give, Vec::<String>::new());
    let told = desk.told();
    assert_eq!(told.last().unwrap(), "\"models_handed_over\"", "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_has_room_for_any_more_is_kept() {
    let desk = Desk::with(held(&["a", "b", "c", "d"], &[])).await;
    desk.hold(held(&["a", "b", "c", "d"], &[("other", 0)]));
    desk.pass(HALF).await;
    assert_eq!(desk.ours(), ["a", "b"]);
    // The other dies before it takes anything, and the heartbeat that gives does not arrive.
    desk.become_(Mood::Fails);
    desk.pass(HALF).await;
    desk.hold(held(&["a", "b", "c", "d"], &[]));
    desk.leases.held.lock().unwrap().free = 0;
    desk.become_(Mood::Well);
    desk.pass(HALF).await;
    desk.hold(held(&["a", "b", "c", "d"], &[]));
    desk.pass(HALF).await;
    assert_eq!(desk.ours(), ["a", "b", "c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn all_is_given_back_at_the_end() {
    let desk = Desk::with(held(&["a"], &[("other", 1)])).await;
    desk.cancel.cancel();
    desk.task.await.unwrap();
    assert_eq!(*desk.leases.left.lock().unwrap(), ["me"]);
    assert_eq!(*desk.ours.borrow(), Some(Arc::default()));
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_away_at_the_end_is_not_waited_for() {
    let desk = Desk::with(held(&["a"], &[("other", 1)])).await;
    desk.become_(Mood::Hangs);
    let begun = Instant::now();
    desk.cancel.cancel();
    desk.task.await.unwrap();
    assert_eq!(begun.elapsed(), FAREWELL);
}

#[tokio::test(start_paused = true)]
async fn one_that_knows_no_list_asks_for_nothing() {
    let desk = Desk::with(held(&["a"], &[])).await;
    desk.list.send_replace(None);
    desk.pass(HEARTBEAT).await;
    let beats = desk.leases.beats.lock().unwrap().len();
    desk.pass(HEARTBEAT * 4).await;
    assert_eq!(desk.leases.beats.lock().unwrap().len(), beats);
}

fn model(model_id: &str) -> ModelInfo {
    ModelInfo {
        model_id: model_id.into(),
        deployment_id: format!("{model_id}7"),
        model_name: None,
        cruncher_id: None,
        cruncher_name: None,
        wallet_pubkey: None,
        hotkey: None,
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_wrote_of_a_model_is_known_before_it_is_ours() {
    let desk = Desk::with(held(&[], &[("other", 2)])).await;
    let seen = NOW - time::Duration::hours(1);
    let mut next = held(&["a", "b"], &[]);
    let known = |id: &str, is_told| Known {
        record: record(id, &format!("{id}7"), seen),
        is_told,
    };
    next.known = vec![known("a", true), known("b", false)];
    // It was told here, and another worker then set up a new instance of it.
    desk.book.replay(&model("b"), Instance::Created);
    desk.book.replayed(&model("b"), true);
    desk.hold(next);
    desk.pass(HALF).await;
    assert_eq!(desk.ours(), ["a", "b"]);
    assert_eq!(desk.office.roll.last_answer(&model("a")), Some(seen));
    assert_ne!(desk.book.replay(&model("a"), Instance::Found), Since::Ever);
    assert_eq!(desk.book.replay(&model("b"), Instance::Found), Since::Ever);
    assert_eq!(desk.last_beat().known, Vec::<String>::new());
    desk.pass(HALF).await;
    assert_eq!(desk.last_beat().known, ["a", "b"], "it is asked for once");
}

#[tokio::test(start_paused = true)]
async fn a_model_counts_as_told_from_its_replays_end_until_it_is_made_anew() {
    let desk = Desk::with(held(&["a"], &[("other", 1)])).await;
    let told = async |expected: Option<&str>| {
        desk.pass(HALF).await;
        let expected = ("a".to_owned(), expected.map(str::to_owned));
        assert_eq!(desk.last_beat().told, [expected]);
    };
    desk.pass(HALF).await;
    assert_eq!(desk.last_beat().told, [], "nobody knows");
    desk.book.begins(&model("a"));
    told(None).await;
    desk.book.has(&model("a"), Instance::Created);
    told(None).await;
    desk.book.replay(&model("a"), Instance::Created);
    told(None).await;
    desk.book.replayed(&model("a"), false);
    told(None).await;
    desk.book.replay(&model("a"), Instance::Created);
    desk.book.replayed(&model("a"), true);
    told(Some("a7")).await;
    desk.book.begins(&model("a"));
    told(None).await;
    desk.book.has(&model("a"), Instance::Found);
    told(Some("a7")).await;
    desk.book.has(&model("a"), Instance::Created);
    told(None).await;
    // It is let go before its turn, and comes back.
    assert_eq!(desk.book.replay(&model("a"), Instance::Found), Since::Ever);
}

#[tokio::test(start_paused = true)]
async fn models_that_still_wait_to_be_told_are_given_first() {
    let desk = Desk::with(held(&["a", "b", "c", "d"], &[])).await;
    for id in ["b", "c", "d"] {
        desk.book.has(&model(id), Instance::Created);
    }
    desk.book.replay(&model("b"), Instance::Created);
    desk.book.replay(&model("d"), Instance::Created);
    desk.book.replayed(&model("d"), true);
    desk.hold(held(&["a", "b", "c", "d"], &[("other", 0)]));
    desk.pass(HALF).await;
    assert_eq!(desk.ours(), ["b", "d"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_gives_signs_of_life_is_not_buried_whatever_the_servers_clock_says() {
    let desk = Desk::with(held(&["a"], &[("other", 3)])).await;
    for beats in 8..20 {
        let mut next = held(&["a"], &[("other", 3)]);
        next.signs[0].beats = beats;
        desk.hold(next);
        desk.pass(HALF).await;
        assert_eq!(desk.last_beat().bury, []);
    }
    desk.pass(HEARTBEAT + HALF).await;
    let silent = Sign {
        worker: 1,
        beats: 19,
    };
    assert_eq!(desk.last_beat().bury, [silent]);
}

#[tokio::test(start_paused = true)]
async fn that_nothing_can_be_held_is_told_once() {
    let desk = Desk::with(held(&[], &[])).await;
    desk.become_(Mood::Down);
    desk.pass(HEARTBEAT * 10).await;
    let trouble = |event: &Event| matches!(event, Event::Trouble { .. });
    assert_eq!(desk.office.told.count(trouble), 1);
}

#[tokio::test(start_paused = true)]
async fn it_is_looked_when_another_lapses_and_soon_again_while_what_it_held_is_not_free() {
    let desk = Desk::with(held(&["a"], &[("other", 3)])).await;
    desk.pass(HEARTBEAT * 3).await;
    let lapse = HALF / 2;
    let mut dying = held(&["a"], &[("other", 3)]);
    dying.next_lapse = Some(lapse);
    desk.hold(dying);
    let beats = || desk.leases.beats.lock().unwrap().len();
    let before = beats();
    desk.pass(HALF).await;
    assert_eq!(beats(), before + 1);
    let mut dead = held(&["a"], &[]);
    dead.total = 4;
    desk.hold(dead);
    desk.pass(lapse).await;
    let then = beats();
    desk.pass(HALF).await;
    assert!(beats() >= then + 4, "{} and {then}", beats());
    desk.hold(held(&["a", "b", "c", "d"], &[]));
    desk.pass(HALF).await;
    assert_eq!(desk.ours().len(), 4);
}
