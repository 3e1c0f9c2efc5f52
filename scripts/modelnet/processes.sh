# The processes of the models and of their orchestrator; sourced, not run.
# shellcheck shell=bash

# How long a server may take until it listens, on busy cores.
start_limit=60
waiting=()

# The newer one of the release and the debug binary, or the one that is named.
find_worker() {
  local target=${CARGO_TARGET_DIR:-$root/target} kind
  [[ $target == /* ]] || target=$root/$target
  worker=${ALLORA_WORKER_BIN:-}
  if [[ -z $worker ]]; then
    for kind in release debug; do
      [[ ! -x $target/$kind/allora-worker ]] || [[ -n $worker && ! $target/$kind/allora-worker -nt $worker ]] || worker=$target/$kind/allora-worker
    done
  fi
  [[ -n $worker && -x $worker ]] || die "there is no worker${worker:+ at $worker}; build it with 'cargo build --release', or name it in ALLORA_WORKER_BIN"
}

# Ports that nobody listens on, a line each.
free_ports() {
  "$cache/models-venv/bin/python" -c '
import socket, sys
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
for it in sockets: print(it.getsockname()[1])' "$1"
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Whether the process whose pid a folder holds is the one that was started for it. All are started
# with a path in there among their arguments; pids are used again.
is_ours() {
  local pid
  pid=$(cat "$1/pid" 2>/dev/null) && [[ -n $pid ]] || return 1
  [[ $(ps -o args= -p "$pid" 2>/dev/null) == *"$1"* ]]
}

orchestrator_runs() {
  local pid
  pid=$(cat "$home/orchestrator.pid" 2>/dev/null) && [[ -n $pid ]] || return 1
  [[ $(ps -o args= -p "$pid" 2>/dev/null) == *"$home/models.jsonl"* ]]
}

start_orchestrator() {
  : >"$home/models.jsonl"
  nohup "$worker" devnet --models --models-listen "127.0.0.1:$port" --crunch-id "$crunch" --model-file "$home/models.jsonl" \
    </dev/null >"$home/orchestrator.log" 2>&1 &
  printf '%s\n' $! >"$home/orchestrator.pid"
  local until=$((SECONDS + start_limit))
  until grep -qs Orchestrator "$home/orchestrator.log"; do
    # A child that has just been started does not bear its own arguments yet.
    kill -0 "$(<"$home/orchestrator.pid")" 2>/dev/null || { tail -n 5 "$home/orchestrator.log" >&2; die "the orchestrator ended; its last lines stand above"; }
    ((SECONDS < until)) || die "the orchestrator did not start within $start_limit s; see $home/orchestrator.log"
    sleep 0.1
  done
}

# Starts a new deployment of a model: `deploy K PORT`. It is the current one from now on.
deploy() {
  local folder
  folder=$home/$1/$1_$(date +%Y%m%d_%H%M%S_%3N)
  mkdir -p "$folder"
  printf '%s\n' "$2" >"$folder/port"
  serve "$1" "$folder"
  basename "$folder" >"$home/$1/deployment"
}

# Starts a deployment's process; `await_all` waits for it.
serve() {
  # The numeric libraries' threads would only wait for each other, and
  # nothing is to be written into the submission.
  PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 nohup "$runner" --address "127.0.0.1:$(<"$2/port")" \
    --code-directory "$root/scripts/models/$(<"$home/$1/submission")" --resource-directory "$2" </dev/null >>"$2/log" 2>&1 &
  printf '%s\n' $! >"$2/pid"
  waiting+=("$2")
}

# Waits until the servers that were started listen.
await_all() {
  local folder until=$((SECONDS + start_limit))
  for folder in "${waiting[@]}"; do
    until listens "$(<"$folder/port")"; do
      kill -0 "$(<"$folder/pid")" 2>/dev/null || { tail -n 15 "$folder/log" >&2; die "a model's server ended; its last lines stand above"; }
      ((SECONDS < until)) || die "a model's server did not listen within $start_limit s; see $folder/log"
      sleep 0.1
    done
  done
  waiting=()
}

# What became of a deployment's process.
life() {
  is_ours "$1" || { echo gone; return; }
  case $(ps -o stat= -p "$(<"$1/pid")") in
    T*) echo frozen ;;
    *) echo runs ;;
  esac
}

# Ends a deployment's process: politely, then surely; with KILL at once.
end() {
  local pid tries
  is_ours "$1" || return 0
  pid=$(<"$1/pid")
  kill "-${2:-TERM}" "$pid" 2>/dev/null || true
  # A frozen process hears of it only when it goes on.
  kill -CONT "$pid" 2>/dev/null || true
  for ((tries = 0; tries < 50; tries++)); do
    is_ours "$1" || return 0
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
}

end_all() {
  local pid tries folder
  if orchestrator_runs; then
    pid=$(<"$home/orchestrator.pid")
    kill -TERM "$pid" 2>/dev/null || true
    for ((tries = 0; tries < 50; tries++)); do
      orchestrator_runs || break
      sleep 0.1
    done
    ! orchestrator_runs || kill -KILL "$pid" 2>/dev/null || true
  fi
  # All hear of it before any is waited for.
  while read -r folder; do
    ! is_ours "$folder" || kill -TERM "$(<"$folder/pid")" 2>/dev/null || true
  done < <(deployments)
  while read -r folder; do end "$folder"; done < <(deployments)
}

deployments() { find "$home" -mindepth 3 -maxdepth 3 -name pid 2>/dev/null | sed 's|/pid$||'; }
