# Peers and a reputer on the running chain: localnet/crowd, built with the node's own module; sourced by localnet.sh.
# shellcheck shell=bash

build_crowd() {
  crowd=$cache/bin/crowd-$version
  need go
  [[ $version == "$default_version" ]] || die "peers and the reputer speak the language of $default_version alone; this chain is of $version"
  mkdir -p "$(dirname "$crowd")"
  # In its place: what is up to date is not linked again. One at a time, where that can be had.
  local alone=()
  command -v flock >/dev/null && alone=(flock "$crowd.lock")
  (cd "$root/localnet" && "${alone[@]}" go build -mod=readonly -buildvcs=false -o "$crowd" ./crowd) \
    || die "localnet/crowd did not build; see the lines above (Go 1.24 or newer is needed)"
}

# In the foreground until it is stopped, or for so many windows: peers [N] | reputer, [--for WINDOWS] [--truth VALUE].
crowd() {
  local command=$1 options=()
  shift
  while (($#)); do
    case $1 in
      --for | --truth) [[ -n ${2:-} ]] || die "$1 wants a number"; options+=("-${1#--}" "$2"); shift ;;
      *) [[ $command == peers && $1 =~ ^[1-9][0-9]?$ ]] || die "'$1' is not understood; write: peers [N] [--for WINDOWS], or reputer [--truth VALUE] [--for WINDOWS]"; options+=(-count "$1") ;;
    esac
    shift
  done
  must_run
  read_settings
  build_crowd
  local words
  words=$(wallets | sed -n 's/^admin //p')
  CROWD_WORDS=$words exec "$crowd" "$command" -node "$rpc" -chain "$chain_id" -topic "$topic" -topics "$topics" "${options[@]}"
}
