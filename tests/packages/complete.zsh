# SPDX-License-Identifier: GPL-2.0-or-later
#
# What zsh offers at the end of a command line, one a line:
#
#   zsh -f complete.zsh FOLDER-OF-COMPLETIONS LINE
#
# A real zsh completes in a terminal of its own. All that is offered goes through compadd, which prints it there.

if [[ $1 == --inside ]]; then
    PROMPT=
    fpath=($2 $fpath)
    autoload -U compinit
    compinit -D -u
    compadd()
    {
        local each
        local -a offered
        # What is put into an array is not offered yet.
        if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
            builtin compadd "$@"
            return
        fi
        builtin compadd -A offered "$@"
        for each in $offered; do
            print -r -- "offered <$each>"
        done
    }
    end_completion()
    {
        print "completed"
        exit
    }
    comppostfuncs=(end_completion)
    bindkey '^I' complete-word
    zstyle ':completion:*' insert-tab false
    print "ready"
    return
fi

zmodload zsh/zpty
zpty zsh zsh -f -i
zpty -w zsh "source ${(q)0:A} --inside ${(q)1}"
zpty -r -m zsh output '*ready'
zpty -w -n zsh "$2"$'\t'
zpty -r -m zsh output '*completed'
print -r -- "$output" | sed -n 's/.*offered <\(.*\)>.*/\1/p'
