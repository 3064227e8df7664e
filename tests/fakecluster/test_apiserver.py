"""Objects as the fake API server keeps them: what it adds, refuses and deletes."""

from __future__ import annotations

import base64

import pytest

from fakecluster import FakeClient, FakeCluster
from fakecluster.samples import config_map, indexed, job, owned_by, pod
from kubectl_tune.cluster import ClusterClient
from kubectl_tune.errors import ClusterError, Conflict, Forbidden, Invalid, NotFound


def test_a_client_is_what_the_protocol_asks_for(client: FakeClient) -> None:
    """Everything that takes a ClusterClient takes this one."""
    taken: ClusterClient = client

    assert taken.namespace == "default"
    assert taken.server.startswith("https://")
    assert taken.server_version()["gitVersion"].startswith("v1.34")


def test_what_is_created_has_what_the_server_adds(client: FakeClient) -> None:
    """An object comes back with uid, time, version and defaults, and so it stays."""
    made = client.create(job("j", "true"))

    assert {"uid", "creationTimestamp", "resourceVersion"} <= set(made["metadata"])
    assert made["metadata"]["namespace"] == "default"
    assert made["spec"]["completions"] == made["spec"]["parallelism"] == 1
    assert made["spec"]["template"]["metadata"]["labels"]["job-name"] == "j"
    assert made["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 30
    assert client.get("Job", "j")["metadata"]["uid"] == made["metadata"]["uid"]


def test_returned_objects_are_the_callers_own(client: FakeClient) -> None:
    """Who changes what was returned changes nothing in the cluster."""
    client.create(config_map("m", data={"a": "1"}))

    client.get("ConfigMap", "m")["data"]["a"] = "2"
    client.list("ConfigMap")[0][0]["data"]["a"] = "3"

    assert client.get("ConfigMap", "m")["data"] == {"a": "1"}


def test_names_are_given_once(client: FakeClient) -> None:
    """A second object of a name is refused in the server's words, a dry run as well."""
    client.create(job("j"))

    for dry_run in (False, True):
        with pytest.raises(Conflict, match=r'jobs.batch "j" already exists') as caught:
            client.create(job("j"), dry_run=dry_run)
        assert (caught.value.reason, caught.value.code) == ("AlreadyExists", 409)


def test_a_dry_run_leaves_nothing(client: FakeClient) -> None:
    """It answers as a creation does, with nothing created."""
    assert client.create(job("j"), dry_run=True)["metadata"]["uid"]

    with pytest.raises(NotFound, match=r'jobs.batch "j" not found'):
        client.get("Job", "j")


def test_generated_names_differ(client: FakeClient) -> None:
    """generateName is completed by five characters, its own part cut at 58."""
    names = []
    for _ in range(2):
        made = pod("", "true")
        made["metadata"] = {"generateName": "x" * 70}
        names.append(client.create(made, dry_run=True)["metadata"]["name"])

    assert {len(name) for name in names} == {63}
    assert len(set(names)) == 2


LONG = "a" * 64


@pytest.mark.parametrize(
    ("manifest", "code", "words"),
    [
        (config_map("Bad_Name"), 422, "metadata.name: Invalid value: "),
        (config_map("a", {"x": "not legal"}), 422, 'metadata.labels: Invalid value: "not legal"'),
        (config_map("a", {"-x": ""}), 422, 'metadata.labels: Invalid value: "-x": name part'),
        (config_map("a", {"x": LONG}), 422, "must be no more than 63 characters"),
        (config_map("a", data={"a/b": ""}), 422, "a valid config key must consist of"),
        (config_map("a", data={"a": 1}), 400, "json: cannot unmarshal"),
        (job(LONG), 422, f'spec.template.labels: Invalid value: "{LONG}"'),
        (job("a", backofflimit=1), 400, 'strict decoding error: unknown field "spec.backofflimit"'),
        (
            job("a", container={"foo": 1}),
            400,
            'unknown field "spec.template.spec.containers[0].foo',
        ),
        (job("a", container={"env": [{"name": "A", "value": 1}]}), 400, "env.value of type string"),
        (job("a", backoffLimitPerIndex=1), 422, "requires indexed completion mode"),
        (job("a", container={"pod": {"restartPolicy": "Always"}}), 422, "restartPolicy: Required"),
        (indexed("a" * 60, completions=101), 422, "invalid DNS label"),
    ],
)
def test_what_cannot_be_is_refused(
    client: FakeClient, manifest: dict[str, object], code: int, words: str
) -> None:
    """The server's own sentence says which field can't be, and nothing is created."""
    with pytest.raises(Invalid) as caught:
        client.create(manifest)

    assert words in str(caught.value)
    assert caught.value.code == code
    assert not client.list(str(manifest["kind"]))[0]


def test_all_problems_come_at_once(client: FakeClient) -> None:
    """Several problems are told in lines of their own."""
    with pytest.raises(Invalid) as caught:
        client.create(config_map("B", {"x": "y z"}))

    said = str(caught.value).splitlines()
    assert said[0] == 'The ConfigMap "B" is invalid: '
    assert said[1].startswith('* metadata.name: Invalid value: "B": a lowercase RFC 1123')
    assert said[2].startswith('* metadata.labels: Invalid value: "y z": a valid label')


def test_config_maps_hold_a_mebibyte(client: FakeClient) -> None:
    """The values together may have 1 MiB, binary ones as what they decode to."""
    half = "x" * (512 * 1024)
    packed = base64.b64encode(half.encode()).decode()

    client.create(config_map("full", data={"a": half}, binaryData={"b": packed}))
    with pytest.raises(Invalid, match="may not be more than 1048576 bytes"):
        client.create(config_map("more", data={"a": half, "c": "x"}, binaryData={"b": packed}))


def test_immutable_config_maps_stay(client: FakeClient) -> None:
    """Neither data nor the mark can be changed; labels can."""
    client.create(config_map("m", data={"a": "1"}, immutable=True))

    for patch in ({"data": {"a": "2"}}, {"immutable": False}, {"binaryData": {"b": ""}}):
        with pytest.raises(Invalid, match="field is immutable when `immutable` is set"):
            client.patch("ConfigMap", "m", patch)
    assert client.patch("ConfigMap", "m", {"metadata": {"labels": {"z": "1"}}})


def test_a_patch_merges(client: FakeClient) -> None:
    """Given keys are set, null ones go, the others stay; no change makes no new version."""
    client.create(config_map("m", {"keep": "1", "go": "1"}, data={"a": "1"}))

    once = client.patch("ConfigMap", "m", {"metadata": {"labels": {"go": None, "new": "2"}}})
    twice = client.patch("ConfigMap", "m", {"metadata": {"labels": {"new": "2"}}})

    assert once["metadata"]["labels"] == {"keep": "1", "new": "2"}
    assert twice["metadata"]["resourceVersion"] == once["metadata"]["resourceVersion"]


def test_a_patch_of_another_version_is_a_conflict(client: FakeClient) -> None:
    """Who names a version that has passed is told to look again."""
    client.create(config_map("m"))

    with pytest.raises(Conflict, match="the object has been modified") as caught:
        client.patch("ConfigMap", "m", {"metadata": {"resourceVersion": "1"}})
    assert caught.value.reason == "Conflict"


def test_a_jobs_template_is_fixed(client: FakeClient) -> None:
    """Parallelism and suspension can be changed, what a Job runs and how often can't."""
    client.create(job("j", suspend=True))

    assert client.patch("Job", "j", {"spec": {"parallelism": 3}})["metadata"]["generation"] == 2
    for spec in ({"completions": 4}, {"template": {"spec": {"priority": 1}}}):
        with pytest.raises(Invalid, match="field is immutable"):
            client.patch("Job", "j", {"spec": spec})


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("", "abc"),
        ("app=one", "a"),
        ("app==one", "a"),
        ("app!=one", "bc"),
        ("app in (one, two)", "ab"),
        ("app notin (one,two)", "c"),
        ("app", "ab"),
        ("!app", "c"),
        ("app,tier=x", "b"),
        ("app in (one,two),!tier", "a"),
    ],
)
def test_label_selectors(client: FakeClient, selector: str, found: str) -> None:
    """Requirements are read as kubectl writes them; all of them must hold."""
    client.create(config_map("a", {"app": "one"}))
    client.create(config_map("b", {"app": "two", "tier": "x"}))
    client.create(config_map("c", {}))

    assert "".join(m["metadata"]["name"] for m in client.list("ConfigMap", selector)[0]) == found


