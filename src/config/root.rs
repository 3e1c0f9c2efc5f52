//! Where the project is: the folder that holds `config/`.

use std::path::{Path, PathBuf};

/// What marks the project's folder. The folder of networks alone is enough; a bare `config/` is not,
/// many projects have one.
const MARK: &str = "config/networks";
/// Where a package of the system puts it.
pub(super) const PACKAGED: &str = "/etc/allora-worker";

/// The project's folder, from which relative paths start: `home` (`ALLORA_WORKER_HOME`) when given,
/// else the first folder from the present one upwards that holds `config/networks`, else the first
/// from the executable's upwards, else `packaged` if it holds one, else the present one.
pub(super) fn find(
    home: Option<&Path>,
    present: &Path,
    executable: Option<&Path>,
    packaged: &Path,
) -> PathBuf {
    let marked = |start: &Path| {
        let mut upwards = start.ancestors();
        upwards
            .find(|it| it.join(MARK).is_dir())
            .map(Path::to_owned)
    };
    home.map(|home| present.join(home))
        .or_else(|| marked(present))
        .or_else(|| executable.and_then(marked))
        .or_else(|| marked(packaged))
        .unwrap_or_else(|| present.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_marked_folder_is_found_upwards() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        let elsewhere = folder.path().join("elsewhere");
        let executable = two.join("target/release/allora-worker");
        let packaged = folder.path().join("etc/allora-worker");
        let find = |home, present: &Path, executable| find(home, present, executable, &packaged);
        for path in [
            one.join(MARK),
            one.join("a/b"),
            two.join(MARK),
            elsewhere.join("config"),
        ] {
            fs::create_dir_all(path).unwrap();
        }
        assert_eq!(find(None, &one.join("a/b"), Some(&executable)), one);
        assert_eq!(find(None, &elsewhere, Some(&executable)), two);
        assert_eq!(find(None, &elsewhere, None), elsewhere);
        assert_eq!(find(Some(&two), &one, None), two);
        assert_eq!(
            find(Some(Path::new("../two")), &one, None),
            one.join("../two")
        );
        fs::create_dir_all(packaged.join(MARK)).unwrap();
        assert_eq!(find(None, &elsewhere, None), packaged);
        assert_eq!(find(None, &elsewhere, Some(&executable)), two);
    }
}
