#!/usr/bin/env bash
# A PostgreSQL server of one's own on this machine, on loopback alone, for predictions and their tests.
#
#   scripts/postgres.sh up [DIR]       install what is missing, make the database (once), start it
#   scripts/postgres.sh run [DIR]      make and start it in the foreground; ends when standard input closes
#   scripts/postgres.sh url [DIR]      print the database's address
#   scripts/postgres.sh stop [DIR]     stop the server; nothing is lost
#   scripts/postgres.sh start [DIR]    start it again, at the same address
#   scripts/postgres.sh kill [DIR]     end it at once, as a power cut would
#   scripts/postgres.sh down [DIR]     the same as stop, and no error when it does not run
#   scripts/postgres.sh install        install PostgreSQL by apt-get when it is missing
#   scripts/postgres.sh bin            print the folder with PostgreSQL's programs
#
# 'up', 'run' and 'start' print DATABASE_URL=...; it holds the password. DIR is
# ${XDG_CACHE_HOME:-~/.cache}/allora-worker/postgres by default. PostgreSQL does not run as root: root
# starts it as the account 'postgres', in /var/lib/postgresql/allora-worker by default.
#
# Settings, from the environment:
#   POSTGRES_PORT   the port of a new database   a free one
#   POSTGRES_BIN    the folder with initdb       the newest that is installed
#   POSTGRES_FORGET set: 'run' deletes the database when it ends, and nothing waits for the disk
set -euo pipefail

die() { printf 'postgres: %s\n' "$*" >&2; exit 1; }

account=postgres
name=allora

default_folder() {
  if ((EUID == 0)); then
    printf '%s\n' /var/lib/postgresql/allora-worker
  else
    printf '%s\n' "${XDG_CACHE_HOME:-$HOME/.cache}/allora-worker/postgres"
  fi
}

# The folder with initdb and pg_ctl.
find_bin() {
  local found
  if [[ -n ${POSTGRES_BIN:-} ]]; then
    [[ -x $POSTGRES_BIN/initdb ]] || die "POSTGRES_BIN=$POSTGRES_BIN holds no initdb; correct or unset it"
    printf '%s\n' "$POSTGRES_BIN"
    return
  fi
  found=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -t/ -k5 -V | tail -n 1)
  if [[ ! -x $found ]]; then
    found=$(command -v initdb) || return 1
  fi
  dirname "$(readlink -f "$found")"
}

install() {
  ! find_bin >/dev/null || return 0
  command -v apt-get >/dev/null || die "PostgreSQL is missing, and there is no apt-get; install it, and name its folder of programs in POSTGRES_BIN"
  local as_root=()
  ((EUID == 0)) || as_root=(sudo -n)
  {
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql
  } >&2
  find_bin >/dev/null || die "PostgreSQL was installed, but initdb is nowhere in /usr/lib/postgresql; set POSTGRES_BIN"
}

# Runs a program as an account that PostgreSQL accepts, from a folder that it may read.
as_server() {
  if ((EUID == 0)); then
    (cd / && runuser -u "$account" -- "$@")
  else
    "$@"
  fi
}

is_made() { as_server test -f "$folder/data/PG_VERSION"; }

is_running() { as_server "$bin/pg_ctl" -D "$folder/data" status >/dev/null 2>&1; }

prepare_folder() {
  mkdir -p "$folder"
  if ((EUID == 0)); then
    id "$account" >/dev/null 2>&1 || die "there is no account '$account'; run this as another user than root"
    chown "$account" "$folder"
  fi
  as_server test -w "$folder" ||
    die "the account '$account' can't reach $folder; choose a folder below one that all may enter, such as /var/tmp"
}

free_port() {
  local port tries
  for ((tries = 0; tries < 50; tries++)); do
    port=$((20000 + RANDOM % 12000))
    if ! (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      printf '%s\n' "$port"
      return
    fi
  done
  die "no free port was found; name one in POSTGRES_PORT"
}

make_database() {
  ! is_made || return 0
  prepare_folder
  local port=${POSTGRES_PORT:-} password
  [[ -n $port ]] || port=$(free_port)
  password=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
  (umask 077 && printf '%s\n' "$password" | as_server tee "$folder/password" >/dev/null)
  as_server "$bin/initdb" -D "$folder/data" -U "$name" -A scram-sha-256 --pwfile="$folder/password" \
    -E UTF8 --locale=C.UTF-8 >"/dev/null"
  as_server tee -a "$folder/data/postgresql.conf" >/dev/null <<END
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 100
END
  [[ -z ${POSTGRES_FORGET:-} ]] ||
    printf 'fsync = off\n' | as_server tee -a "$folder/data/postgresql.conf" >/dev/null
}

start() {
  is_made || die "there is no database in $folder; run 'scripts/postgres.sh up $folder'"
  is_running ||
    as_server "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w -t 60 -s start </dev/null >/dev/null ||
    die "the server did not start; see $folder/log"
  make_name
}

# The database within the server, which initdb does not make.
make_name() {
  local port password
  port=$(setting port)
  password=$(as_server cat "$folder/password")
  PGPASSWORD=$password as_server "$bin/psql" -qAt -h 127.0.0.1 -p "$port" -U "$name" -d postgres \
    -c "SELECT 'CREATE DATABASE $name' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '$name')" |
    while read -r statement; do
      PGPASSWORD=$password as_server "$bin/psql" -q -h 127.0.0.1 -p "$port" -U "$name" -d postgres -c "$statement"
    done
}

setting() {
  as_server sed -n "s/^$1 = '\\{0,1\\}\\([^']*\\)'\\{0,1\\}\$/\\1/p" "$folder/data/postgresql.conf" | tail -n 1
}

url() {
  is_made || die "there is no database in $folder; run 'scripts/postgres.sh up $folder'"
  printf 'postgres://%s:%s@127.0.0.1:%s/%s\n' "$name" "$(as_server cat "$folder/password")" "$(setting port)" "$name"
}

stop() {
  ! is_running || as_server "$bin/pg_ctl" -D "$folder/data" -m "$1" -w -s stop
}

leave() {
  # Whoever read our output may be gone already.
  stop fast >/dev/null 2>&1 || true
  [[ -z ${POSTGRES_FORGET:-} ]] || rm -rf "$folder"
}

run_until_eof() {
  trap leave EXIT
  trap 'exit 130' INT TERM
  make_database </dev/null
  start </dev/null
  printf 'DATABASE_URL=%s\n' "$(url)"
  cat >/dev/null
}

command=${1:-help}
case $command in
  help) ;;
  install) install; exit ;;
  up) install ;;
esac
bin=$(find_bin) || [[ $command == help ]] || die "PostgreSQL is missing; run 'scripts/postgres.sh install'"
[[ $command != bin ]] || { printf '%s\n' "$bin"; exit; }
folder=${2:-$(default_folder)}
[[ $folder == /* ]] || folder=$PWD/$folder

case $command in
  up) make_database; start; printf 'DATABASE_URL=%s\n' "$(url)" ;;
  run) run_until_eof ;;
  url) url ;;
  start) start; printf 'DATABASE_URL=%s\n' "$(url)" ;;
  stop) is_running || die "no server runs in $folder"; stop fast ;;
  kill) is_running || die "no server runs in $folder"; stop immediate ;;
  down) stop fast ;;
  *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}"; [[ $command == help ]] || exit 2 ;;
esac
