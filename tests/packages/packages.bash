# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the tests of the packages have in common. Sourced by them; leaves them in the top folder of the repository, with what the
# checks have.
#
# tests/run has packaging/build make the packages first. Where one was made by hand, each test runs by itself.

# shellcheck source=tests/checks/sources.bash
source "$(dirname "${BASH_SOURCE[0]}")/../checks/sources.bash"
export LC_ALL=C.UTF-8

packages=$PWD/build-packages

fail()
{
    echo "$*" >&2
    exit 1
}

# The path of the package of a kind, which is the only one there.
package()
{
    local found=("$packages"/chainkeeper[_-][0-9]*."$1")
    [[ ${#found[@]} -eq 1 && -f ${found[0]} ]] || fail "not one $1 in $packages: tests/run makes it, or packaging/build $1"
    echo "${found[0]}"
}

# An empty folder that is gone when the test ends.
scratch_folder()
{
    mktemp --directory --tmpdir chainkeeper-packages.XXXXXX
}

# difference EXPECTED FOUND: the lines that are only in one of two texts, in any order.
difference()
{
    diff --unchanged-line-format= --old-line-format='missing: %L' --new-line-format='not expected: %L' \
        <(sort <<<"$1") <(sort <<<"$2") || true
}

# in_order TEXT PATTERN...: the patterns that no line matches after the line of the one before.
in_order()
{
    local text=$1 pattern found
    shift
    for pattern in "$@"; do
        found=$(grep --line-number --max-count=1 --extended-regexp -- "$pattern" <<<"$text" | cut -d: -f1) || true
        if [[ -z $found ]]; then
            echo "missing, or at another place: $pattern"
        else
            text=$(tail --lines=+$((found + 1)) <<<"$text")
        fi
    done
}
