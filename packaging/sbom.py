"""
The bill of materials of an archive, in CycloneDX: https://cyclonedx.org/docs/1.6/json/

Its rule: the same archive gives the same bytes, so nothing in it is random or of today.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from contents import Component
from targets import HOME, NAME, Target

SUFFIX = ".cdx.json"


def sbom(tag: str, target: Target, sha256: str, at: int, parts: Sequence[Component]) -> str:
    """Describe an archive by its sum, the moment it counts as made at, and its components."""
    ours = f"pkg:github/{HOME.removeprefix('https://github.com/')}@{tag}"
    ours += f"?arch={target.arch}&os={target.os}"
    refs = [each.purl for each in parts]
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, f"{HOME}#{sha256}").urn,
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": ours,
                "name": NAME,
                "version": tag,
                "hashes": [{"alg": "SHA-256", "content": sha256}],
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "purl": ours,
                "externalReferences": [
                    {"type": "distribution", "url": target.address(tag)},
                    {"type": "vcs", "url": HOME},
                ],
            },
        },
        "components": [component(each) for each in parts],
        "dependencies": [
            {"ref": ours, "dependsOn": refs},
            *({"ref": each} for each in refs),
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def component(part: Component) -> dict[str, object]:
    made: dict[str, object] = {"type": "library", "bom-ref": part.purl, "name": part.name}
    if part.version:
        made["version"] = part.version
    return made | {"licenses": [{"expression": part.license}], "purl": part.purl}
