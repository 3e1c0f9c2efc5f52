# The build of start_worker.sh, with what is done and left; sourced, not run.
# shellcheck shell=bash
# shellcheck disable=SC2154

# How many crates the worker is made of.
crates() {
    (cd "$root" && cargo tree --locked --edges normal,build --prefix none 2>/dev/null) |
        sed 's/ (.*//' | sort -u | grep -c . || true
}

# cargo's lines as one at each tenth of the crates; what it complains of as it is.
tenths() {
    awk -v all="$1" '
        /^ *(Compiling|Checking) / {
            done++
            part = int(done * 10 / (all > done ? all : done + 1))
            if (part > last) {
                last = part
                printf "build: %d %%, %d of %d crates\n", part * 10, done, all
                fflush()
            }
            next
        }
        /^ *(Downloaded|Downloading|Updating|Locking|Blocking|Finished) / { next }
        { print; fflush() }'
}

build_worker() {
    local all
    command -v cargo >/dev/null ||
        die "cargo is missing: install Rust from https://rustup.rs, or a package of the worker, which needs none"
    echo "Building the worker: ten minutes on two cores the first time, two after an upgrade …" >&2
    if [[ -t 2 ]]; then
        (cd "$root" && cargo build --release --locked --bin allora-worker) || die "the build failed: see above"
        return
    fi
    all=$(crates)
    (cd "$root" && cargo build --release --locked --bin allora-worker 2>&1) | tenths "$all" >&2 ||
        die "the build failed: see above"
    echo "build: done after $SECONDS s" >&2
}
