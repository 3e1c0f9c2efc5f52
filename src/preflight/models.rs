//! The network of models, for topics that are answered from it.

use std::time::Duration;

use time::OffsetDateTime;

use super::{Area, Check, words};
use crate::{
    store::{self, DatabaseUrl, StoreError},
    types::TopicId,
};

/// Where a topic's predictions are read from.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The topic.
    pub topic: TopicId,
    /// Whose models.
    pub crunch_id: String,
    /// The database; or why it, or the topic's subject, can't be told.
    pub database: Result<DatabaseUrl, String>,
}

/// Looks at the newest prediction that a topic could be answered from.
pub(super) async fn ask(heard: &Heard, max_age: Duration, limit: Duration) -> Check {
    let name = format!("topic {}", heard.topic);
    let database = match &heard.database {
        Ok(database) => database,
        Err(cause) => {
            let remedy = "correct [[topics]], [models] or DATABASE_URL";
            return Check::error(Area::Models, name, cause, remedy).ends_a_start();
        }
    };
    if let Some(path) = database.path().filter(|it| !it.exists()) {
        let what = format!("there is no database {} yet", path.display());
        return Check::warning(Area::Models, name, what, START);
    }
    let newest = store::newest_prediction(database, &heard.crunch_id, limit).await;
    judge(name, heard, &database.to_string(), newest, max_age)
}

const START: &str =
    "start `predict`, or set DATABASE_URL to where it stores; the built-in forecast stands in";

fn judge(
    name: String,
    heard: &Heard,
    place: &str,
    newest: Result<Option<OffsetDateTime>, StoreError>,
    max_age: Duration,
) -> Check {
    let crunch = &heard.crunch_id;
    match newest {
        Ok(Some(at)) => {
            let age = words::signed(OffsetDateTime::now_utc() - at);
            let what = format!(
                "{place}: the newest prediction of {crunch} is {} old",
                words::span(age)
            );
            if age > max_age {
                let remedy = "see whether `predict` runs; the built-in forecast stands in";
                return Check::warning(Area::Models, name, what, remedy);
            }
            Check::ok(Area::Models, name, what)
        }
        Ok(None) => {
            let what = format!("{place} holds no prediction of {crunch}");
            Check::warning(Area::Models, name, what, START)
        }
        Err(error) => Check::warning(
            Area::Models,
            name,
            error.to_string(),
            "start the database, or correct DATABASE_URL; the built-in forecast stands in",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Level;

    const AGE: Duration = Duration::from_secs(3 * 3_600);

    fn heard() -> Heard {
        Heard {
            topic: TopicId(67),
            crunch_id: "condorgame".into(),
            database: Ok(DatabaseUrl::file("/none/predict.db")),
        }
    }

    fn judged(newest: Result<Option<OffsetDateTime>, StoreError>) -> Level {
        let check = judge("topic 67".into(), &heard(), "db", newest, AGE);
        assert_eq!(check.remedy.is_empty(), check.level == Level::Ok);
        check.level
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_yet_is_not_made() {
        let found = ask(&heard(), AGE, Duration::from_secs(1)).await;
        assert_eq!(found.level, Level::Warning);
        assert!(found.remedy.contains("`predict`"), "{found:?}");
        let wrong = Heard {
            database: Err("no asset".into()),
            ..heard()
        };
        assert!(ask(&wrong, AGE, Duration::from_secs(1)).await.stops());
    }

    #[test]
    fn the_newest_prediction_is_judged_by_its_age() {
        let ago = |seconds| Some(OffsetDateTime::now_utc() - Duration::from_secs(seconds));
        assert_eq!(judged(Ok(ago(60))), Level::Ok);
        assert_eq!(judged(Ok(ago(4 * 3_600))), Level::Warning);
        assert_eq!(judged(Ok(None)), Level::Warning);
        let cause = "no".into();
        assert_eq!(judged(Err(StoreError::Url { cause })), Level::Warning);
    }
}
