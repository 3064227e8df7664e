"""`kubectl tune version`: of this program and of the cluster's server, in kubectl's shape."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from kubectl_tune import __version__
from kubectl_tune.cli.errors import say
from kubectl_tune.cli.options import output
from kubectl_tune.errors import ClusterError

_GO_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}


def command(
    client: Annotated[
        bool,
        typer.Option("--client", help="If true, shows client version only (no server required)"),
    ] = False,
    format: Annotated[str, output("json", "yaml")] = "",
) -> int:
    """
    Print the version of this program and of the server of the current context.

    Without an answer from the server, the client's version is still printed.

    Examples:
      # Print the client and server versions for the current context
      kubectl tune version

      # Print the client version alone, for a program
      kubectl tune version --client -o json
    """
    found, failure = ({}, None) if client else server()
    if format:
        _print({"clientVersion": ours(), **({"serverVersion": found} if found else {})}, format)
    else:
        print(f"Client Version: v{__version__}")
        if found:
            from kubectl_tune.table import clean

            print(f"Server Version: {clean(str(found.get('gitVersion') or '<unknown>'))}")
    if failure is None:
        return 0
    sys.stdout.flush()
    return say(failure)


def server() -> tuple[dict[str, Any], ClusterError | None]:
    """Return what the server says of itself, or why it didn't."""
    from kubectl_tune.cli.clusters import client_of_globals, heed_warnings

    try:
        way = client_of_globals()
        try:
            found = way.server_version()
        finally:
            way.close()
        heed_warnings()
    except ClusterError as error:
        return {}, error
    return found, None


def ours() -> dict[str, str]:
    import platform

    machine = platform.machine().lower()
    return {
        "gitVersion": f"v{__version__}",
        "pythonVersion": platform.python_version(),
        "platform": f"{sys.platform}/{_GO_NAMES.get(machine, machine)}",
    }


def _print(versions: dict[str, Any], format: str) -> None:
    if format == "json":
        import json

        print(json.dumps(versions, indent=2))  # here, unlike elsewhere, kubectl indents by two
        return
    from kubectl_tune.views.yamltext import yaml_text

    print(yaml_text(versions, sort_keys=True), end="")
