"""
`list --cluster` as kubectl's users expect a list of it: flags, formats, errors, watching.

And as far as they make sense there, `list` and `status`. What an API server is asked is read
from what it has heard.
"""

from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from core.making import info
from desk import Desk
from fakecluster import FakeCluster
from fakecluster.server import Front

from kubectl_tune.cli.color import coloured
from kubectl_tune.cluster import manifests
from tests.http.server import ApiServer, refused

ANCHORS = "/api/v1/namespaces/default/configmaps"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
OURS = "app.kubernetes.io/managed-by=kubectl-tune,kubectl-tune.dev/part=session"
EMPTY_LIST = {"apiVersion": "v1", "items": [], "kind": "List", "metadata": {"resourceVersion": ""}}


@pytest.fixture
def lab(front: Front, kubeconfig: Path) -> Front:
    """A cluster that the environment's kubeconfig means."""
    return front


@pytest.fixture
def stub(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """An API server that says what a test has written down; `-s` leads there."""
    monkeypatch.setenv("KUBECONFIG", str(desk.folder / "none"))
    server = ApiServer()
    yield server
    server.close()


def anchor(name: str, uid: str, namespace: str = "default", **labels: str) -> dict[str, Any]:
    """What stands for a session in a cluster."""
    age = {"one": 30.0, "two": 20.0, "three": 10.0}.get(name, 5.0)
    made = manifests.anchor(info(name, uid=uid, created=1e9 - age, total=3), "agent")
    made["metadata"] |= {"namespace": namespace, "uid": f"u-{uid}", "resourceVersion": "7"}
    made["metadata"]["creationTimestamp"] = f"2001-09-09T01:46:{30 - int(age):02}Z"
    made["metadata"]["labels"] |= labels
    return made


def begin(cluster: FakeCluster, name: str, uid: str, **labels: str) -> None:
    cluster.client().create(anchor(name, uid, **labels))


@pytest.fixture
def three(cluster: FakeCluster, lab: Front) -> Front:
    begin(cluster, "one", "bbbbb", team="a")
    begin(cluster, "two", "ccccc", team="b")
    begin(cluster, "three", "ddddd")
    return lab


def names(desk: Desk, *words: str) -> list[str]:
    done = desk.tune("list", "--cluster", "-o", "name", *words)
    assert done.code == 0, done.err
    return [line.removeprefix("session/") for line in done.out.splitlines()]


# What is asked for


@pytest.mark.parametrize(
    "words",
    [
        ("list", "--cluster", "-n", "foo"),
        ("-n", "foo", "list", "--cluster"),
        ("list", "--cluster", "--namespace=foo"),
        ("list", "--cluster=true", "-nfoo", "--watch=false", "-w=false", "--no-headers=true"),
    ],
    ids=" ".join,
)
def test_flags_stand_before_and_after_the_command(words: tuple[str, ...], desk: Desk, lab: Front):
    """
    Whatever way a namespace and a switch are written, the same is asked for.
    """
    done = desk.tune(*words)

    assert (done.code, done.err) == (0, "No resources found in foo namespace.\n")
    assert [each.path for each in lab.heard] == ["/api/v1/namespaces/foo/configmaps"]


@pytest.mark.parametrize(
    "words",
    [("list", "--cluster={}"), ("--cluster={}", "list"), ("list", "-Ao=name", "--cluster={}")],
    ids=" ".join,
)
def test_the_cluster_may_be_named(words: tuple[str, ...], desk: Desk, lab: Front, stub: ApiServer):
    """
    --cluster is kubectl's, too: with a name it is the kubeconfig's cluster of this name.
    """
    config = yaml.safe_load(lab.kubeconfig(path := desk.folder / "both").read_text())
    config["clusters"].append({"name": "other", "cluster": {"server": stub.url}})
    path.write_text(yaml.safe_dump(config))
    where = ("--kubeconfig", str(path))

    desk.tune(*(word.format("fake") for word in words), *where)
    assert lab.heard and not stub.heard

    lab.heard.clear()
    desk.tune(*(word.format("other") for word in words), *where)
    assert stub.heard and not lab.heard

    done = desk.tune("list", "--cluster=nowhere", *where)
    assert done.code == 2
    assert done.err.startswith('error: no server found for cluster "nowhere"\n')
    assert desk.tune("list", "--cluster=false", *where).err == "No resources found\n"


def test_selectors_reach_the_server_beside_our_own(desk: Desk, three: Front):
    """
    They narrow what is ours, and only where sessions are looked for.
    """
    assert names(desk, "-l", "team in (a,b)", "--field-selector", "metadata.name!=tune-bbbbb") == [
        "two"
    ]

    sessions, jobs = three.heard
    assert sessions.value("labelSelector") == f"{OURS},team in (a,b)"
    assert sessions.value("fieldSelector") == "metadata.name!=tune-bbbbb"
    assert jobs.value("labelSelector") == OURS.partition(",")[0]
    assert "fieldSelector" not in jobs.query


def test_long_lists_come_in_chunks(desk: Desk, three: Front):
    """
    As large as --chunk-size; 0 asks for all at once, as does less.
    """
    assert names(desk, "--chunk-size=2") == ["three", "two", "one"]
    first, second, _ = three.heard
    assert first.value("limit") == second.value("limit") == "2"
    assert second.value("continue") and not first.value("continue")

    for whole in ("0", "-1"):
        three.heard.clear()
        assert names(desk, "--chunk-size", whole) == ["three", "two", "one"]
        assert all("limit" not in each.query for each in three.heard)


def test_all_namespaces_are_one_list(desk: Desk, stub: ApiServer):
    """
    -A asks once for all of them, and NAMESPACE is the first column.
    """
    stub.on(
        "GET",
        "/api/v1/configmaps",
        {"items": [anchor("one", "bbbbb", "x"), anchor("two", "ccccc", "y")]},
    )
    stub.on("GET", "/apis/batch/v1/jobs", {"items": []})

    done = desk.tune("list", "--cluster", "-A", "-n", "z", "-s", stub.url)

    assert done.code == 0, done.err
    assert [line.split()[:3] for line in done.out.splitlines()] == [
        ["NAMESPACE", "NAME", "UID"], ["y", "two", "ccccc"], ["x", "one", "bbbbb"]
    ]  # fmt: skip
    by_time = ("--sort-by=.metadata.creationTimestamp", "-o", "name", "-s", stub.url)
    assert desk.tune("list", "--cluster", "-A", *by_time).out == "session/one\nsession/two\n"


# What is printed


def test_a_table_is_laid_out_as_kubectls(desk: Desk, three: Front):
    """
    NAME first and AGE last, three spaces between columns that are as wide as they must be.
    """
    done = desk.tune("list", "--cluster")
    bare = desk.tune("list", "--cluster", "--no-headers")

    lines = [re.sub(r"\S+$", "AGE", line) for line in done.out.splitlines()]
    assert lines == [
        "NAME    UID     STATE       KNOWN   TOTAL   ENGINE   AGE",
        "three   ddddd   <unknown>   no      3       local    AGE",
        "two     ccccc   <unknown>   no      3       local    AGE",
        "one     bbbbb   <unknown>   no      3       local    AGE",
    ]
    assert [line.split()[0] for line in bare.out.splitlines()] == ["three", "two", "one"]
    assert bare.out.splitlines()[2].startswith("one     bbbbb   <unknown>   no    3     local   ")


def test_labels_have_columns(desk: Desk, three: Front):
    """
    One for each of -L, empty where there is none of that key; all of them with --show-labels.
    """
    done = desk.tune("list", "--cluster", "-L", "team,x/none", "-L", "x/team", "--show-labels")

    header, three_, two, one = done.out.splitlines()
    assert header.split()[-5:] == ["AGE", "TEAM", "NONE", "TEAM", "LABELS"]
    at = header.index("TEAM")
    assert [line[at : at + 7] for line in (three_, two, one)] == ["       ", "b      ", "a      "]
    assert one.endswith(",kubectl-tune.dev/uid=bbbbb,team=a")
    assert sorted(one.split()[-1].split(",")) == one.split()[-1].split(",")


@pytest.mark.parametrize("path", [".metadata.name", "{.metadata.name}", "metadata.name", "{.uid}"])
def test_lists_are_sorted_by_a_path(path: str, desk: Desk, three: Front):
    """
    With or without braces and dot; what nothing has is an error.
    """
    by_name = ["one", "three", "two"]
    assert names(desk, f"--sort-by={path}") == (
        by_name if "name" in path else ["one", "two", "three"]
    )
    assert names(desk, "--sort-by=.created") == ["one", "two", "three"]
    assert names(desk, "--sort-by=.metadata.labels.team") == ["three", "one", "two"]

    done = desk.tune("list", "--cluster", "--sort-by=.spec.nope")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        'error: couldn\'t find any field with path "{.spec.nope}" in the list of objects\n'
    )


