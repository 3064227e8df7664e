"""
A pod's files: a private root, under which its volumes are mounted at their paths.

ConfigMaps look as the kubelet leaves them: keys are links over `..data` into a folder with a
date, so that who lists the folder sees both of these, too.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kubectl_tune.cluster import Manifest

ConfigMaps = Callable[[str], Manifest | None]
Secrets = Mapping[str, Mapping[str, str]]


class NotMountable(Exception):
    """What the kubelet says in a FailedMount event."""


class Files:
    def __init__(self, folder: Path, claims: Path, pod: Manifest) -> None:
        self.root = folder / "root"
        self._volumes = folder / "volumes"
        self._claims = claims
        self._spec = pod["spec"]
        self.container = pod["spec"]["containers"][0]

    @property
    def message(self) -> Path:
        return self.at(self.container["terminationMessagePath"])

    @property
    def mounts(self) -> list[str]:
        """Where something private is, the longest path first."""
        paths = [each["mountPath"].rstrip("/") for each in self.container.get("volumeMounts", ())]
        return sorted([*paths, self.container["terminationMessagePath"]], key=len, reverse=True)

    def at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def private(self, text: str) -> str:
        """Return a word of the command with the path that it begins with put into the root."""
        for mount in self.mounts:
            if text == mount or text.startswith(f"{mount}/"):
                return f"{self.root}{text}"
        return text

    def make(self, config_maps: ConfigMaps, secrets: Secrets) -> None:
        """Lay out everything; `NotMountable` says what is missing."""
        shutil.rmtree(self._volumes, ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)
        for path in (self.root, self.root / "root", self.message.parent):
            path.mkdir(parents=True, exist_ok=True)
        self.message.touch()
        places = {
            each["name"]: self._volume(each, config_maps, secrets)
            for each in self._spec.get("volumes", ())
        }
        for mount in sorted(self.container.get("volumeMounts", ()), key=lambda m: m["mountPath"]):
            self._mount(mount, places[mount["name"]])

    def remove(self) -> None:
        shutil.rmtree(self.root.parent, ignore_errors=True)

    def _mount(self, mount: Mapping[str, Any], volume: Path) -> None:
        target = volume / mount.get("subPath", "")
        at = self.at(mount["mountPath"])
        if not target.exists():
            target.mkdir(parents=True)  # what a subPath names is made, as a folder
        at.parent.mkdir(parents=True, exist_ok=True)
        if at.is_symlink() or not at.exists():
            at.unlink(missing_ok=True)
            at.symlink_to(target)

    def _volume(self, volume: Mapping[str, Any], config_maps: ConfigMaps, secrets: Secrets) -> Path:
        place = self._volumes.joinpath(volume["name"])
        if claim := volume.get("persistentVolumeClaim"):
            place = self._claims.joinpath(claim["claimName"])
        place.mkdir(parents=True, exist_ok=True)
        try:
            keys: dict[str, bytes] = {}
            for kind, source in _sources(volume):
                keys |= _keys(kind, source, config_maps, secrets)
        except NotMountable as missing:
            why = f'MountVolume.SetUp failed for volume "{volume["name"]}" : {missing}'
            raise NotMountable(why) from None
        if any(kind in volume for kind in ("configMap", "secret", "projected")):
            _write(place, keys)
        return place


def _sources(volume: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for each in (volume, *volume.get("projected", {}).get("sources", ())):
        yield from ((kind, each[kind]) for kind in ("configMap", "secret") if kind in each)


def _keys(
    kind: str, source: Mapping[str, Any], config_maps: ConfigMaps, secrets: Secrets
) -> dict[str, bytes]:
    """The files that one source gives, by their paths."""
    name = source.get("secretName") or source["name"]
    found = contents(kind, name, config_maps, secrets)
    optional = source.get("optional", False)
    if found is None and not optional:
        raise NotMountable(f'{kind.lower()} "{name}" not found')
    found = found or {}
    if "items" not in source:
        return found
    for item in source["items"]:
        if item["key"] not in found and not optional:
            raise NotMountable(f"{kind.lower()} references non-existent config key: {item['key']}")
    return {item["path"]: found[item["key"]] for item in source["items"] if item["key"] in found}


def contents(
    kind: str, name: str, config_maps: ConfigMaps, secrets: Secrets
) -> dict[str, bytes] | None:
    """Return the keys of a ConfigMap or of a secret, None when there is no such thing."""
    if kind == "secret":
        secret = secrets.get(name)
        return None if secret is None else {key: text.encode() for key, text in secret.items()}
    found = config_maps(name)
    if found is None:
        return None
    plain = {key: text.encode() for key, text in found.get("data", {}).items()}
    return plain | {
        key: base64.b64decode(text) for key, text in found.get("binaryData", {}).items()
    }


def _write(folder: Path, keys: Mapping[str, bytes]) -> None:
    dated = "..2026_01_01_00_00_00.0000000001"
    (folder / dated).mkdir()
    (folder / "..data").symlink_to(dated)
    for path, content in keys.items():
        file = folder / dated / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        first = Path(path).parts[0]
        if not (folder / first).is_symlink():
            (folder / first).symlink_to(Path("..data") / first)
