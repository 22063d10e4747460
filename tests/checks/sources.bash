# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Which files the checks are about. Sourced by them; leaves them in the top folder of the repository.

set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# The files that are tracked, or would be by `git add .`; git must not mind who owns the folder (CI runs as root).
files()
{
    local file
    git -c safe.directory="$PWD" ls-files --cached --others --exclude-standard -- "$@" | while IFS= read -r file; do
        if [[ -e $file ]]; then
            echo "$file"
        fi
    done
}

# Prints the violations on standard input and fails, or prints that all is well.
verdict()
{
    local violations
    violations=$(cat)
    if [[ -n $violations ]]; then
        echo "$violations"
        return 1
    fi
    echo "$*"
}
