# Which node, and building it; sourced by localnet.sh.
# shellcheck shell=bash

default_version=$(awk '/allora-network\/allora-chain v/ { for (i = 1; i <= NF; i++) if ($i ~ /^v[0-9]/) { print $i; exit } }' "$root/localnet/go.mod")

# The version of the chain in this home, or of the one to make. An upgraded home keeps its own.
choose_version() {
  version=$(cat "$home/version" 2>/dev/null) || version=${LOCALNET_NODE_VERSION:-$default_version}
  if [[ -e $home/upgraded ]]; then
    node=${ALLORA_UPGRADE_BIN:-$cache/bin/allorad-$version}
  else
    node=${ALLORA_NODE_BIN:-$cache/bin/allorad-$version}
  fi
}

# The Go module that names a version of the node.
module_of() {
  case $1 in
    "$default_version") printf '%s\n' "$root/localnet" ;;
    v0.16.0) printf '%s\n' "$root/localnet/v0.16" ;;
    *) die "allorad $1 is not known here; set LOCALNET_NODE_VERSION to $default_version or v0.16.0" ;;
  esac
}

# Builds $node of $version, unless it is there.
build() {
  [[ -x $node ]] && return
  [[ $node == "$cache/bin/allorad-$version" ]] || die "$node is no program; correct ALLORA_NODE_BIN or ALLORA_UPGRADE_BIN, or unset it to build the node"
  need go
  local made=$node.$$ module
  module=$(module_of "$version")
  say "building allorad $version: about ten minutes and 3 GB of Go caches the first time" >&2
  mkdir -p "$(dirname "$node")"
  (cd "$module" && go build -mod=readonly -buildvcs=false -o "$made" github.com/allora-network/allora-chain/cmd/allorad) \
    || { rm -f "$made"; die "the node did not build; see the lines above (Go 1.24 or newer and a way to the Go module proxy are needed)"; }
  mv "$made" "$node"
  say "built $node" >&2
}
