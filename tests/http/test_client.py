"""The client and a real HTTP server: what is sent, what is made of answers, what is waited for."""

from __future__ import annotations

import gzip
import json
import re
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.client.rest import should_bypass_proxies

from kubectl_tune.cluster import Change, LogRequest
from kubectl_tune.cluster.streams import lines
from kubectl_tune.cluster.transport import proxy_for, tls
from kubectl_tune.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Unauthorized,
    Unreachable,
)
from tests.http.server import CUT, ApiServer, Reply, line, nobody, pem, refused, silent, stream
from tests.http.ways import Tokens, Way, client

PODS = "/api/v1/namespaces/lab/pods"
JOBS = "/apis/batch/v1/namespaces/lab/jobs"
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "labels": {"a": "1"}}}
BUSY = refused(429, "TooManyRequests")
DOWN = refused(503, "ServiceUnavailable")
BROKEN = refused(500, "InternalError", "boom")


# What is sent


def test_each_verb_asks_as_the_api_documents_it(api, kube):
    """
    Paths, queries and bodies are those of the Kubernetes API; configurations are never guessed.
    """
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}}
    for method, path in [
        ("POST", JOBS),
        ("GET", f"{JOBS}/j"),
        ("PATCH", f"{JOBS}/j"),
        ("DELETE", f"{JOBS}/j"),
        ("DELETE", JOBS),
        ("GET", "/api/v1/nodes/n"),
        ("GET", "/version"),
        ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"),
    ]:
        api.on(method, path, {"status": {"allowed": True}})

    kube.create(job)
    kube.create(job, dry_run=True)
    kube.get("Job", "j")
    kube.patch("Job", "j", {"spec": {"parallelism": 0}})
    kube.delete("Job", "j", grace=0)
    kube.delete_collection("Job", "a=b,c=d")
    kube.get("Node", "n")
    kube.server_version()
    assert kube.can_i("create", "jobs", group="batch")

    sent = [(each.method, each.path, each.query, each.body) for each in api.heard]
    strict, background = {"fieldValidation": ["Strict"]}, {"propagationPolicy": ["Background"]}
    attributes = {"namespace": "lab", "verb": "create", "resource": "jobs", "group": "batch"}
    assert sent[:-1] == [
        ("POST", JOBS, strict, job),
        ("POST", JOBS, strict | {"dryRun": ["All"]}, job),
        ("GET", f"{JOBS}/j", {}, None),
        ("PATCH", f"{JOBS}/j", {}, {"spec": {"parallelism": 0}}),
        ("DELETE", f"{JOBS}/j", background | {"gracePeriodSeconds": ["0"]}, None),
        ("DELETE", JOBS, background | {"labelSelector": ["a=b,c=d"]}, None),
        ("GET", "/api/v1/nodes/n", {}, None),
        ("GET", "/version", {}, None),
    ]
    assert sent[-1][3]["spec"]["resourceAttributes"].items() >= attributes.items()
    assert api.heard[3].headers["Content-Type"] == "application/merge-patch+json"
    assert kube.requests == {
        "create": 3, "get": 3, "patch": 1, "delete": 1, "deletecollection": 1,
    }  # fmt: skip


def test_nobody_deletes_a_whole_namespace(api, kube):
    """
    A selector that came out empty is a bug, and costs nothing.
    """
    with pytest.raises(ValueError, match="selector"):
        kube.delete_collection("Job", "")

    assert api.heard == []


def test_every_request_says_who_asks(api):
    """
    The user agent is ours, and groups to impersonate are headers of their own.
    """
    people = (
        ("Impersonate-User", "bob"),
        ("Impersonate-Group", "g1"),
        ("Impersonate-Group", "g2"),
        ("Impersonate-Extra-why", "test"),
    )
    api.on("GET", "/version", {})

    client(Way(api.url, impersonation=people)).server_version()

    headers = api.heard[0].headers
    assert headers["User-Agent"].startswith("kubectl-tune/")
    assert headers["Impersonate-User"] == "bob"
    assert headers.get_all("Impersonate-Group") == ["g1", "g2"]
    assert headers["Accept-Encoding"] == "gzip"


