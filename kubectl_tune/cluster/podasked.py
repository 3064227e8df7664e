"""
What the options of `run` ask of a pod, as a patch.

Its rule: secrets are named, never held; values arrive as they were typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kubectl_tune.cluster import Manifest, podwords, resources
from kubectl_tune.cluster.labels import CONTAINER
from kubectl_tune.cluster.podwords import Claim, SecretEnv
from kubectl_tune.cluster.usertemplate import our_container
from kubectl_tune.podoptions import PodOptions


def asked(options: PodOptions, spec: Manifest, image: str) -> Manifest:
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
    wanted: Manifest = {
        "containers": [container],
        "volumes": list(_volumes(claims)),
        "imagePullSecrets": [{"name": name} for name in options.image_pull_secrets],
        "nodeSelector": dict(options.node_selector),
        "serviceAccountName": options.service_account,
        "priorityClassName": options.priority_class,
    }
    if options.tolerations:
        more = [podwords.toleration(each) for each in options.tolerations]
        wanted["tolerations"] = [*(spec.get("tolerations") or []), *more]
    if options.run_as_user is not None:
        wanted["securityContext"] = identity(options.run_as_user)
        # What a template says of the container would beat what is said of the pod.
        container["securityContext"] = {"runAsUser": None, "runAsNonRoot": None}
    kept = {name: value for name, value in wanted.items() if value}
    return {"spec": kept, "metadata": {"labels": dict(options.labels)}}


def identity(user: int | None) -> Manifest:
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
    return {name: f"kt-claim-{n}" for n, name in enumerate(dict.fromkeys(c.name for c in claims))}


def literal(text: str) -> str:
    """Kubernetes makes `$(NAME)` a variable's value and one $ of two; this undoes both."""
    return text.replace("$", "$$")
