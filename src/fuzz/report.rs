//! What `scripts/fuzz.sh` asks for, through the environment, and is told.

use std::{
    env, fs,
    io::Write as _,
    os::unix::fs::FileExt as _,
    path::PathBuf,
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use super::{Target, engine};

/// An input that takes longer, by the clock on the wall, hangs.
const HANGS: Duration = Duration::from_secs(60);

/// Does what the environment says with one target: `FUZZ_INPUT` is a file that it is sent, and otherwise
/// it is sent input for `FUZZ_SECONDS`, made from `FUZZ_SEED`, and findings go to `FUZZ_FOLDER`. The
/// name `list` tells the names.
pub(super) fn as_told(all: &[Target], name: &str) {
    if name == "list" {
        let names: Vec<_> = all.iter().map(|it| it.name).collect();
        return say(&format!("targets: {}", names.join(" ")));
    }
    let target = all.iter().find(|it| it.name == name);
    let target = target.unwrap_or_else(|| panic!("there is no target {name:?}"));
    if let Ok(path) = env::var("FUZZ_INPUT") {
        engine::tell_before(|_| {});
        let input = fs::read(&path).expect("the input");
        match engine::send(target, &input) {
            Ok(answer) => say(&format!("{name} stands it: {answer:.300}")),
            Err(what) => panic!("{name} does not stand {path}: {what}"),
        }
        return;
    }
    let number = |name: &str| env::var(name).ok().and_then(|it| it.parse::<u64>().ok());
    let (seconds, seed) = (
        number("FUZZ_SECONDS").unwrap_or(5),
        number("FUZZ_SEED").unwrap_or(1),
    );
    let folder = PathBuf::from(env::var("FUZZ_FOLDER").expect("FUZZ_FOLDER"));
    let now = folder.join(format!("{name}.now"));
    watch(&now);
    let until = engine::Until::Time(Duration::from_secs(seconds));
    let tally = engine::run(target, seed, until);
    for (index, finding) in tally.findings.iter().enumerate() {
        let path = folder.join(format!("{name}-{seed}-{index}.input"));
        fs::write(&path, &finding.input).expect("a file for the finding");
        say(&format!(
            "finding {} {}",
            path.display(),
            finding.what.replace('\n', " ")
        ));
    }
    // A process that dies leaves it.
    let _gone = fs::remove_file(&now);
    let (inputs, answers, found) = (tally.inputs, tally.answers, tally.findings.len());
    say(&format!("result {inputs} {answers} {found}"));
}

/// Writes each input down before it is read, and ends the process when one hangs.
fn watch(now: &std::path::Path) {
    let count = Arc::new(AtomicU64::new(0));
    let read = Arc::clone(&count);
    let file = fs::File::create(now).expect("a file for the input");
    engine::tell_before(move |input| {
        read.fetch_add(1, Ordering::Relaxed);
        let written = file.write_all_at(input, 0);
        written
            .and_then(|()| file.set_len(input.len() as u64))
            .expect("room for the input");
    });
    thread::spawn(move || {
        loop {
            let before = count.load(Ordering::Relaxed);
            thread::sleep(HANGS);
            if before > 0 && before == count.load(Ordering::Relaxed) {
                process::exit(3);
            }
        }
    });
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").expect("a reader of our output");
}
