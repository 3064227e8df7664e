"""
Checks that one can make of a namespace by asking its API server; nothing is created by them.

Its rule: every check is one sentence of its own, and what may not be looked at is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum

from kubectl_tune.cluster import ClusterClient, Manifest, headroom, observed, podsecurity
from kubectl_tune.cluster.refusals import NEVER, refusal
from kubectl_tune.cluster.rights import POD_DRY_RUN, RIGHTS, Right
from kubectl_tune.cluster.verdict import sentence
from kubectl_tune.errors import ClusterError, Forbidden, NotFound, TuneError

ASKING = 8  # questions at once
ROLE_HINT = "grant it: kubectl tune doctor --rbac prints the Role, for kubectl apply -f -"


class Outcome(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    outcome: Outcome
    sentence: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be run: a Job as it would be sent, and how many trials at once."""

    job: Manifest = field(default_factory=dict)
    parallel: int = 1

    @property
    def pod(self) -> Manifest:
        return dict(self.job["spec"]["template"]["spec"])


def failed(name: str, error: TuneError) -> Check:
    return Check(name, Outcome.FAIL, sentence(str(error)), error.hint)


def of_namespace(client: ClusterClient, name: str, wish: Wish) -> Iterator[Check]:
    namespace: Manifest = {}
    try:
        namespace = client.get("Namespace", name)
    except NotFound:
        yield Check(
            "namespace", Outcome.FAIL, f"namespace {name} does not exist",
            f"create it: kubectl create namespace {name}; or name another: -n NAMESPACE",
        )  # fmt: skip
        return
    except Forbidden:
        yield Check("namespace", Outcome.SKIP, f"namespace {name}: we may not look at it")
    else:
        yield _phase(name, namespace)
    allowed: dict[str, bool] = {}
    yield from _rights(client, allowed)
    yield from _security(namespace, wish.pod)
    yield from _tried(client, wish, allowed)
    yield from _quotas(client, wish)
    yield from _limits(client, wish)


def _phase(name: str, namespace: Manifest) -> Check:
    if observed.phase(namespace) == "Terminating" or observed.being_deleted(namespace):
        return Check("namespace", Outcome.FAIL, f"namespace {name} is being deleted",
                     "name another: -n NAMESPACE")  # fmt: skip
    return Check("namespace", Outcome.OK, f"namespace {name} exists")


def _rights(client: ClusterClient, allowed: dict[str, bool]) -> Iterator[Check]:
    """Ask for every right, note the answers in `allowed`, and name what is missing."""
    asked = (*RIGHTS, POD_DRY_RUN)

    def may(right: Right) -> bool:
        return client.can_i(
            right.verb, right.resource, group=right.group, subresource=right.subresource
        )

    with ThreadPoolExecutor(ASKING) as pool:
        allowed.update(zip(map(str, asked), pool.map(may, asked), strict=True))
    missing = [right for right in RIGHTS if not allowed[str(right)]]
    for right in missing:
        outcome = Outcome.WARN if right.optional else Outcome.FAIL
        said = f"{'optional ' * right.optional}right missing: {right} ({right.why})"
        yield Check("rights", outcome, said, ROLE_HINT if right is missing[-1] else "")
    if not missing:
        yield Check("rights", Outcome.OK, f"all {len(RIGHTS)} rights that are needed are granted")


def _security(namespace: Manifest, pod: Manifest) -> Iterator[Check]:
    level = podsecurity.level(namespace)
    if not level:
        return
    if wrong := podsecurity.violations(level, pod):
        yield Check(
            "podsecurity", Outcome.FAIL,
            f"PodSecurity {level} is enforced and forbids our pods: {', '.join(wrong)}",
            "for a non-root user add --run-as-user 1000",
        )  # fmt: skip
    else:
        yield Check("podsecurity", Outcome.OK, f"our pods fit PodSecurity {level}")


# What is tried


