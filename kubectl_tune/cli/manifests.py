"""`run --dry-run` and `run -o yaml`: what would be created in the cluster."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from kubectl_tune import beginning, dryrun
from kubectl_tune.cli.clusters import client_of_globals, heed_warnings
from kubectl_tune.cluster import Manifest
from kubectl_tune.errors import UsageError
from kubectl_tune.session import SessionInfo
from kubectl_tune.trial import TrialSpec
from kubectl_tune.views.objects import json_text
from kubectl_tune.views.yamltext import yaml_text
from kubectl_tune.workload import ARBITRAGE

GROUPS = {"ConfigMap": "configmap", "Job": "job.batch"}


def show(info: SessionInfo, specs: Sequence[TrialSpec], how: str, format: str) -> int:
    """Print the objects, as a list, as names, or a line each; with `server`, ask it first."""
    if info.target.engine == "local":
        raise UsageError(
            "--dry-run and -o are about manifests, and --engine local has none",
            hint="check the plan with: kubectl tune validate",
        )
    keys = ARBITRAGE.file_keys if info.workload else ()
    info = info._replace(total=len(specs), created=time.time())  # as `beginning.begin` has it
    named = beginning.identified(specs, info, keys)
    wanted = list(dryrun.planned(info, named, info.target.namespace))
    if how == "server":
        client = client_of_globals()
        try:
            asked = dryrun.asked(client, wanted)
        finally:
            client.close()
        if asked < len(wanted):
            print(f"the server was asked about {asked} of {len(wanted)} objects", file=sys.stderr)
    _print(wanted, how, format)
    heed_warnings()
    return 0


def _print(wanted: Sequence[Manifest], how: str, format: str) -> None:
    if format in ("yaml", "json"):
        items = {"apiVersion": "v1", "kind": "List", "items": wanted}
        sys.stdout.write((yaml_text if format == "yaml" else json_text)(items))
        return
    done = {"client": " created (dry run)", "server": " created (server dry run)"}.get(how, "")
    for each in wanted:
        line = f"{GROUPS[each['kind']]}/{each['metadata']['name']}"
        print(line if format == "name" else f"{line}{done}")
