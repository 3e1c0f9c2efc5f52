//! What waits in outboxes of other databases.

use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

use crate::ops::{Event, Reporter};

/// Tells of the outboxes beside one that hold facts: they are of databases with another address, and
/// nobody stores what waits in them.
pub(super) async fn tell_stranded(own: &Path, reporter: &Reporter) {
    for path in siblings(own) {
        let found = match count(&path).await {
            Ok(0) => continue,
            Ok(facts) => format!("{facts} facts wait in {}", path.display()),
            Err(cause) => format!("{} can't be read: {cause}", path.display()),
        };
        reporter.emit(Event::Trouble {
            cause: format!("{found}, the outbox of a database with another address"),
            remedy: format!(
                "start the worker once with that address; if that database is this one under a new \
                 address, stop the worker, see that it tells of no facts that wait in {0}, and move \
                 the file onto {0}",
                own.display()
            ),
        });
    }
}

/// The other outboxes in the folder, by name.
fn siblings(own: &Path) -> Vec<PathBuf> {
    let stem = |path: &Path| {
        let name = path.file_name()?.to_str()?.strip_suffix(".db")?;
        name.split_once("outbox-").map(|(stem, _)| stem.to_owned())
    };
    let (Some(folder), Some(wanted)) = (own.parent(), stem(own)) else {
        return Vec::new();
    };
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    // What was set aside is for the operator to look at.
    let is_aside = |path: &Path| path.to_string_lossy().contains(".damaged-");
    let others =
        paths.filter(|path| path != own && !is_aside(path) && stem(path).as_ref() == Some(&wanted));
    let mut others: Vec<_> = others.collect();
    others.sort();
    others
}

/// How many facts wait. Closing it brings its log home, so that the file alone holds all.
async fn count(path: &Path) -> Result<i64, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path);
    let mut file = options.disable_statement_logging().connect().await?;
    let facts = sqlx::query_scalar("SELECT count(*) FROM facts")
        .fetch_one(&mut file)
        .await;
    file.close().await?;
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        predict::{
            Fact,
            outbox::{file::File, row::Row},
        },
        store::ConfigKey,
    };

    async fn outbox(path: &Path, facts: i64) {
        let file = File::open(path).await.unwrap();
        let fact = |slot| Fact::Performed {
            crunch_id: "crunch".into(),
            config: ConfigKey("BTC/3600/60".into()),
            slot,
        };
        let rows: Vec<_> = (0..facts)
            .map(|it| Row::encode(fact(it)).unwrap())
            .collect();
        if !rows.is_empty() {
            file.append(&rows).await.unwrap();
        }
        file.pool.close().await;
    }

    #[tokio::test]
    async fn facts_of_another_address_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let named = |name: &str| folder.path().join(format!("predict.{name}.db"));
        for (name, facts) in [("outbox-a", 3), ("outbox-b", 0), ("outbox-c", 2)] {
            outbox(&named(name), facts).await;
        }
        std::fs::write(named("candles"), "no database").unwrap();
        let (reporter, told) = Reporter::recording();
        tell_stranded(&named("outbox-c"), &reporter).await;
        let events = told.events();
        let [Event::Trouble { cause, remedy }] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert!(cause.starts_with("3 facts wait in "), "{cause}");
        assert!(cause.contains("outbox-a.db"), "{cause}");
        assert!(remedy.contains("outbox-c.db"), "{remedy}");
    }
}
