#!/usr/bin/env bash
# Throws spoilt and random input at everything that reads what others wrote, for so many seconds:
#   scripts/fuzz.sh [SECONDS]     (60)
# It runs the property tests again and again, with more and other cases each time. A failing case is
# printed with its smallest form.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
limit=${1:-60}
[[ $limit =~ ^[0-9]+$ ]] || { echo "usage: scripts/fuzz.sh [SECONDS]" >&2; exit 2; }

build=$(cargo test --locked --lib --no-run --message-format=json 2>/dev/null) || {
  cargo test --locked --lib --no-run
  exit 1
}
binary=$(jq -r 'select(.executable != null and .profile.test) | .executable' <<<"$build" | tail -n 1)
mapfile -t tests < <("$binary" --list 2>/dev/null | sed -n 's/^\(.*fuzz::.*\): test$/\1/p')
((${#tests[@]})) || { echo "no property test was found" >&2; exit 1; }

told=$(mktemp)
trap 'rm -f "$told"' EXIT
SECONDS=0 rounds=0
while ((rounds == 0 || SECONDS < limit)); do
  PROPTEST_CASES=1000 PROPTEST_FAILURE_PERSISTENCE=off "$binary" --exact "${tests[@]}" >"$told" 2>&1 || {
    cat "$told"
    exit 1
  }
  rounds=$((rounds + 1))
done
printf '%d properties, %d rounds of 1000 cases each in %d s: none failed\n' "${#tests[@]}" "$rounds" "$SECONDS"