@pytest.mark.parametrize("selector", ["a b", "a in b", "=x", "a in (b"])
def test_selectors_that_cannot_be_read(client: FakeClient, selector: str) -> None:
    """What is no selector is a bad request, not an empty list."""
    with pytest.raises(Invalid, match="unable to parse requirement"):
        client.list("ConfigMap", selector)


def test_field_selectors(client: FakeClient, cluster: FakeCluster) -> None:
    """Names select everything, Events what they are about; other fields are refused."""
    uid = client.create(job("j", suspend=True))["metadata"]["uid"]
    client.create(config_map("m"))
    cluster.until(lambda: client.list("Event")[0], "an event")

    selected = f"involvedObject.kind=Job,involvedObject.uid={uid},type!=Warning"
    assert [e["reason"] for e in client.list("Event", "", selected)[0]] == ["Suspended"]
    assert len(client.list("ConfigMap", "", "metadata.name=m")[0]) == 1
    assert not client.list("ConfigMap", "", "metadata.name!=m")[0]
    with pytest.raises(Invalid, match="field label not supported: data"):
        client.list("ConfigMap", "", "data=1")


def test_collections_are_deleted_by_selector(client: FakeClient) -> None:
    """One request deletes what the selector finds, and nothing else."""
    for name, label in (("a", "x"), ("b", "x"), ("c", "y")):
        client.create(config_map(name, {"l": label}))

    client.delete_collection("ConfigMap", "l=x")

    assert [m["metadata"]["name"] for m in client.list("ConfigMap")[0]] == ["c"]


