"""
The pod of an attempt: what it runs is ours, how it runs is the user's, by options and template.

Its rule: what is typed beats what a template says, and both beat our defaults; what makes the
pod an attempt stays as it is. Without either, it passes PodSecurity `restricted`.
https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from kubectl_tune.cluster.podasked import asked, identity
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

    `command` and `env` are as manifests have them: see `podasked.literal` for texts with a $.
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


def _made(options: PodOptions, image: str, fixture: Fixture) -> tuple[Manifest, list[str]]:
    said = named(options.template)
    _check_mounts(options, fixture)
    image = image if image != STOCK_IMAGE else _image(said) or image
    user = options.run_as_user
    if user is None and is_stock(image):
        user = STOCK_USER
    ours = _ours(image, user, fixture)
    try:
        made, warnings = pinned(ours, merge(merge(ours, _defaults(user, fixture)), said))
    except BadPatch as error:
        raise UsageError(f"--template: {error}") from error
    made = merge(made, asked(options, made["spec"], image))
    spec = _given_way(made["spec"], said, options, user)
    return pinned(ours, {**made, "spec": spec})[0], warnings


def _check_mounts(options: PodOptions, fixture: Fixture) -> None:
    taken = {each["mountPath"] for each in fixture.mounts}
    for word in options.volumes:
        if podwords.claim(word).path in taken:
            raise UsageError(
                f"--volume {word}: files that the plan names travel to this folder",
                hint="mount the claim elsewhere, or name files on it in the plan",
            )


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
    container = {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(fixture.command),
        "env": list(fixture.env),
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
        "securityContext": identity(user) | {"seccompProfile": {"type": "RuntimeDefault"}},
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
    metadata = {"labels": dict(fixture.labels), "annotations": dict(fixture.annotations)}
    return {"metadata": metadata, "spec": spec}


def _defaults(user: int | None, fixture: Fixture) -> Manifest:
    """Return what we would have besides, as a patch; a template may change it."""
    # The home is for a user that the image may not know.
    known = user is None or any(each["name"] == "HOME" for each in fixture.env)
    env = [] if known else [{"name": "HOME", "value": HOME}]
    return {
        "metadata": {"annotations": UNDISTURBED},
        "spec": {"containers": [{"name": CONTAINER, "env": env}]},
    }


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
    return any(isinstance(each, dict) and not each.get("readOnly") for each in claims)
