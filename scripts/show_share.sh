#!/usr/bin/env bash
# Several Predict workers that share 300 stub models through PostgreSQL, all on this machine and on today's
# clock: a server, a stand-in for Tiingo on loopback and the models are started here. One worker is killed,
# another joins, one is stopped, the killed one comes back. Prints the shares, how soon models are called
# again, and which answers are missing, each beside its goal, and fails when one is missed. Three minutes.
#
#   SHOW_MODELS=N           another number of models                           300
#   SHOW_HEARTBEAT=N        seconds of a heartbeat                             2
#   SHOW_INTERVAL=N         seconds from one round to the next                 2
#   SHOW_HOME=DIR           keep everything there: logs, the workers' folders
#   ALLORA_WORKER_BIN=FILE  another binary than the release build
set -euo pipefail
export LC_ALL=C.UTF-8
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/predict/run.sh
source scripts/predict/run.sh

count=${SHOW_MODELS:-300} heartbeat=${SHOW_HEARTBEAT:-2} interval=${SHOW_INTERVAL:-2}
for setting in "$count" "$heartbeat" "$interval"; do
  [[ $setting =~ ^[1-9][0-9]*$ ]] || die "'$setting' is no whole number above 0"
done
find_binary
bin=$(scripts/postgres.sh bin) || die "this needs PostgreSQL; run 'scripts/postgres.sh install'"
open_home "${SHOW_HOME:-}"

# Each ends when its standard input does, and leaves its address in a file.
server=$(mktemp -d /var/tmp/allora-share.XXXXXX)
chmod 755 "$server"
finish() {
  # It has the other ends of their inputs open, too.
  end "$models"
  models=
  exec 7>&- 8>&- || true
  wait "$database" "$prices" 2>/dev/null || true
  rm -rf "$server"
  leave
}
database='' prices=''
mkfifo "$home/database.in" "$home/prices.in" 2>/dev/null || true
trap finish EXIT
POSTGRES_FORGET=1 scripts/postgres.sh run "$server" <"$home/database.in" >"$home/database.out" 7>&- 8>&- &
database=$!
exec 7>"$home/database.in"
python3 scripts/predict/tiingo.py <"$home/prices.in" >"$home/prices.out" 7>&- 8>&- &
prices=$!
exec 8>"$home/prices.in"

# Waits for a line in a file and prints what follows a mark in it.
address() {
  local tries found
  for ((tries = 0; tries < 300; tries++)); do
    found=$(sed -n "s|^$2||p" "$home/$1.out" 2>/dev/null | head -n 1)
    [[ -z $found ]] || { printf '%s\n' "$found"; return; }
    sleep 0.1
  done
  die "$1 did not start"
}
DATABASE_URL=$(address database DATABASE_URL=)
base=$(address prices '')
export DATABASE_URL TIINGO_API_KEY=no-key-at-all
start_models "$count"

cat >"$home/share.toml" <<END
[market]
base_url = "$base"
requests_per_hour = 3600
requests_per_day = 86400
settle = "1s"
jitter = "1s"
poll = "1s"
stand_in = "none"
[models]
report_failure = false
[predict]
heartbeat = "${heartbeat}s"
history = "1day"
settle = "60s"
[[predict.schedules]]
asset = "BTC"
horizon = "1h"
step = "1h"
interval = "${interval}s"
END
say "$count models, a heartbeat of $heartbeat s, a round each $interval s"
python3 scripts/predict/share.py "$home" "$binary" "$bin/psql" "$port" "$count" "$heartbeat" "$interval"
