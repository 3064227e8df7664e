"""
What the API server refuses of a manifest: fields it does not know, values it can't take.

Only what we might get wrong is checked: names, labels, sizes, and the fields of Jobs and of
their pods. All problems of a manifest are told at once, in the server's words.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kubectl_tune.cluster import Manifest

from . import answers

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_MEBI = 1024 * 1024

_BAD_NAME = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'example.com', regex used for"
    r" validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_BAD_LABEL_NAME = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end"
    " with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for"
    " validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_BAD_LABEL = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or"
    " '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_BAD_KEY = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
_NO_DNS_LABEL = "will not able to create pod with invalid DNS label: "
_TOO_LONG = "must be no more than 63 characters"

_KNOWN = {
    "": "apiVersion kind metadata spec status data binaryData immutable",
    "metadata": "name namespace labels annotations ownerReferences finalizers generateName uid"
    " resourceVersion creationTimestamp generation managedFields selfLink deletionTimestamp"
    " deletionGracePeriodSeconds",
    "spec": "parallelism completions activeDeadlineSeconds podFailurePolicy successPolicy"
    " backoffLimit backoffLimitPerIndex maxFailedIndexes selector manualSelector template"
    " ttlSecondsAfterFinished completionMode suspend podReplacementPolicy managedBy",
    "pod": "volumes initContainers containers ephemeralContainers restartPolicy dnsPolicy dnsConfig"
    " terminationGracePeriodSeconds activeDeadlineSeconds nodeSelector serviceAccountName"
    " serviceAccount automountServiceAccountToken nodeName hostNetwork hostPID hostIPC hostUsers"
    " shareProcessNamespace securityContext imagePullSecrets hostname subdomain affinity"
    " schedulerName tolerations hostAliases priorityClassName priority readinessGates"
    " runtimeClassName enableServiceLinks preemptionPolicy overhead topologySpreadConstraints"
    " setHostnameAsFQDN os schedulingGates resourceClaims resources",
    "container": "name image command args workingDir ports envFrom env resources resizePolicy"
    " restartPolicy volumeMounts volumeDevices livenessProbe readinessProbe startupProbe lifecycle"
    " terminationMessagePath terminationMessagePolicy imagePullPolicy securityContext stdin"
    " stdinOnce tty",
}


def decode(manifest: Manifest) -> None:
    """Refuse what the server can't read: unknown fields, values of another type."""
    kind = manifest["kind"]
    for path, text in _texts(manifest):
        if not isinstance(text, str):
            raise answers.undecodable(kind, f"json: cannot unmarshal into {path} of type string")
    unknown = [f'unknown field "{path}"' for path in _unknown(manifest)]
    if unknown:
        raise answers.undecodable(kind, f"strict decoding error: {', '.join(unknown)}")
    if len(json.dumps(manifest)) > 3 * _MEBI:
        raise answers.too_large()


def validate(manifest: Manifest) -> None:
    """Refuse, by naming all of them, the values that the server can't take."""
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    problems = [*_metadata(manifest["metadata"])]
    if kind == "ConfigMap":
        problems += _config_map(manifest)
    if kind == "Job":
        problems += _job(manifest)
    if kind == "Pod":
        problems += _pod(manifest["spec"], "spec")
    if problems:
        raise answers.invalid(kind, name, problems)


def changed(old: Manifest, new: Manifest) -> None:
    """Refuse changes of what can't be changed."""
    kind = new["kind"]
    problems = []
    if kind == "ConfigMap" and old.get("immutable"):
        problems = [
            f"{field}: Forbidden: field is immutable when `immutable` is set"
            for field in ("immutable", "data", "binaryData")
            if old.get(field) != new.get(field)
        ]
    if kind == "Job":
        problems = [
            f"spec.{field}: Invalid value: {json.dumps(new['spec'].get(field))}: field is immutable"
            for field in (
                "completions", "selector", "template", "completionMode",
                "podFailurePolicy", "backoffLimitPerIndex", "managedBy",
            )
            if old["spec"].get(field) != new["spec"].get(field)
        ]  # fmt: skip
    if kind == "Pod" and old["spec"] != new["spec"]:
        problems = ["spec: Forbidden: pod updates may not change fields other than some"]
    if problems:
        raise answers.invalid(kind, new["metadata"]["name"], problems)


def _metadata(meta: Mapping[str, Any]) -> Iterator[str]:
    name = meta["name"]
    if not _SUBDOMAIN.fullmatch(name):
        yield f'metadata.name: Invalid value: "{name}": {_BAD_NAME}'
    if len(name) > 253:
        yield f'metadata.name: Invalid value: "{name}": must be no more than 253 characters'
    yield from _labels(meta.get("labels", {}), "metadata.labels")
    for key in meta.get("annotations", {}):
        if not _LABEL_NAME.fullmatch(key.rpartition("/")[2]):
            yield f'metadata.annotations: Invalid value: "{key}": {_BAD_LABEL_NAME}'
    if sum(len(f"{k}{v}".encode()) for k, v in meta.get("annotations", {}).items()) > 262144:
        yield "metadata.annotations: Too long: may not be more than 262144 bytes"


def _labels(labels: Mapping[str, str], where: str) -> Iterator[str]:
    for key, value in labels.items():
        prefix, slash, name = key.rpartition("/")
        if not _LABEL_NAME.fullmatch(name):
            yield f'{where}: Invalid value: "{key}": {_BAD_LABEL_NAME}'
        if len(name) > 63:
            yield f'{where}: Invalid value: "{key}": name part {_TOO_LONG}'
        if slash and not _SUBDOMAIN.fullmatch(prefix):
            yield f'{where}: Invalid value: "{key}": prefix part {_BAD_NAME}'
        if not _LABEL_VALUE.fullmatch(value):
            yield f'{where}: Invalid value: "{value}": {_BAD_LABEL}'
        if len(value) > 63:
            yield f'{where}: Invalid value: "{value}": {_TOO_LONG}'