def test_no_secret_goes_over_an_open_wire(api):
    """
    Over http nobody is even asked for a token.
    """
    credentials = Tokens(["secret"])
    api.on("GET", "/version", refused(401, "Unauthorized"))

    with pytest.raises(Unauthorized):
        client(Way(api.url, credentials=credentials)).server_version()

    assert api.heard[0].headers["Authorization"] is None
    assert credentials.asked == 0


def test_servers_may_live_under_a_path(api):
    """
    Rancher serves many clusters under one name.
    """
    api.on("GET", f"/k8s/clusters/c-1{PODS}/x", POD)

    assert client(Way(f"{api.url}/k8s/clusters/c-1/")).get("Pod", "x") == POD


def test_compressed_answers_are_read(api):
    """
    Servers compress long answers unless they are told not to.
    """
    data = gzip.compress(json.dumps(POD).encode())
    api.on("GET", f"{PODS}/x", Reply(body=data, headers={"Content-Encoding": "gzip"}))

    assert client(Way(api.url)).get("Pod", "x") == POD
    assert client(Way(api.url, disable_compression=True)).get("Pod", "x") == POD
    assert api.heard[1].headers["Accept-Encoding"] in (None, "identity")


# Lists


def test_long_lists_come_in_pages(api, kube):
    """
    All pages make one list, and every object says what it is.
    """
    api.on(
        "GET",
        PODS,
        {"metadata": {"continue": "next", "resourceVersion": "7"}, "items": [{"metadata": {}}]},
        {"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {}}]},
    )

    items, version = kube.list("Pod", "a=b", "type=Warning")

    assert items == [{"apiVersion": "v1", "kind": "Pod", "metadata": {}}] * 2
    assert version == "7"
    assert [each.value("continue") for each in api.heard] == ["", "next"]
    assert {each.value("limit") for each in api.heard} == {"500"}
    assert {each.value("fieldSelector") for each in api.heard} == {"type=Warning"}


def test_a_list_that_the_server_forgot_begins_again(api, kube):
    """
    What has changed meanwhile makes half a list worthless.
    """
    half = {"metadata": {"continue": "next"}, "items": [{"metadata": {"name": "old"}}]}
    whole = {"metadata": {"resourceVersion": "9"}, "items": [{"metadata": {"name": "new"}}]}
    api.on("GET", PODS, half, refused(410, "Expired"), whole)

    items, version = kube.list("Pod")

    assert [each["metadata"]["name"] for each in items] == ["new"]
    assert version == "9"


# What goes wrong, in kubectl's words


CAUSES = [{"field": "spec.a", "message": "Required"}, {"field": "spec.b", "message": "Bad"}]


@pytest.mark.parametrize(
    ("reply", "error", "text"),
    [
        (
            refused(404, "NotFound", 'jobs.batch "x" not found'),
            NotFound,
            'Error from server (NotFound): jobs.batch "x" not found',
        ),
        (refused(403, "Forbidden", "why"), Forbidden, "Error from server (Forbidden): why"),
        (refused(400, "BadRequest", "why"), Invalid, "Error from server (BadRequest): why"),
        (refused(409, "AlreadyExists", "is"), Conflict, "Error from server (AlreadyExists): is"),
        (refused(410, "Expired", "old"), Gone, "Error from server (Expired): old"),
        (BROKEN, ClusterError, "Error from server (InternalError): boom"),
        (refused(418, "", "tea"), ClusterError, "Error from server: tea"),
        (
            refused(401, "Unauthorized", "Unauthorized"),
            Unauthorized,
            "You must be logged in to the server (Unauthorized)",
        ),
        (
            refused(422, "Invalid", "", details={"kind": "Job", "name": "x", "causes": CAUSES[:1]}),
            Invalid,
            'The Job "x" is invalid: spec.a: Required',
        ),
        (
            refused(422, "Invalid", "", details={"kind": "Job", "name": "x", "causes": CAUSES * 2}),
            Invalid,
            'The Job "x" is invalid: \n* spec.a: Required\n* spec.b: Bad',
        ),
        (
            Reply(404, b"<html>404</html>", {"Content-Type": "text/html"}),
            NotFound,
            "Error from server (NotFound): the server could not find the requested resource (get",
        ),
        (
            Reply(502, b"Bad  Gateway\n"),
            ClusterError,
            'Error from server (InternalError): an error on the server ("Bad Gateway") has',
        ),
        (
            Reply(302, b"", {"Location": "/login"}),
            ClusterError,
            "Error from server: the server responded with the status code 302 but did not return",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", "") or None,
)
def test_refusals_read_as_kubectl_has_them(api, kube, reply, error, text):
    """
    Who knows kubectl's errors knows ours; the server's reason and code stay with them.
    """
    api.on("GET", f"{JOBS}/x", reply)

    with pytest.raises(error) as raised:
        kube.get("Job", "x")

    assert type(raised.value) is error
    assert str(raised.value).startswith(text)
    assert raised.value.code == reply.status
    if isinstance(reply.body, dict):
        assert raised.value.reason == reply.body["reason"]


def test_a_refusal_is_one_whatever_the_code_says(api, kube):
    """
    As for kubectl: some proxies answer 200 to everything.
    """
    api.on("GET", JOBS, Reply(200, refused(403, "Forbidden", "why").body))

    with pytest.raises(Forbidden, match="why"):
        kube.list("Job")


@pytest.mark.parametrize(
    ("body", "empty"),
    [
        ({"error": "busy"}, False),
        ({}, False),
        ({"kind": "JobList", "metadata": {}}, True),
        ({"items": None}, True),
    ],
    ids=str,
)
def test_only_a_list_can_be_an_empty_one(api, kube, body, empty):
    """
    Else Jobs would look deleted for what a proxy says.
    """
    api.on("GET", JOBS, Reply(body=body))

    if empty:
        assert kube.list("Job") == ([], "")
    else:
        with pytest.raises(ClusterError, match="no list, where one was asked for"):
            kube.list("Job")


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"[1]", b""])
def test_an_answer_that_is_no_object_is_said_to_be_none(api, kube, body):
    """
    A login page with status 200 is not a cluster.
    """
    api.on("GET", "/version", Reply(body=body, headers={"Content-Type": "text/html"}))

    with pytest.raises(ClusterError, match="text/html instead of JSON"):
        kube.server_version()


def test_warnings_are_told_once(api, kube):
    """
    What the server warns of at every request is news once.
    """
    both = '299 - "use \\"v1\\"", 299 kube "second"\n299 - "third"'
    api.on("GET", "/version", Reply(body={}, headers={"Warning": both}))

    kube.server_version()
    kube.server_version()

    assert kube.warnings() == ['use "v1"', "second", "third"]
    assert kube.warnings() == []


def test_a_wrong_address_is_told_soon(clock):
    """
    Nobody waits minutes to learn of a typo.
    """
    address = nobody()

    with pytest.raises(Unreachable) as raised:
        client(Way(f"http://{address}"), clock).server_version()

    assert str(raised.value) == (
        f"The connection to the server {address} was refused"
        " - did you specify the right host or port?"
    )
    assert sum(clock.slept) <= 5


def test_a_name_that_nobody_knows(clock):
    """
    The message holds the name as it was given.
    """
    with pytest.raises(Unreachable, match=r"Unable to connect to the server: .*nowhere\.invalid"):
        client(Way("http://nowhere.invalid:6443"), clock).server_version()


def test_silence_has_an_end(clock):
    """
    A server that takes connections and says nothing is given up.
    """
    listener, address = silent()

    with listener, pytest.raises(Unreachable, match=f"{address} sent no answer within 0.05s"):
        client(Way(f"http://{address}"), clock, request_timeout=0.05).server_version()


# Trying again


@pytest.mark.parametrize(
    ("replies", "tries"),
    [([DOWN], 2), ([BUSY, BUSY], 3), ([BROKEN, refused(504, "Timeout")], 3), ([CUT], 2)],
    ids=["503", "429", "500 and 504", "cut"],
)
@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
def test_what_may_be_repeated_is(api, kube, method, replies, tries):
    """
    A server that stumbles is asked again.
    """
    api.on(method, f"{PODS}/x", *replies, POD)

    {
        "GET": lambda: kube.get("Pod", "x"),
        "DELETE": lambda: kube.delete("Pod", "x"),
        "PATCH": lambda: kube.patch("Pod", "x", {}),
    }[method]()

    assert api.calls() == [f"{method} {PODS}/x"] * tries


def test_half_an_answer_is_none(api, kube):
    """
    A list that was cut is asked for again, not taken for short.
    """
    whole = {"metadata": {}, "items": [{"metadata": {}}]}
    api.on("GET", PODS, Reply(body=b'{"items": []}', cut=True), whole)

    assert len(kube.list("Pod")[0]) == 1


def test_a_server_that_restarts_is_waited_for(api, kube, clock):
    """
    Once it has answered, a session outlasts minutes of its absence; before, it does not.
    """
    api.on("GET", "/version", {}, *[DOWN] * 20, {"major": "1"})
    kube.server_version()

    assert kube.server_version() == {"major": "1"}
    assert 100 < sum(clock.slept) < 180

    api.on("GET", "/version", DOWN)
    with pytest.raises(ClusterError, match="ServiceUnavailable"):
        client(Way(api.url), clock).server_version()


def test_errors_of_the_server_itself_are_not_waited_for_long(api, kube, clock):
    """
    A webhook that is broken stays broken: four attempts, and its words.
    """
    api.on("GET", "/version", {}, BROKEN)
    kube.server_version()

    with pytest.raises(ClusterError, match="boom"):
        kube.server_version()

    assert len(api.heard) == 5


@pytest.mark.parametrize(("asked", "waited"), [("5", 5.0), ("90000", 60.0), ("Mon, 1 Jan", 0.5)])
def test_retry_after_is_kept_within_reason(api, clock, asked, waited):
    """
    The server's wish decides, up to a minute.
    """
    busy = Reply(429, BUSY.body, {"Retry-After": asked})
    api.on("GET", "/version", {}, busy, {})
    kube = client(Way(api.url), clock)
    kube.server_version()

    kube.server_version()

    assert clock.slept == [waited]


@pytest.mark.parametrize("code", [429, 503])
def test_a_new_server_that_asks_to_wait_is_waited_for(api, clock, code):
    """
    Who says when to come back is there, so even the impatient wait.
    """
    api.on("GET", f"{PODS}/x", Reply(code, BUSY.body, {"Retry-After": "5"}), POD)

    assert client(Way(api.url), clock, patient=False).get("Pod", "x") == POD
    assert clock.slept == [5.0]


# Creating once


@pytest.mark.parametrize("lost", [CUT, BROKEN, refused(504, "Timeout"), DOWN])
def test_a_create_without_an_answer_may_have_been_done(api, kube, lost):
    """
    Before it is sent again, the object is looked for by its name, and taken if it is there.
    """
    there = POD | {"status": {"phase": "Running"}}
    api.on("POST", PODS, lost)
    api.on("GET", f"{PODS}/x", there)

    assert kube.create(POD) == there
    assert api.calls() == [f"POST {PODS}", f"GET {PODS}/x"]


def test_a_create_that_was_not_done_is_sent_again(api, kube):
    """
    What isn't there by its name was never made.
    """
    api.on("POST", PODS, CUT, POD)
    api.on("GET", f"{PODS}/x", refused(404, "NotFound"))

    assert kube.create(POD) == POD
    assert api.calls() == [f"POST {PODS}", f"GET {PODS}/x", f"POST {PODS}"]


def test_a_create_that_comes_through_late_is_ours(api, kube):
    """
    The first attempt may be done after we have looked: the conflict is with ourselves.
    """
    api.on("POST", PODS, BROKEN, refused(409, "AlreadyExists"))
    api.on("GET", f"{PODS}/x", refused(404, "NotFound"), POD)

    assert kube.create(POD) == POD


@pytest.mark.parametrize("first", [[], [CUT]], ids=["at once", "after a lost attempt"])
def test_what_others_have_made_is_a_conflict(api, kube, first):
    """
    An object with other labels isn't ours, whatever its name.
    """
    foreign = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}
    api.on("POST", PODS, *first, refused(409, "AlreadyExists"))
    api.on("GET", f"{PODS}/x", foreign)

    with pytest.raises(Conflict):
        kube.create(POD)


