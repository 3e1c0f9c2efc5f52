//! Where predictions are stored.

use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::Deserialize;
use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};

use super::super::StoreError;

/// What would be right.
const RIGHT: &str = "write postgres://user:password@host:5432/database, sqlite:///folder/file.db \
                     or a file's path";
/// Parameters that `sqlx` takes. Others it would pass over: a misspelt `sslmode` must not do so.
const PARAMETERS: [&str; 19] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "options[…]",
];

/// A database for predictions: a file of SQLite's, or a PostgreSQL server's.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct DatabaseUrl(pub(super) Kind);

#[derive(Clone)]
pub(super) enum Kind {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

impl DatabaseUrl {
    /// A file of SQLite's.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Kind::Sqlite(path.into()))
    }

    /// The same, a relative file of SQLite's below a folder.
    #[must_use]
    pub fn below(self, folder: &Path) -> Self {
        match self.0 {
            Kind::Sqlite(path) => Self::file(folder.join(path)),
            server @ Kind::Postgres(_) => Self(server),
        }
    }

    /// How a server is connected to, when it is one's.
    pub(in crate::store) fn server(&self) -> Option<&PgConnectOptions> {
        match &self.0 {
            Kind::Sqlite(_) => None,
            Kind::Postgres(options) => Some(options),
        }
    }

    /// The file, when it is one of SQLite's.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Kind::Sqlite(path) => Some(path),
            Kind::Postgres(_) => None,
        }
    }
}

/// Without a password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Kind::Postgres(options) => {
                let (user, port) = (options.get_username(), options.get_port());
                let database = options.get_database().unwrap_or(user);
                if let Some(socket) = options.get_socket() {
                    let socket = socket.display();
                    write!(f, "postgres://{user}@:{port}/{database}?host={socket}")
                } else {
                    let host = options.get_host();
                    write!(f, "postgres://{user}@{host}:{port}/{database}")
                }
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

impl FromStr for DatabaseUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let wrong = |cause: String| Err(StoreError::Url { cause });
        if let Some(path) = text.strip_prefix("sqlite:") {
            return file(path.strip_prefix("//").unwrap_or(path));
        }
        match text.split_once("://") {
            Some(("postgres" | "postgresql", _)) => server(text),
            // What stands before may be a mistyped address with its password.
            Some((scheme, _)) if scheme.chars().all(|it| it.is_ascii_alphabetic()) => {
                wrong(format!("{scheme}:// is no database known here; {RIGHT}"))
            }
            Some(_) => wrong(format!("what stands before :// is no database; {RIGHT}")),
            None if text.contains('@') && text.contains(':') => wrong(format!(
                "it looks like a server's address without its postgres://; {RIGHT}, and a file's name \
                 without @ or :"
            )),
            None => file(text),
        }
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self, StoreError> {
        text.parse()
    }
}

fn file(path: &str) -> Result<DatabaseUrl, StoreError> {
    let wrong = |cause: String| Err(StoreError::Url { cause });
    match path {
        "" => wrong(format!("no file is named; {RIGHT}")),
        ":memory:" => wrong(format!("a database in memory forgets all; {RIGHT}")),
        _ if path.contains('@') && path.contains(':') => wrong(format!(
            "a file's name holds @ and :, as a server's address does; {RIGHT}"
        )),
        _ if path.ends_with('/') => wrong(format!("{path:?} is a folder; name a file in it")),
        _ if path.contains('?') => wrong(format!("{path:?}: SQLite takes no parameters here")),
        _ => Ok(DatabaseUrl::file(path)),
    }
}

fn server(text: &str) -> Result<DatabaseUrl, StoreError> {
    let wrong = |cause: String| StoreError::Url { cause };
    let query = text.split_once('?').map_or("", |(_, query)| query);
    if query.contains('@') {
        // What stands there may be a part of the password.
        return Err(wrong(format!(
            "an @ stands after a ?; {RIGHT}, with %3F for ? in a password, and %40 for @ in a parameter"
        )));
    }
    for name in query.split('&').filter_map(|pair| pair.split('=').next()) {
        let is_option = name.starts_with("options[") || name.starts_with("options%5B");
        if name.is_empty() || is_option || PARAMETERS.contains(&name) {
            continue;
        }
        let known = PARAMETERS.join(", ");
        let is_a_word = |it: char| it.is_ascii_lowercase() || matches!(it, '_' | '-');
        return Err(wrong(if name.chars().all(is_a_word) {
            format!(
                "{name:?} is no parameter that can be used; leave it out, or take one of {known}"
            )
        } else {
            format!(
                "what follows the ? is no parameter that can be used; take one of {known}, and write \
                 %3F for ? in a password"
            )
        }));
    }
    // The text may hold a password, so only the cause is told.
    let options = PgConnectOptions::from_str(text).map_err(|cause| {
        let cause = cause.to_string();
        let cause = cause.trim_start_matches("error with configuration: ");
        wrong(format!(
            "{cause}; {RIGHT}, with %40 for @, %23 for #, %2F for / and %3F for ? in a password"
        ))
    })?;
    let is_named = query.contains("sslmode=") || query.contains("ssl-mode=");
    let options = if is_named || std::env::var_os("PGSSLMODE").is_some() || is_near(&options) {
        options
    } else {
        // Left to itself, the library goes on without TLS where a server, or who stands between, has none.
        options.ssl_mode(PgSslMode::VerifyFull)
    };
    // What is slow is told by the rooms that wait for it.
    let options = options.disable_statement_logging();
    Ok(DatabaseUrl(Kind::Postgres(Box::new(options))))
}

