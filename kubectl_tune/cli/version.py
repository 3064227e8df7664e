"""`kubectl tune version`: what this is, in kubectl's shape."""

from __future__ import annotations

import json
import platform
import sys
from typing import Annotated

import typer

from kubectl_tune import __version__
from kubectl_tune.cli.options import output

_GO_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}


def command(
    client: Annotated[
        bool,
        typer.Option("--client", help="If true, shows client version only (no server required)"),
    ] = False,
    format: Annotated[str, output("json", "yaml")] = "",
) -> None:
    """
    Print the version of kubectl tune and of what it runs on.

    Examples:
      # Print the version
      kubectl tune version

      # Print it for a program
      kubectl tune version -o json
    """
    if not format:
        print(f"Client Version: v{__version__}")
    elif format == "json":
        print(json.dumps(versions(), indent=4))
    else:
        import yaml

        print(yaml.safe_dump(versions(), sort_keys=False), end="")


def versions() -> dict[str, dict[str, str]]:
    machine = platform.machine().lower()
    return {
        "clientVersion": {
            "gitVersion": f"v{__version__}",
            "pythonVersion": platform.python_version(),
            "platform": f"{sys.platform}/{_GO_NAMES.get(machine, machine)}",
        }
    }