def test_a_dry_run_is_just_asked_again(api, kube):
    """
    It makes nothing that could be found.
    """
    api.on("POST", PODS, CUT, POD)

    assert kube.create(POD, dry_run=True) == POD
    assert api.calls() == [f"POST {PODS}"] * 2


def test_a_delete_that_was_done_without_an_answer_is_done(api, kube):
    """
    The object that a second attempt doesn't find was deleted by the first; else it is missing.
    """
    api.on("DELETE", f"{PODS}/x", CUT, refused(404, "NotFound"))

    kube.delete("Pod", "x")

    with pytest.raises(NotFound):
        kube.delete("Pod", "x")


def test_closing_ends_waits(api):
    """
    A client that is closed while it waits for the server gives up.
    """
    api.on("GET", "/version", {}, DOWN)
    kube = client(Way(api.url), patient=True)
    kube.server_version()
    kube._sleep = lambda _: kube.close() or True

    with pytest.raises(ClusterError, match="ServiceUnavailable"):
        kube.server_version()

    assert len(api.heard) == 2


# Watches and logs


def test_a_watch_yields_changes_until_the_server_ends_it(api, kube):
    """
    Bookmarks are asked for, and lines may come in any pieces.
    """
    event = line("ADDED", name="x", resourceVersion="2")
    api.on("GET", PODS, stream(event[:9], event[9:] + line("BOOKMARK", resourceVersion="3"), b"\n"))

    changes = list(kube.watch("Pod", "a=b", "1", seconds=100))

    assert [(c.type, c.object["metadata"]["resourceVersion"]) for c in changes] == [
        ("ADDED", "2"),
        ("BOOKMARK", "3"),
    ]
    asked = {name: values[0] for name, values in api.heard[0].query.items()}
    assert asked == {
        "watch": "true", "labelSelector": "a=b", "resourceVersion": "1",
        "allowWatchBookmarks": "true", "timeoutSeconds": "100",
    }  # fmt: skip


