#!/usr/bin/env bash
# Makes packages that install and run without Rust: scripts/package.sh
#
# From the release binary, which is built if need be (or from ALLORA_WORKER_BIN): a tarball and a .deb in
# target/dist/ (or DIST), with their SHA256SUMS. The same binary and the same sources give the same bytes:
# all times are SOURCE_DATE_EPOCH (default: the last commit's). PACKAGE_LEVEL is how hard is compressed
# (1 to 9, default 6).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=scripts/lib.sh
source "$here/lib.sh"
# shellcheck source=scripts/package/binary.sh
source "$here/package/binary.sh"
# shellcheck source=scripts/package/contents.sh
source "$here/package/contents.sh"
root=$(project_root)
case ${1:-} in
    -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" && exit 0 ;;
    ?*) die "unknown argument $1: see scripts/package.sh --help" ;;
esac
for tool in tar gzip readelf objdump sha256sum; do
    command -v "$tool" >/dev/null || die "$tool is missing: apt-get install tar gzip binutils coreutils"
done

binary=${ALLORA_WORKER_BIN:-$(built_binary)}
if needs_build "$binary"; then
    (cd "$root" && cargo build --release --locked --bin allora-worker) || die "the build failed: see above"
fi
[[ -x $binary ]] || die "there is no worker at $binary"
binary=$(realpath "$binary")
dist=${DIST:-$root/target/dist}
level=${PACKAGE_LEVEL:-6}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || stat -c %Y "$root/Cargo.lock")}
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC
umask 022

version=$("$binary" --version | cut -d ' ' -f 2)
machine=$(machine_of "$binary")
glibc=$(glibc_of "$binary")
needs_no_more "$binary"

mkdir -p "$dist"
dist=$(realpath "$dist")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
name=allora-worker-$version-$machine-linux

# Times that do not depend on when, and bytes that do not depend on where.
pack() {
    tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=gnu \
        -C "$work" -cf - "$1" | gzip -n "-$level"
}

smaller "$binary" "$work/allora-worker"
portable "$work/$name"
pack "$name" >"$dist/$name.tar.gz"
made=("$name.tar.gz")

if command -v dpkg-deb >/dev/null; then
    deb=allora-worker_${version}_$(debian_machine "$machine").deb
    debian "$work/deb"
    find "$work/deb" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zxz "-z$level" --threads-max=1 --build "$work/deb" "$dist/$deb" >/dev/null
    made+=("$deb")
else
    echo "⚠️  no .deb: dpkg-deb is missing" >&2
fi
(cd "$dist" && sha256sum "${made[@]}" >SHA256SUMS)

for file in "${made[@]}"; do
    printf '📦 %s (%s)\n' "$dist/$file" "$(numfmt --to=iec --suffix=B "$(size_of "$dist/$file")")"
done
echo "   needs Linux on $machine with glibc $glibc or newer"
