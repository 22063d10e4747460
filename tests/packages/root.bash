# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Makes the root of Debian 13 that the deb is installed in, and prints where it is. What is kept, and where:
# tests/support/roots.bash. Run by tests/packages/trixie.bash.

source "$(dirname "${BASH_SOURCE[0]}")/../support/roots.bash"

# By the names that these have there: what the deb depends upon has to be found among them. iptables and nftables are for
# a rehearsal. With apt, which is in every Debian, and would have to fetch whatever is missing.
packages=dbus,iptables,libcap2,libdate-tz3,libip4tc2,libip6tc2,libmnl0,libnftnl11,libsystemd0,nftables,systemd,systemd-sysv

make_release()
{
    bootstrap --variant=minbase --include="$1" trixie "$2"
}

# shellcheck disable=SC2034 # by its name
made_by=("${BASH_SOURCE[0]}")
provide_root /var/tmp/chainkeeper-packages-roots trixie made_by make_release "$packages"