def _config_map(manifest: Manifest) -> Iterator[str]:
    data, binary = manifest.get("data", {}), manifest.get("binaryData", {})
    for key in [*data, *binary]:
        if not _CONFIG_KEY.fullmatch(key) or len(key) > 253 or key in (".", ".."):
            yield f'data[{key}]: Invalid value: "{key}": {_BAD_KEY}'
    size = sum(len(text.encode()) for text in data.values())
    size += sum(len(base64.b64decode(text, validate=True)) for text in binary.values())
    if size > _MEBI:
        yield "[]: Too long: may not be more than 1048576 bytes"


def _job(manifest: Manifest) -> Iterator[str]:
    name, spec = manifest["metadata"]["name"], manifest["spec"]
    if spec.get("completionMode") == "Indexed":
        yield from _indexed(name, spec)
    elif "backoffLimitPerIndex" in spec:
        yield "spec.backoffLimitPerIndex: Invalid value: requires indexed completion mode"
    if "podFailurePolicy" in spec and spec.get("podReplacementPolicy") != "Failed":
        yield "spec.podReplacementPolicy: Unsupported value: with podFailurePolicy it is Failed"
    yield from _exit_codes(spec)
    template = spec.get("template", {})
    labels = template.get("metadata", {}).get("labels", {})
    # The names of Jobs become labels of their pods.
    yield from dict.fromkeys(_labels(labels, "spec.template.labels"))
    pod = template.get("spec", {})
    if pod.get("restartPolicy") not in ("OnFailure", "Never"):
        yield 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'
    yield from _pod(pod, "spec.template.spec")


def _indexed(name: str, spec: Mapping[str, Any]) -> Iterator[str]:
    if "completions" not in spec:
        yield "spec.completions: Required value: when completion mode is Indexed"
    elif len(pod := f"{name}-{spec['completions'] - 1}") > 63:
        yield f'metadata.name: Invalid value: "{name}": {_NO_DNS_LABEL}{pod}'
    if spec.get("parallelism", 1) > 100_000:
        yield "spec.parallelism: Invalid value: must be less than or equal to 100000"
    if "maxFailedIndexes" in spec and "backoffLimitPerIndex" not in spec:
        yield "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified"


def _exit_codes(spec: Mapping[str, Any]) -> Iterator[str]:
    for number, rule in enumerate(spec.get("podFailurePolicy", {}).get("rules", ())):
        where = f"spec.podFailurePolicy.rules[{number}]"
        codes = rule.get("onExitCodes", {})
        values = codes.get("values", [])
        if values != sorted(set(values)):
            yield f"{where}.onExitCodes.values: Invalid value: must be ordered and unique"
        if 0 in values and codes.get("operator") == "In":
            yield f"{where}.onExitCodes.values: Invalid value: must not be 0 for the In operator"
        if rule["action"] == "FailIndex" and "backoffLimitPerIndex" not in spec:
            yield f'{where}.action: Invalid value: "FailIndex": requires backoffLimitPerIndex'


def _pod(spec: Mapping[str, Any], where: str) -> Iterator[str]:
    volumes = {volume["name"] for volume in spec.get("volumes", ())}
    if not spec.get("containers"):
        yield f"{where}.containers: Required value"
    for number, container in enumerate(spec.get("containers", ())):
        at = f"{where}.containers[{number}]"
        for field in ("name", "image"):
            if not container.get(field):
                yield f"{at}.{field}: Required value"
        for place, mount in enumerate(container.get("volumeMounts", ())):
            if mount["name"] not in volumes:
                yield f'{at}.volumeMounts[{place}].name: Not found: "{mount["name"]}"'


def _unknown(manifest: Manifest) -> Iterator[str]:
    kind = manifest["kind"]
    yield from _other(manifest, "", "")
    yield from _other(manifest["metadata"], "metadata", "metadata.")
    if kind == "Job":
        spec = manifest.get("spec", {})
        yield from _other(spec, "spec", "spec.")
        yield from _unknown_of_pod(spec.get("template", {}).get("spec", {}), "spec.template.spec.")
    if kind == "Pod":
        yield from _unknown_of_pod(manifest.get("spec", {}), "spec.")


def _unknown_of_pod(spec: Mapping[str, Any], where: str) -> Iterator[str]:
    yield from _other(spec, "pod", where)
    for number, container in enumerate(spec.get("containers", ())):
        yield from _other(container, "container", f"{where}containers[{number}].")


def _other(value: Mapping[str, Any], known: str, where: str) -> Iterator[str]:
    return (f"{where}{field}" for field in value if field not in _KNOWN[known].split())


def _texts(manifest: Manifest) -> Iterator[tuple[str, Any]]:
    """What has to be text: JSON numbers and booleans in labels and env are refused."""
    meta = manifest["metadata"]
    for part in ("labels", "annotations"):
        yield from ((f"metadata.{part}", text) for text in (meta.get(part) or {}).values())
    if manifest["kind"] == "ConfigMap":
        for part in ("data", "binaryData"):
            yield from ((part, text) for text in (manifest.get(part) or {}).values())
    spec = manifest.get("spec", {})
    pod = spec.get("template", {}).get("spec", {}) if manifest["kind"] == "Job" else spec
    for container in pod.get("containers", ()):
        for part in ("command", "args"):
            yield from ((part, text) for text in container.get(part) or ())
        yield from (("env.value", each.get("value", "")) for each in container.get("env") or ())
