//! Other workers of this host.

use std::path::Path;

use super::{Area, Check};
use crate::ops::Holder;

/// Who runs already, of the data folder and of the wallet.
#[derive(Clone, Debug, Default)]
pub(super) struct Rivals {
    pub(super) folder: Option<Holder>,
    pub(super) wallet: Option<Holder>,
}

/// `starts`: whether a worker is to be started now, and does not only want to know.
pub(super) fn judge(rivals: &Rivals, data_dir: &Path, starts: bool) -> Vec<Check> {
    let own = std::fs::canonicalize(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let mut all = Vec::new();
    if let Some(Holder { pid, .. }) = &rivals.folder {
        let what = format!("a worker runs with this data folder (pid {pid})");
        let remedy = "nothing, if that is meant; before another start: ./stop_worker.sh, or another \
                      --data-dir and another wallet";
        let check = Check::warning(Area::Workers, "data folder", what, remedy);
        all.push(match starts {
            true => Check {
                level: super::Level::Error,
                ..check.ends_a_start()
            },
            false => check,
        });
    }
    let other = rivals.wallet.as_ref();
    let other = other.filter(|it| it.data_dir.as_deref() != Some(own.as_path()));
    if let Some(Holder { pid, data_dir }) = other {
        let place = data_dir.as_deref().unwrap_or(Path::new("unknown"));
        let what = format!(
            "a worker with this wallet runs in {} (pid {pid})",
            place.display()
        );
        let remedy = "stop that one, use another wallet, or share this one through \
                      STANDBY_DATABASE_URL in both";
        all.push(Check::error(Area::Workers, "wallet", what, remedy).ends_a_start());
    }
    if all.is_empty() {
        let what = "none runs here with this data folder or wallet";
        all.push(Check::ok(Area::Workers, "others", what));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Level;

    fn holder(data_dir: Option<&str>) -> Holder {
        Holder {
            pid: "42".into(),
            data_dir: data_dir.map(Into::into),
        }
    }

    #[test]
    fn a_worker_of_this_folder_is_no_fault_unless_another_is_to_start() {
        let rivals = Rivals {
            folder: Some(holder(None)),
            wallet: Some(holder(Some("/here"))),
        };
        let all = judge(&rivals, Path::new("/here"), false);
        assert_eq!((all.len(), all[0].level), (1, Level::Warning), "{all:?}");
        assert!(all[0].what.contains("pid 42"));
        assert!(judge(&rivals, Path::new("/here"), true)[0].stops());
    }

    #[test]
    fn another_folder_with_the_same_wallet_ends_a_start() {
        let rivals = Rivals {
            folder: None,
            wallet: Some(holder(Some("/there"))),
        };
        let all = judge(&rivals, Path::new("/here"), false);
        assert!(all.len() == 1 && all[0].stops(), "{all:?}");
        assert!(all[0].what.contains("/there (pid 42)"));
        let alone = judge(&Rivals::default(), Path::new("/here"), true);
        assert_eq!(alone[0].level, Level::Ok);
    }
}
