# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a package does on a node: tests/packages/node-scenario, with a version before it. Sourced by the tests of a node
# each.

source "$(dirname "${BASH_SOURCE[0]}")/roots.bash"

# What the version before had as its policy.
older_policy()
{
    sed -i '1i # The policy of an older version.' "$1/etc/chainkeeper/chainkeeper.toml"
}

# previous_deb DEB PREVIOUS: the same with a lower number and another policy, as if it were the one before.
previous_deb()
{
    dpkg-deb --raw-extract "$1" "$scratch/unpacked"
    sed -i 's/^Version: .*/Version: 0.0.1/' "$scratch/unpacked/DEBIAN/control"
    older_policy "$scratch/unpacked"
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
    older_policy "$scratch/unpacked"
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
    rpmbuild -bb --quiet --define="_topdir $scratch/rpmbuild" --define="_rpmdir $(dirname "$2")" --define="_rpmfilename $(basename "$2")" \
        --define='debug_package %{nil}' --define='__os_install_post %{nil}' "$scratch/previous.spec"
}

# try_on_node deb|rpm SUITE: tests/packages/node-scenario.
try_on_node()
{
    local kind=$1 suite=$2 package
    package=$(package "$kind")
    scratch=$(scratch_folder)
    # shellcheck disable=SC2064 # as it is now
    trap "rm -rf '$scratch'" EXIT
    cp "$package" "$scratch/package.$kind"
    "previous_$kind" "$package" "$scratch/previous.$kind"
    cp tests/packages/node-scenario "$scratch/scenario"
    on_node "$suite" "$scratch"/{package,previous}."$kind" "$scratch/scenario"
}
