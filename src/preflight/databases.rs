//! The worker's file, and the server that several workers of a wallet share.

use std::path::Path;

use super::{Area, Check, words};
use crate::store::{Glance, ServerGlance, StoreError, Tables};

/// How far the server's clock may be from the host's: leases go by the former, logs by the latter.
const FAR: i64 = 5;

/// What is said of the worker's file.
pub(super) fn judge_file(found: &Result<Glance, StoreError>, path: &Path) -> Check {
    let (name, path) = ("worker.db", path.display());
    match found {
        Ok(Glance::Missing) => {
            let what = format!("{path} is not there yet: the first start makes it");
            Check::ok(Area::Databases, name, what)
        }
        Ok(Glance::Damaged(how)) => Check::warning(
            Area::Databases,
            name,
            format!("{path} is damaged: {how}"),
            "start the worker: it keeps all that can be read and sets the damaged file aside; see to \
             the disk",
        ),
        Ok(Glance::Sound { tables, .. }) => match tables {
            Tables::Current => Check::ok(Area::Databases, name, format!("{path} is whole")),
            Tables::Older(_) => {
                let what = format!("{path} is whole; the next start brings its tables up to date");
                Check::ok(Area::Databases, name, what)
            }
            Tables::Newer(_) => Check::error(
                Area::Databases,
                name,
                format!("a newer worker has used {path}"),
                "use that version again, or choose another --data-dir",
            )
            .ends_a_start(),
        },
        Err(error) => Check::error(
            Area::Databases,
            name,
            error.to_string(),
            "check the file's permissions and its disk; until then submissions are journaled in memory \
             alone",
        ),
    }
}

/// What is said of the shared server.
pub(super) fn judge_server(found: &Result<ServerGlance, StoreError>) -> Vec<Check> {
    let name = "standby";
    let server = match found {
        Ok(server) => server,
        Err(error @ StoreError::Url { .. }) => {
            let what = format!("STANDBY_DATABASE_URL: {error}");
            let remedy = "write postgres://user:password@host:5432/database, or leave it out";
            return vec![Check::error(Area::Databases, name, what, remedy).ends_a_start()];
        }
        Err(error) => {
            let remedy = "start it, or correct STANDBY_DATABASE_URL: a worker that can't reach it does \
                          not lead, and answers nothing";
            let what = error.to_string();
            return vec![Check::error(Area::Databases, name, what, remedy)];
        }
    };
    let ServerGlance { place, version, .. } = server;
    let tables = match server.is_shared {
        true => "",
        false => "; the first worker makes its tables",
    };
    let what = format!(
        "{place}: PostgreSQL {version}, answers in {}{tables}",
        words::span(server.took)
    );
    let mut all = vec![if server.is_read_only {
        let what = format!("{place} takes no writes");
        let remedy = "name the server that does: after a failover it is another";
        Check::error(Area::Databases, name, what, remedy)
    } else {
        Check::ok(Area::Databases, name, what)
    }];
    let off = server.lead.whole_seconds();
    if off.abs() > FAR {
        let side = if off > 0 { "ahead of" } else { "behind" };
        let off = words::span(words::signed(server.lead));
        all.push(Check::warning(
            Area::Databases,
            "standby clock",
            format!("this host's clock is {off} {side} the server's"),
            "set both right: timedatectl set-ntp true; leases go by the server's",
        ));
    }
    all
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, time::Duration};

    use super::*;
    use crate::{preflight::Level, store::Store};

    fn server(change: impl FnOnce(&mut ServerGlance)) -> Vec<Check> {
        let mut server = ServerGlance {
            place: "postgres://me@db:5432/standby".into(),
            version: "15.4".into(),
            lead: time::Duration::milliseconds(3),
            took: Duration::from_millis(2),
            is_read_only: false,
            is_shared: true,
        };
        change(&mut server);
        judge_server(&Ok(server))
    }

    #[tokio::test]
    async fn the_file_is_judged_by_what_a_start_would_do_with_it() {
        let path = PathBuf::from("/data/worker.db");
        let judged = |found| judge_file(&found, &path);
        assert_eq!(judged(Ok(Glance::Missing)).level, Level::Ok);
        let damaged = judged(Ok(Glance::Damaged("page 3".into())));
        assert_eq!((damaged.level, damaged.stops()), (Level::Warning, false));
        let store = Store::in_memory().await.unwrap();
        let sound = |tables| {
            let store = store.clone();
            judged(Ok(Glance::Sound { store, tables }))
        };
        assert_eq!(sound(Tables::Current).level, Level::Ok);
        assert_eq!(sound(Tables::Older(2)).level, Level::Ok);
        assert!(sound(Tables::Newer(99)).stops());
    }

    #[test]
    fn a_server_is_reached_takes_writes_and_tells_the_time() {
        assert_eq!(server(|_| {})[0].level, Level::Ok);
        assert_eq!(server(|it| it.is_read_only = true)[0].level, Level::Error);
        let late = server(|it| it.lead = time::Duration::seconds(-60));
        assert_eq!(late[1].level, Level::Warning);
        assert!(late[1].what.contains("60 s behind"), "{late:?}");
    }

    #[test]
    fn a_server_that_is_away_is_waited_for_and_a_wrong_address_is_not() {
        let away = judge_server(&Err(StoreError::Server {
            place: "db".into(),
            cause: std::io::Error::other("refused").into(),
        }));
        assert_eq!((away[0].level, away[0].stops()), (Level::Error, false));
        let wrong = judge_server(&Err(StoreError::Url { cause: "no".into() }));
        assert!(wrong[0].stops());
    }
}
