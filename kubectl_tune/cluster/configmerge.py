"""
The files that make the kubeconfig, and the one configuration that they make.

Its rule: the first file that has an entry has the say, and none is ever written.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from kubectl_tune.cluster import Manifest
from kubectl_tune.cluster.configfile import Config, parsed
from kubectl_tune.cluster.datafile import reason
from kubectl_tune.errors import ClusterError


def load(explicit: str, environment: Mapping[str, str]) -> Config:
    """Read and merge the files that --kubeconfig, else $KUBECONFIG, else the home names."""
    if explicit:
        _check_there(explicit)
    read: list[Config] = []
    missing: list[str] = []
    faults: list[str] = []
    for path in paths(explicit, environment):
        try:
            read.append(_read(path))
        except FileNotFoundError:
            missing.append(path)
        except ClusterError as error:
            faults.append(f'error loading config file "{path}": {error}')
    if faults:
        raise ClusterError("\n".join(faults))
    return merged(read, missing)


def paths(explicit: str, environment: Mapping[str, str]) -> list[str]:
    """Return the files to merge, the first of them first."""
    if explicit:
        return [explicit]
    if given := environment.get("KUBECONFIG"):
        return [path for path in dict.fromkeys(given.split(os.pathsep)) if path]
    home = environment.get("HOME") or environment.get("USERPROFILE", "")
    return [os.path.join(home, ".kube", "config")]


def merged(files: Iterable[Config], missing: Iterable[str] = ()) -> Config:
    """Put files together: the first that has an entry, or a current context, has the say."""
    clusters: dict[str, Manifest] = {}
    users: dict[str, Manifest] = {}
    contexts: dict[str, Manifest] = {}
    current = ""
    for each in files:
        clusters = {**each.clusters, **clusters}
        users = {**each.users, **users}
        contexts = {**each.contexts, **contexts}
        current = current or each.current_context
    return Config(clusters, users, contexts, current, tuple(missing))


def _check_there(path: str) -> None:
    try:
        os.stat(path)
    except FileNotFoundError as error:
        raise ClusterError(
            f"stat {path}: {reason(error)}", hint="name an existing file with --kubeconfig"
        ) from error
    except (OSError, ValueError):
        pass  # reading it will say what is wrong


def _read(path: str) -> Config:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        doing = "read" if isinstance(error, IsADirectoryError) else "open"
        raise ClusterError(f"{doing} {path}: {reason(error)}") from error
    return parsed(data, os.path.dirname(os.path.abspath(path)))
