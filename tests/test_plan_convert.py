"""Experiments of Katib and sweeps of W&B become plans, or say with a line why they can't."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.cli import main
from kubectl_tune.problem import Findings
from kubectl_tune.spec import katib, wandb

# The random example of Katib's repository, shortened.
EXPERIMENT = """\
apiVersion: kubeflow.org/v1beta1
kind: Experiment
metadata: {name: random}
spec:
  objective: {type: minimize, goal: 0.001, objectiveMetricName: loss}
  algorithm:
    algorithmName: random
    algorithmSettings:
      - {name: random_state, value: "10"}
  parallelTrialCount: 3
  maxTrialCount: 5
  maxFailedTrialCount: 2
  parameters:
    - name: lr
      parameterType: double
      feasibleSpace: {min: "0.01", max: "0.05"}
    - name: layers
      parameterType: int
      feasibleSpace: {min: "2", max: "5"}
    - name: optimizer
      parameterType: categorical
      feasibleSpace: {list: [sgd, adam]}
  trialTemplate:
    primaryContainerName: training
    trialParameters:
      - {name: learningRate, reference: lr}
      - {name: numberLayers, reference: layers}
    trialSpec:
      apiVersion: batch/v1
      kind: Job
      spec:
        template:
          spec:
            containers:
              - name: side
                command: [sleep]
              - name: training
                image: mnist:1
                command: [python3, train.py, "--lr=${trialParameters.learningRate}"]
                args: ["--layers=${trialParameters.numberLayers}", "--name=${trialSpec.Name}"]
                env: [{name: OMP, value: "1"}]
"""
SWEEP = """\
program: train.py
name: night
method: random
run_cap: 4
metric: {name: loss, goal: minimize}
parameters:
  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  epochs: {value: 3}
  layers: {min: 2, max: 5}
  optimizer:
    parameters:
      name: {values: [sgd, adam]}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def plan(capsys, *args):
    """Return the code, the lines and what is said."""
    code = main(["plan", *args])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def write(text, name="theirs.yaml"):
    Path(name).write_text(text)
    return name


def test_experiment_becomes_a_plan(capsys):
    """
    Parameters by their types, count and seed, and the container's command with placeholders.
    """
    code, lines, _ = plan(capsys, "--from-katib", write(EXPERIMENT))

    assert (code, len(lines)) == (0, 5)
    first = lines[0]
    assert first["job_id"] == "random_0001"
    assert first["command"] == [
        "python3", "train.py", "--lr={lr}", "--layers={layers}", "--name={job_id}",
    ]  # fmt: skip
    assert (first["image"], first["env"]) == ("mnist:1", {"OMP": "1"})
    for config in (line["config"] for line in lines):
        assert type(config["lr"]) is float
        assert 0.01 <= config["lr"] <= 0.05
        assert config["layers"] in (2, 3, 4, 5)
        assert config["optimizer"] in ("sgd", "adam")


def test_variable_that_katib_fills_is_left_out_and_said(capsys):
    """
    A plan's variables are taken as they are, so the trial would read Katib's own words.
    """
    mixed = EXPERIMENT.replace(
        'value: "1"}', 'value: "1"}, {name: L, value: "${trialParameters.x}"}'
    )

    code, lines, err = plan(capsys, "--from-katib", write(mixed))

    assert code == 0
    assert lines[0]["env"] == {"OMP": "1"}
    assert "line 41, column 48: the variable L is not used: a plan fills commands only" in err


def test_sweep_becomes_a_plan(capsys):
    """
    Nested parameters have names with dots, and the default command names them all.
    """
    code, lines, _ = plan(capsys, "--from-wandb", write(SWEEP))

    assert (code, len(lines)) == (0, 4)
    first = lines[0]
    assert first["job_id"] == "night_0001"
    assert list(first["config"]) == ["epochs", "lr", "layers", "optimizer.name", "tag"]
    assert first["command"] == [
        "python", "train.py", "--lr={lr}", "--epochs={epochs}", "--layers={layers}",
        "--optimizer.name={optimizer.name}",
    ]  # fmt: skip


