"""`kubectl tune doctor`: would a session run on this cluster?"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Annotated

import typer

from kubectl_tune import planfile
from kubectl_tune.cli.options import output
from kubectl_tune.cli.starting import read
from kubectl_tune.cli.state import state_path
from kubectl_tune.cluster import ClusterClient, rights
from kubectl_tune.doctor import Way, examine, passed, review, wish
from kubectl_tune.errors import TuneError, UsageError
from kubectl_tune.podoptions import STOCK_IMAGE, PodOptions
from kubectl_tune.trial import TrialSpec
from kubectl_tune.views.checks import check_text, checks_object, closing_text
from kubectl_tune.views.objects import json_text, yaml_text


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
    image: Annotated[str, typer.Option(help="The image that trials run in")] = STOCK_IMAGE,
    cpu: Annotated[str, typer.Option(help="What each trial requests, such as 2 or 500m")] = "",
    memory: Annotated[str, typer.Option(help="What each trial may use, such as 4Gi")] = "",
    run_as_user: Annotated[
        int | None, typer.Option("--run-as-user", min=1, help="The user that containers run as")
    ] = None,
    rbac: Annotated[
        bool, typer.Option("--rbac", help="Print the Role that is needed, and its binding")
    ] = False,
    role_name: Annotated[
        str, typer.Option("--name", help="With --rbac: what Role and binding are called")
    ] = "kubectl-tune",
    service_account: Annotated[
        str,
        typer.Option(
            "--serviceaccount", help="With --rbac: bind it to NAME or NAMESPACE:NAME, not to you"
        ),
    ] = "",
    format: Annotated[str, output("table", "json", "yaml")] = "table",
) -> int:
    """
    Check, before the first Job, that a session would run: access, rights, admission, quota.

    Nothing is created: Job and pod are tried as a dry run. The exit code is 2 if a check failed.

    Examples:
      # Check the namespace of the current context
      kubectl tune doctor

      # Check whether its quota has room for eight trials of a plan at once
      kubectl tune doctor plan.jsonl -j 8

      # Grant yourself what is missing, or have it granted
      kubectl tune doctor --rbac | kubectl apply -f -
    """
    if rbac:
        print(_role(role_name, service_account), end="")
        return 0
    options = PodOptions(image=image, cpu=cpu, memory=memory, run_as_user=run_as_user)
    wanted = wish(options, _trials(plan), max_parallel)
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

    heed_flags()
    found = access.here()
    return Way(found.context, found.server, found.namespace)


def _role(name: str, service_account: str) -> str:
    """Return the Role as YAML; a cluster that can't be asked leaves out whom it is for."""
    namespace, who = "", None
    try:
        with closing(_client()) as client:
            namespace = client.namespace
            said = review(client)
    except TuneError as error:
        print(f"warning: {error}; the binding has to be filled in", file=sys.stderr)
    else:
        user = ((said.get("status") or {}).get("userInfo") or {}).get("username")
        who = rights.subject(str(user)) if user else None
    if service_account:
        who = rights.service_account(service_account, namespace)
        if not who.namespace:
            raise UsageError(
                f"--serviceaccount {service_account}: its namespace is not known",
                hint=f"write it as NAMESPACE:{service_account}",
            )
    return rights.manifests(namespace, who, name)
