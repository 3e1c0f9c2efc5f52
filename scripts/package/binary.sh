# What a binary asks of the machine, for package.sh; sourced, not run.
# shellcheck shell=bash

machine_of() {
    case $(readelf -h "$1" | sed -n 's/^ *Machine: *//p') in
        *X86-64) echo x86_64 ;;
        AArch64) echo aarch64 ;;
        *) die "$1 is for a machine that no package is made for" ;;
    esac
}

debian_machine() {
    case $1 in
        x86_64) echo amd64 ;;
        aarch64) echo arm64 ;;
    esac
}

# The oldest glibc with all that the binary uses.
glibc_of() {
    objdump -T "$1" | grep -o 'GLIBC_[0-9][0-9.]*' | sort -uV | tail -n 1 | cut -d _ -f 2
}

# Refuses one that needs a library which the packages do not name.
needs_no_more() {
    local library
    while IFS= read -r library; do
        case $library in
            libc.so.6 | libm.so.6 | libgcc_s.so.1 | ld-linux-*) ;;
            *) die "$1 needs $library, which the packages do not ask for: name it in scripts/package/" ;;
        esac
    done < <(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
}

# The binary without what only debuggers read. A release has none of it.
smaller() {
    strip --strip-all -o "$2" "$1"
    chmod 0755 "$2"
}
