//! What a process with secrets gives away to others on its machine: no core dump, no memory, no file.

use std::env;

use rustix::{
    fs::Mode,
    process::{Resource, Rlimit, getrlimit, setrlimit, umask},
};

/// Set to `allow`, this variable leaves core dumps and debuggers as the system has them.
pub const CORE_DUMPS: &str = "ALLORA_CORE_DUMPS";

/// What this process makes from here on is its user's alone.
pub fn keep_private() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Hardens this process: no core dump is written of it, and no other process of its user may read its
/// memory or its environment (on Linux). Has to be called before a secret is read, and again after the
/// process began anew by `exec`, which undoes a part of it. Gives what could not be had, for the operator.
#[must_use = "the operator should be told"]
pub fn harden() -> Vec<String> {
    if env::var_os(CORE_DUMPS).is_some_and(|it| it == "allow") {
        return vec![format!(
            "core dumps and debuggers are allowed ({CORE_DUMPS}): a dump holds the wallet's key"
        )];
    }
    let mut refused = Vec::new();
    // The hard limit as well: a child of ours can't raise it again.
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if getrlimit(Resource::Core) != none
        && let Err(cause) = setrlimit(Resource::Core, none)
    {
        refused.push(format!("core dumps can't be switched off: {cause}"));
    }
    // A dump that goes through a pipe, as systemd-coredump's, does not ask for the limit of 0.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Err(cause) =
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        refused.push(format!("the memory can't be closed to others: {cause}"));
    }
    refused
}