def _tried(client: ClusterClient, wish: Wish, allowed: dict[str, bool]) -> Iterator[Check]:
    yield from _try(client, "Job", wish.job, "create jobs", allowed, needed=True)
    template = wish.job["spec"]["template"]
    metadata = {
        "name": wish.job["metadata"]["name"],
        "namespace": client.namespace,
        "labels": (template.get("metadata") or {}).get("labels") or {},
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    yield from _try(client, "Pod", pod, "create pods", allowed, needed=False)


def _try(
    client: ClusterClient,
    kind: str,
    manifest: Manifest,
    right: str,
    allowed: dict[str, bool],
    *,
    needed: bool,
) -> Iterator[Check]:
    name = f"dry-run-{kind.lower()}"
    if not allowed[right]:
        why = "" if needed else ", which nothing else needs"
        yield Check(name, Outcome.SKIP, f"no {kind} was tried: that takes the right {right}{why}")
        return
    client.warnings()  # of before
    try:
        client.create(manifest, dry_run=True)
    except ClusterError as error:
        yield _refused(name, kind, error)
    else:
        yield Check(name, Outcome.OK, f"the server would take our {kind}s (dry run)")
    for warning in client.warnings():
        yield Check(name, Outcome.WARN, sentence("the server warns:", warning))


def _refused(name: str, kind: str, error: ClusterError) -> Check:
    known = refusal(str(error))
    if known is None:
        said = sentence(f"the server would refuse our {kind}s:", str(error))
        return Check(name, Outcome.FAIL, said, error.hint)
    passes = known[0].final == NEVER  # a quota that is full now may have room later
    return Check(name, Outcome.WARN if passes else Outcome.FAIL, known[1], known[0].hint)


def _quotas(client: ClusterClient, wish: Wish) -> Iterator[Check]:
    found = _listed(client, "ResourceQuota")
    if isinstance(found, Check):
        yield found
        return
    for quota in found:
        yield _quota(quota, wish)
    if not found:
        yield Check("quota", Outcome.OK, "no quota limits this namespace")


def _quota(quota: Manifest, wish: Wish) -> Check:
    name = observed.name(quota)
    if missing := headroom.unspecified(quota, wish.pod):
        said = f"quota {name} takes no pod that does not specify {', '.join(missing)}"
        hint = "give it with --cpu and --memory, or in --template"
        return Check("quota", Outcome.FAIL, said, hint)
    rooms = headroom.rooms(quota, wish.pod)
    if never := next((room for room in rooms if room.most == 0), None):
        said = f"it allows {never.hard} of {never.resource} in all"
        return Check(
            "quota", Outcome.FAIL, f"quota {name} never has room for one trial: {said}",
            "have it raised, or name another namespace: -n NAMESPACE" if never.counts
            else "ask for less with --cpu and --memory",
        )  # fmt: skip
    if not rooms or rooms[0].fits >= wish.parallel:
        return Check("quota", Outcome.OK, f"quota {name} has room for {wish.parallel} at once")
    least = rooms[0]
    return Check(
        "quota", Outcome.WARN,
        f"quota {name} has room for {least.fits} of {wish.parallel} at once now:"
        f" {least.used} of {least.hard} {least.resource} are used",
        "the others will wait; lower -j, --cpu or --memory to fit",
    )  # fmt: skip


def _limits(client: ClusterClient, wish: Wish) -> Iterator[Check]:
    found = _listed(client, "LimitRange")
    if isinstance(found, Check):
        yield found
        return
    for each in found:
        name = observed.name(each)
        broken = list(headroom.broken_limits(each, wish.pod))
        if broken:
            yield Check("limits", Outcome.FAIL, f"limit range {name} allows {'; '.join(broken)}",
                        "change --cpu or --memory")  # fmt: skip
        else:
            yield Check("limits", Outcome.OK, f"our pods keep to limit range {name}")


def _listed(client: ClusterClient, kind: str) -> Sequence[Manifest] | Check:
    names = {"ResourceQuota": ("quota", "quotas"), "LimitRange": ("limits", "limit ranges")}
    name, what = names[kind]
    try:
        return client.list(kind)[0]
    except Forbidden:
        return Check(name, Outcome.SKIP, f"{what}: we may not look at them")
    except ClusterError as error:
        return failed(name, error)
