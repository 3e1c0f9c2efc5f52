#!/usr/bin/env bash
# Real model servers on this machine: PyPI's crunch-model-runner, each a process with a submission of
# scripts/models, behind an orchestrator of ours (allora-worker devnet --models). All on loopback.
#
#   scripts/modelnet.sh up N [SUBMISSION…]   N honest models of several kinds, and the ones named:
#                                 raises, hangs, nonsense, or any other folder of scripts/models
#   scripts/modelnet.sh status    which models there are, and what became of their processes
#   scripts/modelnet.sh logs      follow what the orchestrator tells
#   scripts/modelnet.sh down      end what was started here
#   scripts/modelnet.sh redeploy K   a new deployment of model K, then the old one stops
#   scripts/modelnet.sh restart K    its process ends and starts anew, in place: it forgets all
#   scripts/modelnet.sh recover K    the same as the orchestrator does it: RECOVERING, then another port
#   scripts/modelnet.sh kill K       its process ends at once; the orchestrator doesn't know
#   scripts/modelnet.sh freeze K     its process is suspended: it accepts connections and says nothing
#   scripts/modelnet.sh thaw K       it goes on
#   scripts/modelnet.sh venv      only install what serves models, and print its path
#
# Then: allora-worker predict --prices data/btcusd_1h_2023-01_2025-12.csv --speed 3600
#
# Settings, from the environment:
#   MODELNET_HOME      pids, logs and the list of models    ~/.cache/allora-worker/modelnet
#   MODELNET_PORT      where the orchestrator listens       9091
#   MODELNET_CRUNCH    the crunch's id                      condorgame
#   MODELNET_AT_ONCE   servers that start at a time         the number of cores
#   ALLORA_WORKER_BIN  the worker's binary                  the newer one of release and debug
#   ALLORA_MODELS_PYTHON  a Python of 3.12 or 3.13          the first found
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/allora-worker
home=${MODELNET_HOME:-$cache/modelnet}
# The folder is compared with running processes' arguments: one spelling.
[[ $home == /* ]] || home=$PWD/$home
port=${MODELNET_PORT:-9091}
crunch=${MODELNET_CRUNCH:-condorgame}
at_once=${MODELNET_AT_ONCE:-$(getconf _NPROCESSORS_ONLN)}
honest=(gaussian drift mixture student_t)
owners=(ada boris chloe dmitri esi femi greta)

say() { printf 'modelnet: %s\n' "$*"; }
die() { printf 'modelnet: %s\n' "$*" >&2; exit 1; }

for part in venv processes; do
  # shellcheck source=/dev/null
  source "$root/scripts/modelnet/$part.sh"
done

# ---- the list of models -----------------------------------------------------

numbers() { find "$home" -mindepth 2 -maxdepth 2 -name deployment 2>/dev/null | sed 's|/deployment$||; s|.*/||' | sort -n; }
current() { printf '%s/%s/%s\n' "$home" "$1" "$(<"$home/$1/deployment")"; }

known() {
  [[ ${1:-} =~ ^[1-9][0-9]*$ && -f $home/$1/deployment ]] || die "there is no model '${1:-}'; 'scripts/modelnet.sh status' shows those that there are"
}

# Writes the list anew, in one piece. `list K STATE` gives one model another state.
list() {
  local number folder state
  for number in $(numbers); do
    folder=$(current "$number") state=RUNNING
    [[ $number != "${1:-}" ]] || state=$2
    printf '{"model_id": "%s", "deployment_id": "%s", "host": "127.0.0.1", "port": %s, "model_name": "%s", "cruncher_id": "%s", "cruncher_name": "%s", "state": "%s"}\n' \
      "$number" "$(basename "$folder")" "$(<"$folder/port")" "$(<"$home/$number/submission")-$number" \
      "wallet-of-${owners[(number - 1) % ${#owners[@]}]}" "${owners[(number - 1) % ${#owners[@]}]}" "$state"
  done >"$home/models.jsonl.new"
  mv "$home/models.jsonl.new" "$home/models.jsonl"
}

# ---- commands ---------------------------------------------------------------

up() {
  local count=${1:-} submissions=() number
  [[ $count =~ ^[0-9]+$ ]] || die "usage: scripts/modelnet.sh up N [SUBMISSION…]"
  shift
  for ((number = 0; number < count; number++)); do submissions+=("${honest[number % ${#honest[@]}]}"); done
  submissions+=("$@")
  ((${#submissions[@]})) || die "0 models are no network; ask for one at least"
  for number in "$@"; do
    [[ -f $root/scripts/models/$number/main.py ]] || die "there is no submission '$number'; those that there are: $(cd "$root/scripts/models" && echo *)"
  done
  ! orchestrator_runs || die "it is up already; 'scripts/modelnet.sh down' ends it"
  # What is deleted here was made here.
  [[ ! -e $home || -z $(ls -A "$home") || -f $home/orchestrator.log ]] ||
    die "$home holds other things; let MODELNET_HOME name a folder of its own"
  find_worker
  runner=$(provide_runner)
  end_all
  rm -rf "$home"
  mkdir -p "$home"
  trap 'end_all; say "what had started was ended; the logs are in $home" >&2' EXIT
  start_orchestrator
  local ports
  mapfile -t ports < <(free_ports "${#submissions[@]}")
  for ((number = 1; number <= ${#submissions[@]}; number++)); do
    mkdir -p "$home/$number"
    printf '%s\n' "${submissions[number - 1]}" >"$home/$number/submission"
    deploy "$number" "${ports[number - 1]}"
    ((number % at_once && number < ${#submissions[@]})) || await_all
  done
  list
  trap - EXIT
  say "${#submissions[@]} models of $crunch at ws://127.0.0.1:$port/$crunch; the logs are in $home"
}

status() {
  local number folder
  orchestrator_runs || { say "nothing runs of $home"; return 1; }
  say "the orchestrator listens at ws://127.0.0.1:$port/$crunch (pid $(<"$home/orchestrator.pid"))"
  printf '%-4s %-14s %-6s %-8s %-8s %s\n' K submission port pid process deployment
  for number in $(numbers); do
    folder=$(current "$number")
    printf '%-4s %-14s %-6s %-8s %-8s %s\n' "$number" "$(<"$home/$number/submission")" "$(<"$folder/port")" \
      "$(<"$folder/pid")" "$(life "$folder")" "$(basename "$folder")"
  done
}

redeploy() {
  local old
  old=$(current "$1")
  runner=$(provide_runner)
  deploy "$1" "$(free_ports 1)"
  await_all
  list
  # The new one is announced before the old one ends.
  sleep 3
  end "$old"
  say "model $1 is now $(basename "$(current "$1")")"
}

restart() {
  local folder
  folder=$(current "$1")
  runner=$(provide_runner)
  end "$folder" KILL
  serve "$1" "$folder"
  await_all
  say "model $1 was started anew at port $(<"$folder/port")"
}

recover() {
  local folder
  folder=$(current "$1")
  runner=$(provide_runner)
  list "$1" RECOVERING
  end "$folder" KILL
  free_ports 1 >"$folder/port"
  serve "$1" "$folder"
  await_all
  list
  say "model $1 was started anew at port $(<"$folder/port")"
}

# Sends a signal to a model's process: `signal K NAME WORDS`.
signal() {
  local folder
  folder=$(current "$1")
  is_ours "$folder" || die "model $1 has no process; 'scripts/modelnet.sh restart $1' gives it one"
  kill "-$2" "$(<"$folder/pid")"
  say "model $1 $3"
}

case ${1:-} in
  up) shift; up "$@" ;;
  status) status ;;
  logs) exec tail -n 50 -f "$home/orchestrator.log" ;;
  down) end_all; say "all is ended" ;;
  redeploy | restart | recover) known "${2:-}"; "$1" "$2" ;;
  kill) known "${2:-}"; signal "$2" KILL "was killed" ;;
  freeze) known "${2:-}"; signal "$2" STOP "is frozen" ;;
  thaw) known "${2:-}"; signal "$2" CONT "goes on" ;;
  venv) provide_runner ;;
  *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}"; [[ ${1:-help} == help ]] || exit 2 ;;
esac
