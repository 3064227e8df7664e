"""
The pod of an attempt: what it runs is ours, how it runs is the user's, by options and template.

Its rule: what is typed beats what a template says, and both beat our defaults; what makes the
pod an attempt stays as it is. Without either, it passes PodSecurity `restricted`.
https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kubectl_tune.cluster import Manifest, podwords, resources
from kubectl_tune.cluster.labels import (
    APP_LABEL,
    CONTAINER,
    INSTANCE,
    JOB_ID_LABEL,
    MANAGED_BY,
    NAME,
)
from kubectl_tune.cluster.pinned import pinned
from kubectl_tune.cluster.podwords import Claim, SecretEnv
from kubectl_tune.cluster.strategicmerge import BadPatch, merge
from kubectl_tune.cluster.usertemplate import named, our_container
from kubectl_tune.errors import UsageError
from kubectl_tune.podoptions import STOCK_IMAGE, PodOptions

STOCK_USER = 1000  # the stock image is root's, and needs no root
HOME = "/tmp"  # of a user that the image doesn't know, whose home would be /
NODE_LOST = 60  # seconds until a pod on a node that is gone is given up; Kubernetes' 300 are long

UNDISTURBED = {
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    "karpenter.sh/do-not-disrupt": "true",
}


@dataclass(frozen=True, slots=True)
class Fixture:
    """What makes a pod an attempt, in the form that manifests have; no template changes it."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    command: Sequence[str]
    env: Sequence[Manifest]
    volumes: Sequence[Manifest]
    mounts: Sequence[Manifest]
    deadline: int | None
    grace: int


def pod_template(
    options: PodOptions,
    *,
    image: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    command: Sequence[str],
    env: Sequence[Manifest],
    volumes: Sequence[Manifest],
    mounts: Sequence[Manifest],
    deadline: int | None,
    grace: int,
) -> Manifest:
    """
    Return `{"metadata": ..., "spec": ...}` for a Job; `image` is the trial's or the session's.

    `command` and `env` are as manifests have them: see `literal` for texts with a $.
    """
    fixture = Fixture(labels, annotations, command, env, volumes, mounts, deadline, grace)
    return _made(options, image, fixture)[0]


def template_warnings(options: PodOptions) -> list[str]:
    """Say what of the user's template will not be heeded; `UsageError` if it can't be merged."""
    plan = {"name": "kt-plan", "mountPath": "/kt/plan"}
    found_by = dict.fromkeys((APP_LABEL, JOB_ID_LABEL, NAME, MANAGED_BY, INSTANCE), "")
    fixture = Fixture(found_by, {}, ["agent"], [], [{"name": "kt-plan"}], [plan], None, 30)
    return _made(options, options.image, fixture)[1]


def job_labels(options: PodOptions) -> dict[str, str]:
    """Return what the Job itself carries: the user's labels, and Kueue's."""
    return {**options.labels, **({podwords.QUEUE: options.queue} if options.queue else {})}


def literal(text: str) -> str:
    """Kubernetes makes `$(NAME)` a variable's value and one $ of two; this undoes both."""
    return text.replace("$", "$$")


def _made(options: PodOptions, image: str, fixture: Fixture) -> tuple[Manifest, list[str]]:
    said = named(options.template)
    image = image if image != STOCK_IMAGE else _image(said) or image
    user = options.run_as_user
    if user is None and is_stock(image):
        user = STOCK_USER
    ours = _ours(image, user, fixture)
    try:
        made, warnings = pinned(ours, merge(ours, said))
    except BadPatch as error:
        raise UsageError(f"--template: {error}") from error
    made = merge(made, _asked(options, made["spec"], image))
    spec = _given_way(made["spec"], said, options, user)
    return pinned(ours, {**made, "spec": spec})[0], warnings


def _image(said: Manifest) -> str:
    image = our_container(said).get("image") or ""
    if not isinstance(image, str):
        raise UsageError(f"--template: spec.containers: image {image} is no text")
    return image


def is_stock(image: str) -> bool:
    name = image.removeprefix("docker.io/").removeprefix("library/")
    return name == STOCK_IMAGE


def _ours(image: str, user: int | None, fixture: Fixture) -> Manifest:
    """Return the pod that is made where nothing is asked for."""
    home = [{"name": "HOME", "value": HOME}] if user is not None else []
    names = {each["name"] for each in fixture.env}
    container = {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(fixture.command),
        "env": [*fixture.env, *(each for each in home if each["name"] not in names)],
        "resources": {kind: dict(values) for kind, values in resources.DEFAULTS.items()},
        "volumeMounts": list(fixture.mounts),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    deadline = {"activeDeadlineSeconds": fixture.deadline} if fixture.deadline is not None else {}
    spec = {
        "containers": [container],
        "volumes": list(fixture.volumes),
        "restartPolicy": "Never",
        **deadline,
        "terminationGracePeriodSeconds": fixture.grace,
        "serviceAccountName": "default",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": _identity(user) | {"seccompProfile": {"type": "RuntimeDefault"}},
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{what}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": NODE_LOST,
            }
            for what in ("not-ready", "unreachable")
        ],
    }
    annotations = {**UNDISTURBED, **fixture.annotations}
    return {"metadata": {"labels": dict(fixture.labels), "annotations": annotations}, "spec": spec}


