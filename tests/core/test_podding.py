"""Pod options mean what Kubernetes means by them; whatever is wrong is said, all of it at once."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.cli import frame, podding
from kubectl_tune.cluster import envfile, podwords, resources, syntax
from kubectl_tune.cluster.syntax import Fault
from kubectl_tune.errors import UsageError
from kubectl_tune.podoptions import PodOptions

ENGINES = inspect.Parameter(
    "engine", inspect.Parameter.POSITIONAL_OR_KEYWORD, default="jobs", annotation=str
)


def read(*words: str) -> PodOptions:
    """Read a command line as a command does that has the options."""
    seen = []

    def command(**options: Any) -> int:
        """Do nothing."""
        seen.append(podding.taken(options, options.pop("engine")))
        return 0

    hints = get_type_hints(podding.pod, include_extras=True)
    parameters = [
        each.replace(annotation=hints[each.name])
        for each in inspect.signature(podding.pod).parameters.values()
    ]
    command.__signature__ = inspect.Signature([*parameters, ENGINES])  # type: ignore[attr-defined]
    assert frame.invoke(frame.parser(command), "kubectl tune sample", list(words)) == 0
    return seen[0]


def refusal(*words: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(*words)
    return f"{caught.value}; {caught.value.hint}"


# As they are typed


def test_every_option_reaches_the_pods(tmp_path, monkeypatch):
    """
    What is typed is what is kept, in the units of manifests.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PASSED", "on=$HOME")
    (tmp_path / "code").mkdir()
    Path("env").write_text("A=file\nB=file\n")
    Path("pod.yaml").write_text("kind: Pod\nspec:\n  containers:\n  - name: main\n    image: x\n")

    options = read(
        "--image", "registry.example/me/train:1", "--cpu", "2", "--memory=4Gi", "--gpus", "1",
        "--env", "A=typed", "--env", "PASSED", "--env", "EMPTY=", "--env-file", "env",
        "--secret-env", "db", "--secret-env", "TOKEN=hub/key",
        "--volume", "data:/data", "--volume", "data:/quotes:ro", "--service-account", "robot",
        "--image-pull-secret", "hub", "--node-selector", "disk=ssd,zone=a", "--node-selector",
        "arch=", "--toleration", "gpu:NoSchedule", "--priority-class", "low", "--queue", "team-a",
        "--label", "team=quant", "--run-as-user", "0", "--keep", "all", "--ttl", "2h",
        "--pending-timeout", "1h30m", "--sync", "code", "--template", "pod.yaml",
    )  # fmt: skip

    assert options == PodOptions(
        image="registry.example/me/train:1", cpu="2", memory="4Gi", gpus=1,
        env={"A": "typed", "B": "file", "PASSED": "on=$HOME", "EMPTY": ""},
        secret_env=("db", "TOKEN=hub/key"), volumes=("data:/data", "data:/quotes:ro"),
        service_account="robot", image_pull_secrets=("hub",),
        node_selector={"disk": "ssd", "zone": "a", "arch": ""}, tolerations=("gpu:NoSchedule",),
        priority_class="low", queue="team-a", labels={"team": "quant"}, run_as_user=0, keep="all",
        ttl=7200, pending_timeout=5400.0, sync=str(tmp_path / "code"),
        template={"spec": {"containers": [{"name": "tuning-runner", "image": "x"}]}},
    )  # fmt: skip
    assert read("--no-agent") == PodOptions(agent=False)


def test_nothing_typed_is_the_default():
    """
    The options' defaults and those of what is kept are the same.
    """
    assert read() == PodOptions()


