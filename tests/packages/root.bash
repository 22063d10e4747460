# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Makes a root of a Debian release that packages are installed in, and prints where it is: root.bash SUITE. What is kept,
# and where: tests/support/roots.bash.

source "$(dirname "${BASH_SOURCE[0]}")/../support/roots.bash"

# By the names that these have in both releases: what the deb depends upon has to be found among them. iptables and
# nftables are for a rehearsal, procps and rpm for tests/packages/node-scenario. With apt, which is in every Debian, and
# would have to fetch whatever is missing.
packages=dbus,iptables,libcap2,libdate-tz3,libip4tc2,libip6tc2,libmnl0,libnftnl11,libsystemd0,nftables,procps,rpm,systemd,systemd-sysv

make_release()
{
    bootstrap --variant=minbase --include="$2" "$1" "$3"
}

(($# == 1)) || fail "not one suite is named"
# shellcheck disable=SC2034 # by its name
made_by=("${BASH_SOURCE[0]}")
provide_root /var/tmp/chainkeeper-packages-roots "$1" made_by make_release "$1" "$packages"
