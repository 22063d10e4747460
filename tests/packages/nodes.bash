# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Nodes to install a package on: booted containers with real systemd, journald and D-Bus, and the stand-ins for kubelet
# and for iptables.service of the node tier. Sourced by the tests that do.

source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"

# Where the copy of the root is, in its own mount namespace.
export copy=/run/copy

# previous_deb DEB PREVIOUS: the same with a lower number, as if it were the one before.
previous_deb()
{
    dpkg-deb --raw-extract "$1" "$scratch/unpacked"
    sed -i 's/^Version: .*/Version: 0.0.1/' "$scratch/unpacked/DEBIAN/control"
    dpkg-deb --root-owner-group --build "$scratch/unpacked" "$2" >/dev/null
}

scriptlet_of()
{
    echo "%$2"
    rpm --query --package --queryformat "%{$3}\n" "$1"
}

# previous_rpm RPM PREVIOUS: the same, of the same files and scriptlets.
previous_rpm()
{
    mkdir "$scratch/unpacked"
    rpm2cpio "$1" | (cd "$scratch/unpacked" && cpio --extract --make-directories --quiet)
    {
        printf '%s: %s\n' Name chainkeeper Version 0.0.1 Release 1 Summary "$(rpm --query --package --queryformat '%{SUMMARY}' "$1")" \
            License GPL-2.0-or-later AutoReqProv no
        printf '%%description\n%%install\ncp --archive %s/. %%{buildroot}\n' "$scratch/unpacked"
        scriptlet_of "$1" post POSTIN
        scriptlet_of "$1" preun PREUN
        scriptlet_of "$1" postun POSTUN
        echo '%files'
        rpm --query --package --queryformat '[%{FILEMODES:perms} %{FILENAMES} %{FILEFLAGS:fflags}\n]' "$1" |
            sed -n 's/^d[^ ]* \([^ ]*\) .*/%dir \1/p; s/^[^d][^ ]* \([^ ]*\) cn$/%config(noreplace) \1/p; s/^[^d][^ ]* \([^ ]*\) [^c]*$/\1/p'
    } >"$scratch/previous.spec"
    rpmbuild -bb --quiet --define="_topdir $scratch/rpmbuild" --define="_rpmdir $scratch" --define='_rpmfilename previous.rpm' \
        --define='debug_package %{nil}' --define='__os_install_post %{nil}' "$scratch/previous.spec"
    mv "$scratch/previous.rpm" "$2"
}

# Runs in namespaces of its own: /srv/scenario on the copy, which says "all is well: ..." at its end. Where it ends with
# 77 it wants the node to be booted again, and goes on from there.
run_node()
{
    local root=$1
    shift
    mount -t tmpfs -o mode=0755 tmpfs /run
    mkdir "$copy" /run/upper /run/work
    mount -t overlay -o "lowerdir=$root,upperdir=/run/upper,workdir=/run/work" overlay "$copy"
    mount -t proc proc /proc
    cp --recursive --no-preserve=ownership "$@" "$copy/srv"
    cp --recursive --no-preserve=ownership,timestamps tests/node/files/. "$copy"
    cp tests/netns/kubelet-stand-in "$copy/usr/local/bin/kubelet"
    cat >"$copy/etc/systemd/system/scenario.service" <<'UNIT'
[Unit]
After=multi-user.target dbus.service

[Service]
Type=oneshot
ExecStart=bash -c 'bash -eu /srv/scenario; if (($? == 77)); then systemctl reboot --force; else systemctl poweroff --force; fi'
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

# try_on_node deb|rpm SUITE
try_on_node()
{
    local kind=$1 suite=$2 root package
    package=$(package "$kind")
    root=$(bash tests/packages/root.bash "$suite" </dev/null)
    scratch=$(scratch_folder)
    # shellcheck disable=SC2064 # as it is now
    trap "rm -rf '$scratch'" EXIT
    cp "$package" "$scratch/package.$kind"
    "previous_$kind" "$package" "$scratch/previous.$kind"
    cp tests/packages/node-scenario "$scratch/scenario"
    export -f run_node
    unshare --mount --net --pid --fork --kill-child -- bash -euc 'run_node "$@"' try-on-node "$root" "$scratch"/{package,previous}."$kind" "$scratch/scenario" </dev/null
}
