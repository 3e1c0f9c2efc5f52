#!/usr/bin/env bash
# The forecast beside the same mathematics in numpy and scikit-learn: the same prices, rows, features,
# refits and gates, in turns, on one thread each. Checks that both say the same, then prints the medians.
# Ends with 1 when the prior's forecasts differ by more than 1e-8.
#
# Ours is the whole program where it walks a file (reading, walking, scoring with intervals, printing),
# Python's the mathematics alone, without its start and its reading.
#
#   scripts/bench_forecast.sh [ROUNDS]    3 by default
#
#   ALLORA_WORKER_BIN=FILE  measures another binary of ours
#   BENCH_PRICES=FILE       other hourly prices, without gaps     data/btcusd_1h_2023-01_2025-12.csv
set -euo pipefail
export LC_ALL=C TZ=UTC OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rounds=${1:-3}
prices=${BENCH_PRICES:-data/btcusd_1h_2023-01_2025-12.csv}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/allora-worker/forecast
# numpy and scipy come with it, in the versions that it asks for.
peer=scikit-learn==1.9.1

say() { printf 'bench: %s\n' "$*" >&2; }
die() {
  printf 'bench: %s\n' "$*" >&2
  exit 1
}

[[ $rounds =~ ^[1-9][0-9]*$ ]] || die "usage: scripts/bench_forecast.sh [ROUNDS]; '$rounds' is no number"
[[ -f $prices ]] || die "there is no file $prices; correct BENCH_PRICES"
for tool in cargo python3 jq; do
  command -v "$tool" >/dev/null || die "$tool is missing; install it and try again"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# ---- what is needed ---------------------------------------------------------

python=$cache/$peer/bin/python
if [[ ! -e $cache/$peer/complete ]]; then
  say "installing $peer into $cache/$peer"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or newer is needed; $(python3 --version) is found"
  rm -rf "${cache:?}/$peer"
  mkdir -p "$cache"
  python3 -m venv "$cache/$peer" || die "no virtual environment could be made; install Python's venv (Debian: apt-get install python3-venv)"
  timeout 900 "$python" -m pip install --quiet --disable-pip-version-check "$peer" \
    || die "pip did not install $peer; see the lines above (a way to PyPI is needed)"
  touch "$cache/$peer/complete"
fi

binary=${ALLORA_WORKER_BIN:-}
if [[ -z $binary ]]; then
  cargo build --release --locked
  binary=$(cargo metadata --format-version 1 --no-deps --locked | jq -er .target_directory)/release/allora-worker
fi
[[ -x $binary ]] || die "$binary is no program; correct ALLORA_WORKER_BIN, or unset it to build the worker"
parts=$(cargo bench --locked --bench forecast --no-run --message-format json | jq -er 'select(.target.name? == "forecast" and .executable? != null) | .executable' | tail -n 1)

# ---- do both say the same? --------------------------------------------------

ours() { "$binary" backtest --prices "$prices" --threads 1 --source "$1" "${@:2}" >/dev/null 2>"$work/said" || die "$(cat "$work/said")"; }
peers() { "$python" scripts/bench_forecast.py "$prices" "$@"; }

say "comparing the forecasts of both"
for source in prior gated; do
  ours "$source" --report "$work/$source"
  peers compare "$work/$source/forecasts.csv" >>"$work/differences"
done
awk '{ printf "largest difference, %-12s %.1e\n", $1 ":", $2 }
     $1 == "prior" && !($2 <= 1e-8) { missed = 1 }
     END { exit missed }' "$work/differences" || die "the prior's forecasts differ by more than 1e-8"

# ---- how long do they take? -------------------------------------------------

# Seconds of a command, into NAME's figures: `timed NAME COMMAND...`
timed() {
  local began ended
  began=$(date +%s%6N)
  "${@:2}"
  ended=$(date +%s%6N)
  awk -v us="$((ended - began))" 'BEGIN { print us / 1e6 }' >>"$work/$1"
}

# A median of the bench's own clock, in seconds: `inside NAME "WHAT IT PRINTS"`
inside() {
  awk -v what="$2" 'index($0, what) { sub(".*" what, ""); print $1 / 1e3; found = 1; exit } END { exit !found }' \
    "$work/speed" >>"$work/$1" || die "the bench did not print '$2'"
}

for ((round = 1; round <= rounds; round++)); do
  say "round $round of $rounds"
  timed ours-prior ours prior
  peers time prior >>"$work/peer-prior"
  timed ours-all ours gated
  peers time all >>"$work/peer-all"
  "$parts" --bench speed >"$work/speed"
  inside ours-cold "cold refit with validation, a year"
  peers time cold >>"$work/peer-cold"
  inside ours-warm "forecast from warm history"
  peers time warm >>"$work/peer-warm"
done

median() { sort -g "$work/$1" | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

printf '\n%-52s %12s %12s %8s\n' "median of $rounds, one thread" ours Python ratio
row() {
  awk -v name="$2" -v ours="$(median "ours-$1")" -v peer="$(median "peer-$1")" 'BEGIN {
    printf "%-52s %9.3f ms %9.3f ms %7.1fx\n", name, ours * 1e3, peer * 1e3, peer / ours
  }'
}
hours=$(($(wc -l <"$prices") - 1))
row prior "backtest of the prior, $hours hours"
row all "backtest with all challengers"
row cold "cold refit with its validation, a year"
row warm "forecast from warm history"