/// Whether a server is on this machine.
fn is_near(options: &PgConnectOptions) -> bool {
    let host = options.get_host().trim_matches(['[', ']']);
    let is_loopback = host.parse().is_ok_and(|it: IpAddr| it.is_loopback());
    options.get_socket().is_some() || is_loopback || host == "localhost" || host.starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_address_is_refused_without_its_password() {
        for given in [
            "postgres:/user:s3cr3t@host:5432/base?sslmode=require",
            "postgres:user:s3cr3t@host://base",
            "postgres//user:s3cr3t@host/base",
            "user:s3cr3t@host/base/",
            "sqlite:postgres:/user:s3cr3t@host/base?x",
        ] {
            let error = given.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(
                !error.contains("s3cr3t") && error.contains("postgres://"),
                "{error}"
            );
        }
    }

    #[test]
    fn files_and_servers_are_told_apart() {
        for (given, shown) in [
            ("sqlite:///var/lib/p.db", "sqlite:///var/lib/p.db"),
            ("sqlite://data/p.db", "sqlite://data/p.db"),
            ("sqlite:p.db", "sqlite://p.db"),
            ("data/p.db", "sqlite://data/p.db"),
            ("postgres://me:s3cret@h/d", "postgres://me@h:5432/d"),
            (
                "postgresql://me:s%40cret@h:6543/d?sslmode=verify-full&application_name=x",
                "postgres://me@h:6543/d",
            ),
            (
                "postgres://me@%2Frun%2Fpg/d",
                "postgres://me@:5432/d?host=/run/pg",
            ),
        ] {
            let url: DatabaseUrl = given.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("cret"));
        }
    }

    #[test]
    fn a_server_elsewhere_is_verified_unless_the_url_says_otherwise() {
        for (given, verified) in [
            ("postgres://me:s3cret@db.example.com/d", true),
            (
                "postgres://me:s3cret@10.0.0.7:6543/d?application_name=x",
                true,
            ),
            ("postgres://me@db.example.com/d?sslmode=disable", false),
            ("postgres://me@localhost/d", false),
            ("postgres://me@127.0.0.1/d", false),
            ("postgres://me@[::1]/d", false),
            ("postgres://me@%2Frun%2Fpg/d", false),
        ] {
            let Kind::Postgres(options) = given.parse::<DatabaseUrl>().unwrap().0 else {
                panic!("{given} is a server's");
            };
            let is = matches!(options.get_ssl_mode(), PgSslMode::VerifyFull);
            assert_eq!(is, verified, "{given}");
        }
    }

    #[test]
    fn a_wrong_one_is_refused_with_what_would_be_right() {
        for (given, wanted) in [
            ("", "no file is named"),
            (":memory:", "forgets all"),
            ("sqlite://", "no file is named"),
            ("data/", "name a file in it"),
            ("p.db?mode=ro", "no parameters"),
            ("mysql://me@h/d", "postgres://user:password@host:5432"),
            ("postgres://me:s#cret@h/d", "%23 for #"),
            ("postgres://me:secret@h/d?slmode=require", "one of sslmode"),
            ("postgres://me:s?secret@h/d", "%3F for ?"),
            ("postgres://me:s?secret=x&y@h/d", "%3F for ?"),
            ("postgres://me:s?sslmode=secret@h/d", "%3F for ?"),
            ("postgres://me@h/d?s3secret", "%3F for ?"),
            (
                "postgres://me:secret@h/d?sslmode=perhaps",
                "unknown value \"perhaps\"",
            ),
        ] {
            let error = given.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(error.contains(wanted), "{given}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
