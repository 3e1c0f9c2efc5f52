#!/usr/bin/env bash
# Starts the worker in the background: ./start_worker.sh [any flag of `allora-worker run`]
#
# Takes the program that came with this folder, or an installed one; else builds the release binary when it
# is missing or older than the sources. Looks whether anything stands in the way that no waiting heals, waits
# until the worker is ready, stands by or has failed, and says where to look. Exit: 0 ready or standing by,
# 1 failed or running already, 2 still starting after ALLORA_START_TIMEOUT seconds (default 60; it goes on
# trying in the background).
set -euo pipefail
# One heap for all threads: glibc's heap of each thread keeps what it frees, and memory creeps up for days.
export MALLOC_ARENA_MAX=${MALLOC_ARENA_MAX:-1}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=scripts/lib.sh
source "$here/scripts/lib.sh"
root=$(project_root)
export ALLORA_WORKER_HOME=${ALLORA_WORKER_HOME:-$root}

binary=$(worker_binary)
if needs_build "$binary"; then
    # shellcheck source=scripts/build.sh
    source "$here/scripts/build.sh"
    build_worker
fi
[[ -x $binary ]] || die "there is no worker at $binary"
# What is made from here on is this user's alone.
umask 077

for flag in "$@"; do
    case $flag in
        -h | --help) exec "$binary" run --help ;;
    esac
done

data_dir=$("$binary" locate "$@") || exit 1
artifacts=$data_dir/artifacts
pidfile=$artifacts/worker.pid
state=$artifacts/worker.state
output=$artifacts/logs/worker_output.log
events=$artifacts/logs/worker_continuous.log

if is_held "$pidfile"; then
    die "a worker runs already with this data folder (pid $(pid_in "$pidfile")); stop it with ./stop_worker.sh or choose another --data-dir"
fi
# What no waiting heals is told before anything is started. A check that breaks, or takes too long, hinders
# no start: the worker says itself what it lacks.
preflight() {
    local code=0 bound=() told
    ! command -v timeout >/dev/null || bound=(timeout 10)
    told=$(${bound[@]+"${bound[@]}"} "$binary" check --start "$@" 2>/dev/null </dev/null) || code=$?
    if ((code == 2)) && [[ $told == *❌* ]]; then
        printf '%s\n' "$told" >&2
        die "nothing was started: \`$(basename "$binary") check\` with the same flags shows everything"
    fi
    if ((code == 0)) && [[ -n $told ]]; then
        printf '%s\n' "$told"
    fi
}
preflight "$@"
# The worker goes on without its logs, and writes them when it can.
said_to=$output
if ! { mkdir -p "$artifacts/logs" && : >>"$output"; } 2>/dev/null; then
    echo "⚠️  $output can't be written to: check its permissions and the disk's space; starting all the same" >&2
    said_to=$(mktemp 2>/dev/null) || said_to=/dev/null
fi
before=$(size_of "$said_to")

# The worker writes the output log itself; only what it says before or beside that comes here.
detach=(nohup)
! command -v setsid >/dev/null || detach=(setsid nohup)
"${detach[@]}" "$binary" run "$@" </dev/null >/dev/null 2>>"$said_to" &
pid=$!

# What this start added to the output log. A rotation makes the log shorter: then all of it.
said() {
    if (($(size_of "$said_to") >= before)); then
        tail -c +$((before + 1)) "$said_to"
    else
        cat "$said_to"
    fi
}

last_trouble() {
    said | grep -E '❌|ERROR' | tail -n 1 || true
}

show() {
    echo "   pid      $pid"
    echo "   address  $(state_text "$state" address)"
    echo "   balance  $(state_text "$state" balance)"
    # A variable: a pipe that is left early would end the script.
    local page unserved
    unserved=$(said | grep 'are not served at' | tail -n 1 || true)
    page=$("$binary" locate --page "$@" 2>/dev/null || true)
    if [[ -n $unserved ]]; then
        echo "   page     ${unserved#*] }"
    elif [[ -n $page ]]; then
        echo "   page     $page"
    fi
    echo "   look     tail -f $output"
    echo "            tail -f $events"
    echo "   stop     $root/stop_worker.sh${stop_flag:+ $stop_flag}"
}

stop_flag=''
given=$(data_dir_flag "$@")
[[ -z $given ]] || stop_flag="--data-dir $given"

tenths=$((${ALLORA_START_TIMEOUT:-60} * 10))
for ((waited = 0; waited < tenths; waited++)); do
    phase=''
    ! state_is_of "$state" "$pid" || phase=$(state_text "$state" state)
    case $phase in
        ready)
            echo "✅ The worker is ready"
            show "$@"
            exit 0
            ;;
        waiting | standby)
            echo "⏳ The worker runs: $(state_text "$state" message)"
            show "$@"
            exit 0
            ;;
    esac
    if ! kill -0 "$pid" 2>/dev/null; then
        code=0
        wait "$pid" || code=$?
        if ((code == 0)); then
            echo "👋 The worker has ended already: $(state_text "$state" message)"
            exit 0
        fi
        reason=$(last_trouble)
        [[ -n $reason ]] || reason=$(said | tail -n 1)
        printf '%s\n' "❌ The worker could not start (exit code $code)" >&2
        printf '%s\n' "   ${reason:-it said nothing}" >&2
        printf '%s\n' "   see $said_to" >&2
        exit 1
    fi
    sleep 0.1
done

echo "⏳ The worker is not ready yet and goes on trying in the background" >&2
trouble=$(last_trouble)
[[ -z $trouble ]] || printf '%s\n' "   $trouble" >&2
show "$@" >&2
exit 2