@given(st.data(), st.lists(st.binary(min_size=1).filter(lambda line: b"\n" not in line)))
def test_lines_are_whole_however_they_come(data, whole):
    """
    Where the wire cuts is no matter; blank lines keep connections open and mean nothing.
    """
    text = b"".join(each + b"\n" for each in whole) + b"half"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)))))
    pieces = [text[a:b] for a, b in pairwise([0, *cuts, len(text)])]

    assert list(lines(pieces)) == [each for each in whole if each.strip()]


def test_a_line_that_is_cut_is_no_change(api, kube):
    """
    What came whole is told, the rest is dropped, and the loss is said.
    """
    whole = line("ADDED", name="x", resourceVersion="2")
    api.on("GET", PODS, stream(whole + whole[:30], cut=True))
    watch = kube.watch("Pod", "", "1")

    assert next(watch) == Change("ADDED", json.loads(whole)["object"])
    with pytest.raises(Unreachable):
        next(watch)


def test_an_unterminated_tail_is_dropped(api, kube):
    """
    A last line without its end is half a change, however complete it looks.
    """
    api.on("GET", PODS, stream(line("ADDED", name="x").rstrip()))

    assert list(kube.watch("Pod", "", "1")) == []


@pytest.mark.parametrize(
    "reply",
    [
        refused(410, "Expired"),
        stream(
            json.dumps({"type": "ERROR", "object": refused(410, "Expired").body}).encode() + b"\n"
        ),
    ],
    ids=["status", "event"],
)
def test_a_place_that_is_too_old_is_gone(api, kube, reply):
    """
    Both ways of saying so are one error.
    """
    api.on("GET", PODS, reply)

    with pytest.raises(Gone):
        list(kube.watch("Pod", "", "1"))


