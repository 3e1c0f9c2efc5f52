#!/usr/bin/env bash
# 20,000 stored predictions of 288 steps, scored from SQLite and from PostgreSQL: predictions a second, CPU
# for each, and memory while it goes on. ROWS=N: another number. DATABASE_URL: another server than one that
# is started for this and deleted afterwards. TMPDIR: where SQLite's file and that server are.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ -z ${DATABASE_URL:-} ]] && scripts/postgres.sh bin >/dev/null 2>&1; then
  folder=$(mktemp -d)
  chmod 755 "$folder"
  trap 'scripts/postgres.sh down "$folder/postgres"; rm -rf "$folder"' EXIT
  DATABASE_URL=$(scripts/postgres.sh up "$folder/postgres" | sed -n 's/^DATABASE_URL=//p')
  export DATABASE_URL
fi
cargo bench --locked --bench score
