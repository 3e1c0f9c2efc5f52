//! The local copy of a journal that several workers share: what is learnt of submissions is learnt from it,
//! and a worker that goes on while the shared one is away writes here alone.

use std::collections::HashSet;

use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{
    Store, StoreError, Transition, Wallet,
    journal_rows::{corrupt, step},
    journal_sql::{date, nanoseconds, write},
};

const COPIED: &str = "INSERT INTO journal_copied (chain_id, address, last) VALUES (?, ?, ?) \
    ON CONFLICT (chain_id, address) DO UPDATE SET last = max(last, excluded.last)";

const WAITING: &str = "SELECT j.*, t.bytes AS s_bytes, t.hash AS s_hash, t.sequence AS s_sequence \
    FROM journal_waiting w JOIN journal j ON j.id = w.id \
    LEFT JOIN transactions t ON t.hash = j.tx_hash AND j.state = 'prepared' \
    WHERE w.id > ? AND j.chain_id = ? AND j.address = ? ORDER BY j.id LIMIT ?";

/// The same step, wherever it comes from: a server keeps times to the microsecond.
const HELD: &str = "SELECT id FROM journal WHERE chain_id = ? AND address = ? AND nonce = ? \
    AND topic = ? AND state = ? AND at / 1000 = ? LIMIT 1";

impl Store {
    /// The shared journal's number of the newest step that was copied; none when it never was.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn copied_until(&self, wallet: &Wallet) -> Result<Option<i64>, StoreError> {
        sqlx::query_scalar("SELECT last FROM journal_copied WHERE chain_id = ? AND address = ?")
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .fetch_optional(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))
    }

    /// Writes steps that the shared journal holds into this one, which has it up to `last` then, if that is
    /// known. What is here already is not written again, and waits no more.
    ///
    /// # Errors
    /// When the database can't be written: then none is.
    pub async fn copy(
        &self,
        wallet: &Wallet,
        steps: &[Transition],
        last: Option<i64>,
    ) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.pool.begin().await?;
            let missing = missing(&mut all, steps).await?;
            write(&mut all, &missing).await?;
            if let Some(last) = last {
                mark(&mut all, wallet, last).await?;
            }
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    /// Writes steps that the shared journal does not have yet.
    ///
    /// # Errors
    /// When the database can't be written: then none is.
    pub async fn append_waiting(&self, steps: &[Transition]) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.pool.begin().await?;
            for number in write(&mut all, steps).await? {
                sqlx::query("INSERT INTO journal_waiting (id) VALUES (?)")
                    .bind(number)
                    .execute(&mut *all)
                    .await?;
            }
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    /// Has the newest `limit` steps of a journal that was this worker's alone wait for the shared one, of
    /// which nothing (0) is copied then: whoever goes on after a kill knows that this was done.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn hand_over(&self, wallet: &Wallet, limit: u32) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.pool.begin().await?;
            sqlx::query(
                "INSERT OR IGNORE INTO journal_waiting (id) SELECT id FROM journal \
                 WHERE chain_id = ? AND address = ? ORDER BY id DESC LIMIT ?",
            )
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(limit)
            .execute(&mut *all)
            .await?;
            mark(&mut all, wallet, 0).await?;
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    /// Whether a step is in this journal.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn holds(&self, step: &Transition) -> Result<bool, StoreError> {
        let work = async {
            let mut connection = self.pool.acquire().await?;
            held(&mut connection, step).await
        };
        let found = work.await.map_err(|cause| self.failed(cause))?;
        Ok(found.is_some())
    }

    /// How many steps wait for the shared journal, of all wallets.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn count_waiting(&self) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM journal_waiting")
            .fetch_one(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        Ok(count.unsigned_abs())
    }

    /// The oldest steps with numbers above `after` that wait for the shared journal, each with its number
    /// here.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn waiting(
        &self,
        wallet: &Wallet,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Transition)>, StoreError> {
        let rows = sqlx::query(WAITING)
            .bind(after)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(limit)
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        let read = |row: &SqliteRow| {
            let at = date(row.try_get("at")?);
            Ok((row.try_get("id")?, step(row, wallet, at)?))
        };
        rows.iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map_err(|cause| corrupt(&cause))
    }

    /// The shared journal has the steps that wait up to number `until`.
    ///
    /// # Errors
    /// When the database can't be written: then they wait until they are found there.
    pub async fn handed_over(&self, until: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM journal_waiting WHERE id <= ?")
            .bind(until)
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(|cause| self.failed(cause))
    }

    /// Forgets what waits: another worker led since, and the shared journal goes on without it. Tells how
    /// many steps it was.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn drop_waiting(&self) -> Result<u64, StoreError> {
        let dropped = sqlx::query("DELETE FROM journal_waiting")
            .execute(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        Ok(dropped.rows_affected())
    }
}

impl Transition {
    /// Whether it is the same step, wherever it comes from: a server keeps times to the microsecond.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let named = |it: &Self| (it.key, it.state.name(), microseconds(it));
        self.wallet == other.wallet && named(self) == named(other)
    }
}

async fn mark(all: &mut SqliteConnection, wallet: &Wallet, last: i64) -> Result<(), sqlx::Error> {
    sqlx::query(COPIED)
        .bind(&wallet.chain_id)
        .bind(&wallet.address)
        .bind(last)
        .execute(all)
        .await
        .map(drop)
}

