"""`kubectl tune completion`: scripts that ask `kubectl-tune __complete` at every TAB."""

from __future__ import annotations

from typing import Annotated

import click
import typer

BASH = """\
# bash completion for kubectl-tune
_kubectl_tune() {
    local words reply word
    # COMP_WORDS breaks --flag=value apart; the line itself does not.
    read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
    [[ ${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]] && words+=("")
    reply=$(kubectl-tune __complete "${words[@]:1}" 2>/dev/null) || return
    COMPREPLY=()
    while IFS=$'\\t' read -r word _; do
        [[ ${words[-1]} == --*=* ]] && word=${word#*=}
        [[ -n $word ]] && COMPREPLY+=("$word")
    done <<<"${reply%:*}"
    case ${reply##*:} in
        0) compopt -o default ;;
        16) compopt -o dirnames ;;
    esac
}
complete -F _kubectl_tune kubectl-tune
"""

ZSH = """\
#compdef kubectl-tune
# zsh completion for kubectl-tune
_kubectl_tune() {
    local reply line
    local -a found
    reply=$(kubectl-tune __complete "${(@)words[2,CURRENT]}" 2>/dev/null) || return
    for line in "${(@f)${reply%:*}}"; do
        [[ -n $line ]] && found+=("${${line//:/\\\\:}/$'\\t'/:}")
    done
    [[ $PREFIX == --*=* ]] && compset -P '*='
    (( $#found )) && _describe kubectl-tune found
    case ${reply##*:} in
        0) _files ;;
        16) _files -/ ;;
    esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _kubectl_tune "$@"
else
    compdef _kubectl_tune kubectl-tune
fi
"""

FISH = """\
# fish completion for kubectl-tune
function __kubectl_tune
    set -l words (commandline -opc)
    set -l begun (commandline -ct)
    set -l reply (kubectl-tune __complete $words[2..-1] "$begun" 2>/dev/null)
    or return
    set -l flag (string match -r -- '^--[^=]*=' $begun)
    for line in $reply[1..-2]
        printf '%s\\n' "$flag$line"
    end
    switch "$reply[-1]"
        case :0
            __fish_complete_path $begun
        case :16
            __fish_complete_directories $begun
    end
end
complete -c kubectl-tune -f -a '(__kubectl_tune)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def command(
    shell: Annotated[
        str,
        typer.Argument(click_type=click.Choice(list(SCRIPTS)), help="The shell: bash, zsh or fish"),
    ],
) -> None:
    """
    Print a script that completes kubectl-tune in a shell.

    For completion behind "kubectl tune", kubectl 1.26 or later runs a program named
    kubectl_complete-tune: make a link of that name to kubectl-tune, in a folder of
    your PATH.

    Examples:
      # Complete in this bash
      source <(kubectl-tune completion bash)

      # Complete in every zsh
      kubectl-tune completion zsh > "${fpath[1]}/_kubectl-tune"

      # Complete in every fish
      kubectl-tune completion fish > ~/.config/fish/completions/kubectl-tune.fish
    """
    print(SCRIPTS[shell], end="")
