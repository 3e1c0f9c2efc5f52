#!/usr/bin/env bash
# Stops the worker gracefully: ./stop_worker.sh [--data-dir DIR]
#
# Asks it to stop, waits until it has ended (at most ALLORA_STOP_TIMEOUT seconds, default 60), and
# says how. Exit: 0 stopped or not running, 1 ended by a failure or still running.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=scripts/lib.sh
source "$here/scripts/lib.sh"
root=$(project_root)
export ALLORA_WORKER_HOME=${ALLORA_WORKER_HOME:-$root}

given=''
while (($#)); do
    case $1 in
        --data-dir) given=${2:?--data-dir needs a folder} && shift ;;
        --data-dir=*) given=${1#*=} ;;
        -h | --help) sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit 0 ;;
        *) die "unknown argument $1: only --data-dir DIR is known" ;;
    esac
    shift
done

# The worker knows best where it writes; it must be possible to stop it without it, too.
binary=$(worker_binary)
data_dir=''
if [[ -x $binary ]]; then
    data_dir=$("$binary" locate ${given:+--data-dir "$given"} 2>/dev/null) || data_dir=''
fi
if [[ -z $data_dir ]]; then
    data_dir=${given:-data}
    [[ $data_dir == /* ]] || data_dir=$ALLORA_WORKER_HOME/$data_dir
fi
pidfile=$data_dir/artifacts/worker.pid
state=$data_dir/artifacts/worker.state

# Between its end and its new beginning, which are one process, nobody holds the pidfile for a moment.
begins_anew() {
    local pid
    pid=$(pid_in "$pidfile")
    [[ -n $pid && $(state_text "$state" state) == restarting ]] &&
        state_is_of "$state" "$pid" && is_worker "$pid"
}

if ! is_held "$pidfile" && ! begins_anew; then
    echo "ℹ️ No worker runs with the data folder $data_dir"
    exit 0
fi
pid=$(holder "$pidfile")
[[ -n $pid ]] || die "a process holds $pidfile but has not written its pid: try again"
kill -TERM "$pid" || die "the worker (pid $pid) can't be signalled: it runs as another user"
# One that is suspended hears of it only when it goes on.
kill -CONT "$pid" || true

tenths=$((${ALLORA_STOP_TIMEOUT:-60} * 10))
for ((waited = 0; waited < tenths; waited++)); do
    if ! is_held "$pidfile" && ! begins_anew; then
        message=$(state_text "$state" message)
        if state_is_of "$state" "$pid" && [[ $(state_text "$state" state) == stopped ]]; then
            echo "✅ The worker (pid $pid) stopped: $message"
            exit 0
        fi
        if state_is_of "$state" "$pid" && [[ $(state_text "$state" state) == restarting ]]; then
            echo "✅ The worker (pid $pid) was ended before it began anew"
            exit 0
        fi
        die "the worker (pid $pid) ended without a good end: $message; see $data_dir/artifacts/logs/worker_output.log"
    fi
    sleep 0.1
done
die "the worker (pid $pid) still runs; it may be finishing a submission: wait, or end it at once with a second ./stop_worker.sh"