/// The steps that are not here yet, each once. Those that are wait no more.
async fn missing(
    all: &mut SqliteConnection,
    steps: &[Transition],
) -> Result<Vec<Transition>, sqlx::Error> {
    let (mut missing, mut met) = (Vec::new(), HashSet::new());
    for step in steps {
        if let Some(number) = held(all, step).await? {
            sqlx::query("DELETE FROM journal_waiting WHERE id = ?")
                .bind(number)
                .execute(&mut *all)
                .await?;
        } else if met.insert((step.key, step.state.name(), microseconds(step))) {
            missing.push(step.clone());
        }
    }
    Ok(missing)
}

async fn held(all: &mut SqliteConnection, step: &Transition) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(HELD)
        .bind(&step.wallet.chain_id)
        .bind(&step.wallet.address)
        .bind(step.key.nonce.0)
        .bind(step.key.topic.0.cast_signed())
        .bind(step.state.name().as_str())
        .bind(microseconds(step))
        .fetch_optional(all)
        .await
}

fn microseconds(step: &Transition) -> i64 {
    nanoseconds(step.at) / 1_000
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::{
        Journal as _, SignedTx, State,
        sample::{self, wallet},
    };

    async fn store() -> Store {
        Store::in_memory().await.unwrap()
    }

    fn step(nonce: i64, state: State) -> Transition {
        Transition {
            report: matches!(state, State::Prepared(_)).then(|| "{}".into()),
            ..sample::step(nonce, state)
        }
    }

    fn prepared(mark: u8) -> State {
        State::Prepared(Arc::new(SignedTx {
            bytes: vec![mark],
            hash: format!("HASH{mark}"),
            sequence: mark.into(),
        }))
    }

    #[tokio::test]
    async fn what_was_copied_is_there_with_how_far_it_goes() {
        let store = store().await;
        assert_eq!(store.copied_until(&wallet()).await.unwrap(), None);
        let steps = [step(1, prepared(1)), step(1, State::Counted)];
        store.copy(&wallet(), &steps, Some(17)).await.unwrap();
        store.copy(&wallet(), &[], Some(19)).await.unwrap();
        assert_eq!(store.copied_until(&wallet()).await.unwrap(), Some(19));
        let found = store.recent(&wallet(), 9).await.unwrap();
        assert_eq!(found[0].state, State::Counted);
        assert!(store.waiting(&wallet(), 0, 9).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_waits_comes_back_as_it_was_until_it_is_handed_over() {
        let store = store().await;
        let steps = [
            step(1, prepared(1)),
            step(2, prepared(1)),
            step(1, State::Counted),
        ];
        store.append_waiting(&steps).await.unwrap();
        let waiting = store.waiting(&wallet(), 0, 2).await.unwrap();
        let read: Vec<_> = waiting
            .iter()
            .map(|(_, it)| {
                (
                    it.key,
                    it.state.clone(),
                    it.value.clone(),
                    it.report.clone(),
                    it.at,
                )
            })
            .collect();
        let written: Vec<_> = steps[..2]
            .iter()
            .map(|it| {
                (
                    it.key,
                    it.state.clone(),
                    it.value.clone(),
                    it.report.clone(),
                    it.at,
                )
            })
            .collect();
        assert_eq!(read, written);
        store.handed_over(waiting[1].0).await.unwrap();
        let left = store.waiting(&wallet(), 0, 9).await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(store.drop_waiting().await.unwrap(), 1);
        assert!(store.waiting(&wallet(), 0, 9).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_is_there_is_not_written_again_and_waits_no_more() {
        let store = store().await;
        let steps = [step(1, prepared(1)), step(2, State::Due)];
        store.append_waiting(&steps).await.unwrap();
        assert!(store.holds(&steps[0]).await.unwrap());
        let mut shared = [steps[0].clone(), step(1, State::Counted)];
        // As a server gives it back.
        shared[0].at = shared[0]
            .at
            .replace_microsecond(shared[0].at.microsecond())
            .unwrap();
        store.copy(&wallet(), &shared, Some(2)).await.unwrap();
        store.copy(&wallet(), &shared, Some(2)).await.unwrap();
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM journal")
            .fetch_one(&store.pool)
            .await
            .unwrap();
        assert_eq!(rows, 3);
        let waiting = store.waiting(&wallet(), 0, 9).await.unwrap();
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0].1.key.nonce.0, 2);
    }

    #[tokio::test]
    async fn a_journal_of_ones_own_is_handed_over_from_its_end() {
        let store = store().await;
        for nonce in 1..=5 {
            store.append(&[step(nonce, State::Due)]).await.unwrap();
        }
        store.hand_over(&wallet(), 2).await.unwrap();
        assert_eq!(store.copied_until(&wallet()).await.unwrap(), Some(0));
        assert_eq!(store.count_waiting().await.unwrap(), 2);
        let waiting = store.waiting(&wallet(), 0, 9).await.unwrap();
        let nonces: Vec<_> = waiting.iter().map(|(_, it)| it.key.nonce.0).collect();
        assert_eq!(nonces, [4, 5]);
    }
}
