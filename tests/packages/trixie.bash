# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A Debian 13 to install the deb in, which is built on Debian 12. Sourced by the tests that do.

source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"

# Where the copy of the root is, in its own mount namespace.
export copy=/run/copy

# in_copy FUNCTION FILE...: runs a function in namespaces of its own, with a copy of the root that is gone afterwards in
# $copy, in whose /srv are the files, and the script on standard input as /srv/script. There is no network.
in_copy()
{
    local root script
    script=$(cat)
    root=$(bash tests/packages/root.bash trixie </dev/null)
    export -f "${1?}"
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount --net --pid --fork --kill-child -- bash -euc '
        root=$1 script=$2 inside=$3
        shift 3
        mount -t tmpfs -o mode=0755 tmpfs /run
        mkdir "$copy" /run/upper /run/work
        mount -t overlay -o "lowerdir=$root,upperdir=/run/upper,workdir=/run/work" overlay "$copy"
        mount -t proc proc /proc
        cp --recursive "$@" "$copy/srv"
        echo "$script" >"$copy/srv/script"
        "$inside"
    ' in-copy "$root" "$script" "$@" </dev/null
}

inside_root()
{
    mount -t proc proc "$copy/proc"
    mount --rbind /sys "$copy/sys"
    mount --rbind /dev "$copy/dev"
    exec env --ignore-environment PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        chroot "$copy" bash -eu /srv/script
}

# The script has succeeded when it says so with its last line.
inside_booted_root()
{
    cat >"$copy/etc/systemd/system/script.service" <<'UNIT'
[Unit]
After=multi-user.target dbus.service
SuccessAction=poweroff-force
FailureAction=poweroff-force

[Service]
Type=oneshot
ExecStart=bash -eu /srv/script
StandardOutput=file:/srv/output
StandardError=inherit
TimeoutStartSec=120

[Install]
WantedBy=default.target
UNIT
    chroot "$copy" systemctl enable --quiet script.service
    timeout 240 systemd-nspawn --quiet --directory="$copy" --boot --private-network --register=no --keep-unit \
        --console=pipe >/run/console 2>&1 || true
    cat "$copy/srv/output" || tail --lines=20 /run/console
    tail --lines=1 "$copy/srv/output" | grep --quiet '^all is well:'
}

# With no systemd at work.
on_trixie()
{
    in_copy inside_root "$@"
}

# With systemd and D-Bus at work.
on_booted_trixie()
{
    in_copy inside_booted_root "$@"
}
