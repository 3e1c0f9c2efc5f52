use async_trait::async_trait;
use time::macros::datetime;

use super::*;
use crate::{chain::Uallo, clock::SystemClock, store::Paid, types::Height};

const AT: OffsetDateTime = datetime!(2025-09-16 0:00 UTC);
const TOPIC: TopicId = TopicId(67);

/// Takes what it is given, unless its disk is full.
#[derive(Default)]
struct Kept {
    times: Mutex<Vec<AnswerTime>>,
    scores: Mutex<Vec<Scored>>,
    is_full: Mutex<bool>,
}

impl Kept {
    fn check(&self) -> Result<(), StoreError> {
        if *self.is_full.lock().unwrap() {
            let cause = sqlx::Error::Io(std::io::Error::other("no space"));
            let place = "here".into();
            return Err(StoreError::Database { place, cause });
        }
        Ok(())
    }

    fn counts(&self) -> (usize, usize) {
        let times = self.times.lock().unwrap().len();
        (times, self.scores.lock().unwrap().len())
    }
}

#[async_trait]
impl EarningsRepository for Kept {
    async fn note_times(&self, _: &Wallet, times: &[AnswerTime]) -> Result<(), StoreError> {
        self.check()?;
        self.times.lock().unwrap().extend(times);
        Ok(())
    }

    async fn note_scores(&self, _: &Wallet, scores: &[Scored]) -> Result<(), StoreError> {
        self.check()?;
        self.scores.lock().unwrap().extend(scores);
        Ok(())
    }

    async fn note_block(
        &self,
        _: &Wallet,
        _: Height,
        _: &[TopicId],
        _: &[Scored],
        _: &[Paid],
    ) -> Result<(), StoreError> {
        self.check()
    }

    async fn read_until(&self, _: &Wallet, _: TopicId) -> Result<Option<Height>, StoreError> {
        Ok(None)
    }

    async fn forget_earnings(&self, _: Duration) -> Result<(), StoreError> {
        Ok(())
    }
}

fn cashbook() -> (Cashbook, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    let wallet = Wallet {
        chain_id: "chain".into(),
        address: "allo1x".into(),
    };
    let book = Cashbook::new(Arc::clone(&kept) as _, wallet, Arc::new(SystemClock));
    (book, kept)
}

fn told(event: Event) -> Stamped {
    Stamped { at: AT, event }
}

fn submitted(nonce: i64) -> Stamped {
    told(Event::Submitted {
        topic: TOPIC,
        nonce: Nonce(nonce),
        value: "0".into(),
        hash: "AB".into(),
        fee: Uallo(1),
        sequence: 1,
        endpoint: "node".into(),
        presigned: true,
        latency_ms: 12.5,
    })
}

fn average(nonce: i64, ema: f64) -> Stamped {
    told(Event::Gauge(GaugeEvent::Score {
        topic: TOPIC,
        ema: Some(ema),
        nonce: Some(nonce),
    }))
}

#[tokio::test]
async fn each_answers_time_and_each_change_of_an_average_is_written() {
    let (book, kept) = cashbook();
    for event in [
        submitted(100),
        average(100, 0.5),
        average(100, 0.5),
        average(112, 0.5),
        submitted(112),
    ] {
        book.held().hear(&event);
    }
    book.close().await;
    assert_eq!(kept.counts(), (2, 2));
    let times = kept.times.lock().unwrap().clone();
    assert_eq!(
        (times[0].key.nonce, times[1].key.nonce),
        (Nonce(100), Nonce(112))
    );
    assert!((times[0].latency_ms - 12.5).abs() < 1e-9);
    // What is written is not written again.
    book.close().await;
    assert_eq!(kept.counts(), (2, 2));
}

#[tokio::test]
async fn what_a_disk_refuses_is_written_when_it_takes_it_in_the_order_told() {
    let (book, kept) = cashbook();
    *kept.is_full.lock().unwrap() = true;
    book.held().hear(&submitted(100));
    book.held().hear(&average(100, 0.5));
    book.close().await;
    assert_eq!(kept.counts(), (0, 0));
    book.held().hear(&submitted(112));
    *kept.is_full.lock().unwrap() = false;
    book.close().await;
    assert_eq!(kept.counts(), (2, 1));
    assert_eq!(kept.times.lock().unwrap()[0].key.nonce, Nonce(100));
}

#[test]
fn a_disk_that_refuses_for_ever_costs_the_oldest() {
    let (book, _kept) = cashbook();
    let most = i64::try_from(MOST).unwrap();
    for nonce in 0..most + 10 {
        book.held().hear(&submitted(nonce));
    }
    let held = book.held();
    assert_eq!(held.times.len(), MOST);
    assert_eq!(held.times[0].key.nonce, Nonce(10));
}