def test_explain_shows_what_it_was_understood_as(capsys):
    """
    The spec in our words, which makes the same plan.
    """
    write(EXPERIMENT)
    _, lines, _ = plan(capsys, "--from-katib", "theirs.yaml")

    assert main(["plan", "--from-katib", "theirs.yaml", "--explain", "-o", "json"]) == 0
    understood = json.loads(capsys.readouterr().out)["understood"]

    assert understood["search"]["method"] == "random"
    assert understood["objective"] == [{"metric": "loss", "goal": "minimize"}]
    write(json.dumps(understood), "ours.json")
    assert plan(capsys, "ours.json")[:2] == (0, lines)


def test_a_second_file_says_what_is_missing_or_other(capsys):
    """
    The built-in workload's data and fees, another method; the rest stays as it is.
    """
    write(
        "method: bayes\nparameters: {min_spread_bps: {min: 5.0, max: 80.0}}\n",
    )
    write(
        "data_file: d.csv\nfixed: {slippage_bps: 1}\nsearch: {method: lhs, max_trials: 3}\n",
        "ours.yaml",
    )

    code, lines, _ = plan(capsys, "--from-wandb", "theirs.yaml", "ours.yaml")

    assert (code, len(lines)) == (0, 3)
    assert lines[0]["config"]["data_file"] == "d.csv"
    assert lines[0]["config"]["slippage_bps"] == 1
    assert "command" not in lines[0]


def test_the_second_file_wins_by_any_name(capsys):
    """
    A number of trials is one, whether it is called run_cap or max_trials.
    """
    write(SWEEP)
    write("search: {max_trials: 2}\n", "ours.yaml")

    code, lines, _ = plan(capsys, "--from-wandb", "theirs.yaml", "ours.yaml")

    assert (code, len(lines)) == (0, 2)


@pytest.mark.parametrize(("flag", "text"), [("--from-wandb", SWEEP), ("--from-katib", EXPERIMENT)])
@pytest.mark.parametrize("ours", ["fixed: {lr: 7}", "grids: {lr: [7]}\nfixed: {epochs: 9}"])
def test_the_second_file_wins_parameter_by_parameter(capsys, flag, text, ours):
    """
    What it fixes is fixed, and what it tunes is tuned as it says; the rest keeps its lines.
    """
    bad = text.replace("min: 2,", "min: 9,").replace('min: "2"', 'min: "9"')
    line = next(at for at, one in enumerate(bad.splitlines(), 1) if "min: 9" in one or '"9"' in one)
    write(text)
    write(f"{ours}\n", "ours.yaml")

    code, lines, err = plan(capsys, flag, "theirs.yaml", "ours.yaml")
    write(bad)
    _, _, said = plan(capsys, flag, "theirs.yaml", "ours.yaml")

    assert code == 0
    assert {one["config"]["lr"] for one in lines} == {7}
    assert {one["config"].get("epochs", 9) for one in lines} == {9 if "epochs" in ours else 3} or (
        flag == "--from-katib"
    )
    assert "lr" not in err
    assert f"line {line}, column" in said


def test_name_that_placeholders_have_is_no_parameter_of_a_command(capsys):
    """
    {config} would be the file of all of them, and the program would read the wrong one.
    """
    sweep = SWEEP.replace("epochs:", "config:")
    experiment = EXPERIMENT.replace("name: lr", "name: index").replace("e: lr", "e: index")

    for flag, text in (("--from-wandb", sweep), ("--from-katib", experiment)):
        code, lines, err = plan(capsys, flag, write(text))
        assert (code, lines) == (2, [])
        assert "of a command is the plan's own, and not the parameter" in err
        assert plan(capsys, flag, write(text), "--", "./t", "{config}")[0] == 0


def test_words_that_wandb_writes_otherwise_are_said(capsys):
    """
    Python's True is not JSON's true, and what is nested there is one word.
    """
    write(SWEEP.replace("epochs: {value: 3}", "flag: {values: [true, false]}"))

    code, _, err = plan(capsys, "--from-wandb", "theirs.yaml")

    assert code == 0
    assert "line 8, column 3: flag comes as JSON" in err
    assert "line 10, column 3: what is inside of optimizer comes as words of its own" in err
    assert "comes as" not in plan(capsys, "--from-wandb", "theirs.yaml", "--", "./t", "{config}")[2]


