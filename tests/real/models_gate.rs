//! Whether real model servers can be started: they need Python 3.12 or newer, and packages from `PyPI`.

use std::{path::PathBuf, process::Command, sync::OnceLock};

use crate::gate::{say, setting};

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

/// The script makes the environment in the cache unless it is there.
fn provide() -> Result<PathBuf, String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/modelnet.sh");
    let output = Command::new("bash").args([script, "venv"]).output();
    let output = output.map_err(|error| format!("bash can't be run: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout).into());
    }
    Err(text(&output.stderr))
}