def test_programs_read_a_list_of_kubectls(desk: Desk, three: Front):
    """
    Four spaces deep, keys in order; yaml says the same, and name is a line each.
    """
    text = desk.tune("list", "--cluster", "-o", "json").out
    found = json.loads(text)

    assert text == json.dumps(found, indent=4, sort_keys=True) + "\n"
    assert {**found, "items": []} == EMPTY_LIST
    one = found["items"][-1]
    assert (one["apiVersion"], one["kind"]) == ("kubectl-tune.dev/v1", "Session")
    assert one["metadata"]["name"] == one["name"] == "one"
    assert one["metadata"]["labels"]["team"] == "a" and one["metadata"]["namespace"] == "default"
    assert {"uid", "resourceVersion", "creationTimestamp"} <= set(one["metadata"])
    assert one["state"] is None and one["known"] is False and one["total"] == 3
    assert yaml.safe_load(desk.tune("list", "--cluster", "-oyaml").out) == found
    assert desk.tune("list", "--cluster", "-o=name").out == (
        "session/three\nsession/two\nsession/one\n"
    )


def test_templates_say_what_to_print(desk: Desk, three: Front):
    """
    In line or from a file.
    """
    (desk.folder / "path").write_text("{.kind} of {.items[*].metadata.name}\n")
    (desk.folder / "columns").write_text("Name  UID\n.metadata.name {.uid}\n")

    def out(*words: str) -> str:
        done = desk.tune("list", "--cluster", "--sort-by=.uid", *words)
        assert done.code == 0, done.err
        return done.out

    assert out("-o", 'jsonpath={range .items[*]}{.name}{"\\n"}{end}') == "one\ntwo\nthree\n"
    assert out("-o", "jsonpath-as-json={.items[0].uid}") == '[\n    "bbbbb"\n]\n'
    assert out("-o", "jsonpath-file=path") == "List of one two three\n"
    columns = "Name    UID\none     bbbbb\ntwo     ccccc\nthree   ddddd\n"
    assert out("-o", "custom-columns=Name:.metadata.name,UID:uid") == columns
    assert out("-o", "custom-columns-file=columns") == columns
    assert out("-o", "custom-columns=A:,B:.metadata.labels.team", "--no-headers") == (
        "<none>   a\n<none>   b\n<none>   <none>\n"
    )