def test_what_follows_the_dashes_is_the_command(capsys):
    """
    It wins over the one of the file, for specs of ours, too.
    """
    write(SWEEP)
    write("command: [x]\ngrids: {lr: [1]}\n", "ours.yaml")

    _, lines, _ = plan(capsys, "--from-wandb", "theirs.yaml", "--", "./t", "{lr}")
    _, ours, _ = plan(capsys, "ours.yaml", "--", "./t", "--lr", "{lr}")

    assert lines[0]["command"] == ["./t", "{lr}"]
    assert ours[0]["command"] == ["./t", "--lr", "{lr}"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("algorithmName: random", "algorithmName: tpe", "line 7, column 5: search.method"),
        ("algorithmName: random", "algorithmName: grid", "line 14, column 7: search.parameters[0]"),
        ('"0.01", max', '"0.06", max', "line 16, column 23: search.parameters[0] lr min 0.06"),
        ("maxTrialCount: 5", "maxTrialCount: x", "line 11, column 3: search.maxTrialCount must"),
        ("objectiveMetricName: loss", "other: 3", "line 5, column 3: objective lacks a metric"),
        ("name: learningRate", "name: rate", "nothing fills ${trialParameters.learningRate}"),
        ("kind: Experiment", "kind: Trial", "line 1, column 1: this is no Experiment"),
        ("  parallelTrialCount: 3", "  nasConfig: {}", "line 10, column 3: nasConfig"),
        ("type: minimize", "type: less", "line 5, column 15: objective loss: type must be"),
        ("  maxTrialCount: 5", "  maxTrailCount: 5", "did you mean maxTrialCount?"),
        ("reference: lr", "reference: rate", "refers to rate, and no parameter has that name"),
        ('args: ["--layers=${trialParameters.numberLayers}", "--name=${trialSpec.Name}"]',
         'args: "--layers=${trialParameters.numberLayers}"', "args must be a list of words, not a"),
        ('command: [python3, train.py, "--lr=${trialParameters.learningRate}"]',
         "command: python3 train.py", "line 39, column 17: command must be a list of words, not a"),
    ],
)  # fmt: skip
def test_problems_of_an_experiment_have_its_lines(capsys, old, new, said):
    """
    Also those that only show once it is a spec.
    """
    assert old in EXPERIMENT

    code, lines, err = plan(capsys, "--from-katib", write(EXPERIMENT.replace(old, new)))

    assert (code, lines) == (2, [])
    assert err.startswith("error: theirs.yaml: ")
    assert said in err
    assert "kubectl tune plan --from-katib FILE SPEC" in err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("method: random", "method: bayes", "line 3, column 1: search.method"),
        ("method: random\n", "", "the sweep lacks a method"),
        ("run_cap: 4\n", "", "line 3, column 1: search.max_trials is required"),
        ("log_uniform_values", "log_uniform", "line 7, column 8: search.parameters[0] lr log_unif"),
        ("max: 0.1", "max: 0.00001", "line 7, column 42: search.parameters[0] lr min"),
        ("[sgd, adam]", "sgd", "line 12, column 14: search.parameters[3] optimizer.name values"),
        ("run_cap", "runcap", 'line 4, column 1: unknown key "runcap" of a sweep'),
        ("program: train.py", "command: ['${program}']", "the command names ${program}"),
        ("program: train.py", "command: ['${json}']", "line 1, column 1: the command's ${json}"),
        ("program: train.py", "command: train.py ${args}", "${args} must be a word of its own"),
        ("goal: minimize", "goal: less", "line 5, column 22: objective loss: goal must be"),
    ],
)  # fmt: skip
def test_problems_of_a_sweep_have_its_lines(capsys, old, new, said):
    """
    Also inside what is nested.
    """
    assert old in SWEEP

    code, lines, err = plan(capsys, "--from-wandb", write(SWEEP.replace(old, new)))

    assert (code, lines) == (2, [])
    assert said in err


