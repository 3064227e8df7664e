"""`kubectl tune doctor`: would a session run on this cluster?"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Annotated, Any

import typer

from kubectl_tune import planfile
from kubectl_tune.cli import podding
from kubectl_tune.cli.composing import compose
from kubectl_tune.cli.options import output
from kubectl_tune.cli.starting import read
from kubectl_tune.cli.state import state_path
from kubectl_tune.cluster import ClusterClient, rights
from kubectl_tune.doctor import Way, examine, passed, username, wish
from kubectl_tune.errors import TuneError
from kubectl_tune.table import clean
from kubectl_tune.trial import TrialSpec
from kubectl_tune.views.checks import check_text, checks_object, closing_text
from kubectl_tune.views.objects import json_text
from kubectl_tune.views.yamltext import yaml_text


def _takes_pods(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options that say how pods are made, in its `options`."""
    return compose(function, function, podding.pod, hidden=("options",))


@_takes_pods
def command(
    plan: Annotated[
        str, typer.Argument(metavar="PLAN", help="The plan that quotas are compared with")
    ] = "",
    max_parallel: Annotated[
        int,
        typer.Option(
            "--max-parallel", "-j", min=0, help="How many trials are to run at once; 0 is all"
        ),
    ] = 4,
    rbac: Annotated[
        bool, typer.Option("--rbac", help="Print the Role that is needed, and its binding")
    ] = False,
    role_name: Annotated[
        str, typer.Option("--name", help="With --rbac: what Role and binding are called")
    ] = "kubectl-tune",
    bind: Annotated[
        str,
        typer.Option(
            metavar="USER",
            help="With --rbac: whom to grant it instead of you, a user's name or"
            " serviceaccount:NAMESPACE:NAME",
        ),
    ] = "",
    format: Annotated[str, output("table", "json", "yaml")] = "table",
    **options: Any,
) -> int:
    """
    Check, before the first Job, that a session would run: access, rights, admission, quota.

    Nothing is created: Job and pod are tried as a dry run, made with the options that run
    takes. The exit code is 2 if a check failed.

    Examples:
      # Check the namespace of the current context
      kubectl tune doctor

      # Check whether its quota has room for eight trials of a plan at once
      kubectl tune doctor plan.jsonl -j 8

      # Grant yourself what is missing, or have it granted
      kubectl tune doctor --rbac | kubectl apply -f -
    """
    if rbac:
        print(_role(role_name, bind), end="")
        return 0
    wanted = wish(podding.taken(options, "jobs"), _trials(plan), max_parallel)
    checks = []
    plain = not _writes_signs()
    for check in examine(_way, _client, wanted, state_path()):
        checks.append(check)
        if format == "table":
            print(check_text(check, plain=plain), flush=True)
    if format == "table":
        print(closing_text(checks, plain=plain))
    else:
        write = json_text if format == "json" else yaml_text
        print(write(checks_object(checks)), end="")
    return 0 if passed(checks) else TuneError.exit_code


def _trials(plan: str) -> Sequence[TrialSpec]:
    return read(plan, planfile.rules((), workdir=os.getcwd())) if plan else ()


def _writes_signs() -> bool:
    try:
        "✔✗".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _client() -> ClusterClient:
    from kubectl_tune.cli.clusters import client_of_globals

    return client_of_globals()


def _way() -> Way:
    from kubectl_tune import access
    from kubectl_tune.cli.clusters import heed_flags
    from kubectl_tune.cluster.execution import found as program

    heed_flags()
    found = access.here()
    path = program(found.plugin, os.environ.get("PATH", "")) if found.plugin else ""
    return Way(found.context, found.server, found.namespace, found.user, found.plugin, path)


def _role(name: str, bind: str) -> str:
    """Return the Role as YAML; a cluster that can't be asked leaves out whom it is for."""
    namespace, user = "", bind
    try:
        with closing(_client()) as client:
            namespace = client.namespace
            user = bind or username(client)
    except TuneError as error:
        print(f"warning: {clean(str(error))}", file=sys.stderr)
    return rights.manifests(namespace, rights.subject(user) if user else None, name)
