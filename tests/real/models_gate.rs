//! Whether real model servers can be started: they need Python 3.12 or newer, and packages from `PyPI`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::gate::{say, setting};

const PACKAGES: [&str; 2] = ["crunch-model-runner==0.4.2", "condorgame==0.5.3"];

/// The program that serves a model, or none after having said why the test is skipped.
pub(crate) fn runner() -> Option<PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let is_required = match setting("ALLORA_REAL").as_deref() {
        None | Some("0") => {
            say("SKIPPED: the real models' tests take a minute; run them with ALLORA_REAL=1");
            return None;
        }
        word => word == Some("require"),
    };
    match FOUND.get_or_init(provide) {
        Ok(runner) => Some(runner.clone()),
        Err(reason) if is_required => panic!("real models are required, but {reason}"),
        Err(reason) => {
            say(&format!("SKIPPED: {reason}"));
            None
        }
    }
}

/// Makes the environment in the cache unless it is there.
fn provide() -> Result<PathBuf, String> {
    let cache = setting("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| setting("HOME").map(|home| Path::new(&home).join(".cache")))
        .ok_or("neither XDG_CACHE_HOME nor HOME is set")?;
    let folder = cache.join("allora-worker/models-venv");
    let (runner, mark) = (folder.join("bin/model-runner"), folder.join("installed"));
    let wanted = PACKAGES.join("\n");
    if runner.is_file() && fs::read_to_string(&mark).is_ok_and(|text| text == wanted) {
        return Ok(runner);
    }
    let python = python().ok_or(
        "no Python 3.12 or newer was found; install one, or name it in ALLORA_MODELS_PYTHON",
    )?;
    say(&format!(
        "real models: installing {} into {}",
        PACKAGES.join(" and "),
        folder.display()
    ));
    run(Command::new(&python).args(["-m", "venv"]).arg(&folder))?;
    let pip = folder.join("bin/pip");
    run(Command::new(pip)
        .args(["install", "--quiet", "--disable-pip-version-check"])
        .args(PACKAGES))?;
    fs::write(&mark, wanted)
        .map_err(|error| format!("{} can't be written: {error}", mark.display()))?;
    Ok(runner)
}

fn python() -> Option<PathBuf> {
    let named = setting("ALLORA_MODELS_PYTHON").map(PathBuf::from);
    let on_path = ["python3.13", "python3.12", "python3"].map(PathBuf::from);
    let pyenv = setting("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| setting("HOME").map(|home| Path::new(&home).join(".pyenv")));
    let versions = pyenv.and_then(|root| fs::read_dir(root.join("versions")).ok());
    let managed = versions.into_iter().flatten().flatten();
    let managed = managed.map(|entry| entry.path().join("bin/python3"));
    named
        .into_iter()
        .chain(on_path)
        .chain(managed)
        .find(|python| {
            let code = "import sys, ensurepip; sys.exit(not (3, 12) <= sys.version_info < (3, 14))";
            let status = Command::new(python).args(["-c", code]).output();
            status.is_ok_and(|output| output.status.success())
        })
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?} can't be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<_> = said.lines().rev().take(3).collect();
    Err(format!("{command:?} failed: {}", said.join(" / ")))
}
