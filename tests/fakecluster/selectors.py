"""Label and field selectors, as the API server reads them; what it can't read is a 400."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from kubectl_tune.cluster import Manifest

from . import answers

Matches = Callable[[Mapping[str, str]], bool]

_TERM = re.compile(
    r"""\s*(?:
      (?P<without>!)\s*(?P<absent>[\w./-]+)
    | (?P<key>[\w./-]+)\s*(?:
          (?P<op>==|=|!=)\s*(?P<value>[\w.-]*)
        | \s(?P<set>in|notin)\s*\((?P<values>[^()]*)\)
      )?
    )\s*(?:,|$)""",
    re.VERBOSE,
)

# What the API server can filter by, of each kind.
_FIELDS = {
    "Event": (
        "type", "reason", "involvedObject.kind", "involvedObject.namespace",
        "involvedObject.name", "involvedObject.uid", "reportingComponent",
    ),
    "Pod": ("spec.nodeName", "status.phase", "spec.restartPolicy"),
    "Job": ("status.successful",),
}  # fmt: skip


def labels(selector: str) -> Matches:
    """Return the test that a label selector stands for."""
    terms, at = [], 0
    while at < len(selector):
        match = _TERM.match(selector, at)
        if not match or match.end() == at:
            raise answers.bad_request(f"unable to parse requirement: found {selector[at:]!r}")
        terms.append(_term(match))
        at = match.end()
    return lambda labels: all(term(labels) for term in terms)


def _term(match: re.Match[str]) -> Matches:
    key, value, op = match["key"], match["value"], match["op"]
    if match["without"]:
        return lambda labels: match["absent"] not in labels
    if match["set"]:
        values = {each.strip() for each in match["values"].split(",")}
        if match["set"] == "in":
            return lambda labels: key in labels and labels[key] in values
        return lambda labels: labels.get(key) not in values
    if op == "!=":
        return lambda labels: labels.get(key) != value
    if op:
        return lambda labels: labels.get(key) == value
    return lambda labels: key in labels


def fields(selector: str, kind: str) -> Callable[[Manifest], bool]:
    """Return the test that a field selector stands for."""
    terms = []
    for part in filter(None, selector.split(",")):
        path, op, value = (
            re.split(r"(!=|==|=)", part, maxsplit=1) if "=" in part else (part, "", "")
        )
        known = ("metadata.name", "metadata.namespace", *_FIELDS.get(kind, ()))
        if path not in known:
            raise answers.bad_request(f"field label not supported: {path}")
        terms.append((path.split("."), op != "!=", value))
    return lambda manifest: all(
        (_at(manifest, path) == value) is wanted for path, wanted, value in terms
    )


def _at(manifest: Any, path: list[str]) -> str:
    for name in path:
        manifest = manifest.get(name, {})
    return manifest if isinstance(manifest, str) else ""
