# What is in the packages of package.sh; sourced, not run.
# shellcheck shell=bash
# shellcheck disable=SC2154

# A file, or all files below a folder, with modes that do not depend on the checkout's.
bring() {
    local target=$1 source
    shift
    for source in "$@"; do
        if [[ -d $source ]]; then
            mkdir -p "$target/${source##*/}"
            cp -R "$source/." "$target/${source##*/}"
        else
            mkdir -p "$target"
            cp "$source" "$target/"
        fi
    done
    find "$target" -name __pycache__ -prune -exec rm -rf {} +
    chmod -R u=rwX,go=rX "$target"
}

# What the program says of itself.
completions_and_pages() {
    local bash=$1 zsh=$2 fish=$3 man=$4
    mkdir -p "$bash" "$zsh" "$fish" "$man"
    "$binary" completions bash >"$bash/allora-worker"
    "$binary" completions zsh >"$zsh/_allora-worker"
    "$binary" completions fish >"$fish/allora-worker.fish"
    "$binary" man --out "$man"
}

service_files() {
    bring "$1" "$here/install_service.sh" "$here/lib.sh" "$here/service" "$here/allora-worker.service" \
        "$here/allora-worker@.service"
    chmod 0755 "$1/install_service.sh"
}

# The folder of the tarball: it runs from where it is unpacked.
portable() {
    local folder=$1
    bring "$folder/bin" "$work/allora-worker"
    bring "$folder" "$root/start_worker.sh" "$root/stop_worker.sh" "$root/config" "$root/forecasters" \
        "$root/.env.example" "$root/LICENSE" "$root/README.md" "$root/WORKER_GUIDE.md" "$root/CHANGELOG.md"
    bring "$folder/data" "$root"/data/*.csv
    bring "$folder/docs" "$root"/docs/*.md "$root"/docs/*.png
    service_files "$folder/scripts"
    chmod 0755 "$folder"/{start,stop}_worker.sh
    completions_and_pages "$folder/completions" "$folder/completions" "$folder/completions" "$folder/man"
    cat >"$folder/REQUIREMENTS" <<END
allora-worker $version for Linux on $machine.
It needs glibc $glibc or newer (ldd --version), libgcc_s, and the certificates of authorities
(Debian and Ubuntu: apt-get install libgcc-s1 ca-certificates). Rust is not needed.
END
}

# The folder of the Debian package.
debian() {
    local folder=$1 share=$1/usr/share/allora-worker etc=$1/etc/allora-worker file
    bring "$folder/usr/bin" "$work/allora-worker"
    bring "$share/data" "$root"/data/*.csv
    bring "$share" "$root/forecasters"
    service_files "$share/scripts"
    rm "$share"/scripts/*.service
    bring "$folder/usr/lib/systemd/system" "$here/allora-worker.service" "$here/allora-worker@.service"
    bring "$etc" "$root/config"
    while IFS= read -r file; do
        configured "$file" /var/lib/allora-worker >"$work/edited"
        cat "$work/edited" >"$file"
    done < <(find "$etc/config" -type f)
    ln -s ../../usr/share/allora-worker/data "$etc/data"
    install -d -m 0700 "$etc/credentials"
    completions_and_pages "$folder/usr/share/bash-completion/completions" \
        "$folder/usr/share/zsh/vendor-completions" "$folder/usr/share/fish/vendor_completions.d" \
        "$folder/usr/share/man/man1"
    gzip -n9 "$folder"/usr/share/man/man1/*
    documents "$folder/usr/share/doc/allora-worker"
    control "$folder"
}

documents() {
    bring "$1" "$root/README.md" "$root/WORKER_GUIDE.md" "$root/docs"/*.md "$root/.env.example"
    cp "$root/CHANGELOG.md" "$1/changelog"
    gzip -n9 "$1/changelog"
    {
        echo "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
        printf 'Upstream-Name: allora-worker\n\nFiles: *\nCopyright: the authors of allora-worker\nLicense: Apache-2.0\n'
        sed 's/^$/./; s/^/ /' "$root/LICENSE"
    } >"$1/copyright"
}

control() {
    local folder=$1 meta=$1/DEBIAN
    mkdir -p "$meta"
    cat >"$meta/control" <<END
Package: allora-worker
Version: $version
Architecture: $(debian_machine "$machine")
Maintainer: ${MAINTAINER:-the authors of allora-worker <allora-worker@localhost>}
Installed-Size: $(du -sk --apparent-size "$folder" | cut -f 1)
Depends: libc6 (>= $glibc), libgcc-s1, ca-certificates
Recommends: systemd
Section: net
Priority: optional
Description: worker for the Allora network
 Answers every submission window of its topics on the Allora chain with a
 forecast, signs it, sends it, and proves that it is in.
 .
 The service allora-worker is neither enabled nor started by the installation:
 it needs a wallet first. See /usr/share/doc/allora-worker/WORKER_GUIDE.md.
END
    (cd "$folder" && find etc -type f | sort | sed 's|^|/|') >"$meta/conffiles"
    (cd "$folder" && find . -path ./DEBIAN -prune -o -path ./etc -prune -o -type f -printf '%P\0' |
        sort -z | xargs -0 md5sum) >"$meta/md5sums"
    local script
    for script in postinst prerm postrm; do
        install -m 0755 "$here/package/$script" "$meta/$script"
    done
}