def test_all_problems_are_listed_at_once():
    """
    Who mends a command line mends it once.
    """
    said = refusal(
        "--cpu", "2x", "--memory", "lots", "--gpus", "-1", "--image", "UP", "--keep", "fail",
        "--ttl", "soon", "--pending-timeout", "0s", "--run-as-user", "root", "--queue", "Q",
        "--service-account", "a/b", "--image-pull-secret", "", "--node-selector", "a",
        "--toleration", "a:Never", "--priority-class", "-", "--label", "app=x", "--volume", "data",
        "--secret-env", "A=b", "--env", "1=2", "--env-file", "/none", "--sync", "/none",
        "--template", "/none",
    )  # fmt: skip
    flags = set(re.findall(r"^  (--[-a-z]+)", said, re.MULTILINE))

    every = {f"--{n.replace('_', '-')}" for n in inspect.signature(podding.pod).parameters}
    assert flags == every - {"--agent"}
    assert said.startswith("21 problems with the options:")
    assert "--keep fail: unknown (did you mean failed?)" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cpu", "2x"], "--cpu 2x: not a quantity"),
        (["--cpu", ""], "--cpu '': no value"),
        (["--memory", "512m"], "did you mean 512Mi?"),
        (["--memory", "4gb"], "did you mean 4G?"),
        (["--memory", "4gib"], "did you mean 4Gi?"),
        (["--gpus", "1.5"], "not a whole number"),
        (["--keep", "Failed"], "did you mean failed?"),
        (["--toleration", "gpu:NoSchedul"], "did you mean NoSchedule?"),
        (["--env", "NOT_SET_HERE"], "NOT_SET_HERE is not set here"),
        (["--env", "KT_LINE=1"], "KT_LINE is what every trial is told"),
        (["--env", "TUNE_X=1"], "TUNE_X is what every trial is told"),
        (["--env", "A=1", "--env", "A=1"], "--env A: given twice"),
        (["--label", "a=1", "--label", "a=2"], "--label a: given twice"),
        (["--node-selector", "a=1,a=2"], "--node-selector a: given twice"),
        (["--volume", "a:/d", "--volume", "b:/d/"], "--volume /d: given twice"),
        (["--secret-env", "s", "--secret-env", "s"], "--secret-env s: given twice"),
        (["--secret-env", "A=s/k", "--env", "A=1"], "A is given with --env too"),
        (["--volume", "/here:/there"], "/here is a folder here"),
        (["--volume", "a:data"], "data is no absolute path"),
        (["--volume", "a:/kt/work"], "/kt/work is taken"),
        (["--volume", "a:/x/../kt"], "leads somewhere else"),
        (["--volume", "a:/data:wo"], "wo behind the path"),
        (["--label", "kueue.x-k8s.io/queue-name=q"], "write --queue q"),
        (["--label", "kubectl-tune.dev/uid=q"], "trials are found by"),
        (["--label", "team"], "no = in it"),
        (["--ttl", "0s"], "not between a minute and 68 years"),
        (["--sync", "/", "--no-agent"], "with --no-agent nothing unpacks it"),
        (["--env", "A" * 300], "..."),
    ],
)
def test_a_wrong_value_is_named_and_explained(words, said):
    """
    The sentence has what was typed, and what to type instead where that can be guessed.
    """
    assert said in refusal(*words)


def test_values_of_variables_are_not_repeated():
    """
    What may be a password stays out of errors, and out of logs of them.
    """
    said = refusal("--env", "A B=hunter2", "--env", "A=hunter2", "--env", "A=hunter2")

    assert "hunter2" not in said


def test_a_variable_that_looks_like_a_secret_gets_a_warning(capsys):
    """
    Values given with --env can be read by all who may look at pods.
    """
    read("--env", "DB_PASSWORD=x", "--env", "LR=1")

    said = capsys.readouterr().err
    assert "--env DB_PASSWORD" in said and "--secret-env" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        (["--cpu", "2", "--env", "A=1"], "--cpu, --env are"),
        (["--no-agent"], "--no-agent is"),
        (["--keep", "all"], "--keep is"),
        (["--gpus", "0"], "--gpus is"),
    ],
)
def test_the_local_engine_has_no_pods(words, flags):
    """
    An option that would do nothing is refused, not ignored.
    """
    assert flags in refusal("--engine", "local", *words)
    assert read("--engine", "local") == PodOptions()


# Files


