# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian releases to install a package in: a root that nothing runs in, or a booted node. Nothing of what happens there is
# left. Sourced by the tests that do.

source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"

# Where the copy of the root is, in its own mount namespace.
export copy=/run/copy

# mount_copy ROOT FILE...: with the files in /srv.
mount_copy()
{
    local root=$1
    shift
    mount -t tmpfs -o mode=0755 tmpfs /run
    mkdir "$copy" /run/upper /run/work
    mount -t overlay -o "lowerdir=$root,upperdir=/run/upper,workdir=/run/work" overlay "$copy"
    mount -t proc proc /proc
    cp --recursive --no-preserve=ownership "$@" "$copy/srv"
}

run_in_root()
{
    mount_copy "$@"
    mount -t proc proc "$copy/proc"
    mount --rbind /sys "$copy/sys"
    mount --rbind /dev "$copy/dev"
    exec env --ignore-environment PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        chroot "$copy" bash -eu /srv/script
}

# With the stand-ins for kubelet and for iptables.service of the node tier.
boot_root()
{
    mount_copy "$@"
    cp --recursive --no-preserve=ownership,timestamps tests/node/files/. "$copy"
    cp tests/netns/kubelet-stand-in "$copy/usr/local/bin/kubelet"
    cat >"$copy/etc/systemd/system/scenario.service" <<'UNIT'
[Unit]
After=multi-user.target dbus.service

[Service]
Type=oneshot
ExecStart=bash -c 'bash -eu /srv/scenario; if (($? == 133)); then systemctl reboot --force; else systemctl poweroff --force; fi'
StandardOutput=append:/srv/output
StandardError=inherit
TimeoutStartSec=240

[Install]
WantedBy=default.target
UNIT
    chroot "$copy" systemctl enable --quiet scenario.service
    local status=133
    while ((status == 133)); do
        status=0
        timeout 300 systemd-nspawn --quiet --directory="$copy" --boot --private-network --register=no --keep-unit \
            --link-journal=no --resolv-conf=off --timezone=off --console=pipe >/run/console 2>&1 || status=$?
    done
    cat "$copy/srv/output" || tail --lines=20 /run/console
    tail --lines=1 "$copy/srv/output" | grep --quiet '^all is well:'
}

# in_namespaces FUNCTION SUITE FILE...: there is no network.
in_namespaces()
{
    local function=$1 root
    root=$(bash tests/packages/root.bash "$2" </dev/null)
    shift 2
    export -f mount_copy run_in_root boot_root
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount --net --pid --fork --kill-child -- bash -euc '"$@"' in-namespaces "$function" "$root" "$@" </dev/null
}

# on_trixie FILE...: runs the script on standard input in a Debian 13 with the files in /srv. There is no systemd at work.
on_trixie()
{
    scratch=$(scratch_folder)
    # shellcheck disable=SC2064 # as it is now
    trap "rm -rf '$scratch'" EXIT
    cat >"$scratch/script"
    in_namespaces run_in_root trixie "$scratch/script" "$@"
}

# on_node SUITE FILE...: boots a node with the files in /srv. One is "scenario", which is run there, and says "all is
# well: ..." at its end; where it ends with 133, as a node that reboots, the node is booted again, and it is run again.
on_node()
{
    in_namespaces boot_root "$@"
}
