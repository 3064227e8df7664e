"""
Random sets of kubeconfigs, resolved by us and by kubectl itself.

kubectl is asked twice: by `config view`, and by what it sends to a server of ours, where the
path says which entry of which file it has taken for the cluster, and the token for which user.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_tune.cluster.kubeconfig import Access, ConfigFlags, resolve
from kubectl_tune.errors import ClusterError
from tests.http.server import ApiServer, Heard, Reply, pem, refused

pytestmark = pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not on PATH")

SETS = 25
NAMES = ("a", "b", "c d", "e/f@g")
SPACES = ("", "", "default", "lab", "team-1")


class Discovered(ApiServer):
    """An API server with pods, below any path."""

    def reply(self, heard: Heard) -> Reply:
        super().reply(heard)
        last = heard.path.rpartition("/")[2]
        pods = {"name": "pods", "namespaced": True, "kind": "Pod", "verbs": ["list", "get"]}
        known: dict[str, Any] = {
            "api": {"kind": "APIVersions", "versions": ["v1"]},
            "apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
            "v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [pods]},
            "pods": {"kind": "PodList", "apiVersion": "v1", "items": []},
        }
        return Reply(body=known[last]) if last in known else refused(404, "NotFound")


@pytest.fixture(scope="module")
def server() -> Iterator[Discovered]:
    api = Discovered("server")
    yield api
    api.close()


@dataclass
class Files:
    """A set of kubeconfigs, some of which aren't there."""

    folder: Path
    environment: dict[str, str]

    def kubectl(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["kubectl", *words, "--cache-dir", str(self.folder / "cache")]
        return subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True
        )

    def resolve(self, flags: dict[str, str]) -> Access | None:
        """Return our own answer, None where we refuse to give one."""
        try:
            return resolve(ConfigFlags(**flags), self.environment)
        except ClusterError as error:
            assert str(error)
            return None

    def stamps(self) -> dict[Path, tuple[bytes, int]]:
        found = [path for path in self.folder.rglob("*") if path.is_file()]
        return {
            path: (path.read_bytes(), path.stat().st_mtime_ns)
            for path in found
            if "cache" not in path.parts
        }


def written(chance: random.Random, folder: Path, url: str) -> Files:
    """Write one to four files, and list them with some that are missing, twice or empty."""
    listed: list[str] = []
    for number in range(chance.randint(1, 4)):
        path = folder / f"dir{chance.randint(0, 2)}" / f"config{number}"
        listed.append(os.path.relpath(path, folder) if chance.random() < 0.3 else str(path))
        kind = chance.choice(["there"] * 8 + ["missing", "empty"])
        path.parent.mkdir(exist_ok=True)
        if kind != "missing":
            path.write_text(_text(chance, number, path, url) if kind == "there" else "# later\n")
    listed += chance.sample(["", listed[0], "missing"], chance.randint(0, 3))
    if chance.random() < 0.3:
        chance.shuffle(listed)
    known = {"KUBECONFIG": os.pathsep.join(listed), "HOME": str(folder)}
    return Files(folder, os.environ | known)


def _text(chance: random.Random, number: int, path: Path, url: str) -> str:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": _cluster(chance, f"{number}.{n}", path, url)}
            for n, name in enumerate(_some(chance))
        ],
        "users": [
            {"name": name, "user": _user(chance, f"{number}.{n}", path)}
            for n, name in enumerate(_some(chance))
        ],
        "contexts": [{"name": name, "context": _context(chance)} for name in _some(chance)],
        "current-context": chance.choice(["", *NAMES, *NAMES]),
        "preferences": {},
    }
    for key in chance.sample(sorted(content), chance.choice([0, 0, 0, 1, 2])):
        del content[key]
    if chance.random() < 0.2:
        return json.dumps(content, indent=chance.choice([None, 4]))
    return f"# the one of {path.name}\n{yaml.safe_dump(content)}# its end\n"


def _some(chance: random.Random) -> list[str]:
    return chance.sample(NAMES, chance.randint(3, len(NAMES)))


def _cluster(chance: random.Random, at: str, path: Path, url: str) -> dict[str, Any]:
    """Return a cluster whose authority, by a relative path, is another file for each entry."""
    name = f"ca-{at}.pem"
    (path.parent / name).write_bytes(pem("ca.pem") + f"# {at}\n".encode())
    made = {"server": f"{url}/at/{at}", "certificate-authority": chance.choice(["./", ""]) + name}
    return made | ({"disable-compression": True} if chance.random() < 0.3 else {})