def test_env_files_are_read_as_kubectl_reads_them(tmp_path, monkeypatch):
    """
    A value is all behind the first =: no quotes, no expansion, spaces and all.
    """
    monkeypatch.setenv("HERE", "passed")
    file = tmp_path / "env"
    file.write_bytes(
        b"\xef\xbb\xbfA=1\r\n\n# no\n   # no\n  B = x\n".replace(b"B = x", b"B= x ")
        + b'Q="q"\nE=\nHERE\nX=a=b#c\nd.e-f=$A\nlast=1'
    )

    assert read("--env-file", str(file)).env == {
        "A": "1", "B": " x ", "Q": '"q"', "E": "", "HERE": "passed", "X": "a=b#c", "d.e-f": "$A",
        "last": "1",
    }  # fmt: skip


def test_env_files_are_refused_line_by_line(tmp_path):
    """
    Each wrong line is named by its number, without its value.
    """
    file = tmp_path / "env"
    file.write_bytes(b"A=1\nexport B=hunter2\n\xff=1\nA=2\nNOT_SET_HERE\nC\x00=hunter2\nD=\x00\n")

    said = refusal("--env-file", str(file))

    assert re.findall(r"line (\d+): ", said) == ["2", "3", "4", "5", "6", "7"]
    assert "A stands in line 1 too" in said and "not UTF-8" in said
    assert "hunter2" not in said


