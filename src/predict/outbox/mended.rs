//! An outbox whose file is damaged: set aside as it is, and begun anew with all that can be read of it.

use std::path::Path;

use super::{super::PredictError, file::File};
use crate::{
    ops::{Event, Reporter},
    store,
};

impl File {
    /// Opens the file; one that is damaged is set aside first, and what can be read of it carried over.
    pub(super) async fn open_mending(
        path: &Path,
        reporter: &Reporter,
    ) -> Result<Self, PredictError> {
        let cause = match Self::open(path).await {
            Err(PredictError::Outbox { cause, .. }) if store::is_damage(&cause) => cause,
            opened => return opened,
        };
        let failed = |cause: sqlx::Error| PredictError::Outbox {
            path: path.to_owned(),
            cause,
        };
        let aside = store::set_aside(path).map_err(|cause| failed(cause.into()))?;
        let file = Self::open(path).await?;
        let told = match store::carry_all(&aside, &file.pool).await {
            Ok(salvage) => salvage.told(),
            Err(error) => format!("nothing of it can be read ({error})"),
        };
        file.count().await.map_err(failed)?;
        reporter.emit(Event::Trouble {
            cause: format!("the outbox {} was damaged ({cause}); what could be read of it is carried over: {told}", file.place()),
            remedy: format!("facts that are lost are not stored; the damaged file is kept as {}; check the disk", aside.display()),
        });
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{super::row::Row, *};
    use crate::{predict::Fact, store::ConfigKey};

    #[tokio::test]
    async fn a_damaged_outbox_is_set_aside_and_its_facts_are_carried_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predict.outbox-abc.db");
        let file = File::open(&path).await.unwrap();
        let fact = |slot| Fact::Performed {
            crunch_id: "crunch".into(),
            config: ConfigKey("BTC/3600/60".into()),
            slot,
        };
        let rows: Vec<_> = (0..100).map(|it| Row::encode(fact(it)).unwrap()).collect();
        file.append(&rows).await.unwrap();
        file.pool.close().await;
        // The schema goes with the first page.
        let mut bytes = fs::read(&path).unwrap();
        bytes[..4_096].fill(0);
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
    }
}
