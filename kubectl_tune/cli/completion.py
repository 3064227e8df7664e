"""`kubectl tune completion`: what lets shells, and kubectl, ask `__complete` at every TAB."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import click
import typer

from kubectl_tune.errors import UsageError
from kubectl_tune.table import clean

BASH = """\
# bash completion for kubectl-tune
_kubectl_tune() {
    local reply word
    # COMP_WORDS are quoted, and broken at = and :, so the program gets the line itself.
    reply=$(COMP_LINE=${COMP_LINE:0:COMP_POINT} COMP_WORDBREAKS=$COMP_WORDBREAKS \\
        kubectl-tune __complete 2>/dev/null) || return
    COMPREPLY=()
    while IFS=$'\\t' read -r word _; do
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
    reply=$(kubectl-tune __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null) \\
        || return
    for line in "${(@f)${reply%:*}}"; do
        line=${line//\\\\/\\\\\\\\}
        [[ -n $line ]] && found+=("${${line//:/\\\\:}/$'\\t'/:}")
    done
    [[ $PREFIX == -*=* ]] && compset -P '*='
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
    set -l begun (commandline -ct | string unescape)
    set -l reply (kubectl-tune __complete $words[2..-1] "$begun" 2>/dev/null)
    or return
    set -l flag (string match -r -- '^-[^=]*=' "$begun")
    set -l value (string replace -- "$flag" '' "$begun")
    for line in $reply[1..-2]
        printf '%s\\n' "$flag$line"
    end
    switch "$reply[-1]"
        case :0
            string join -- \\n "$flag"(__fish_complete_path "$value")
        case :16
            string join -- \\n "$flag"(__fish_complete_directories "$value")
    end
end
complete -c kubectl-tune -f -a '(__kubectl_tune)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
LINKS = ("install", "uninstall")


def command(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            click_type=click.Choice([*LINKS, *SCRIPTS]),
            help="install or uninstall completion behind kubectl; or print the script for a"
            " shell: bash, zsh or fish",
        ),
    ],
    folder: Annotated[
        str,
        typer.Option(
            "--dir",
            metavar="FOLDER",
            click_type=click.Path(file_okay=False),
            help="With install and uninstall: the folder of PATH that the link is in, instead"
            " of the one that kubectl-tune is in",
        ),
    ] = "",
) -> None:
    """
    Complete "kubectl tune" at TAB, behind kubectl's own completion, or kubectl-tune by itself.

    For completion behind kubectl, version 1.26 or later runs a program named
    kubectl_complete-tune; install makes a link of that name to kubectl-tune. kubectl's own
    completion has to be set up in the shell, too (kubectl completion --help).

    Examples:
      # Complete "kubectl tune"
      kubectl tune completion install

      # Remove the link again, before the plugin is uninstalled
      kubectl tune completion uninstall

      # Complete kubectl-tune in this bash
      source <(kubectl-tune completion bash)

      # Complete it in every zsh
      kubectl-tune completion zsh > "${fpath[1]}/_kubectl-tune"

      # Complete it in every fish
      kubectl-tune completion fish > ~/.config/fish/completions/kubectl-tune.fish
    """
    if what in LINKS:
        (_install if what == "install" else _uninstall)(os.environ.get("PATH", ""), folder)
        return
    if folder:
        raise UsageError("--dir is for install and uninstall", hint="leave it out")
    print(SCRIPTS[what], end="")


def _install(path: str, folder: str) -> None:
    from kubectl_tune import shim

    link, new = shim.install(path, folder)
    print(clean(f"{link} {'installed' if new else 'unchanged'}"))
    first = next(shim.found(shim.NAME, path), None)
    if first is None:
        print(clean(f"warning: {link.parent} is not on PATH; put it there"), file=sys.stderr)
    elif not shim.ours(first):
        print(clean(f"warning: kubectl runs {first}, which PATH has first"), file=sys.stderr)


def _uninstall(path: str, folder: str) -> None:
    from kubectl_tune import shim

    links = shim.uninstall(path, folder)
    for link in links:
        print(clean(f"{link} uninstalled"))
    if not links:
        where = folder or "the folders of PATH"
        print(clean(f"there is no {shim.NAME} in {where}"), file=sys.stderr)
