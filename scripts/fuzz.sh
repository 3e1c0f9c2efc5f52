#!/usr/bin/env bash
# Sends spoilt input to everything that reads what others wrote, for so many seconds in all:
#   scripts/fuzz.sh [SECONDS]           (60)
#   scripts/fuzz.sh replay TARGET FILE  one input again, with its panic and where it came from
# Each target has its share of the time and a process of its own, with 4 GiB of memory. A line tells its
# inputs, how many different answers there were, its findings and its seed (FUZZ_SEED, else the time).
# A finding's input is kept in FUZZ_FOLDER (target/fuzz), and the line that replays it is printed. The
# property tests run as well, each as a target; theirs are printed in their smallest form.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
test=fuzz::tests::readers_stand_what_they_are_sent

build() {
  local told
  told=$(cargo test --locked --lib --no-run --message-format=json 2>/dev/null) || {
    cargo test --locked --lib --no-run
    exit 1
  }
  binary=$(jq -r 'select(.executable != null and .profile.test) | .executable' <<<"$told" | tail -n 1)
  [[ -x $binary ]] || { echo "the tests were not built" >&2; exit 1; }
}

if [[ ${1:-} == replay && $# == 3 ]]; then
  build
  FUZZ_TARGET=$2 FUZZ_INPUT=$(realpath "$3") RUST_BACKTRACE=1 exec "$binary" --exact "$test" --nocapture
fi
limit=${1:-60}
[[ $limit =~ ^[0-9]+$ && $# -le 1 ]] || {
  echo "usage: scripts/fuzz.sh [SECONDS] | replay TARGET FILE" >&2
  exit 2
}
build
seed=${FUZZ_SEED:-$(date +%s)}
folder=${FUZZ_FOLDER:-${CARGO_TARGET_DIR:-target}/fuzz}
mkdir -p "$folder"
folder=$(realpath "$folder")
# A copy: a build meanwhile takes the place of the other.
cp "$binary" "$folder/fuzz-tests"
binary=$folder/fuzz-tests
ulimit -v $((4 << 20)) -c 0
export FUZZ_FOLDER=$folder FUZZ_SEED=$seed

listed=$(FUZZ_TARGET=list "$binary" --exact "$test" --nocapture 2>/dev/null | sed -n 's/^.*targets: //p')
read -ra targets <<<"$listed"
mapfile -t properties < <("$binary" --list 2>/dev/null | sed -n 's/^\(.*\): test$/\1/p' |
  grep -E '^(chain|models)::fuzz::[a-z_]+$|_never_panics$|there_is_no_panic$')
((${#targets[@]} && ${#properties[@]})) || { echo "no target was found" >&2; exit 1; }

found=0 inputs=0
# share LEFT OF: seconds for the next of so many.
share() { local it=$(($1 / $2)); echo $((it > 0 ? it : 1)); }
line() { printf '%-52s %9d inputs %5s answers %3d findings  seed %s\n' "$@"; }

SECONDS=0
left=$((${#targets[@]} + ${#properties[@]}))
for name in "${targets[@]}"; do
  seconds=$(share $((limit - SECONDS)) "$left")
  left=$((left - 1)) log=$folder/$name.log
  FUZZ_TARGET=$name FUZZ_SECONDS=$seconds "$binary" --exact "$test" --nocapture >"$log" 2>&1 && code=0 || code=$?
  result=$(sed -n 's/^.*result \([0-9]* [0-9]* [0-9]*\)$/\1/p' "$log")
  if [[ -n $result ]]; then
    read -r sent answers count <<<"$result"
  else
    # It hung, or died of a lack of memory or stack: the input that it was at is left.
    kept=$folder/$name-$seed-died.input
    mv "$folder/$name.now" "$kept" 2>/dev/null || { cat "$log" >&2; exit 1; }
    sent=0 answers=? count=1
    echo "finding $kept the process ended with $code" >>"$log"
  fi
  line "$name" "$sent" "$answers" "$count" "$seed"
  while read -r _ path what; do
    printf '  %.200s\n  scripts/fuzz.sh replay %s %s\n' "$what" "$name" "$path"
  done < <(sed -n '/^finding /p' "$log")
  found=$((found + count)) inputs=$((inputs + sent))
done
for name in "${properties[@]}"; do
  end=$((SECONDS + $(share $((limit - SECONDS)) "$left")))
  left=$((left - 1)) log=$folder/${name//::/-}.log rounds=0 count=0
  while ((rounds == 0 || SECONDS < end)) && ((count == 0)); do
    rounds=$((rounds + 1))
    PROPTEST_CASES=500 PROPTEST_RNG_SEED=$((seed + rounds)) PROPTEST_FAILURE_PERSISTENCE=off \
      "$binary" --exact "$name" >"$log" 2>&1 || count=1
  done
  line "$name" $((500 * rounds)) - "$count" $((seed + rounds))
  ((count == 0)) || printf '  %s\n  PROPTEST_CASES=500 PROPTEST_RNG_SEED=%s cargo test --lib %s\n' \
    "$(grep -m 1 -A 1 'minimal failing input' "$log" | tr '\n' ' ')" $((seed + rounds)) "$name"
  found=$((found + count)) inputs=$((inputs + 500 * rounds))
done
printf '%d targets, %d inputs in %d s: %d findings\n' \
  $((${#targets[@]} + ${#properties[@]})) "$inputs" "$SECONDS" "$found"
((found == 0))
