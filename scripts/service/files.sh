# Files, folders and the user of install_service.sh; sourced, not run.
# shellcheck shell=bash
# shellcheck disable=SC2154

# Says what is done, and does it unless it is a dry run.
carry_out() {
    local words=$1
    shift
    if [[ -n $dry ]]; then
        echo "would: $words"
    else
        changed=1
        echo "   $words"
        "$@"
    fi
}

folder() {
    local mode=$1 path=$2
    [[ ! -d $into$path ]] || return 0
    carry_out "folder $path ($mode)" install -d -m "$mode" "$into$path"
}

# A file of ours, which is replaced when it differs.
put() {
    local mode=$1 source=$2 path=$3
    if cmp -s "$source" "$into$path" && [[ $(stat -c %a "$into$path") == "${mode#0}" ]]; then
        return
    fi
    carry_out "file $path ($mode)" install -D -m "$mode" "$source" "$into$path"
}

record=/etc/allora-worker/.installed

recorded() {
    sed -n "s|^\([0-9a-f]*\)  $1\$|\1|p" "$into$record" 2>/dev/null
}

remember() {
    local path=$1 sum=$2 rest
    rest=$(grep -v "  $path\$" "$into$record" 2>/dev/null) || true
    printf '%s\n' ${rest:+"$rest"} "$sum  $path" >"$into$record"
}

# A configuration: replaced as long as it is what was installed, kept when it was edited.
configure() {
    local mode=$1 source=$2 path=$3 sum there
    sum=$(sha256sum <"$source" | cut -d ' ' -f 1)
    if [[ -f $into$path ]]; then
        there=$(sha256sum <"$into$path" | cut -d ' ' -f 1)
        if [[ $there != "$sum" && $there != "$(recorded "$path")" ]]; then
            cmp -s "$source" "$into$path.new" ||
                carry_out "kept $path, which was edited; the newer one is $path.new" \
                    install -m "$mode" "$source" "$into$path.new"
            return
        fi
    fi
    put "$mode" "$source" "$path"
    [[ -n $dry ]] || remember "$path" "$sum"
}

# A text that is written once and never again: it is the operator's.
once() {
    local mode=$1 path=$2 text
    text=$(cat)
    [[ ! -e $into$path ]] || return 0
    carry_out "file $path ($mode), yours to edit" \
        install -D -m "$mode" <(printf '%s\n' "$text") "$into$path"
}

# The program and what it reads, where no package brought them.
install_program() {
    local binary file name edited
    binary=$(worker_binary)
    [[ -x $binary ]] || die "there is no worker at $binary: cargo build --release, or set ALLORA_WORKER_BIN"
    put 0755 "$binary" "$program"
    for file in "$root"/data/*.csv; do
        put 0644 "$file" "$share/data/${file##*/}"
    done
    folder 0755 "$etc"
    edited=$(mktemp)
    while IFS= read -r name; do
        configured "$root/config/$name" "$state" >"$edited"
        configure 0644 "$edited" "$etc/config/$name"
    done < <(find "$root/config" -type f -printf '%P\n' | sort)
    rm -f "$edited"
    [[ -L $into$etc/data ]] ||
        carry_out "link $etc/data to $share/data" ln -s "../..$share/data" "$into$etc/data"
}

install_user() {
    if [[ -n $into ]]; then
        echo "   (the user $user is made where it is installed for good)"
    elif ! getent passwd "$user" >/dev/null; then
        carry_out "user $user" useradd --system --user-group --home-dir "$state" --no-create-home \
            --shell /usr/sbin/nologin "$user"
    fi
}

install_folders() {
    folder 0755 "$etc"
    folder 0755 "$own"
    folder 0700 "$own/credentials"
    folder 0700 "$state"
    [[ -n $into || -n $dry ]] || chown "$user:" "$state"
    once 0600 "$own/environment" <<'END'
# Settings for this service, as variables: any key of /etc/allora-worker/config/worker.toml, such as
# ALLORA_NETWORK=testnet
# ALLORA_FEES__TIER=standard
# Secrets do not belong here, but into the folder credentials/ beside it.
END
    [[ -z $instance || -n $competition ]] || once 0644 "$overlay" <<'END'
# What is set here lies over /etc/allora-worker/config/worker.toml, for this worker alone.
# [[topics]]
# id = 67
# ticker = "btcusd"
# horizon = "7d"
# target = "log_return"
END
}
