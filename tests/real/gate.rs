//! Whether the real parts are there, and what the tests print.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
};

/// Prints past the test runner's capture, so that figures and skips are seen.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").expect("standard output can be written");
}

/// The value of a setting, when it is set and not empty.
pub(crate) fn setting(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// A setting that is a number.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    setting(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no whole number; correct or unset it"))
    })
}

/// The node's binary, or none after having said why the test is skipped.
pub(crate) fn node_binary() -> Option<PathBuf> {
    match (setting("ALLORA_REAL").as_deref(), find_node()) {
        (None | Some("0"), _) => {
            say("SKIPPED: the real node's tests take minutes; run them with ALLORA_REAL=1");
            None
        }
        (Some(_), Ok(node)) => Some(node),
        (Some("require"), Err(reason)) => panic!("ALLORA_REAL=require, but {reason}"),
        (Some(_), Err(reason)) => {
            say(&format!("SKIPPED: {reason}"));
            None
        }
    }
}

fn find_node() -> Result<PathBuf, String> {
    let remedy = "build it with 'scripts/localnet.sh build'";
    if let Some(named) = setting("ALLORA_NODE_BIN") {
        let node = PathBuf::from(&named);
        let found = node.is_file().then_some(node);
        return found.ok_or_else(|| format!("ALLORA_NODE_BIN={named} is no file; {remedy}"));
    }
    let cache = setting("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| setting("HOME").map(|home| Path::new(&home).join(".cache")))
        .ok_or("neither XDG_CACHE_HOME nor HOME is set")?;
    let node = cache
        .join("allora-worker/bin")
        .join(format!("allorad-{}", node_version()));
    if node.is_file() {
        return Ok(node);
    }
    Err(format!("no node binary at {}; {remedy}", node.display()))
}

/// The version that `localnet/go.mod` asks for.
fn node_version() -> &'static str {
    include_str!("../../localnet/go.mod")
        .lines()
        .filter_map(|line| line.split_once("allora-network/allora-chain "))
        .map(|(_, version)| version.split_whitespace().next().unwrap_or_default())
        .next()
        .expect("localnet/go.mod requires allora-chain")
}
