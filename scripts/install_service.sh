#!/usr/bin/env bash
# Makes the worker a service of systemd: scripts/install_service.sh [FLAGS]
#
#   --instance NAME     one of several workers, with a wallet of its own (allora-worker@NAME)
#   --competition FILE  answer this competition's topics, in its period: a timer starts the worker for it
#   --user USER         whom it runs as (default allora), made if there is none
#   --root DIR          install into a folder, and leave this system's users and services alone
#   --dry-run           say what would be done, and do nothing
#   --uninstall         stop it and remove what this script made; configuration, secrets and data stay
#
# May be run again at any time: what is as it should be is left alone, and a configuration that was edited
# is kept, with the newer one beside it as FILE.new.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=scripts/lib.sh
source "$here/lib.sh"
# shellcheck source=scripts/service/files.sh
source "$here/service/files.sh"
# shellcheck source=scripts/service/units.sh
source "$here/service/units.sh"
root=$(project_root)

instance='' competition='' user=allora into='' dry='' uninstall='' changed=''
while (($#)); do
    # FLAG=VALUE is FLAG VALUE.
    [[ $1 != --*=* ]] || set -- "${1%%=*}" "${1#*=}" "${@:2}"
    case $1 in
        --instance) instance=${2:?--instance needs a name} && shift ;;
        --competition) competition=${2:?--competition needs a file} && shift ;;
        --user) user=${2:?--user needs a name} && shift ;;
        --root) into=${2:?--root needs a folder} && shift ;;
        --dry-run) dry=1 ;;
        --uninstall) uninstall=1 ;;
        -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" && exit 0 ;;
        *) die "unknown argument $1: see scripts/install_service.sh --help" ;;
    esac
    shift
done

[[ $user =~ ^[a-z_][a-z0-9_-]*$ ]] || die "--user $user is no user's name"
case $instance in
    config | credentials | data | artifacts) die "--instance $instance: this name is a folder of the worker's own; choose another" ;;
    '' | *[!A-Za-z0-9_.-]*) [[ -z $instance ]] || die "--instance $instance: letters, digits, _ . - alone" ;;
esac
[[ -z $competition || -f $competition ]] || die "there is no competition file $competition"
if [[ -n $into ]]; then
    [[ -n $dry ]] || mkdir -p "$into"
    into=$(realpath -m "$into")
elif [[ ! -d /run/systemd/system ]]; then
    why="there is no systemd here (process 1 is $(ps -o comm= -p 1 2>/dev/null || echo unknown))"
    [[ -n $dry ]] || die "$why: start the worker with ./start_worker.sh, let your own supervisor run \`allora-worker run\`, or install into a folder with --root DIR"
    echo "⚠️  $why: without --dry-run nothing would be done" >&2
elif ((EUID != 0)) && [[ -z $dry ]]; then
    die "only root can install a service: sudo scripts/install_service.sh"
fi

etc=/etc/allora-worker
state=/var/lib/allora-worker
units=/etc/systemd/system
unit=allora-worker${instance:+@$instance}
own=$etc${instance:+/$instance}
# What lies over the configuration that all share.
overlay=$own/$([[ -n $instance ]] && echo worker.toml || echo competition.toml)
# A package has put program, configuration and units in place already.
packaged=''
[[ ! -f $into/usr/lib/systemd/system/allora-worker.service ]] || packaged=1
program=/usr/$([[ -n $packaged ]] || echo local/)bin/allora-worker
share=/usr/$([[ -n $packaged ]] || echo local/)share/allora-worker

if [[ -n $uninstall ]]; then
    remove_service
    exit 0
fi
[[ -n $packaged ]] || install_program
install_user
install_folders
install_units
install_competition
start_service