def _user(chance: random.Random, at: str, path: Path) -> dict[str, Any]:
    if chance.random() < 0.7:
        return {"token": f"user.{at}"}
    (path.parent / f"token-{at}").write_text(f"user.{at}\n")
    return {"tokenFile": f"token-{at}"}


def _context(chance: random.Random) -> dict[str, str]:
    context = {"cluster": chance.choice(NAMES), "user": chance.choice(NAMES)}
    space = chance.choice(SPACES)
    return context | ({"namespace": space} if space else {})


def minified(view: dict[str, Any]) -> tuple[str, str, str, str, str]:
    (context,), (cluster,) = view["contexts"], view["clusters"]
    within = context["context"]
    return (
        context["name"],
        within["cluster"],
        cluster["cluster"]["server"],
        within["user"],
        within.get("namespace", "default"),
    )


@pytest.mark.parametrize("seed", range(SETS))
def test_we_go_where_kubectl_goes(seed: int, tmp_path: Path, server: Discovered):
    """
    Context, cluster, server, user and namespace are kubectl's, with the current context and with
    any other; what kubectl can't find we can't either; and no file is touched.
    """
    chance = random.Random(f"view {seed}")
    files = written(chance, tmp_path, server.url)
    before = files.stamps()

    for context in ("", chance.choice(NAMES)):
        asked = ("--context", context) if context else ()
        view = files.kubectl("config", "view", "--minify", "--raw", "-o", "json", *asked)
        ours = inside(files, {"context": context})

        if view.returncode:
            assert ours is None, view.stderr
        else:
            assert ours is not None, view.stdout
            found = (ours.context, ours.cluster, ours.server, ours.user, ours.namespace)
            assert found == minified(json.loads(view.stdout))
    assert files.stamps() == before


@pytest.mark.parametrize("seed", range(SETS))
def test_we_send_what_kubectl_sends(seed: int, tmp_path: Path, server: Discovered):
    """
    With any of the flags the request goes to the same cluster, as the same user, into the same
    namespace, trusting the same file; or both of us refuse.
    """
    chance = random.Random(f"request {seed}")
    files = written(chance, tmp_path, server.url)
    before = files.stamps()
    flags = _flags(chance, server.url)
    server.heard.clear()

    said = files.kubectl("get", "pods", *(f"--{key}={value}" for key, value in flags.items()))
    ours = inside(files, {"as_" if key == "as" else key: flags[key] for key in flags})

    if said.returncode:
        assert ours is None or _nobody(ours, said.stderr), said.stderr
    else:
        assert ours is not None, said.stderr
        (sent,) = [each for each in server.heard if each.path.endswith("/pods")]
        assert f"{ours.server}/api/v1/namespaces/{ours.namespace}/pods" == server.url + sent.path
        shown = ours.credentials.authorization()
        if "token" in flags:  # where a tokenFile is given, too, kubectl forgets what was typed
            assert shown == "Bearer typed"
        else:
            assert shown == sent.headers["Authorization"]
        headers = sent.headers.items()
        assert list(ours.impersonation) == [p for p in headers if p[0].startswith("Impersonate")]
        if "server" not in flags:
            at = ours.server.rpartition("/")[2]
            assert ours.certificate_authority == pem("ca.pem") + f"# {at}\n".encode()
    assert files.stamps() == before


def _nobody(ours: Access, said: str) -> bool:
    """Say whether kubectl has failed for want of what we haven't got either."""
    if "signed by unknown authority" in said:
        return ours.certificate_authority is None
    asked = "Please enter Username" in said or said == "error: EOF\n"  # where nobody is named
    return asked and ours.credentials.authorization() is None


def _flags(chance: random.Random, url: str) -> dict[str, str]:
    possible = {
        "context": chance.choice(NAMES),
        "cluster": chance.choice(NAMES),
        "user": chance.choice(NAMES),
        "namespace": chance.choice(SPACES[2:]),
        "token": "typed",
        "server": f"{url}/typed",
        "as": "bob",
    }
    weights = {"context": 0.5, "cluster": 0.4, "user": 0.4, "namespace": 0.4}
    return {key: v for key, v in possible.items() if chance.random() < weights.get(key, 0.15)}


def inside(files: Files, flags: dict[str, str]) -> Access | None:
    """Resolve from the folder where kubectl was run, since relative paths are meant from there."""
    before = Path.cwd()
    os.chdir(files.folder)
    try:
        return files.resolve(flags)
    finally:
        os.chdir(before)
