# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A Debian 13 to install the deb in, which is built on Debian 12. Sourced by the tests that do.

source "$(dirname "${BASH_SOURCE[0]}")/packages.bash"

# By the names that these have there: what the deb depends upon has to be found among them. iptables and nftables are for
# a rehearsal. With apt, which is in every Debian, and would have to fetch whatever is missing.
readonly trixie_packages=dbus,iptables,libcap2,libdate-tz3,libip4tc2,libip6tc2,libmnl0,libnftnl11,libsystemd0,nftables,systemd

# Prints where the root is: tests/support/roots.bash. Nothing may be changed there.
trixie_root()
(
    source tests/support/roots.bash
    # shellcheck disable=SC2317 # provide_root calls it
    make_release()
    {
        bootstrap --variant=minbase --include="$1" trixie "$2"
    }
    # shellcheck disable=SC2034 # by its name
    made_by=(tests/packages/trixie.bash)
    provide_root /var/tmp/chainkeeper-packages-roots trixie made_by make_release "$trixie_packages"
)

# Runs the script on standard input in a copy of the root that is gone afterwards, with the named files in its /srv, and
# in namespaces of its own. There is no network, and no systemd runs.
on_trixie()
{
    local root script
    root=$(trixie_root)
    script=$(cat)
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount --net --pid --fork --kill-child -- bash -euc '
        root=$1 script=$2
        shift 2
        copy=/run/copy
        mount -t tmpfs -o mode=0755 tmpfs /run
        mkdir "$copy" /run/upper /run/work
        mount -t overlay -o "lowerdir=$root,upperdir=/run/upper,workdir=/run/work" overlay "$copy"
        mount -t proc proc "$copy/proc"
        mount --rbind /sys "$copy/sys"
        mount --rbind /dev "$copy/dev"
        cp --recursive "$@" "$copy/srv"
        exec env --chdir="$copy" --ignore-environment PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            chroot "$copy" bash -euc "$script"
    ' on-trixie "$root" "$script" "$@"
}