def test_a_watch_is_opened_once(api, kube, clock):
    """
    Who watches has a pace of his own.
    """
    api.on("GET", PODS, DOWN)

    with pytest.raises(ClusterError, match="ServiceUnavailable"):
        list(kube.watch("Pod", "", "1"))

    assert len(api.heard) == 1
    assert clock.slept == []


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_watch_that_waits_can_be_closed(secure):
    """
    Another thread ends it at once, also in the middle of a read.
    """
    api, more = ApiServer("server" if secure else ""), threading.Event()
    api.on("GET", PODS, stream(line("ADDED", name="x"), then=more))
    watch = client(Way(api.url, certificate_authority=pem("ca.pem"))).watch("Pod", "", "1")
    next(watch)
    left: list[Change] = []
    reader = threading.Thread(target=lambda: left.extend(watch))
    reader.start()

    watch.close()

    reader.join(60)
    assert not reader.is_alive()
    assert left == []
    more.set()
    api.close()


def test_closing_the_client_ends_what_is_open(api, kube):
    """
    No log is followed by a client that is gone.
    """
    more = threading.Event()
    api.on("GET", f"{PODS}/x/log", stream(b"one", then=more))
    log = kube.logs(LogRequest("x", follow=True))
    assert next(log) == b"one"

    kube.close()

    assert list(log) == []
    more.set()


