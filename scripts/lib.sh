# Shared by the scripts that start, stop, install and package the worker; sourced, not run.
# shellcheck shell=bash

project_root() {
    (cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
}

die() {
    printf '❌ %s\n' "$*" >&2
    exit 1
}

# Where cargo puts the release binary.
built_binary() {
    local target=${CARGO_TARGET_DIR:-$root/target}
    # cargo takes a relative one from where it is run: the root.
    [[ $target == /* ]] || target=$root/$target
    printf '%s\n' "$target/release/allora-worker"
}

# The worker's program: ALLORA_WORKER_BIN; the one that came with this folder; the one built here; where
# nothing was built yet, an installed one of this folder's version.
worker_binary() {
    local built
    if [[ -n ${ALLORA_WORKER_BIN:-} ]]; then
        printf '%s\n' "$ALLORA_WORKER_BIN"
        return
    fi
    if [[ -x $root/bin/allora-worker ]]; then
        printf '%s\n' "$root/bin/allora-worker"
        return
    fi
    built=$(built_binary)
    if [[ -x $built ]] || ! installed_binary; then
        printf '%s\n' "$built"
    fi
}

# A worker on the PATH, if it is of the version of these sources: another one reads another configuration.
installed_binary() {
    local found wanted
    found=$(command -v allora-worker) || return 1
    wanted=$(sed -n '/^\[package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" 2>/dev/null)
    [[ -z $wanted || $("$found" --version 2>/dev/null) == "allora-worker $wanted" ]] || return 1
    printf '%s\n' "$found"
}

# Whether the binary is cargo's, and missing or older than what it is made from.
needs_build() {
    [[ $1 == "$(built_binary)" && $1 != "${ALLORA_WORKER_BIN:-}" ]] || return 1
    [[ -x $1 ]] || return 0
    local newer
    newer=$(find "$root/Cargo.toml" "$root/Cargo.lock" "$root/build.rs" "$root/src" \
        "$root/config/networks" -newer "$1" -print -quit)
    [[ -n $newer ]]
}

# A file of config/ as it is installed: the worker's data lies elsewhere than its configuration.
configured() {
    sed "s|^data_dir = \"data\"\$|data_dir = \"$2\"|" "$1"
}

# The value of --data-dir among the arguments, empty when it is not there.
data_dir_flag() {
    local value=''
    while (($#)); do
        case $1 in
            --data-dir=*) value=${1#*=} ;;
            --data-dir) value=${2:-} ;;
        esac
        shift
    done
    printf '%s\n' "$value"
}

# Whether a process holds the pidfile: then it names a worker that runs.
is_held() {
    [[ -f $1 ]] || return 1
    if command -v flock >/dev/null; then
        ! flock --nonblock "$1" true
        return
    fi
    local pid
    pid=$(pid_in "$1")
    [[ -n $pid ]] && is_worker "$pid"
}

# Whether a process of this number runs the worker: numbers are given again. The worker closes its
# /proc/PID/exe to its own user; by which name it was started is open to all.
is_worker() {
    local program
    program=$(readlink "/proc/$1/exe" 2>/dev/null) ||
        program=$(tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" | head -n 1) || return 1
    [[ $program == */allora-worker* || $program == "$(readlink -f "$(worker_binary)")" ]]
}

# The process that holds a pidfile. On a disk that takes nothing the lock holds, and the number that the
# file shows is an older one, or none.
holder() {
    local inode pid
    inode=$(stat -c %i "$1" 2>/dev/null) || return 0
    pid=$(awk -v end=":$inode\$" '$2 == "FLOCK" && $6 ~ end { print $5; exit }' /proc/locks 2>/dev/null) || pid=
    if [[ -n $pid && -d /proc/$pid ]]; then
        printf '%s\n' "$pid"
    else
        pid_in "$1"
    fi
}

# Bytes of a file, 0 when it can't be read.
size_of() {
    wc -c <"$1" 2>/dev/null || echo 0
}

pid_in() {
    head -n 1 "$1" 2>/dev/null | tr -cd '0-9'
}

# A text of the state file, which is one line of JSON with flat keys.
state_text() {
    sed -n "s/.*\"$2\":\"\\(\\([^\"\\\\]\\|\\\\.\\)*\\)\".*/\\1/p" "$1" 2>/dev/null |
        sed 's/\\\(["\\]\)/\1/g'
}

# Whether the state file is the given process's.
state_is_of() {
    grep -q "^{\"pid\":$2," "$1" 2>/dev/null
}