def test_what_is_owned_goes_with_its_owner(client: FakeClient, cluster: FakeCluster) -> None:
    """Deletion reaches children and their children; a child of nobody goes at once."""
    owner = client.create(config_map("owner"))
    child = client.create(owned_by(owner, config_map("child")))
    client.create(owned_by(child, config_map("grandchild")))

    client.delete("ConfigMap", "owner")
    cluster.until(lambda: not client.list("ConfigMap")[0], "the end of the children")
    client.create(owned_by(owner, config_map("late")))

    cluster.until(lambda: not client.list("ConfigMap")[0], "the end of the late one")


def test_rights_are_asked_for_first(client: FakeClient, cluster: FakeCluster) -> None:
    """A user has what a Role says; `can_i` knows, and the rest is refused in kubectl's words."""
    rules = [
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get"]},
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    ]
    cluster.bind("user", rules)
    user = cluster.client("user")

    user.create(job("j"))
    assert user.can_i("get", "pods", subresource="log")
    assert not user.can_i("get", "pods")
    assert client.can_i("delete", "nodes")
    with pytest.raises(Forbidden) as caught:
        user.delete("Job", "j")
    assert str(caught.value) == (
        'Error from server (Forbidden): jobs.batch "j" is forbidden: User "user"'
        ' cannot delete resource "jobs" in API group "batch" in the namespace "default"'
    )
    with pytest.raises(Forbidden, match=r'pods is forbidden: .* cannot list resource "pods"'):
        user.list("Pod")
    with pytest.raises(Forbidden, match=r'nodes is forbidden: .* "" at the cluster scope'):
        user.list("Node")


def test_namespaces_are_apart(client: FakeClient, cluster: FakeCluster) -> None:
    """Objects are seen in their namespace only; one that isn't there can hold nothing."""
    cluster.add_namespace("other", {"team": "x"})
    other = cluster.client(namespace="other")
    client.create(config_map("m"))

    assert not other.list("ConfigMap")[0]
    assert other.create(config_map("m"))["metadata"]["namespace"] == "other"
    assert other.get("Namespace", "other")["metadata"]["labels"] == {"team": "x"}
    with pytest.raises(NotFound, match=r': namespaces "nope" not found$'):
        cluster.client(namespace="nope").create(config_map("m"))


def test_warnings_are_told_once(client: FakeClient, cluster: FakeCluster) -> None:
    """What the server warns of is there until it was asked for."""
    cluster.warnings["Job"] = ["would violate PodSecurity"]

    client.create(job("j"))

    assert client.warnings() == ["would violate PodSecurity"]
    assert client.warnings() == []


def test_old_servers_drop_what_they_do_not_know_yet() -> None:
    """Fields of a gate that is off go without a word, as before 1.29."""
    with FakeCluster(version="1.28") as cluster:
        made = cluster.client().create(indexed("j", completions=2, backoffLimit=0))

    assert "backoffLimitPerIndex" not in made["spec"]


def test_requests_are_counted(client: FakeClient, cluster: FakeCluster) -> None:
    """By verb and kind, whatever they were answered; a list counts for each of its pages."""
    for number in range(501):
        client.create(config_map(f"m{number}"))
    client.list("ConfigMap")
    with pytest.raises(ClusterError):
        client.get("Job", "none")

    counted = cluster.requests
    assert counted["create", "ConfigMap"] == 501
    assert counted["list", "ConfigMap"] == 2
    assert counted["get", "Job"] == 1
