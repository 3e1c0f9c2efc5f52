#!/usr/bin/env bash
# Shows that the packages are what they should be: scripts/test_package.sh
#
# Makes them twice from a built binary (ALLORA_WORKER_BIN, or the release's), and runs what is in them without
# Rust: the tarball's demo to two confirmed windows, the .deb in a folder of its own, the units.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=scripts/lib.sh
source "$here/lib.sh"
root=$(project_root)
ALLORA_WORKER_BIN=$(realpath "${ALLORA_WORKER_BIN:-$(built_binary)}")
export ALLORA_WORKER_BIN

work=$(mktemp -d)
leave() {
    [[ ! -x ${portable:-}/stop_worker.sh ]] || bare "$portable/stop_worker.sh" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap leave EXIT

# A command in an environment without Rust, and without anything of the builder's.
bare() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$work" TMPDIR="$work" "$@"
}

same_bytes() {
    DIST=$work/one PACKAGE_LEVEL=${PACKAGE_LEVEL:-1} "$here/package.sh"
    (umask 077 && DIST=$work/two PACKAGE_LEVEL=${PACKAGE_LEVEL:-1} TZ=Asia/Tokyo "$here/package.sh" >/dev/null)
    diff -r "$work/one" "$work/two" || die "two builds differ"
    (cd "$work/one" && sha256sum --quiet -c SHA256SUMS)
    echo "✅ two builds are the same, byte for byte"
}

# Events of a name in a log.
events() {
    grep -c "\"event\":\"$2\"" "$1" 2>/dev/null || true
}

tarball_demo() {
    local began=$EPOCHREALTIME log
    bare tar -C "$work/unpacked" -xzf "$work"/one/*.tar.gz
    portable=$(echo "$work"/unpacked/*)
    bare "$portable/start_worker.sh" --network devnet >"$work/start.log" 2>&1 ||
        die "the tarball's worker does not start: $(cat "$work/start.log")"
    log=$portable/data/artifacts/logs/worker_continuous.log
    for ((tries = 0; tries < 600; tries++)); do
        (($(events "$log" submission_successful) < 2)) || break
        sleep 0.1
    done
    bare "$portable/stop_worker.sh" >/dev/null || die "the tarball's worker does not stop"
    (($(events "$log" submission_successful) >= 2)) || die "the tarball's worker did not confirm two windows"
    awk -v a="$began" -v b="$EPOCHREALTIME" \
        'BEGIN { printf "✅ the tarball: unpacked, started, two windows confirmed, stopped in %.1f s\n", b - a }'
}

# From a folder, as one package beside no other.
deb_demo() {
    local into=$work/deb deb out
    deb=$(echo "$work"/one/*.deb)
    dpkg-deb --info "$deb" | grep -E '^ (Package|Version|Architecture|Depends):'
    out=$(dpkg-deb --contents "$deb")
    ! grep -vE '^[dl-][rwx-]{9} root/root' <<<"$out" || die "not all of the .deb is root's"
    grep -q '^drwx------ .* ./etc/allora-worker/credentials/$' <<<"$out" || die "the credentials' folder is open"
    mkdir -p "$into"
    bare dpkg-deb -x "$deb" "$into"
    out=$(cd / && bare ALLORA_WORKER_HOME="$into/etc/allora-worker" timeout 60 "$into/usr/bin/allora-worker" \
        run --network devnet --once --data-dir "$work/data" 2>&1) || die "the .deb's worker fails: $out"
    (($(events "$work/data/artifacts/logs/worker_continuous.log" submission_successful) >= 1)) ||
        die "the .deb's worker answered nothing: $out"
    echo "✅ the .deb: unpacked into a folder, one window confirmed"
}

# An upgrade by dpkg keeps what was edited.
deb_upgrade() {
    local into=$work/system deb
    deb=$(echo "$work"/one/*.deb)
    mkdir -p "$into/var/lib/dpkg"/{info,updates,triggers}
    touch "$into/var/lib/dpkg"/{status,available}
    install_deb() {
        fakeroot_if_needed dpkg --root="$into" --log=/dev/null --force-depends --force-script-chrootless \
            --force-confdef --force-confold -i "$deb" >"$work/dpkg.log" 2>&1 || die "dpkg: $(cat "$work/dpkg.log")"
    }
    install_deb
    echo '# mine' >>"$into/etc/allora-worker/config/worker.toml"
    install_deb
    grep -q '^# mine$' "$into/etc/allora-worker/config/worker.toml" || die "the upgrade lost what was edited"
    echo "✅ the .deb: installed twice by dpkg, the edited configuration is kept"
}

fakeroot_if_needed() {
    if ((EUID == 0)); then "$@"; else fakeroot "$@"; fi
}

units() {
    local unit score file
    if ! command -v systemd-analyze >/dev/null; then
        echo "SKIPPED the units: there is no systemd-analyze"
        return
    fi
    mkdir "$work/units"
    for unit in allora-worker.service allora-worker@.service; do
        file=$work/units/${unit/@./@one.}
        sed "s|/usr/bin/allora-worker|$ALLORA_WORKER_BIN|" "$here/$unit" >"$file"
        systemd-analyze verify --man=no "$file" || die "$unit is not as systemd wants it"
        score=$(systemd-analyze security --offline=true --threshold=20 "$file" | tail -n 1) ||
            die "$unit is not closed enough: $score"
        echo "✅ $unit${score##*"${file##*/}"}"
    done
}

mkdir "$work/unpacked"
same_bytes
if command -v dpkg-deb >/dev/null; then
    deb_demo >"$work/deb.log" 2>&1 &
    demo=$!
    tarball_demo
    wait "$demo" || die "$(cat "$work/deb.log")"
    cat "$work/deb.log"
    deb_upgrade
else
    tarball_demo
    echo "SKIPPED the .deb: there is no dpkg-deb"
fi
units