TEMPLATES = {
    "no-yaml": ("a: [", "not YAML"),
    "no-object": ("- a", "no object"),
    "empty": ("", "no object"),
    "nothing-in-it": ("kind: Pod", "neither metadata nor spec"),
    "other-kind": ("kind: Deployment\nspec: {}", "Deployment is no kind of template"),
    "near-kind": ("kind: Jobs\nspec: {}", "did you mean Job?"),
    "containers-on-top": ("containers: []", "below spec:"),
    "two-documents": ("a: 1\n---\nb: 2", "a second document begins"),
    "twice": ("spec: {a: 1, a: 2}", "the key a stands twice"),
    "bad-json": ('{"spec": {},}', "not JSON"),
    "not-a-number": ("spec: {a: .nan}", "not what JSON can hold"),
    "nameless": ("spec: {volumes: [{emptyDir: {}}]}", "spec.volumes[0]: no name"),
    "both-names": (
        "spec: {containers: [{name: main}, {name: tuning-runner}]}",
        "both tuning-runner and main",
    ),
    "not-text": (b"spec: {a: \xff}", "not UTF-8"),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_checked_before_anything_runs(tmp_path, name):
    """
    What can't be a template is refused with its file's name and the place.
    """
    content, said = TEMPLATES[name]
    file = tmp_path / "pod.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())

    refused = refusal("--template", str(file))

    assert str(file) in refused and said in refused


def test_template_may_be_json_and_says_what_it_cannot(tmp_path, capsys):
    """
    Warnings name the file; numbers as keys are the texts that kubectl takes them for.
    """
    file = tmp_path / "pod.json"
    file.write_text(json.dumps({"spec": {"restartPolicy": "Always", "nodeName": "n"}}))
    other = tmp_path / "pod.yaml"
    other.write_text("spec: {nodeSelector: {1: a}, containers: [{name: trainer}]}")

    assert read("--template", str(file)).template["spec"]["nodeName"] == "n"
    assert f"--template {file}: spec: restartPolicy stays Never" in capsys.readouterr().err
    assert read("--template", str(other)).template["spec"]["nodeSelector"] == {"1": "a"}
    assert "container trainer runs beside" in capsys.readouterr().err


# Words


def accepted(check: Any, text: str) -> bool:
    try:
        check(text)
    except Fault as fault:
        assert str(fault) and "\n" not in str(fault)
        return False
    return True


DIGEST = "sha256:" + "a" * 64
RIGHT = {
    syntax.image: [
        "python", "python:3.11", "library/python", "reg.io/me/x-y__z.1:V_1.2-rc", "localhost/x",
        "host:5000/a/b/c", f"a@{DIGEST}", f"reg.io:443/a/b:t@{DIGEST}", "[::1]:5000/x", "Host/x",
    ],
    resources.cpu: ["1", "0.1", "500m", ".5", "5.", "1e3", "1E3", "0", "+1", "2k"],
    resources.memory: ["1Mi", "1.5Gi", "2e9", "100M", "1048576", "1E", "1Ei", "2000000000000m"],
    syntax.dns_name: ["a", "a-b.c1", "1", "a" * 253],
    syntax.label_key: ["a", "A_b-c.d", "example.com/Team", "a" * 63],
    syntax.label_value: ["", "a", "A_b-c.d", "a" * 63],
    syntax.env_name: ["A", "_a", "a.b-c", "-a", "KT", "TUNED"],
    podwords.secret_env: ["s", "A=s/k", "A=s.t/K_1.txt"],
    podwords.toleration: ["a", "a=b", "a=b:NoSchedule", "*", "*:NoExecute", "x.io/a:NoExecute"],
    podwords.claim: ["a:/d", "a:/d:ro", "a:/d:rw", "a.b:/d/e", "kt:/ktx"],
}  # fmt: skip
WRONG = {
    syntax.image: [
        "", " ", "a b", "A", "a:", "a@", "a@sha256:abc", "a//b", "/a", "a/", "a:t/", "-a", "a..b",
        f"a:{'t' * 129}", "a" * 256, "a" * 64, "a:t:u", "reg.io/A/b", f"a@{DIGEST.upper()}", "a\n",
    ],
    resources.cpu: ["", "x", "1x", "-1", "1 ", "1,5", "1mi", "1K", "0x1", "1e", "٣", "1" * 200],
    resources.memory: ["0", "-1Gi", "1", "512m", "4GB", "1gi", "", "Gi", "1Gi\n"],
    syntax.dns_name: ["", "A", "a_b", "-a", "a-", "a..b", "a/b", "a" * 254, "a\n"],
    syntax.label_key: ["", "/a", "a/", "a/b/c", "A.com/a", "a b", "-a", "a" * 64, "a\n"],
    syntax.label_value: [" ", "a b", "-a", "a-", "a/b", "a" * 64, "a\n"],
    syntax.env_name: [
        "", "1A", "A B", "A=", ".", "..", "..a", "KT_", "TUNE_A", "JOB_ID", "é", "A\n",
    ],
    podwords.secret_env: ["", "S", "=s/k", "A=s", "A=/k", "A=s/", "A=s/a b", "KT_A=s/k", "A=s/k/l"],
    podwords.toleration: [
        "", ":", "a:", "a:b", "=b", "a=b c", ":NoSchedule", "**", "*=a", "a:b:NoExecute",
    ],
    podwords.claim: [
        "", "a", ":/d", "a:", "a:d", "a:/", "A:/d", "a:/d:", "a:/d:ro:", "a:/kt", "a:/a\n",
    ],
}  # fmt: skip


@pytest.mark.parametrize("check", RIGHT, ids=lambda check: check.__name__)
def test_what_kubernetes_takes_is_taken(check):
    """
    Nothing is refused here that the server would take.
    """
    assert [text for text in RIGHT[check] if not accepted(check, text)] == []


@pytest.mark.parametrize("check", WRONG, ids=lambda check: check.__name__)
def test_what_kubernetes_refuses_is_refused(check):
    """
    What the server, or the kubelet after it, would refuse is said at once.
    """
    assert [text for text in WRONG[check] if accepted(check, text)] == []


@pytest.mark.parametrize("check", RIGHT, ids=lambda check: check.__name__)
@given(text=st.text(st.sampled_from("aA1/:.-_=*@ \n\0é"), max_size=9) | st.text(max_size=5))
def test_every_word_is_right_or_explained(check, text):
    """
    Whatever is typed, the outcome is a value or a sentence of one line.
    """
    accepted(check, text)


@given(
    st.dictionaries(
        st.from_regex(r"[A-JL-SU-Z_][A-Za-z0-9_]{0,5}", fullmatch=True),
        st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\n\r\0")),
        max_size=5,
    )
)
def test_variables_survive_a_file(values):
    """
    What is written as NAME=VALUE is read as it was.
    """
    content = "".join(f"{name}={value}\n" for name, value in values.items()).encode()

    assert envfile.read(content, {}) == (values, [])
