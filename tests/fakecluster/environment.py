"""What a container starts with: its environment, command and folder, all references resolved."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kubectl_tune.cluster import Manifest

from .expansion import expand
from .volumes import ConfigMaps, Files, Secrets, contents

_PATH = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
_FIELD = re.compile(r"metadata\.(annotations|labels)\['(.+)'\]")


class ConfigError(Exception):
    """Why a container can't be created: a CreateContainerConfigError."""


def environment(
    pod: Manifest, files: Files, config_maps: ConfigMaps, secrets: Secrets
) -> dict[str, str]:
    """Return the variables, as the container sees them; nothing comes from our own."""
    known = {
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
    }
    found = dict(known)
    for source in files.container.get("envFrom", ()):
        found |= _all_of(source, config_maps, secrets)
    for variable in files.container.get("env", ()):
        value = _value(variable, pod, config_maps, secrets, {**known, **found})
        if value is not None:
            found[variable["name"]] = value
    base = {"PATH": _PATH, "HOSTNAME": _hostname(pod), "HOME": str(files.root / "root")}
    return base | found


def private(env: Mapping[str, str], files: Files) -> dict[str, str]:
    """Put the paths that values begin with into the pod's root; `/` alone is that root."""
    moved = {name: files.private(value) for name, value in env.items()}
    if env.get("KT_ROOT") == "/":
        moved["KT_ROOT"] = str(files.root)
    return moved


def command(files: Files, env: Mapping[str, str]) -> list[str]:
    words = [*files.container.get("command", ()), *files.container.get("args", ())]
    words = [files.private(expand(word, env)) for word in words] or ["python3"]
    return [sys.executable if word == "python3" else word for word in words[:1]] + words[1:]


def folder(files: Files) -> Path:
    path = files.at(files.container.get("workingDir", "/"))
    path.mkdir(parents=True, exist_ok=True)
    return path


def _hostname(pod: Manifest) -> str:
    return str(pod["spec"].get("hostname") or pod["metadata"]["name"])[:63]


def _value(
    variable: Mapping[str, Any],
    pod: Manifest,
    config_maps: ConfigMaps,
    secrets: Secrets,
    known: Mapping[str, str],
) -> str | None:
    source = variable.get("valueFrom", {})
    if field := source.get("fieldRef"):
        return _field(pod, field["fieldPath"])
    for kind in ("configMap", "secret"):
        if ref := source.get(f"{kind}KeyRef"):
            return _key(kind, ref, config_maps, secrets)
    return expand(variable.get("value", ""), known)


def _field(pod: Manifest, path: str) -> str:
    if match := _FIELD.fullmatch(path):
        return str(pod["metadata"].get(match[1], {}).get(match[2], ""))
    value: Any = pod
    for name in path.split("."):
        value = value.get(name, "")
    return str(value)


def _key(
    kind: str, ref: Mapping[str, Any], config_maps: ConfigMaps, secrets: Secrets
) -> str | None:
    found = contents(kind, ref["name"], config_maps, secrets)
    if found is not None and ref["key"] in found:
        return found[ref["key"]].decode()
    if ref.get("optional"):
        return None
    if found is None:
        raise ConfigError(f'{kind.lower()} "{ref["name"]}" not found')
    raise ConfigError(f"couldn't find key {ref['key']} in {kind.title()} default/{ref['name']}")


def _all_of(
    source: Mapping[str, Any], config_maps: ConfigMaps, secrets: Secrets
) -> Iterator[tuple[str, str]]:
    for kind in ("configMap", "secret"):
        if ref := source.get(f"{kind}Ref"):
            found = contents(kind, ref["name"], config_maps, secrets)
            if found is None and not ref.get("optional"):
                raise ConfigError(f'{kind.lower()} "{ref["name"]}" not found')
            for key, value in (found or {}).items():
                yield source.get("prefix", "") + key, value.decode()


def identity_problem(pod: Manifest, files: Files, image_user: str) -> str:
    """Say why `runAsNonRoot` forbids the container, "" when it doesn't."""
    meta, name = pod["metadata"], files.container["name"]
    security = {**pod["spec"]["securityContext"], **files.container.get("securityContext", {})}
    if not security.get("runAsNonRoot"):
        return ""
    where = f'(pod: "{meta["name"]}_{meta["namespace"]}({meta["uid"]})", container: {name})'
    if security.get("runAsUser") == 0:
        return f"container's runAsUser breaks non-root policy {where}"
    if "runAsUser" not in security and image_user == "root":
        return f"container has runAsNonRoot and image will run as root {where}"
    return ""
