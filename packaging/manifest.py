"""
What Krew is told: the manifest, rendered from the archives at hand, and held to Krew's own rules.

https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/; what is enforced stands in Krew's
internal/index/validation/validate.go and cmd/validate-krew-manifest/main.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from targets import HOME, RELEASED, Target

API_VERSION, KIND = "krew.googlecontainertools.github.com/v1alpha2", "Plugin"
NAME = "tune"
SUPPORTED = {
    *((os, arch) for os in ("windows", "linux", "darwin") for arch in ("386", "amd64", "arm64")),
    ("linux", "arm"),
    ("linux", "ppc64le"),
}
WINDOWS_NAMES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
SEMVER = re.compile(
    r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"
)
SHORT = 50  # what the reviewers of Krew's index ask for
WIDTH = 80  # likewise

HEAD = """\
apiVersion: {api}
kind: {kind}
metadata:
  name: {name}
spec:
  version: {version}
  homepage: {home}
  shortDescription: Run sweeps of parameters as Jobs
  description: |
    Runs each line of a plan as a trial: as a Job in the current context and
    namespace, or on this machine. At most so many at once as you say, with
    time-outs and retries; logs and results are kept and ranked. A session goes
    on after a closed laptop or a killed client. Nothing is installed in the
    cluster, and no image has to be built.
  platforms:
"""
PLATFORM = """\
  - selector:
      matchLabels:
        os: {os}
        arch: {arch}
    {where}
    bin: {bin}
"""


def render(tag: str, sums: Mapping[Target, str]) -> str:
    """Return the manifest of a release by the sha256 of its archives."""
    return written(
        tag,
        {
            target: f"uri: {target.address(tag)}\n    sha256: {sums[target]}"
            for target in ordered(sums)
        },
    )


def template() -> str:
    """Return what krew-release-bot makes manifests of: https://github.com/rajatjindal/krew-release-bot"""
    tag = "{{ .TagName }}"
    return written(
        tag,
        {target: '{{addURIAndSha "' + target.address(tag) + '" .TagName }}' for target in RELEASED},
    )


def written(tag: str, where: Mapping[Target, str]) -> str:
    head = HEAD.format(api=API_VERSION, kind=KIND, name=NAME, version=tag, home=HOME)
    return head + "".join(
        PLATFORM.format(os=target.os, arch=target.arch, where=text, bin=target.bin)
        for target, text in where.items()
    )


def ordered(targets: Mapping[Target, str]) -> list[Target]:
    return sorted(targets, key=lambda each: (each not in RELEASED, *rank(each)))


def rank(target: Target) -> tuple[int, Target]:
    return (RELEASED.index(target) if target in RELEASED else 0), target


def problems(text: str) -> list[str]:
    """Return everything for which Krew, its validator or a reviewer would send a manifest back."""
    made = yaml.safe_load(text)
    spec = made.get("spec") or {}
    return [*head_problems(made), *spec_problems(spec), *platform_problems(spec)]


def head_problems(made: Mapping[str, Any]) -> Iterator[str]:
    if (made.get("apiVersion"), made.get("kind")) != (API_VERSION, KIND):
        yield f"apiVersion and kind must be {API_VERSION} and {KIND}"
    name = (made.get("metadata") or {}).get("name") or ""
    if not re.fullmatch(r"[\w-]+", name, re.ASCII) or WINDOWS_NAMES.fullmatch(name):
        yield f"metadata.name can't be {name!r}"


def spec_problems(spec: Mapping[str, Any]) -> Iterator[str]:
    if not SEMVER.fullmatch(str(spec.get("version") or "")):
        yield f"version {spec.get('version')!r} is not v and a semantic version"
    short = spec.get("shortDescription") or ""
    if not short or "\n" in short or "\r" in short or len(short) > SHORT:
        yield f"shortDescription must be one line of at most {SHORT} characters"
    if not spec.get("description"):
        yield "there is no description"
    for field in ("description", "caveats"):
        if any(len(line) > WIDTH for line in (spec.get(field) or "").splitlines()):
            yield f"{field} must be wrapped at {WIDTH} columns"


def platform_problems(spec: Mapping[str, Any]) -> Iterator[str]:
    platforms = spec.get("platforms") or []
    if not platforms:
        yield "no platform has an archive"
    seen: list[object] = []
    for each in platforms:
        labels = (each.get("selector") or {}).get("matchLabels") or {}
        pair = labels.get("os"), labels.get("arch")
        where = "/".join(map(str, pair))
        if set(labels) != {"os", "arch"} or pair not in SUPPORTED:
            yield f"{where} is no platform of Krew's"
        if pair in seen:
            yield f"{where} is there twice"
        seen.append(pair)
        yield from (f"{where}: {problem}" for problem in archive_problems(each))


def archive_problems(each: Mapping[str, Any]) -> Iterator[str]:
    if not re.fullmatch(r"[a-f0-9]{64}", str(each.get("sha256") or "")):
        yield "sha256 must be 64 hexadecimal digits in lower case"
    if not str(each.get("uri") or "").startswith("https://"):
        yield "uri must be an https address"
    place = str(each.get("bin") or "")
    if not place or place.startswith("/") or ".." in place.split("/"):
        yield "bin must be a path in the archive"
    if "files" in each:  # without it everything is installed, which is what we want
        yield "files must be left out"