def test_logs_are_bytes(api, kube):
    """
    Whatever a program prints comes as it is.
    """
    text = b'\xff\xfe{"a": null}\r\n\x1b[31m' + b"x" * 200_000
    api.on("GET", f"{PODS}/x/log", stream(text[:100], text[100:]))

    request = LogRequest("x", "c", tail=5, since="2030-01-01T00:00:00Z")
    assert b"".join(kube.logs(request)) == text

    asked = {name: values[0] for name, values in api.heard[0].query.items()}
    assert asked == {
        "container": "c", "timestamps": "true", "tailLines": "5",
        "sinceTime": "2030-01-01T00:00:00Z",
    }  # fmt: skip


def test_a_log_that_is_not_there_yet_is_refused(api, kube):
    """
    The server's words say what the container waits for.
    """
    api.on("GET", f"{PODS}/x/log", refused(400, "BadRequest", "container is waiting to start"))

    with pytest.raises(Invalid, match="waiting to start"):
        kube.logs(LogRequest("x"))


# Credentials and TLS


@pytest.fixture
def secure():
    server = ApiServer("server")
    yield server
    server.close()


def test_a_token_that_has_run_out_is_renewed_once(secure):
    """
    A 401 asks for new credentials and sends the request again; a second one is final.
    """
    api = secure
    api.on("GET", "/version", refused(401, "Unauthorized"), {}, refused(401, "Unauthorized"))
    credentials = Tokens(["old", "new"])
    kube = client(Way(api.url, certificate_authority=pem("ca.pem"), credentials=credentials))

    kube.server_version()
    with pytest.raises(Unauthorized, match="You must be logged in to the server"):
        kube.server_version()

    sent = [each.headers["Authorization"] for each in api.heard]
    assert sent == ["Bearer old", "Bearer new", "Bearer new"]


@pytest.mark.parametrize(
    ("certificate", "way", "text"),
    [
        (
            "server",
            {"certificate_authority": "stranger.pem"},
            "certificate signed by unknown authority",
        ),
        ("server", {}, "x509: certificate signed by unknown authority"),
        (
            "elsewhere",
            {"certificate_authority": "ca.pem"},
            "x509: certificate is not valid for 127.0.0.1",
        ),
        (
            "",
            {"certificate_authority": "ca.pem"},
            "first record does not look like a TLS handshake",
        ),
    ],
    ids=["another authority", "the system's authorities", "another name", "no TLS"],
)
def test_whoever_cannot_be_trusted_is_not_talked_to(clock, certificate, way, text):
    """
    The message says what is wrong with the certificate, at once, and no request is sent.
    """
    server = ApiServer(certificate)
    given = {name: pem(value) for name, value in way.items()}
    made = Way(f"https://{server.host}", credentials=Tokens(["secret"]), **given)

    with pytest.raises(Unreachable, match="Unable to connect to the server: tls: ") as raised:
        client(made, clock).server_version()

    assert text in str(raised.value)
    assert server.heard == []
    assert clock.slept == []
    server.close()


