//! An outbox whose file is damaged: replaced by one that holds all that can be read of it. The damaged file
//! is set aside as it is.

use std::path::Path;

use super::{super::PredictError, file::File};
use crate::{
    ops::{Event, Reporter},
    store::{self, Replacement, Salvage},
};

/// Numbers are never given twice, those of refused facts neither.
const NUMBERS: &str = "
    DELETE FROM sqlite_sequence WHERE name = 'facts';
    INSERT INTO sqlite_sequence (name, seq) SELECT 'facts', coalesce(max(seq), 0)
        FROM (SELECT seq FROM facts UNION ALL SELECT seq FROM refused);";

impl File {
    /// Opens the file; one that is damaged is mended first.
    pub(super) async fn open_mending(
        path: &Path,
        reporter: &Reporter,
    ) -> Result<Self, PredictError> {
        // What hinders this hinders the opening as well, which tells of it.
        let _ = store::finish_mending(path);
        if let Some(cause) = store::damage(path).await {
            return Self::mend(path, &cause, reporter).await;
        }
        match Self::open(path).await {
            // What the look had no time for.
            Err(PredictError::Outbox { cause, .. }) if store::is_damage(&cause) => {
                Self::mend(path, &cause.to_string(), reporter).await
            }
            opened => opened,
        }
    }

    async fn mend(path: &Path, cause: &str, reporter: &Reporter) -> Result<Self, PredictError> {
        let failed = |cause: sqlx::Error| PredictError::Outbox {
            path: path.to_owned(),
            cause,
        };
        let new = Replacement::begin(path).map_err(|cause| failed(cause.into()))?;
        let filled = Self::open(new.place()).await?;
        let salvage = filled.take_over(path).await;
        filled.pool.close().await;
        let told = salvage.map_err(failed)?.told();
        let aside = new.put_in_place().map_err(|cause| failed(cause.into()))?;
        reporter.emit(Event::Trouble {
            cause: format!("the outbox {} was damaged ({cause}); what could be read of it is carried over: {told}", path.display()),
            remedy: format!("facts that are lost are not stored; the damaged file is kept as {}; check the disk", aside.display()),
        });
        Self::open(path).await
    }

    async fn take_over(&self, damaged: &Path) -> Result<Salvage, sqlx::Error> {
        let salvage = store::carry_all(damaged, &self.pool).await?;
        sqlx::raw_sql(NUMBERS).execute(&self.pool).await?;
        Ok(salvage)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use tempfile::TempDir;

    use super::{super::row::Row, *};
    use crate::{predict::Fact, store::ConfigKey};

    const PAGE: usize = 4_096;

    fn rows(slots: std::ops::Range<i64>) -> Vec<Row> {
        let fact = |slot| Fact::Performed {
            crunch_id: "crunch".into(),
            config: ConfigKey("BTC/3600/60".into()),
            slot,
        };
        slots.map(|it| Row::encode(fact(it)).unwrap()).collect()
    }

    async fn filled(rows: &[Row]) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predict.outbox-abc.db");
        let file = File::open(&path).await.unwrap();
        file.append(rows).await.unwrap();
        // What was refused has the highest number.
        let last = i64::try_from(rows.len()).unwrap();
        file.refuse(last, "on purpose").await.unwrap();
        file.pool.close().await;
        (folder, path)
    }

    #[tokio::test]
    async fn a_damaged_outbox_is_set_aside_and_its_facts_are_carried_over() {
        let (folder, path) = filled(&rows(0..101)).await;
        // The schema goes with the first page.
        let mut bytes = fs::read(&path).unwrap();
        bytes[..PAGE].fill(0);
        fs::write(&path, &bytes).unwrap();
        let (reporter, recording) = Reporter::recording();
        let file = File::open_mending(&path, &reporter).await.unwrap();
        assert_eq!(file.waiting().0, 100);
        let told = |event: &Event| matches!(event, Event::Trouble { remedy, .. } if remedy.contains(".damaged-"));
        assert_eq!(recording.count(told), 1);
        super::super::left::tell_stranded(&path, &reporter).await;
        assert_eq!(recording.events().len(), 1);
        let set_aside = fs::read_dir(folder.path()).unwrap().filter_map(Result::ok);
        let kept = set_aside
            .filter_map(|it| fs::read(it.path()).ok())
            .any(|it| it == bytes);
        assert!(kept);
        // The refused fact's number is not given again.
        file.append(&rows(101..102)).await.unwrap();
        assert_eq!(file.newest(), 102);
        assert_eq!(file.refused().await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_fact_whose_answer_is_damaged_hinders_those_behind_it_until_the_next_start() {
        let mut all = rows(0..5);
        all[1].payload = Some(vec![7; 6 * PAGE]);
        let (_folder, path) = filled(&all).await;
        let mut bytes = fs::read(&path).unwrap();
        let is_answer = |page: &[u8]| page[4..].iter().all(|byte| *byte == 7);
        let damaged = bytes.chunks(PAGE).position(is_answer).unwrap() * PAGE;
        bytes[damaged..damaged + PAGE].fill(0);
        fs::write(&path, &bytes).unwrap();
        // As one that met it while it ran: counting does not read the answers.
        let file = File::open(&path).await.unwrap();
        let cause = file.batch(0, i64::MAX, 100, usize::MAX).await.unwrap_err();
        file.met(&cause);
        assert!(*file.damaged().borrow());
        file.pool.close().await;
        let (reporter, _) = Reporter::recording();
        let file = File::open_mending(&path, &reporter).await.unwrap();
        let left = file.batch(0, i64::MAX, 100, usize::MAX).await.unwrap();
        let left: Vec<_> = left.iter().map(|row| row.seq).collect();
        assert_eq!(left, [1, 3, 4]);
    }

    #[tokio::test]
    async fn a_kill_while_it_is_mended_loses_nothing() {
        let (_folder, path) = filled(&rows(0..101)).await;
        let mut bytes = fs::read(&path).unwrap();
        bytes[..PAGE].fill(0);
        fs::write(&path, &bytes).unwrap();
        // Before anything was carried over.
        let new = Replacement::begin(&path).unwrap();
        File::open(new.place()).await.unwrap().pool.close().await;
        std::mem::forget(new);
        let (reporter, _) = Reporter::recording();
        let file = File::open_mending(&path, &reporter).await.unwrap();
        assert_eq!(file.waiting().0, 100);
        file.pool.close().await;
        // When the damaged one was set aside.
        let mut whole = path.clone().into_os_string();
        whole.push(".mended");
        fs::rename(&path, whole).unwrap();
        let file = File::open_mending(&path, &reporter).await.unwrap();
        assert_eq!(file.waiting().0, 100);
    }
}
