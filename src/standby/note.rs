//! A note that a worker led, for its next start.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::store::Wallet;

/// Says, in a file, under which token this worker leads a wallet. One that was killed takes its own lease
/// again at once, and goes on while the database is down. It is removed as soon as another one leads.
#[derive(Debug)]
pub struct LeadNote {
    path: PathBuf,
    wallet: Wallet,
    token: Option<i64>,
}

impl LeadNote {
    /// What an earlier start left of a wallet's lease.
    #[must_use]
    pub fn of(path: PathBuf, wallet: &Wallet) -> Self {
        let noted = fs::read_to_string(&path).ok();
        let token = noted.and_then(|noted| {
            let (token, whose) = noted.trim_end().split_once(' ')?;
            let token = token.parse().ok()?;
            (whose == name(wallet)).then_some(token)
        });
        Self {
            path,
            wallet: wallet.clone(),
            token,
        }
    }

    /// The token under which this worker led last, if nobody is known to have led since.
    #[must_use]
    pub const fn token(&self) -> Option<i64> {
        self.token
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Notes that it leads.
    pub(super) fn set(&mut self, token: i64) {
        self.token = Some(token);
        let beside = self.path.with_extension("new");
        let text = format!("{token} {}\n", name(&self.wallet));
        let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, &self.path));
        self.complain(written);
    }

    /// Notes that another one leads, or may.
    pub fn clear(&mut self) {
        if self.token.take().is_some() {
            let removed = match fs::remove_file(&self.path) {
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed,
            };
            self.complain(removed);
        }
    }

    fn complain(&self, done: io::Result<()>) {
        if let Err(cause) = done {
            tracing::warn!(%cause, path = %self.path.display(), "can't be noted");
        }
    }
}

fn name(wallet: &Wallet) -> String {
    format!("{}/{}", wallet.chain_id, wallet.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_start_of_the_same_wallet_knows() {
        let folder = tempfile::tempdir().unwrap();
        let wallet = |address: &str| Wallet {
            chain_id: "allora-localnet-1".into(),
            address: address.into(),
        };
        let note = |address| LeadNote::of(folder.path().join("lead"), &wallet(address));
        assert_eq!(note("one").token(), None);
        note("one").set(7);
        assert_eq!((note("one").token(), note("two").token()), (Some(7), None));
        note("two").clear();
        assert_eq!(note("one").token(), Some(7), "it says nothing of another's");
        note("one").clear();
        assert_eq!(note("one").token(), None);
        fs::write(folder.path().join("lead"), "no number at all").unwrap();
        assert_eq!(note("one").token(), None);
    }
}