FORMATS = (
    "custom-columns,custom-columns-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,table,"
    "wide,yaml"
)
UNKNOWN = (
    'unable to match a printer suitable for the output format "{}", allowed formats are: ' + FORMATS
)
REFUSED = {
    "bad": UNKNOWN.format("bad"),
    "json=x": UNKNOWN.format("json=x"),
    "jsonpath": "template format specified but no template given",
    "jsonpath={.a": "error parsing jsonpath {.a, unclosed action",
    "jsonpath-file=no": "error reading --template no, open no: no such file or directory",
    "custom-columns": "custom-columns format specified but no custom columns given",
    "custom-columns=A": ("unexpected custom-columns spec: A, expected <header>:<json-path-expr>"),
    "custom-columns=A:{.b": (
        "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}'"
        " or '{.name1.name2}'"
    ),
    "custom-columns-file=no": "error reading template no, open no: no such file or directory",
    "custom-columns-file=short": ("number of headers (2) and field specifications (1) don't match"),
}


@pytest.mark.parametrize(("format", "said"), REFUSED.items(), ids=list(REFUSED))
@pytest.mark.parametrize("command", [("list", "--cluster"), ("list",), ("status",), ("watch",)])
def test_a_format_that_makes_no_sense_is_refused(
    command: tuple[str, ...], format: str, said: str, desk: Desk, lab: Front
):
    """
    In kubectl's words, and before anything is asked for.
    """
    (desk.folder / "short").write_text("A B\n.a\n")

    done = desk.tune(*command, "-o", format)

    assert (done.code, done.out, done.err) == (2, "", f"error: {said}\n")
    assert not lab.heard


