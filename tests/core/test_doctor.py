"""The checks before the first Job, against an API server that answers as it is told to."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from core.conftest import unprivileged
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.cluster.headroom import broken_limits, needs, rooms
from kubectl_tune.cluster.podsecurity import violations
from kubectl_tune.cluster.quantity import amount
from kubectl_tune.cluster.rights import RIGHTS
from kubectl_tune.doctor import Check, Outcome, Way, Wish, examine, passed
from kubectl_tune.errors import Forbidden, NotFound, TuneError, Unauthorized, Unreachable

NOW = 1767225600.0  # 2026-01-01T00:00:00Z
POD: dict[str, Any] = {
    "securityContext": {
        "runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"},
    },
    "containers": [{
        "name": "tuning-runner",
        "resources": {
            "requests": {"cpu": "500m", "memory": "512Mi"},
            "limits": {"cpu": "2000m", "memory": "2Gi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
        },
    }],
}  # fmt: skip
WAY = Way("lab", "https://lab.example:6443", "tuning", "jane")


class Server:
    """An API server of which a test says what is not as it should be."""

    namespace = "tuning"

    def __init__(self, *, denied: Sequence[str] = (), minor: str = "34") -> None:
        self.denied = set(denied)
        self.minor = minor
        self.labels: dict[str, str] = {}
        self.things: dict[str, list[dict[str, Any]]] = {}
        self.refusals: dict[str, str] = {}  # by kind: what admission says to a dry run
        self.says: list[str] = []  # warnings at each dry run
        self.time = "2026-01-01T00:00:00Z"
        self.made: list[str] = []
        self._warned: list[str] = []

    def server_version(self) -> dict[str, Any]:
        return {"major": "1", "minor": self.minor, "gitVersion": f"v1.{self.minor}.0"}

    def create(self, manifest: dict[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        kind = manifest["kind"]
        if kind == "SelfSubjectReview":
            who = {"userInfo": {"username": "jane@example.com"}}
            return {"metadata": {"creationTimestamp": self.time}, "status": who}
        if not dry_run:
            self.made.append(kind)
        self._warned += self.says
        if kind in self.refusals:
            raise Forbidden(self.refusals[kind], reason="Forbidden", code=403)
        return manifest

    def get(self, kind: str, name: str) -> dict[str, Any]:
        self._look(f"get {kind.lower()}s")
        if kind == "Namespace" and "no namespace" in self.denied:
            raise NotFound(f'namespaces "{name}" not found')
        return {"metadata": {"name": name, "labels": self.labels}, "status": {"phase": "Active"}}

    def list(self, kind: str, selector: str = "", fields: str = "") -> tuple[list[Any], str]:
        self._look(f"list {kind.lower()}s")
        return self.things.get(kind, []), "1"

    def can_i(self, verb: str, resource: str, *, group: str = "", subresource: str = "") -> bool:
        path = f"{resource}/{subresource}" if subresource else resource
        return f"{verb} {path}" not in self.denied

    def warnings(self) -> list[str]:
        said, self._warned = self._warned, []
        return said

    def close(self) -> None: ...

    def _look(self, right: str) -> None:
        if right in self.denied:
            raise Forbidden(f"cannot {right}", reason="Forbidden", code=403)


def wish(pod: dict[str, Any] = POD, parallel: int = 4) -> Wish:
    template = {"metadata": {"labels": {}}, "spec": pod}
    job = {"kind": "Job", "metadata": {"name": "doctor"}, "spec": {"template": template}}
    return Wish(job, parallel)


def checks(
    server: Any, *, wanted: Wish | None = None, way: Way = WAY, state: Path = Path("state.db")
) -> list[Check]:
    connect: Callable[[], Any] = lambda: server  # noqa: E731
    return list(examine(lambda: way, connect, wanted or wish(), state, clock=lambda: NOW))


def said(found: Sequence[Check], outcome: Outcome) -> list[str]:
    return [check.sentence for check in found if check.outcome is outcome]


def quota(name: str = "q", *, used: dict[str, str] | None = None, **hard: str) -> dict[str, Any]:
    amounts = {key.replace("__", "/").replace("_", "."): value for key, value in hard.items()}
    status = {"hard": amounts, "used": used or {}}
    return {"metadata": {"name": name}, "spec": {"hard": amounts}, "status": status}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_where_all_is_well_nothing_is_wrong_and_nothing_is_made():
    """
    Doctor only asks, and a healthy cluster passes without a warning.
    """
    server = Server()

    found = checks(server, state=Path.cwd() / "state.db")

    assert {check.outcome for check in found} == {Outcome.OK}
    assert passed(found)
    assert server.made == []
    assert list(Path.cwd().iterdir()) == []


def test_every_missing_right_is_named():
    """
    Each verb on its own, those that are optional as warnings.
    """
    needed = [str(right) for right in RIGHTS if not right.optional]
    optional = [str(right) for right in RIGHTS if right.optional]

    found = checks(Server(denied=[*needed, *optional]))

    failures, warnings = said(found, Outcome.FAIL), said(found, Outcome.WARN)
    assert [right for right in needed if not any(right in text for text in failures)] == []
    assert [right for right in optional if not any(right in text for text in warnings)] == []
    assert any("doctor --rbac" in check.hint for check in found)


def test_optional_rights_are_no_failure():
    """
    Who may not read quotas can still run trials.
    """
    denied = [str(right) for right in RIGHTS if right.optional]
    names = ("resourcequotas", "limitranges", "namespaces")

    found = checks(Server(denied=[*denied, "create pods", *(f"get {n}" for n in names)]))

    assert passed(found)
    assert any("create pods" in text for text in said(found, Outcome.SKIP))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Unreachable("The connection to the server lab was refused", hint="start it"), "refused"),
        (Unauthorized("You must be logged in to the server"), "logged in"),
    ],
)
def test_a_server_that_does_not_answer_ends_the_questions(error: TuneError, words: str):
    """
    One failure says it; there is nobody to ask the rest.
    """

    def connect() -> Any:
        raise error

    found = list(examine(lambda: WAY, connect, wish(), Path("state.db"), clock=lambda: NOW))

    (failure,) = [check for check in found if check.outcome is Outcome.FAIL]
    assert words in failure.sentence
    assert failure.hint == error.hint
    assert found[-1].name == "state"


def test_without_a_kubeconfig_the_state_file_is_still_looked_at():
    """
    Each check that can be made is made.
    """

    def find() -> Way:
        raise Unreachable("no configuration has been provided", hint="set KUBECONFIG")

    found = list(examine(find, lambda: pytest.fail("asked"), wish(), Path("state.db")))

    assert [(check.name, check.outcome) for check in found] == [
        ("kubeconfig", Outcome.FAIL),
        ("state", Outcome.OK),
    ]


def test_a_plugin_that_is_not_there_is_named():
    """
    A kubeconfig may ask for a program that nobody has installed.
    """
    found = checks(Server(), way=Way("lab", "https://x", "tuning", plugin="aws-iam-helper"))

    assert any("aws-iam-helper" in text for text in said(found, Outcome.FAIL))


@pytest.mark.parametrize(
    ("minor", "outcome"), [("28", Outcome.WARN), ("29+", Outcome.OK), ("40", Outcome.OK)]
)
def test_old_servers_are_warned_of(minor: str, outcome: Outcome):
    """
    Versions are read as providers write them, with a plus.
    """
    (check,) = [check for check in checks(Server(minor=minor)) if check.name == "server"]

    assert check.outcome is outcome


@pytest.mark.parametrize(
    ("time", "words"),
    [("2026-01-01T00:10:00Z", "600s ahead"), ("2025-12-31T23:58:00Z", "120s behind")],
)
def test_clocks_that_differ_are_noticed(time: str, words: str):
    """
    Ages are the server's times seen from here.
    """
    server = Server()
    server.time = time

    assert [text for text in said(checks(server), Outcome.WARN) if words in text]


def test_a_namespace_that_is_not_there_ends_the_questions():
    """
    Nothing else about it can be known.
    """
    found = checks(Server(denied=["no namespace"]))

    (failure,) = [check for check in found if check.outcome is Outcome.FAIL]
    assert "kubectl create namespace tuning" in failure.hint


def test_pods_that_a_namespace_forbids_are_found_without_making_one():
    """
    The level is a label; whether our pods fit is known from their manifest.
    """
    server = Server(denied=["create pods"])
    server.labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    root = {**POD, "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}

    assert passed(checks(server))
    (failure,) = said(checks(server, wanted=wish(root)), Outcome.FAIL)
    assert "runAsNonRoot" in failure


@pytest.mark.parametrize(
    ("message", "outcome", "words"),
    [
        (('pods "doctor" is forbidden: exceeded quota: two, requested: pods=1, used: pods=2,'
         " limited: pods=2"), Outcome.WARN, "two"),
        ('admission webhook "v.example" denied the request: no team', Outcome.FAIL, "no team"),
        ("the moon is in the way", Outcome.FAIL, "the moon"),
    ],
)  # fmt: skip
def test_what_admission_says_to_a_dry_run_is_passed_on(message: str, outcome: Outcome, words: str):
    """
    A quota that is full now is a warning: trials will wait for it; all else would fail them.
    """
    server = Server()
    server.refusals = {"Pod": message}

    assert any(words in text for text in said(checks(server), outcome))


def test_warnings_of_the_server_are_passed_on():
    """
    A namespace may only warn of what it will forbid one day.
    """
    server = Server()
    server.says = ['would violate PodSecurity "restricted:latest"']

    assert any("would violate" in text for text in said(checks(server), Outcome.WARN))


@pytest.mark.parametrize(
    ("hard", "used", "outcome", "words"),
    [
        ({"pods": "10"}, {"pods": "2"}, Outcome.OK, "room for 4"),
        ({"pods": "4"}, {"pods": "2"}, Outcome.WARN, "2 of 4 at once now: 2 of 4 pods are used"),
        ({"requests_cpu": "1"}, {}, Outcome.WARN, "2 of 4 at once now: 0 of 1 requests.cpu"),
        ({"limits_memory": "1Gi"}, {}, Outcome.FAIL, "never has room for one trial: it allows 1Gi"),
        ({"count__jobs_batch": "3"}, {"count/jobs.batch": "3"}, Outcome.WARN, "0 of 4"),
        ({"services": "0"}, {}, Outcome.OK, "room for 4"),
        ({"limits_ephemeral-storage": "1Gi"}, {}, Outcome.FAIL, "limits.ephemeral-storage"),
    ],
)
def test_quotas_are_compared_with_what_is_wanted(
    hard: dict[str, str], used: dict[str, str], outcome: Outcome, words: str
):
    """
    The scarcest resource is named with its numbers.
    """
    server = Server()
    server.things["ResourceQuota"] = [quota(used=used, **hard)]

    (check,) = [check for check in checks(server) if check.name == "quota"]

    assert check.outcome is outcome
    assert words in check.sentence


def test_quotas_for_other_pods_are_left_out():
    """
    A quota of pods that end by a deadline says nothing about those without.
    """
    limited = quota(pods="0")
    limited["spec"]["scopes"] = ["Terminating"]

    assert rooms(limited, POD) == []
    assert rooms(limited, {**POD, "activeDeadlineSeconds": 9})[0].most == 0


def test_limit_ranges_are_compared_with_our_pods():
    """
    Maximum, minimum and ratio, each with what is allowed and what is asked for.
    """
    item = {
        "type": "Container", "max": {"memory": "1Gi"}, "min": {"cpu": "1"},
        "maxLimitRequestRatio": {"cpu": "2"},
    }  # fmt: skip
    broken = list(broken_limits({"spec": {"limits": [item]}}, POD))

    assert broken == [
        "at most 1Gi of memory per Container, and it asks for 2Gi",
        "at least 1 of cpu per Container, and it asks for 500m",
        "cpu limited to at most 2 times what is requested per Container",
    ]


def test_what_is_only_limited_counts_as_requested():
    """
    As the API server has it, and so its quotas.
    """
    pod = {"containers": [{"resources": {"limits": {"cpu": "2"}}}]}

    assert needs(pod)["requests.cpu"] == 2


def test_each_restriction_is_noticed():
    """
    A pod that sets nothing breaks every rule of the strictest level and none of the next.
    """
    bare = {"containers": [{"name": "x"}]}

    assert violations("restricted", POD) == []
    assert len(violations("restricted", bare)) == 4
    assert violations("baseline", bare) == []
    assert violations("baseline", {**bare, "volumes": [{"name": "v", "hostPath": {}}]})


def test_a_state_file_that_can_not_be_written_is_a_failure(public: Path):
    """
    Better said now than when the first result has to be saved.
    """
    folder = public / "locked"
    folder.mkdir()
    folder.chmod(0o500)

    def outcomes() -> list[str]:
        os.chdir("/")
        found = checks(Server(), state=folder / "deep" / "state.db")
        return [str(check.outcome) for check in found if check.name == "state"]

    assert unprivileged(outcomes) == ["fail"]


def test_a_state_file_that_is_none_is_a_failure():
    """
    What is there is opened, and left as it is.
    """
    path = Path.cwd() / "state.db"
    path.write_bytes(b"something else entirely" * 100)

    found = checks(Server(), state=path)

    assert not passed(found)
    assert path.read_bytes() == b"something else entirely" * 100


@given(st.decimals(0, 10**6, places=3), st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "Gi"]))
def test_quantities_are_exact(number: Decimal, suffix: str):
    """
    No rounding comes between a quota and what fits into it.
    """
    scale = {"": 1, "m": Decimal("0.001"), "k": 1000, "M": 10**6, "Ki": 1024, "Mi": 1024**2,
             "Gi": 1024**3}  # fmt: skip

    assert amount(f"{number:f}{suffix}") == number * scale[suffix]


@given(st.text(max_size=8))
def test_what_is_no_quantity_is_none(text: str):
    """
    Strange words of a server are no crash.
    """
    assert amount(text) is None or amount(text) >= 0 or text.startswith("-")