@pytest.mark.parametrize(
    "way",
    [
        {"tls_server_name": "elsewhere.example", "certificate_authority": pem("ca.pem")},
        {"insecure": True},
    ],
    ids=["under its name", "insecure"],
)
def test_a_server_with_another_name(way):
    """
    It is trusted under the name that it is said to have, or where trust is not asked for.
    """
    server = ApiServer("elsewhere")
    server.on("GET", "/version", {"major": "1"})

    assert client(Way(server.url, **way)).server_version() == {"major": "1"}
    server.close()


def test_a_client_certificate_leaves_nothing_behind(tmp_path: Path, monkeypatch):
    """
    The server sees it, and no file keeps the key.
    """
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server = ApiServer("server", ask_certificate=True)
    server.on("GET", "/version", {"major": "1"})
    shown = Tokens(certificate=(pem("client.pem"), pem("client.key")))

    kube = client(Way(server.url, certificate_authority=pem("ca.pem"), credentials=shown))
    assert kube.server_version() == {"major": "1"}
    assert list(tmp_path.iterdir()) == []

    with pytest.raises(Unreachable):
        client(Way(server.url, certificate_authority=pem("ca.pem"))).server_version()
    server.close()


@pytest.mark.parametrize("broken", ["authority", "certificate"])
def test_pem_that_is_none_is_explained(broken):
    """
    A file that is no certificate is an error of the configuration, said as one.
    """
    way = Way("https://127.0.0.1:1")
    if broken == "certificate_authority":
        way.certificate_authority = b"nonsense"
    else:
        way.credentials.certificate = (b"nonsense", b"nonsense")

    with pytest.raises(ClusterError) as raised:
        client(way).server_version()

    assert "kubeconfig" in raised.value.hint


def test_authorities_that_kubectl_trusts_are_trusted(secure):
    """
    This server's certificate lacks a key identifier, which Python asks for since 3.13, Go never.
    """
    secure.on("GET", "/version", {"major": "1"})

    kube = client(Way(secure.url, certificate_authority=pem("ca.pem")))

    assert kube.server_version() == {"major": "1"}
    context = tls(pem("ca.pem"), None, insecure=False)
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.check_hostname


@pytest.mark.parametrize("value", ["a\nb", "a\r\nX: y", "\0"])
def test_no_name_or_token_makes_headers_of_its_own(secure, value):
    """
    A line break in a name is refused without a traceback, and without the token in the message.
    """
    way = Way(secure.url, certificate_authority=pem("ca.pem"))

    for each in (
        replace(way, impersonation=(("Impersonate-User", value),)),
        replace(way, credentials=Tokens([value])),
    ):
        with pytest.raises(ClusterError, match=r"invalid header field value$"):
            client(each).server_version()

    assert secure.heard == []


def test_names_of_all_languages_can_be_acted_as(api):
    """
    They go over the wire as UTF-8, as kubectl sends them.
    """
    api.on("GET", "/version", {})

    client(Way(api.url, impersonation=(("Impersonate-User", "Žofie"),))).server_version()

    assert api.heard[0].headers["Impersonate-User"].encode("latin-1").decode() == "Žofie"


# Proxies


def test_a_proxy_carries_what_it_cannot_read(secure):
    """
    The kubeconfig's proxy is asked for a tunnel, and told who we are where its address says so.
    """
    proxy = ApiServer()
    secure.on("GET", "/version", {"major": "1"})
    url = proxy.url.replace("//", "//me:it%27s@")

    kube = client(Way(secure.url, certificate_authority=pem("ca.pem"), proxy_url=url))
    assert kube.server_version() == {"major": "1"}

    assert proxy.calls() == [f"CONNECT {secure.host}"]
    assert proxy.heard[0].headers["Proxy-Authorization"] == "Basic bWU6aXQncw=="
    kube.close()
    proxy.close()