def test_a_template_that_does_not_fit_is_an_error(desk: Desk, three: Front):
    """
    kubectl's sentence on stderr, exit 2, and nothing on stdout.
    """
    done = desk.tune("list", "--cluster", "-o", "jsonpath={.items[7].name}")

    assert (done.code, done.out) == (2, "")
    assert done.err == (
        'error: error executing jsonpath "{.items[7].name}": Error executing template: array index'
        " out of bounds: index 7, length 3\n"
    )


def test_a_template_that_never_ends_is_an_error(desk: Desk):
    """
    However deep ranges are in ranges, there is no traceback.
    """
    desk.run(desk.numbered(1), "-q", "--", "true")

    done = desk.tune("list", "-o", "jsonpath=" + "{range @}" * 5000 + "x")

    assert (done.code, done.out) == (2, "") and "maximum recursion depth" in done.err


def test_nothing_to_list_is_no_error(desk: Desk, stub: ApiServer):
    """
    A table says so on stderr, programs get an empty List, and names are none.
    """
    for path in (ANCHORS, "/api/v1/configmaps"):
        stub.on("GET", path, {"items": []})

    def listed(*words: str) -> tuple[int, str, str]:
        done = desk.tune("list", "--cluster", "-s", stub.url, *words)
        return done.code, done.out, done.err

    assert listed() == (0, "", "No resources found in default namespace.\n")
    assert listed("-A", "-o", "wide") == (0, "", "No resources found\n")
    assert listed("-o", "name") == (0, "", "")
    assert listed("-o", "json") == (0, json.dumps(EMPTY_LIST, indent=4) + "\n", "")
    assert listed("-o", "jsonpath={.items}") == (0, "[]", "")
    assert listed("--sort-by=.x", "-o", "custom-columns=A:.b") == (0, "A\n", "")
    assert listed("--ignore-not-found") == (0, "", "")
    assert listed("--ignore-not-found", "-o", "json") == (0, "", "")


# What goes wrong


RESOURCE = '"/v1, Resource=configmaps"'
REFUSALS = {
    (403, "Forbidden"): "Error from server (Forbidden): no",
    (500, "InternalError"): "Error from server (InternalError): no",
    (401, "Unauthorized"): "error: You must be logged in to the server (no)",
    (404, "NotFound"): f"Error from server (NotFound): Unable to list {RESOURCE}: no",
    (400, "BadRequest"): (
        f"Error from server (BadRequest): Unable to find {RESOURCE} that match label selector"
        ' "a in", field selector "": no'
    ),
}


@pytest.mark.parametrize(("status", "said"), REFUSALS.items(), ids=[why for _, why in REFUSALS])
@pytest.mark.parametrize("watch", [(), ("-w",)], ids=["list", "watch"])
def test_what_a_server_refuses_is_said_in_kubectls_words(
    watch: tuple[str, ...], status: tuple[int, str], said: str, desk: Desk, stub: ApiServer
):
    """
    Nothing is printed, and the exit code is that of errors.
    """
    stub.on("GET", ANCHORS, refused(*status))
    selector = ["-l", "a in"] if status[0] == 400 else []

    done = desk.tune("list", "--cluster", "-s", stub.url, *selector, *watch)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"{said}\n")


def test_a_server_that_is_not_there_is_named(desk: Desk, stub: ApiServer):
    """
    In kubectl's sentence, which has no prefix.
    """
    stub.close()

    done = desk.tune("list", "--cluster", "-s", stub.url)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(
        f"The connection to the server {stub.host} was refused - did you specify the right host or"
        " port?\n"
    )


# Watching


