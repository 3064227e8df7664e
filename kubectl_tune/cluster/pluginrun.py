"""
One run of a credential plugin: whether it may, as which program, and what it prints.

Its rule: who can't be asked anything must not wait, nor write into what we show.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from kubectl_tune.cluster.datafile import reason
from kubectl_tune.cluster.execcredential import fail, request
from kubectl_tune.cluster.execution import Execution, child_environment, found
from kubectl_tune.cluster.kuberc import Policy, refusal
from kubectl_tune.table import clean

PLUGIN_SECONDS = 60.0  # for a plugin that can't ask anybody
LOGIN_SECONDS = 600.0  # for one that may: logins take a browser, and a second factor

# What kubectl itself says, word for word.
_NOT_INSTALLED = """

It looks like you are trying to use a client-go credential plugin that is not installed.

To learn more about this feature, consult the documentation available at:
      https://kubernetes.io/docs/reference/access-authn-authz/authentication/\
#client-go-credential-plugins"""


def output(
    execution: Execution,
    environment: Mapping[str, str],
    policy: Policy,
    *,
    terminal: bool,
    seconds: float = PLUGIN_SECONDS,
) -> bytes:
    """Run a plugin to its end; `Unreachable` says why there is nothing to read."""
    asks = _asks(execution.interactive_mode, terminal)
    path = _path(execution, environment.get("PATH", ""), policy)
    information = json.dumps(request(execution.version, execution.cluster, asks))
    told = child_environment(environment, execution.env, information)
    argv = [execution.command, *execution.args]
    done = _done(argv, path, told, asks=asks, seconds=LOGIN_SECONDS if asks else seconds)
    if done.returncode:
        code = max(done.returncode, -1)  # Go says -1 of whatever a signal ended
        why = f"exec: executable {execution.command} failed with exit code {code}"
        fail(why, said=done.stderr)
    sys.stderr.write(clean((done.stderr or b"").decode(errors="replace"), keep="\n\t"))
    return done.stdout


def _asks(mode: str, terminal: bool) -> bool:
    """Say whether a plugin may ask somebody."""
    if mode == "Always" and not terminal:
        fail(
            "exec plugin cannot support interactive mode: standard input is not a terminal",
            hint="run this on a terminal, or log in beforehand with a kubectl command",
        )
    return terminal and mode != "Never"


def _path(execution: Execution, search: str, policy: Policy) -> str:
    command = execution.command
    path = found(command, search)
    if refused := refusal(policy, command, path, search):
        fail(refused, hint="credential plugins are restricted by kuberc (see $KUBERC)")
    if not path and not os.path.dirname(command):
        hint = clean(execution.install_hint, keep="\n\t")
        advice = "\n\n".join(filter(None, (_NOT_INSTALLED, hint)))
        fail(f"exec: executable {command} not found{advice}")
    return path or command  # whose running says what is wrong with it


def _done(
    argv: Sequence[str], path: str, environment: Mapping[str, str], *, asks: bool, seconds: float
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            argv,
            executable=path,
            env=environment,
            stdin=None if asks else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            # Who can't be asked must not write into our lines: its words come after it has ended.
            stderr=None if asks else subprocess.PIPE,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        why = f"exec: executable {argv[0]} did not end within {late.timeout:g}s"
        fail(why, said=late.stderr, hint="run it by hand: it may wait for a login")
    except (OSError, ValueError) as error:
        fail(f"exec: fork/exec {path}: {reason(error)}")
