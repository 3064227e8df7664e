"""
The options of `run` and `submit` that say how pods are made.

Its rule: all of them are checked before anything is written or sent, and all that is wrong
with them is said at once, in the words that were typed.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from kubectl_tune.cli.faults import flag
from kubectl_tune.cli.podchecks import pod_options, warnings
from kubectl_tune.errors import UsageError
from kubectl_tune.podoptions import KEPT, STOCK_IMAGE, PodOptions
from kubectl_tune.table import clean


def _option(name: str, metavar: str, help: str, **more: Any) -> Any:
    return typer.Option(f"--{name}", metavar=metavar, help=help, **more)


def pod(
    image: Annotated[
        str, _option("image", "IMAGE", "Container image of the lines that name none")
    ] = STOCK_IMAGE,
    cpu: Annotated[
        str | None, _option("cpu", "CORES", "Cores a trial is sure of, such as 2 or 500m")
    ] = None,
    memory: Annotated[
        str | None, _option("memory", "BYTES", "Memory a trial has, and no more, such as 4Gi")
    ] = None,
    gpus: Annotated[str | None, _option("gpus", "N", "GPUs (nvidia.com/gpu) a trial has")] = None,
    env: Annotated[
        list[str] | None,
        _option("env", "NAME=VALUE", "Environment of every trial; NAME alone passes it on"),
    ] = None,
    env_file: Annotated[
        list[str] | None, _option("env-file", "FILE", "File of NAME=VALUE lines; --env beats it")
    ] = None,
    secret_env: Annotated[
        list[str] | None,
        _option("secret-env", "SECRET", "All keys of a Secret as variables; or NAME=SECRET/KEY"),
    ] = None,
    volume: Annotated[
        list[str] | None,
        _option("volume", "CLAIM:/PATH", "Mount a persistent volume claim; :ro to only read it"),
    ] = None,
    service_account: Annotated[
        str | None, _option("service-account", "NAME", "Service account of the pods")
    ] = None,
    image_pull_secret: Annotated[
        list[str] | None, _option("image-pull-secret", "SECRET", "Secret to pull the image with")
    ] = None,
    node_selector: Annotated[
        list[str] | None,
        _option("node-selector", "KEY=VALUE", "Run on nodes with this label; several with commas"),
    ] = None,
    toleration: Annotated[
        list[str] | None,
        _option("toleration", "KEY[=VALUE][:EFFECT]", "Run on nodes with this taint too; * is any"),
    ] = None,
    priority_class: Annotated[
        str | None, _option("priority-class", "NAME", "Priority class of the pods")
    ] = None,
    queue: Annotated[
        str | None, _option("queue", "NAME", "Let this LocalQueue of Kueue's ration the Jobs")
    ] = None,
    label: Annotated[
        list[str] | None,
        _option("label", "KEY=VALUE", "Label of the session's ConfigMap, its Jobs and their pods"),
    ] = None,
    template: Annotated[
        str | None, _option("template", "FILE", "Pod template, YAML or JSON, merged over ours")
    ] = None,
    run_as_user: Annotated[
        str | None, _option("run-as-user", "UID", "User to run as; default 1000 in python:3.11")
    ] = None,
    keep: Annotated[
        str,
        _option(
            "keep",
            "WHICH",
            "Which ended Jobs stay on the cluster: failed, all or none",
            autocompletion=lambda incomplete: [w for w in KEPT if w.startswith(incomplete)],
        ),
    ] = "failed",
    pending_timeout: Annotated[
        str, _option("pending-timeout", "DURATION", "How long a trial may wait to run")
    ] = "10m",
    ttl: Annotated[
        str | None,
        _option("ttl", "DURATION", "How long ended Jobs stay; default a day, detached seven"),
    ] = None,
    sync: Annotated[
        str | None, _option("sync", "DIR", "Folder of code that trials need, sent along")
    ] = None,
    agent: Annotated[
        bool,
        typer.Option(
            "--agent/--no-agent", help="Wrap the command; false for images without Python"
        ),
    ] = True,
) -> PodOptions:
    """Return the options, or say all that is wrong with them; odd ones get a warning."""
    options = pod_options(locals())
    for each in warnings(options, template or ""):
        print(f"warning: {clean(each)}", file=sys.stderr)
    return options


def taken(options: dict[str, Any], engine: str) -> PodOptions:
    """Take the parameters of `pod` out of a command's, and return what they say."""
    given = {name: options.pop(name) for name in inspect.signature(pod).parameters}
    if engine == "local":
        refuse(given)
    return pod(**given)


def refuse(given: Mapping[str, Any]) -> None:
    """Raise `UsageError` for options that mean nothing where there are no pods."""
    defaults = inspect.signature(pod).parameters
    flags = [
        "--no-agent" if name == "agent" else flag(name)
        for name, value in given.items()
        if value not in (defaults[name].default, [], ())
    ]
    if flags:
        verb = "is" if len(flags) == 1 else "are"
        raise UsageError(
            f"{', '.join(flags)} {verb} about pods, and --engine local has none",
            hint=_INSTEAD if {"--env", "--env-file"} & set(flags) else "leave them out",
        )


_INSTEAD = "here trials have your environment: write NAME=VALUE in front of the command"
