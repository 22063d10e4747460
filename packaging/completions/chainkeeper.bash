# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Completion of chainkeeper and chainkeeperd for bash. Needs nothing of bash-completion but to be loaded by it.

# Sets COMPREPLY to those of the words that begin with what is being completed.
_chainkeeper_offer()
{
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "${COMP_WORDS[COMP_CWORD]}")
}

_chainkeeper_offer_files()
{
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
}

_chainkeeper_offer_folders()
{
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -d -- "${COMP_WORDS[COMP_CWORD]}")
}

# The value of an option, where the word before is one that has a value. bash takes the = of --option=value for a word of
# its own.
_chainkeeper_value()
{
    local option=${COMP_WORDS[COMP_CWORD - 1]}
    if [[ ${COMP_WORDS[COMP_CWORD]} == = ]]; then
        COMP_WORDS[COMP_CWORD]=
    elif [[ $option == = ]] && ((COMP_CWORD >= 2)); then
        option=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $option in
    --policy | --textfile) _chainkeeper_offer_files ;;
    --backend) _chainkeeper_offer "nft legacy both" ;;
    --assume-monitor) _chainkeeper_offer "alive dead unknown" ;;
    --log-level) _chainkeeper_offer "debug info warning error" ;;
    --for) _chainkeeper_offer "30m 1h 2h 8h 24h" ;;
    --check) _chainkeeper_offer "backend cni conntrack disruptors forwarding kube-proxy-chains kube-proxy-sync kubelet-chains kubelet-init modules rule-corruption rule-count saved-rules tools xtables-lock" ;;
    --root) _chainkeeper_offer_folders ;;
    --last | --reason) COMPREPLY=() ;;
    *) return 1 ;;
    esac
}

# The commands in the words so far: "hold", "policy check".
_chainkeeper_command()
{
    local word words=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
        -*) break ;;
        *) words+=("$word") ;;
        esac
    done
    [[ ${words[0]-} == @(baseline|policy) ]] || words=("${words[@]:0:1}")
    echo "${words[*]:0:2}"
}

_chainkeeper_options()
{
    case $1 in
    "") echo "--help -h --version" ;;
    check | "policy show") echo "--help -h --json --policy" ;;
    doctor) echo "--brief --check --help -h --json --list --policy --preflight --root --textfile" ;;
    plan) echo "--assume-monitor --help -h --json --policy" ;;
    repair) echo "--assume-monitor --dry-run --help -h --json --policy" ;;
    rehearse) echo "--backend --help -h --json --policy" ;;
    baseline | policy) echo "--help -h" ;;
    "baseline save" | "baseline compare" | "policy check" | release | reload | status | watch) echo "--help -h --json" ;;
    hold) echo "--for --help -h --json --reason --stop" ;;
    recheck) echo "--help -h --json --or-repair --reason" ;;
    history) echo "--help -h --json --last --timeline" ;;
    esac
}

_chainkeeper()
{
    local command
    _chainkeeper_value && return
    command=$(_chainkeeper_command)
    if [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then
        _chainkeeper_offer "$(_chainkeeper_options "$command")"
        return
    fi
    case $command in
    "") _chainkeeper_offer "baseline check doctor history hold plan policy recheck rehearse release reload repair status watch" ;;
    baseline) _chainkeeper_offer "compare save" ;;
    policy) _chainkeeper_offer "check show" ;;
    "baseline save" | "baseline compare" | "policy check") _chainkeeper_offer_files ;;
    *) _chainkeeper_offer "$(_chainkeeper_options "$command")" ;;
    esac
}

_chainkeeperd()
{
    _chainkeeper_value || _chainkeeper_offer "--any-network-namespace --assume-monitor --dry-run --help -h --log-level --policy --version"
}

complete -F _chainkeeper chainkeeper
complete -F _chainkeeperd chainkeeperd