def lines_of(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout
    return [process.stdout.readline() for _ in range(count)]


def test_a_watch_prints_what_changes(desk: Desk, three: Front, cluster: FakeCluster):
    """
    The header once, then a line for what is new and for what is gone; Ctrl-C ends it.
    """
    with desk.started("list", "--cluster", "-w", "--sort-by=.uid") as watching:
        head = lines_of(watching, 4)
        begin(cluster, "four", "fffff")
        new = lines_of(watching, 1)
        cluster.client().delete("ConfigMap", "tune-bbbbb")
        gone = lines_of(watching, 1)
        watching.send_signal(signal.SIGINT)
        out, err = watching.communicate(timeout=60)

    assert [line.split()[0] for line in head] == ["NAME", "one", "two", "three"]
    assert new[0].split()[:3] == ["four", "fffff", "<unknown>"]
    assert gone[0].split()[:3] == ["one", "bbbbb", "<unknown>"]
    assert (watching.returncode, out) == (130, "")
    assert err == (
        "warning: --watch requested, --sort-by will be ignored for watch events received\n"
    )


def test_a_watch_outlasts_what_the_server_has_forgotten(
    desk: Desk, three: Front, cluster: FakeCluster
):
    """
    410 Gone: what has changed meanwhile is told, and nothing else once more.
    """
    with desk.started("list", "--cluster", "-w", "-o", "name") as watching:
        assert lines_of(watching, 3) == ["session/three\n", "session/two\n", "session/one\n"]
        cluster.compact()
        cluster.drop_watches()
        begin(cluster, "four", "fffff")

        assert lines_of(watching, 1) == ["session/four\n"]


def test_a_reader_that_goes_away_is_no_error(desk: Desk, three: Front, cluster: FakeCluster):
    """
    As in `| head -1`.
    """
    with desk.started("list", "--cluster", "-w") as watching:
        assert watching.stdout and watching.stderr
        watching.stdout.readline()
        watching.stdout.close()
        begin(cluster, "four", "fffff")

        assert watching.stderr.read() == ""
        assert watching.wait(timeout=60) == 128 + signal.SIGPIPE


def test_the_state_file_is_watched(desk: Desk):
    """
    A session that is begun shows, in the format that was asked for.
    """
    desk.run(desk.numbered(1), "-q", "--", "true")

    with desk.started("list", "-w", "-o", "jsonpath={.metadata.name} {.total}{'\\n'}") as watching:
        assert lines_of(watching, 1) == ["s 1\n"]
        desk.run(desk.numbered(2), "-q", "--", "true", name="t")

        assert lines_of(watching, 1) == ["t 2\n"]


def test_a_watch_prints_documents_as_kubectl_does(desk: Desk):
    """
    Of YAML with a line between two, and none before the first.
    """
    desk.run(desk.numbered(1), "-q", "--", "true")

    with desk.started("list", "-w", "-o", "yaml") as watching:
        assert lines_of(watching, 1) == ["kind: Session\n"]
        desk.run(desk.numbered(1), "-q", "--", "true", name="t")
        assert watching.stdout and "---\n" in iter(watching.stdout.readline, "")

        assert lines_of(watching, 2) == ["kind: Session\n", "name: t\n"]


# Here as there


def test_the_state_files_sessions_are_listed_alike(desk: Desk):
    """
    The same flags, but for those that select by labels: here are none.
    """
    desk.run(desk.numbered(2), "-q", "--", "true")
    desk.run(desk.numbered(1), "-q", "--", "true", name="r")

    assert desk.tune("list", "-A").out.split()[:3] == ["NAMESPACE", "NAME", "STATE"]
    assert desk.tune("list", "-o", "jsonpath={.items[*].metadata.name}").out == "r s"
    assert desk.tune("list", "-o", "name", "--sort-by={.metadata.name}").out == (
        "session/r\nsession/s\n"
    )
    assert desk.tune("list", "-o", "custom-columns=N:.name,T:.counts.Succeeded").out == (
        "N     T\nr     1\ns     2\n"
    )
    for words in (["-l", "a=b"], ["--field-selector=a=b"], ["-L", "a"], ["--show-labels"]):
        done = desk.tune("list", *words)
        assert done.code == 2 and "hint: ask the cluster with: kubectl tune list --c" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ("status",), ("wait",), ("show", "t1"), ("logs", "--all"), ("explain",), ("cancel",),
        ("retry",), ("delete", "r"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_printed_name_is_a_name(words: tuple[str, ...], desk: Desk):
    """
    What `-o name` prints is what a command takes: `list -o name | xargs kubectl tune delete`.
    """
    desk.run(desk.numbered(1), "-q", "--", "true", name="r")
    desk.run(desk.numbered(1), "-q", "--", "true")
    command, *more = words

    done = desk.tune(command, "session/s", *more)

    assert done.code == 0, done.err


def test_status_shows_trials_in_every_format(desk: Desk):
    """
    Paths are looked up in the session, columns and the order are those of its trials.
    """
    lines = [{"job_id": f"t{x}", "config": {"x": -x}} for x in (9, 10, 2)]
    score = ("sh", "-c", 'echo "{\\"score\\": $1}"', "sh", "{x}")
    desk.run(desk.plan(*lines), "-q", "--metric", "score", "--", *score)

    def out(*words: str) -> str:
        done = desk.tune("status", *words)
        assert done.code == 0, done.err
        return done.out

    assert out("-o", "jsonpath={.metadata.name} {.trials[?(@.metrics.score<-5)].job_id}") == (
        "s t9 t10"
    )
    assert out("-o", "custom-columns=NAME:.metadata.name", "--sort-by=.job_id") == (
        "NAME\nt2\nt9\nt10\n"
    )
    rows = out("--sort-by=.metrics.score", "--no-headers").splitlines()
    assert [row.split()[:2] for row in rows] == [
        [name, "Succeeded"] for name in ("t10", "t9", "t2")
    ]
    assert [t["job_id"] for t in json.loads(out("--sort-by=index", "-o", "json"))["trials"]] == [
        "t9", "t10", "t2"
    ]  # fmt: skip
    assert out("--watch=false", "-o", "name") == out("-w", "-o", "name") == "session/s\n"


# Colours


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("choice", "environment", "terminal", "colours"),
    [
        ("auto", {"TERM": "xterm"}, True, True),
        ("auto", {"TERM": "xterm"}, False, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, False),
        ("never", {}, True, False),
        ("always", {"NO_COLOR": "1", "TERM": "dumb"}, False, True),
    ],
)
def test_colours_go_to_who_looks(choice, environment, terminal, colours):
    """
    A terminal that knows them, unless somebody has said otherwise.
    """
    stream = Terminal() if terminal else io.StringIO()

    assert coloured(choice, stream, environment) is colours


@pytest.mark.parametrize("words", [["list"], ["status"], ["status", "-w"], ["watch"]], ids=" ".join)
def test_no_escape_where_no_colour_is_wanted(words: list[str], desk: Desk):
    """
    Neither by NO_COLOR, nor on a dumb terminal, nor into a pipe; --color=always has its way.
    """
    desk.run(desk.numbered(1), "-q", "--", "true")

    assert b"\x1b" in on_a_terminal(desk, *words, "--color=always", TERM="dumb")
    assert b"\x1b[32mSucceeded" in on_a_terminal(desk, *words, TERM="xterm")
    for given, flags in ({"NO_COLOR": ""}, []), ({"TERM": "dumb"}, []), ({}, ["--color=never"]):
        assert b"\x1b" not in on_a_terminal(desk, *words, *flags, **{"TERM": "xterm"} | given)
    assert "\x1b" not in desk.alone(*words).stdout
    assert "\x1b" in desk.alone(*words, "--color=always").stdout


def on_a_terminal(desk: Desk, *words: str, **environment: str) -> bytes:
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        desk.words(*words), stdout=theirs, stderr=theirs, env=os.environ | environment
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # EIO: its last writer has gone
        pass
    os.close(ours)
    assert program.wait() == 0, shown
    return shown


def test_escapes_of_others_are_shown(desk: Desk, stub: ApiServer):
    """
    What a plan or a server has in it colours nothing and moves no cursor.
    """
    evil = anchor("one", "bbbbb")
    row = json.loads(evil["data"]["session.json"])
    evil["data"]["session.json"] = json.dumps(row | {"plan": "\x1b[31mred"})
    stub.on("GET", ANCHORS, {"items": [evil]})
    stub.on("GET", JOBS, {"items": []})

    wide = desk.tune("list", "--cluster", "-s", stub.url, "-o", "wide")
    custom = desk.tune("list", "--cluster", "-s", stub.url, "-o", "custom-columns=P:.plan")

    assert "^[[31mred" in wide.out and "\x1b" not in wide.out
    assert custom.out == "P\n^[[31mred\n"