def _asked(options: PodOptions, spec: Manifest, image: str) -> Manifest:
    """Return the options as a patch; lists without merge keys go behind those of `spec`."""
    claims = [podwords.claim(each) for each in options.volumes]
    secrets = [podwords.secret_env(each) for each in options.secret_env]
    container: Manifest = {
        "name": CONTAINER,
        "image": image,
        "env": _env(options.env, secrets),
        "resources": resources.asked(options),
        "volumeMounts": list(_mounts(claims)),
    }
    if whole := [{"secretRef": {"name": each.secret}} for each in secrets if not each.name]:
        before = our_container({"spec": spec}).get("envFrom") or []
        container["envFrom"] = [*before, *whole]
    asked: Manifest = {
        "containers": [container],
        "volumes": list(_volumes(claims)),
        "imagePullSecrets": [{"name": name} for name in options.image_pull_secrets],
        "nodeSelector": dict(options.node_selector),
        "serviceAccountName": options.service_account,
        "priorityClassName": options.priority_class,
    }
    if options.tolerations:
        more = [podwords.toleration(each) for each in options.tolerations]
        asked["tolerations"] = [*(spec.get("tolerations") or []), *more]
    if options.run_as_user is not None:
        asked["securityContext"] = _identity(options.run_as_user)
    kept = {name: value for name, value in asked.items() if value}
    return {"spec": kept, "metadata": {"labels": dict(options.labels)}}


def _identity(user: int | None) -> Manifest:
    return {} if user is None else {"runAsNonRoot": user != 0, "runAsUser": user}


def _env(values: Mapping[str, str], secrets: Iterable[SecretEnv]) -> list[Manifest]:
    # The null takes away what a template may have given under the same name.
    given = [
        {"name": name, "value": literal(value), "valueFrom": None} for name, value in values.items()
    ]
    keys = [
        {
            "name": each.name,
            "value": None,
            "valueFrom": {"secretKeyRef": {"name": each.secret, "key": each.key}},
        }
        for each in secrets
        if each.name
    ]
    return given + keys


def _volumes(claims: Sequence[Claim]) -> Iterable[Manifest]:
    """Yield a volume for each claim, however often it is mounted."""
    for name, volume in _volume_names(claims).items():
        only_read = all(each.read_only for each in claims if each.name == name)
        source = {"claimName": name, **({"readOnly": True} if only_read else {})}
        yield {"name": volume, "persistentVolumeClaim": source}


def _mounts(claims: Sequence[Claim]) -> Iterable[Manifest]:
    names = _volume_names(claims)
    for each in claims:
        mode = {"readOnly": True} if each.read_only else {}
        yield {"name": names[each.name], "mountPath": each.path, **mode}


def _volume_names(claims: Sequence[Claim]) -> dict[str, str]:
    return {name: f"claim-{n}" for n, name in enumerate(dict.fromkeys(c.name for c in claims))}


def _given_way(spec: Manifest, said: Manifest, options: PodOptions, user: int | None) -> Manifest:
    """Return the spec without the defaults that don't go with what was said."""
    ours, mine = our_container({"spec": spec}), our_container(said)
    amounts = resources.settled(ours["resources"], mine.get("resources"), options)
    others = [each for each in spec["containers"] if each["name"] != CONTAINER]
    security = dict(spec.get("securityContext") or {})
    if user is not None and _writes_claims(spec):
        security = {
            "fsGroup": security.get("runAsUser", user),
            # A volume that is this group's already is left alone, however large.
            "fsGroupChangePolicy": "OnRootMismatch",
            **security,
        }
    if options.run_as_user is None and _wants_root(said, mine):
        security.pop("runAsNonRoot", None)
    containers = [{**ours, "resources": amounts}, *others]
    return {**spec, "containers": containers, "securityContext": security}


def _wants_root(said: Manifest, mine: Manifest) -> bool:
    told = [part.get("securityContext") or {} for part in (said.get("spec") or {}, mine)]
    root = any(each.get("runAsUser") == 0 for each in told)
    return root and not any("runAsNonRoot" in each for each in told)


def _writes_claims(spec: Manifest) -> bool:
    claims = (each.get("persistentVolumeClaim") for each in spec.get("volumes") or [])
    return any(each is not None and not each.get("readOnly") for each in claims)