def test_a_proxy_that_is_away_is_named(clock):
    """
    It is not the server that refused.
    """
    way = Way("https://cluster.example", proxy_url=f"http://{nobody()}")

    with pytest.raises(Unreachable, match="Unable to connect to the server: proxyconnect tcp"):
        client(way, clock).server_version()


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.DependencyWarning")
@pytest.mark.parametrize("scheme", ["socks5", "ftp"])
def test_a_proxy_that_we_cannot_use_is_explained(scheme):
    """
    The message names it without its password, and what would help.
    """
    way = Way("https://cluster.example", proxy_url=f"{scheme}://me:secret@p.example:1080")

    with pytest.raises(ClusterError, match=rf"{scheme}://p\.example can't be used$") as raised:
        client(way).server_version()

    assert "PySocks" in raised.value.hint


@pytest.mark.parametrize(
    ("server", "environment", "proxy"),
    [
        ("https://c.example", {}, ""),
        ("https://c.example", {"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ("https://c.example", {"https_proxy": "p:3128"}, "http://p:3128"),
        ("https://c.example", {"HTTP_PROXY": "http://p"}, ""),
        ("http://c.example", {"HTTP_PROXY": "http://p"}, "http://p"),
        ("https://c.example", {"HTTPS_PROXY": "http://p", "NO_PROXY": "a,.example"}, ""),
        ("https://10.1.2.3:6443", {"HTTPS_PROXY": "http://p", "NO_PROXY": "10.0.0.0/8"}, ""),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": "http://p"}, ""),
        ("https://localhost:6443", {"HTTPS_PROXY": "http://p"}, ""),
        ("https://[::1]:6443", {"HTTPS_PROXY": "http://p"}, ""),
    ],
)
def test_proxies_of_the_environment_are_as_kubectl_takes_them(server, environment, proxy):
    """
    By the server's scheme, never for this machine itself, and not where NO_PROXY says so.
    """
    assert proxy_for(server, "", environment, should_bypass_proxies) == proxy
    assert proxy_for(server, "http://own", environment, should_bypass_proxies) == "http://own"


def test_a_server_that_was_away_is_found_again(clock):
    """
    Refused connections are borne once the server has been seen, and nothing is done twice.
    """
    first = ApiServer()
    first.on("GET", "/version", Reply(body={}, headers={"Connection": "close"}))
    kube = client(Way(first.url), clock)
    kube.server_version()
    first.close()
    again: list[ApiServer] = []

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if sum(clock.slept) > 60 and not again:
            again.append(ApiServer(port=first.port))
            again[0].on("POST", PODS, POD)

    kube._sleep = sleep

    assert kube.create(POD) == POD
    assert again[0].calls() == [f"POST {PODS}"]
    again[0].close()


def test_many_threads_share_a_client(api, kube):
    """
    Every answer goes to who asked, and all requests are counted.
    """
    names = [f"x{n}" for n in range(200)]
    for name in names:
        api.on("GET", f"{PODS}/{name}", {"metadata": {"name": name}})

    with ThreadPoolExecutor(16) as pool:
        found = [each["metadata"]["name"] for each in pool.map(lambda n: kube.get("Pod", n), names)]

    assert found == names
    assert kube.requests == {"get": 200}


def test_requests_are_told_as_kubectl_tells_them(api):
    """
    A line each, with what came of it, and with nothing that is secret.
    """
    said: list[str] = []
    api.on("GET", PODS, DOWN, {"items": []})
    kube = client(Way(api.url, credentials=Tokens(["secret"])), tell=said.append)

    kube.list("Pod", "a=1")
    kube.close()

    where = re.escape(f"GET {api.url}{PODS}?labelSelector=a%3D1&limit=500")
    for told, status in zip(said, ("503 Service Unavailable", "200 OK"), strict=True):
        assert re.fullmatch(rf"{where} {status} in \d+ milliseconds", told)


def test_requests_without_an_answer_are_told():
    """
    What never came about was tried all the same.
    """
    said: list[str] = []
    kube = client(Way(f"http://{nobody()}"), tell=said.append)

    with pytest.raises(Unreachable):
        kube.get("Pod", "x")

    assert said and all(re.search(r"/pods/x in \d+ milliseconds$", line) for line in said)
