use std::os::unix::fs::PermissionsExt;

use super::*;

const CHAIN: &str = "allora-testnet-1";
const ADDRESS: &str = "allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv";

fn own_pid() -> String {
    std::process::id().to_string()
}

#[test]
fn a_second_worker_in_the_same_folder_is_refused_with_the_pid() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::new(folder.path());
    let first = Pidfile::acquire(&artifacts).unwrap();
    let written = fs::read_to_string(first.path()).unwrap();
    assert_eq!(written.trim(), own_pid());
    let refused = Pidfile::acquire(&artifacts).unwrap_err();
    assert!(matches!(&refused, OpsError::AlreadyRunning { pid, .. } if *pid == own_pid()));
    assert!(refused.to_string().contains("stop_worker.sh"));
    drop(first);
    Pidfile::acquire(&artifacts).unwrap();
}

#[test]
fn a_stale_pidfile_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::new(folder.path());
    fs::create_dir_all(artifacts.folder()).unwrap();
    fs::write(artifacts.pidfile(), "1\nleft behind by a crash").unwrap();
    let guard = Pidfile::acquire(&artifacts).unwrap();
    let written = fs::read_to_string(guard.path()).unwrap();
    assert_eq!(written, format!("{}\n", own_pid()));
}

#[test]
fn two_data_folders_cannot_share_a_wallet() {
    let host = tempfile::tempdir().unwrap();
    let places = [host.path().join("run"), host.path().join("tmp")];
    let (one, two) = (Artifacts::new("/data/one"), Artifacts::new("/data/two"));
    let first = WalletLock::acquire_in(&places, (CHAIN, ADDRESS), &one, None).unwrap();
    // Another that has only one of the places set is refused all the same.
    for place in places.chunks(1) {
        let refused = WalletLock::acquire_in(place, (CHAIN, ADDRESS), &two, None).unwrap_err();
        let text = refused.to_string();
        assert!(
            text.contains(&own_pid()) && text.contains("/data/one"),
            "{text}"
        );
    }
    WalletLock::acquire_in(&places, ("allora-mainnet-1", ADDRESS), &two, None).unwrap();
    drop(first);
    WalletLock::acquire_in(&places, (CHAIN, ADDRESS), &two, None).unwrap();
}

#[test]
fn the_wallets_lock_is_for_this_user_alone() {
    let host = tempfile::tempdir().unwrap();
    let place = host.path().join("run");
    let places = [place.clone()];
    let artifacts = Artifacts::new("/data/one");
    let _held = WalletLock::acquire_in(&places, (CHAIN, ADDRESS), &artifacts, None).unwrap();
    let file = fs::read_dir(&place).unwrap().next().unwrap().unwrap();
    assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&place).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn a_folder_that_others_can_write_to_is_passed_over() {
    let host = tempfile::tempdir().unwrap();
    let (open, own) = (host.path().join("open"), host.path().join("own"));
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let artifacts = Artifacts::new("/data/one");
    let refused = WalletLock::acquire_in(
        std::slice::from_ref(&open),
        (CHAIN, ADDRESS),
        &artifacts,
        None,
    );
    assert!(matches!(refused, Err(OpsError::NoLockFolder { .. })));
    WalletLock::acquire_in(&[open.clone(), own], (CHAIN, ADDRESS), &artifacts, None).unwrap();
    assert_eq!(fs::read_dir(&open).unwrap().count(), 0);
}

#[test]
fn a_lock_of_another_process_is_seen_and_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::new(folder.path());
    fs::create_dir_all(artifacts.folder()).unwrap();
    fs::write(artifacts.pidfile(), "4242\n").unwrap();
    let mut other = std::process::Command::new("flock")
        .arg(artifacts.pidfile())
        .args(["sh", "-c", "echo held; read _"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut held = [0; 5];
    other.stdout.take().unwrap().read_exact(&mut held).unwrap();
    let refused = Pidfile::acquire(&artifacts).unwrap_err();
    assert!(matches!(&refused, OpsError::AlreadyRunning { pid, .. } if pid == "4242"));
    drop(other.stdin.take());
    other.wait().unwrap();
    Pidfile::acquire(&artifacts).unwrap();
}

#[test]
fn a_wallet_is_shared_by_those_of_the_same_database_alone() {
    let host = tempfile::tempdir().unwrap();
    let places = [host.path().join("run")];
    let folders = ["/data/one", "/data/two", "/data/three"].map(Artifacts::new);
    let take = |it: usize, database| {
        WalletLock::acquire_in(&places, (CHAIN, ADDRESS), &folders[it], database)
    };
    let database = Some("postgres://me@db:5432/standby");
    let first = take(0, database).unwrap();
    let second = take(1, database).unwrap();
    for other in [None, Some("postgres://me@elsewhere:5432/standby")] {
        let refused = take(2, other).unwrap_err().to_string();
        assert!(refused.contains("/data/one"), "{refused}");
    }
    drop(first);
    assert!(take(2, None).is_err(), "the second is still there");
    let third = take(2, database).unwrap();
    drop((second, third));
    let alone = take(0, None).unwrap();
    let refused = take(1, database).unwrap_err().to_string();
    assert!(refused.contains("/data/one"), "{refused}");
    drop(alone);
    take(1, database).unwrap();
}
