# Units, the timer, and what systemd is told, of install_service.sh; sourced, not run.
# shellcheck shell=bash
# shellcheck disable=SC2154

# Minutes before a period's first window at which the worker is started: it waits for it, ready.
lead=5

managed() {
    local so_far=$changed
    [[ -n $into ]] || carry_out "systemctl $*" systemctl "$@"
    changed=$so_far
}

# A unit from a text on standard input.
put_unit() {
    local rendered
    rendered=$(mktemp)
    cat >"$rendered"
    put 0644 "$rendered" "$units/$1"
    rm -f "$rendered"
}

install_units() {
    local file
    if [[ -z $packaged ]]; then
        for file in allora-worker.service allora-worker@.service; do
            sed "s|/usr/bin/allora-worker|$program|; s|^User=.*|User=$user|" "$here/$file" | put_unit "$file"
        done
    elif [[ $user != allora ]]; then
        printf '[Service]\nUser=%s\n' "$user" | put_unit "$unit.service.d/user.conf"
    fi
}

# A day of a competition file's period, as `2025-09-16`.
day_of() {
    awk -F '[="#]+' -v key="$2" '
        /^[[:space:]]*\[/ { inside = /^[[:space:]]*\[competition\]/ }
        inside { name = $1; gsub(/[[:space:]]/, "", name) }
        inside && name == key { day = $2; if (day ~ /^[[:space:]]*$/) day = $3
            gsub(/[[:space:]]/, "", day); print day; exit }' "$1"
}

# Seconds of a competition's start or end; nothing where it has none.
moment() {
    local day
    day=$(day_of "$1" "$2")
    [[ $day =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}$ ]] || return 1
    date -u -d "$day 00:00:00" +%s 2>/dev/null
}

calendar() {
    date -u -d "@$1" '+%Y-%m-%d %H:%M:%S UTC'
}

# The competition's file, and a timer that starts the worker for its period.
install_competition() {
    starts='' ends=''
    [[ -n $competition ]] || return 0
    moment "$competition" start >/dev/null && moment "$competition" end >/dev/null ||
        die "$competition has no period: write [competition] with start = \"2025-09-16\" and end = \"2025-12-15\""
    configure 0644 "$competition" "$overlay"
    # The timer goes by the file that the worker reads, which may have been edited.
    local read=$into$overlay
    [[ -f $read ]] || read=$competition
    starts=$(moment "$read" start) && ends=$(moment "$read" end) ||
        die "$overlay has no period any more: correct its [competition]"
    ((starts < ends)) || die "$overlay: the competition ends before it starts"
    [[ -n $instance ]] ||
        printf '[Service]\nEnvironment=ALLORA_CONFIG=%s\n' "$overlay" |
        put_unit "$unit.service.d/competition.conf"
    put_unit "$unit.timer" <<END
# Starts the worker for its competition: $lead minutes ahead, and once more at the first window's time.
# The worker itself ends with the period. After a reboot within it, the service starts by itself.
[Unit]
Description=The competition of $unit, from $(calendar "$starts") to $(calendar "$ends")

[Timer]
OnCalendar=$(calendar $((starts - lead * 60)))
OnCalendar=$(calendar "$starts")
AccuracySec=1s
Persistent=true

[Install]
WantedBy=timers.target
END
}

has_wallet() {
    local name
    for name in mnemonic private_key; do
        [[ ! -s $into$own/credentials/$name ]] || return 0
    done
    compgen -G "$into$own/credentials/*.cred" >/dev/null
}

start_service() {
    managed daemon-reload
    if [[ -n $ends ]] && ((ends <= $(date +%s))); then
        echo "⚠️  the competition ended at $(calendar "$ends"): nothing is started"
        return
    fi
    managed enable "$unit.service"
    [[ -z $starts ]] || managed enable --now "$unit.timer"
    if ! has_wallet; then
        echo "ℹ️  Next, the wallet: write its words (or a locked key, as private_key) into"
        echo "       $own/credentials/mnemonic"
        echo "    readable by root alone (umask 077), a Tiingo key beside it as tiingo_api_key; then"
        echo "       systemctl start $unit"
    elif [[ -n $starts ]] && ((starts - lead * 60 > $(date +%s))); then
        echo "✅ $unit starts at $(calendar $((starts - lead * 60)))"
    else
        # A start of one that runs does nothing; what has changed asks for a new beginning.
        [[ -z $changed ]] || managed try-restart "$unit.service"
        managed start --no-block "$unit.service"
        echo "✅ $unit is installed${into:+ in $into}"
    fi
    echo "   look     journalctl -u $unit -f"
    echo "   settings $own/environment, $etc/config/worker.toml"
}

# Whether a service of this name pattern would start by itself.
is_enabled() {
    compgen -G "$into$units/*.wants/$1" >/dev/null
}

discard() {
    local path
    for path in "$@"; do
        [[ -e $into$path || -L $into$path ]] || continue
        carry_out "removed $path" rm -rf "$into$path"
    done
}

remove_service() {
    local loaded
    for loaded in "$unit.timer" "$unit.service"; do
        if [[ -f $into$units/$loaded || $loaded == *.service ]]; then
            managed disable --now "$loaded" || true
        fi
    done
    discard "$units/$unit.timer" "$units/$unit.service.d"
    [[ -n $instance ]] || discard "$units/allora-worker.service"
    if [[ -z $packaged && ! -f $into$units/allora-worker.service ]] && ! is_enabled 'allora-worker@*'; then
        discard "$units/allora-worker@.service" "$program" "$share" "$etc/data"
    fi
    managed daemon-reload
    echo "ℹ️  $etc (with its credentials) and $state stay: remove them yourself when you are sure"
}
