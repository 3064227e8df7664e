"""`kubectl tune list`: the sessions, newest first, of the state file or of a cluster."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from kubectl_tune.cli import argv, contexts
from kubectl_tune.cli.color import Color, paint
from kubectl_tune.cli.forms import FORMATS, form, sort_path
from kubectl_tune.cli.listing import Labels, NoHeaders, Show, show
from kubectl_tune.cli.options import globals_, output
from kubectl_tune.errors import UsageError

if TYPE_CHECKING:
    from kubectl_tune.cli.remotelist import RemoteSessions


def _clusters(context: typer.Context, incomplete: str) -> list[str]:
    return contexts.candidates("cluster", context, incomplete)


def command(
    format: Annotated[str, output(*FORMATS)] = "table",
    running: Annotated[
        bool, typer.Option("--running", help="Only sessions that a driver has now")
    ] = False,
    cluster: Annotated[
        str,
        typer.Option(
            "--cluster",
            help="Instead the sessions that the current namespace has, whoever began them. With a"
            " name (--cluster=NAME), that namespace of the kubeconfig cluster of this name",
            autocompletion=_clusters,
        ),
    ] = "",
    everywhere: Annotated[
        bool,
        typer.Option(
            "--all-namespaces",
            "-A",
            help="If present, list the sessions across all namespaces. Namespace in current"
            " context is ignored even if specified with --namespace",
        ),
    ] = False,
    selector: Annotated[
        str,
        typer.Option(
            "--selector",
            "-l",
            help="Selector (label query) to filter on, supports '=', '==', '!=', 'in', 'notin'."
            "(e.g. -l key1=value1,key2=value2,key3 in (value3)). With --cluster",
        ),
    ] = "",
    fields: Annotated[
        str,
        typer.Option(
            "--field-selector",
            help="Selector (field query) to filter on, supports '=', '==', and '!='.(e.g."
            " --field-selector metadata.name=value). With --cluster",
        ),
    ] = "",
    sort_by: Annotated[
        str,
        typer.Option(
            "--sort-by",
            help="If non-empty, sort the list using this field specification, a JSONPath"
            " expression (e.g. '{.created}')",
        ),
    ] = "",
    show_labels: Annotated[
        bool,
        typer.Option(
            "--show-labels",
            help="When printing, show all labels as the last column. With --cluster",
        ),
    ] = False,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--label-columns",
            "-L",
            help="Accepts a comma separated list of labels that are going to be presented as"
            " columns. With --cluster",
        ),
    ] = None,
    no_headers: NoHeaders = False,
    watch: Annotated[
        bool,
        typer.Option("--watch", "-w", help="After listing the sessions, watch for changes"),
    ] = False,
    chunk_size: Annotated[
        int,
        typer.Option(
            "--chunk-size",
            help="Return large lists in chunks rather than all at once. Pass 0 to disable. With"
            " --cluster",
        ),
    ] = 500,
    ignore_not_found: Annotated[
        bool,
        typer.Option(
            "--ignore-not-found", help="If there is nothing to list, say nothing and exit with 0"
        ),
    ] = False,
    color: Color = "auto",
) -> None:
    """
    List the sessions, the newest first.

    With -n or --context, only those of that namespace or context. With --cluster, those that
    its namespace has, selected and shown as kubectl does.

    Examples:
      # All sessions
      kubectl tune list

      # Those that a namespace of the cluster has, as on a machine that is new to it
      kubectl tune list --cluster -n lab

      # Those that all namespaces have, and the label that tells their teams apart
      kubectl tune list --cluster -A -L team

      # Names of those that run now
      kubectl tune list --running -o name

      # Follow what becomes of them
      kubectl tune list -w
    """
    asked = Show(
        form=form(format),
        sort=sort_path(sort_by),
        labels=Labels(_split(labels), show_labels),
        no_headers=no_headers,
        namespaces=everywhere,
        watch=watch,
        silent=ignore_not_found,
        paint=paint(color),
    )
    if argv.TRUTH.get(cluster, cluster):
        if cluster not in argv.TRUTH:
            globals_().cluster = cluster
        with closing(_of_cluster(selector, fields, everywhere, chunk_size, running)) as source:
            show(source, asked)
        return
    for flag, given in {"-l": selector, "--field-selector": fields, "-L": labels}.items():
        if given:
            raise _only_there(flag)
    if show_labels:
        raise _only_there("--show-labels")
    from kubectl_tune.cli.locallist import LocalSessions

    show(LocalSessions(running=running, everywhere=everywhere), asked)


def _of_cluster(
    selector: str, fields: str, everywhere: bool, page: int, running: bool
) -> RemoteSessions:
    from kubectl_tune.cli.remotelist import RemoteSessions
    from kubectl_tune.cluster.lists import Narrowing

    narrowing = Narrowing("ConfigMap", selector, fields, everywhere, page)
    return RemoteSessions(narrowing, running=running)


def _split(keys: list[str] | None) -> list[str]:
    return [key for some in keys or () for key in some.split(",")]


def _only_there(flag: str) -> UsageError:
    return UsageError(
        f"{flag} selects among objects of a cluster, and sessions in the state file have no labels",
        hint="ask the cluster with: kubectl tune list --cluster",
    )