@pytest.mark.parametrize(
    ("flag", "text", "old", "new", "ours"),
    [
        ("--from-wandb", SWEEP, "program: train.py", "command: ['${json}']", ""),
        ("--from-wandb", SWEEP, "method: random\n", "", "search: {method: lhs}\n"),
        ("--from-katib", EXPERIMENT, "reference: lr", "reference: rate", ""),
        ("--from-katib", EXPERIMENT, "algorithmName: random", "x: 3", "search: {method: lhs}\n"),
    ],
)  # fmt: skip
def test_what_the_second_file_has_is_no_problem_of_the_first(capsys, flag, text, old, new, ours):
    """
    Else the hint that names the second file would lead nowhere.
    """
    assert old in text
    write(text.replace(old, new))
    write(f"command: [./t, '{{config}}']\n{ours}", "ours.yaml")

    code, lines, _ = plan(capsys, flag, "theirs.yaml", "ours.yaml")

    assert (code, lines[0]["command"]) == (0, ["./t", "{config}"])


def test_what_follows_the_dashes_is_no_problem_of_the_file(capsys):
    """
    The command that is not used need not be one.
    """
    write(SWEEP.replace("program: train.py", "command: ['${json}']"))

    code, lines, err = plan(capsys, "--from-wandb", "theirs.yaml", "--", "./t", "{lr}")

    assert (code, lines[0]["command"]) == (0, ["./t", "{lr}"])
    assert "json" not in err


def test_goal_of_a_sweep_is_minimize_unless_given(capsys):
    """
    That surprises, so it is said, with the line, and where the name says otherwise, too.
    """
    write(SWEEP.replace("{name: loss, goal: minimize}", "{name: profit}"))

    code, lines, err = plan(capsys, "--from-wandb", "theirs.yaml")

    assert (code, len(lines)) == (0, 4)
    assert "line 5, column 1: metric profit has no goal, and W&B minimizes then" in err
    assert "objective profit is to minimize, and its name says maximize" in err


def test_problems_of_the_second_file_name_it(capsys):
    """
    Each problem is looked for in the right file.
    """
    write(SWEEP.replace("max: 5", "max: 1"))
    write("fixed: {a: 1}\nsearch: {max_trails: 3}\nx: on\n", "ours.yaml")

    code, _, err = plan(capsys, "--from-wandb", "theirs.yaml", "ours.yaml")

    assert code == 2
    assert '  ours.yaml: line 2, column 10: unknown search key "max_trails"' in err
    assert "  line 9, column 12: search.parameters[2] layers min 2 is not below max 1" in err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--from-katib", "a.yaml", "--from-wandb", "a.yaml"], "exclude each other"),
        (["--from-katib", "nope.yaml"], "nope.yaml: no such file"),
        (["--from-katib", "theirs.txt"], "theirs.txt: not a spec"),
        (["--from-wandb", "a.yaml", "nope.yaml"], "nope.yaml: no such file"),
        (["--from-wandb", "a.yaml", "b.yaml", "c.yaml"], "unexpected argument c.yaml"),
        (["--from-wandb", "a.yaml", "--to", "a.yaml"], "is the file to convert"),
    ],
)
def test_flags_that_do_not_fit_are_a_sentence(capsys, args, said):
    """
    Before anything is read.
    """
    write(SWEEP, "a.yaml")

    code, lines, err = plan(capsys, *args)

    assert (code, lines) == (2, [])
    assert said in err


WORDS = """
spec metadata name parameters algorithm algorithmName algorithmSettings objective trialTemplate
trialSpec template containers command args env trialParameters metric program goal earlyStopping
"""
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.sampled_from(["a", "${args}", "grid"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(WORDS.split()),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(VALUES)
def test_nothing_gives_anything_but_a_spec_or_findings(values):
    """
    Whatever stands in the file.
    """
    for convert in (katib.convert, wandb.convert):
        findings = Findings()
        assert isinstance(convert(values, findings).data, dict)
