//! Which database.

use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    cli::failure::Failure,
    config::{Predicting, Settings},
    ops::Artifacts,
    predict::FeedError,
    store::{DatabaseUrl, StoreError},
};

/// A database, and what the operator should know of the choice.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) database: DatabaseUrl,
    pub(super) notice: Option<String>,
}

/// The database that is named: by the flag, else by `DATABASE_URL`, else the Predict worker's own file.
/// A relative path starts at the project's folder, as all paths of the configuration do.
pub(in crate::cli) fn of_today(
    settings: &Predicting,
    flag: Option<&str>,
) -> Result<DatabaseUrl, StoreError> {
    let variable = settings.database_url.as_ref();
    let named = flag.or(variable.map(SecretString::expose_secret));
    chosen(named, &settings.root, &settings.artifacts)
}

/// The database that `run` reads predictions from: the one that the Predict worker of the same
/// configuration writes.
pub(in crate::cli) fn of_predictions(settings: &Settings) -> Result<DatabaseUrl, StoreError> {
    settings.predictions()
}

fn chosen(
    named: Option<&str>,
    root: &Path,
    artifacts: &Artifacts,
) -> Result<DatabaseUrl, StoreError> {
    match named {
        Some(text) => Ok(text.parse::<DatabaseUrl>()?.below(root)),
        None => Ok(DatabaseUrl::file(artifacts.database())),
    }
}

/// The database of past prices that are played again: the flag's, else a file of its own. `DATABASE_URL`
/// is that of today's, among which they don't belong.
pub(super) fn of_a_replay(settings: &Predicting, flag: Option<&str>) -> Result<Chosen, StoreError> {
    let database = match flag {
        Some(text) => named(settings, text)?,
        None => DatabaseUrl::file(settings.artifacts.replay_database()),
    };
    let passed_over = flag.is_none() && settings.database_url.is_some();
    let notice = passed_over.then(|| {
        format!(
            "DATABASE_URL is not used: what becomes of past prices goes into {database}, \
             or into what --database-url names"
        )
    });
    Ok(Chosen { database, notice })
}

fn named(settings: &Predicting, text: &str) -> Result<DatabaseUrl, StoreError> {
    Ok(text.parse::<DatabaseUrl>()?.below(&settings.root))
}

/// A database that is down may be there at the next start; one that is wrong stays so.
pub(in crate::cli) fn failed(error: &StoreError) -> Failure {
    if error.is_transient() {
        Failure::passing(error.to_string())
    } else {
        Failure::lasting(error.to_string())
    }
}

/// As [`failed`], of a feed's store.
pub(super) fn no_prices(error: &FeedError) -> Failure {
    match error {
        FeedError::Store(error) => failed(error),
        other => Failure::lasting(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Overrides, Surroundings};

    fn settings(variable: Option<&str>) -> Predicting {
        let variables = variable.map(|it| ("DATABASE_URL".to_owned(), it.to_owned()));
        let around = Surroundings {
            root: "/project".into(),
            variables: variables.into_iter().collect(),
            ask: None,
        };
        Predicting::load_from(&Overrides::default(), &around).unwrap()
    }

    #[test]
    fn a_replay_never_goes_into_the_database_of_today() {
        let live = settings(Some("postgres://me:secret@db/live"));
        let chosen = of_a_replay(&live, None).unwrap();
        let expected = Path::new("/project/data/artifacts/predict.replay.db");
        assert_eq!(chosen.database.path(), Some(expected));
        let notice = chosen.notice.unwrap();
        assert!(notice.starts_with("DATABASE_URL is not used"), "{notice}");
        assert!(notice.contains("predict.replay.db") && !notice.contains("secret"));

        let named = of_a_replay(&live, Some("postgres://me@db/trial")).unwrap();
        assert_eq!(named.database.to_string(), "postgres://me@db:5432/trial");
        assert_eq!(named.notice, None);
        assert_eq!(of_a_replay(&settings(None), None).unwrap().notice, None);

        let shown = |of, flag| of_today(of, flag).unwrap().to_string();
        assert_eq!(shown(&live, None), "postgres://me@db:5432/live");
        assert_eq!(shown(&live, Some("/a.db")), "sqlite:///a.db");
    }

    #[test]
    fn a_relative_file_is_the_same_wherever_one_stands() {
        let settings = settings(Some("sqlite://mine/p.db"));
        let shown = |flag| of_today(&settings, flag).unwrap().to_string();
        assert_eq!(shown(None), "sqlite:///project/mine/p.db");
        assert_eq!(shown(Some("q.db")), "sqlite:///project/q.db");
        let replay = of_a_replay(&settings, Some("q.db")).unwrap();
        assert_eq!(replay.database.to_string(), "sqlite:///project/q.db");
    }

    #[test]
    fn only_a_database_that_is_down_is_worth_another_start() {
        let down = || StoreError::Server {
            place: "db".into(),
            cause: std::io::Error::other("refused").into(),
        };
        let wrong = || StoreError::Url { cause: "no".into() };
        let passing = Failure::passing(String::new()).remedy();
        assert_eq!(failed(&down()).remedy(), passing);
        assert_eq!(no_prices(&down().into()).remedy(), passing);
        for lasting in [
            failed(&wrong()),
            no_prices(&wrong().into()),
            no_prices(&FeedError::NoAsset),
        ] {
            assert_ne!(lasting.remedy(), passing);
        }
    }
}
