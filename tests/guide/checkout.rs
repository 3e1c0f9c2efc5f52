//! A checkout with the program built.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// What only root may do happens in a folder of the checkout's own, which stands for the system.
const SUDO: &str = r#"#!/usr/bin/env bash
set -euo pipefail
system=$HOME/system
case $1 in
    scripts/install_service.sh) exec "$@" --root "$system" ;;
    dpkg) for package in "${@:3}"; do dpkg-deb -x "$package" "$system"; done ;;
    install) exec "${@:1:$#-1}" "$system${!#}" ;;
    systemctl | journalctl)
        unit=${3/@*/@}
        [[ $1 == systemctl ]] || unit=$3
        compgen -G "$system/*/systemd/system/${unit%.service}.service" >/dev/null ||
            compgen -G "$system/usr/lib/systemd/system/${unit%.service}.service" >/dev/null
        echo "$* (in $system)"
        ;;
    *) echo "sudo $1 is not stood in for" >&2; exit 1 ;;
esac
"#;

/// A folder of its own with all that git has, and the program where cargo puts it.
pub(crate) struct Checkout(TempDir);

impl Checkout {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        copy(folder.path());
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Where programs are found: the worker is installed, and what only root may do is stood in for.
    pub(super) fn programs(&self) -> PathBuf {
        self.0.path().join("programs")
    }
}

/// All of it, without what was made in it, and the program where cargo puts it.
fn copy(to: &Path) {
    copy_folder(Path::new(env!("CARGO_MANIFEST_DIR")), to);
    let program = env!("CARGO_BIN_EXE_allora-worker");
    for folder in ["target/release", "programs"] {
        fs::create_dir_all(to.join(folder)).expect("a folder");
        symlink(program, to.join(folder).join("allora-worker")).expect("a link");
    }
    let sudo = to.join("programs/sudo");
    fs::write(&sudo, SUDO).expect("a file");
    fs::set_permissions(&sudo, fs::Permissions::from_mode(0o755)).expect("its mode");
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name();
        if [".env", ".git", "artifacts", "build", "target"]
            .map(OsStr::new)
            .contains(&name.as_os_str())
        {
            continue;
        }
        let to = to.join(name);
        if entry.file_type().expect("its type").is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a copy");
        }
    }
}
