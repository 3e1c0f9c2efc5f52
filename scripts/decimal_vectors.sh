#!/usr/bin/env bash
# The chain's own decimal library writes the numbers that src/chain/decimal.rs is tested with. Needs Go.
#
#   scripts/decimal_vectors.sh           writes src/chain/decimal_vectors.tsv anew
#   scripts/decimal_vectors.sh --check   fails if the file is not what the library writes
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
file=src/chain/decimal_vectors.tsv

die() { printf 'decimal_vectors: %s\n' "$*" >&2; exit 1; }
command -v go >/dev/null || die "go is missing: install Go 1.24 or newer from https://go.dev/dl"

made=$(mktemp)
trap 'rm -f "$made"' EXIT
(cd localnet && go run -mod=readonly ./decimals) >"$made" || die "localnet/decimals did not run; see the lines above"

case ${1:-} in
  '') cp "$made" "$file"; printf 'decimal_vectors: wrote %s\n' "$file" ;;
  --check) diff -u "$file" "$made" || die "$file differs (above); write it anew with scripts/decimal_vectors.sh" ;;
  *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
