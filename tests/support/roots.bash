# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Roots of Debian for tests to run programs in. Sourced by the scripts that print where one is.
#
# A root is kept outside of the checkout, under a name that says what is in it: whatever changes what would be made makes
# another one. It is complete or it does not exist, and two that ask for one at the same time get the same. Nothing may
# be changed there: it is used by every run.

set -euo pipefail
export LC_ALL=C

fail()
{
    echo "root: $*" >&2
    exit 1
}

release()
{
    # shellcheck disable=SC1091 # the machine's
    . /etc/os-release
    echo "${VERSION_CODENAME:?this Debian has no name}"
}

# Where this machine's own apt gets its release from. Others are there, too.
mirror()
{
    local release uri
    release=$(release)
    # shellcheck disable=SC2016 # apt-get's own fields
    uri=$(apt-get indextargets --format '$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)' |
        awk -v release="$release" '$1 == "Packages" && $2 == release && $3 == "main" { print $4; exit }')
    [[ -n $uri ]] || fail "apt has no source for the main part of $release: see apt-get indextargets"
    echo "$uri"
}

# bootstrap OPTION... SUITE ROOT [SCRIPT]: debootstrap, which is only heard of when it fails.
bootstrap()
{
    local options=() mirror log
    while [[ $1 == --* ]]; do
        options+=("$1")
        shift
    done
    mirror=$(mirror)
    log=$2.log
    debootstrap "${options[@]}" "$1" "$2" "$mirror" "${@:3}" >"$log" 2>&1 || {
        tail --lines=20 "$log" >&2
        fail "debootstrap of $1 failed"
    }
    rm "$log"
    rm --force "$2"/var/cache/apt/archives/*.deb
}

# What is left of one that nobody finished: there is no other builder, for we have the lock.
remove_unfinished()
{
    rm --recursive --force --one-file-system "$1"/unfinished.*
}

# make_root FOLDER ROOT FUNCTION ARGUMENT...
make_root()
{
    local folder=$1 root=$2 unfinished
    shift 2
    remove_unfinished "$folder"
    unfinished=$(mktemp --directory "$folder/unfinished.XXXXXX")
    "$@" "$unfinished"
    chmod 0755 "$unfinished"
    mv --no-target-directory "$unfinished" "$root"
}

# provide_root FOLDER NAME SOURCE FUNCTION ARGUMENT...: prints the path of the root in FOLDER that "FUNCTION ARGUMENT...
# EMPTY-FOLDER" makes. What it makes is told by its arguments, and by the text of this file and of the files of SOURCE,
# which is an array's name.
provide_root()
{
    local folder=$1 name=$2 identity root lock
    local -n sources=$3
    shift 3
    identity=$({ printf '%s\n' "$@"; cat "${BASH_SOURCE[0]}" "${sources[@]}"; } | sha256sum | cut --characters=1-16)
    root=$folder/$name-$identity
    mkdir --parents "$folder"
    exec {lock}>"$folder/lock"
    flock "$lock"
    [[ -d $root ]] || make_root "$folder" "$root" "$@"
    echo "$root"
}
