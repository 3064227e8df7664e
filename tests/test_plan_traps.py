"""Traps of search spaces: each is a sentence with the line it stands in, and what to write."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune import planner, spec
from kubectl_tune.errors import PlanError
from kubectl_tune.planfile import read_spec
from kubectl_tune.spectext import JsonPlaces, YamlPlaces

HEAD = "command: [train, '{config}']\n"


def found(tmp_path, text, name="s.yaml"):
    """Return what is said of a spec's text: errors, or else warnings."""
    path = tmp_path / name
    path.write_text(text)
    try:
        return [(str(one), str(one.severity)) for one in read_spec(str(path)).warnings]
    except spec.PlanProblems as error:
        return [(str(one), str(one.severity)) for one in error.problems]


def of_entry(tmp_path, entry, method="random"):
    search = f"search:\n  method: {method}\n  max_trials: 8\n  parameters:\n    x: {entry}\n"
    return found(tmp_path, HEAD + search)


ERRORS = [
    ("{distribution: log_uniform, min: 1, max: 5}", "two meanings", "log: true"),
    ("{distribution: log_uniform, min: 0, max: 3}", "two meanings", "1 and 20.0855"),
    ("{distribution: q_log_uniform, min: 0, max: 3, q: 1}", "two meanings", "log: true"),
    ("{distribution: gamma, min: 1, max: 5}", 'unknown distribution "gamma"', "there are uniform"),
    ("{distribution: unifrom, min: 1, max: 5}", "unknown distribution", "did you mean uniform?"),
    ("{distribution: normal, mu: 0, sigma: 1}", 'unknown distribution "normal"', ""),
    ("{min: 5, max: 1}", "min 5 is not below max 1", "swap them"),
    ("{min: 5, max: 5}", "min 5 is not below max 5", "value: 5"),
    ("{min: 0, max: 5, log: true}", "log needs a min above 0, not 0", "begin above 0"),
    ("{min: -1.5, max: 5, distribution: loguniform}", "log needs a min above 0", ""),
    ("{min: 1, max: 5, step: 1, log: true}", "both log and step", "keep one"),
    ("{distribution: randint, min: 1, max: 6}", "randint leaves out its upper end", "max: 5"),
    ("{randint: [1, 6]}", "randint leaves out its upper end", "min: 1, max: 5"),
    ("tune.randint(1, 6)", "values must be a list", "Ray Tune"),
    ("range(5, 80, 5)", "values must be a list", "that is Python: write values"),
    ("DecimalParameter(5, 80, decimals=1)", "values must be a list", "that is Python: write"),
    ("{distribution: Log-Uniform, min: -3, max: 1}", "two meanings", "0.0497871 and 2.71828"),
    ("{min: 5, max: 80, decimals: 1, default: 30}", "decimals", "step: 0.1"),
    ("{parameterType: double, feasibleSpace: {min: a, max: '2'}}", "min must be a number", ""),
    ("{parameterType: int, feasibleSpace: {min: '1.5', max: '2'}}", "min must be a whole", ""),
    (
        "{parameterType: int, feasibleSpace: {min: '1', max: '5', step: '0.5'}}",
        "step must be a whole number, not 0.5",
        "",
    ),
    ("{distribution: int_uniform, min: 1, max: 5, q: 0.5}", "step must be a whole number", ""),
    ("{parameterType: float, feasibleSpace: {min: '1', max: '2'}}", "unknown parameterType", "int"),
    ("{distribution: int_uniform, min: 1, max: 2.5}", "max must be a whole number", ""),
    ("7", "values must be a list", "value: 7"),
    ("{value: 5, min: 1, max: 9}", "has both value and min", "keep one"),
    ("{min: 1, low: 2, max: 5}", "has both min and low", "keep one"),
    ("{values: [1], grid_search: [2]}", "has both values and grid_search", "keep one"),
    ("{min: 1, max: 5, step: 2, q: 1}", "has both step and q", "keep one"),
    ("{min: 1, max: 5, feasibleSpace: {max: 6}}", "has both max and max", "keep one"),
    ("{distribution: categorical, min: 1, max: 5}", "does not go with a range", "takes values"),
    ("{distribution: constant, values: [1]}", "does not go with values", "it takes value"),
    ("{distribution: uniform, values: [1]}", "does not go with values", "it takes min and max"),
    ("{distribution: categorical}", "does not go with a range", "it takes values"),
    ("{parameterType: discrete, feasibleSpace: {min: '1', max: '5'}}", "does not go", "values"),
    ("{parameterType: discrete, feasibleSpace: {list: ['1', b]}}", "are numbers, not", ""),
    ("{parameterType: int, feasibleSpace: {list: ['1.5']}}", "must be a whole number", ""),
    ("{name: y, values: [1]}", "is x by its key, and y by its name", "drop the name"),
]


@pytest.mark.parametrize(("entry", "said", "hint"), ERRORS, ids=[one[0] for one in ERRORS])
def test_trap_in_an_entry_is_refused(tmp_path, entry, said, hint):
    """
    With the line of the entry, its name, and what to write instead.
    """
    problems = of_entry(tmp_path, entry)

    assert [kind for _, kind in problems] == ["error"] * len(problems)
    text = problems[0][0]
    assert text.startswith("line 6, column ")
    assert "x" in text
    assert said in text
    assert hint in text


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{min: 5, max: 80}", "a grid needs the step of its range (give its step"),
        ("{parameterType: double, feasibleSpace: {min: '5', max: '80'}}", "a grid needs the step"),
        ("{min: 5, max: 80, log: true}", "a grid needs the step of its range (list its values"),
    ],
)
def test_grid_over_a_range_needs_its_step(tmp_path, entry, said):
    """
    Katib's grids, and Lean's, do always.
    """
    ((text, kind),) = of_entry(tmp_path, entry, "grid")

    assert kind == "error"
    assert text.startswith("line 6, column 5: ")
    assert said in text


WARNINGS = [
    ("{distribution: q_uniform, min: 1, max: 7, q: 2}", "elsewhere they are multiples of 2"),
    ("{min: 1, max: 6, step: 2}", "steps of 2 from 1 miss 6 (the last value is 5)"),
    ("{min: '1', max: 6}", 'min: "1" is read as a number (drop the quotes)'),
    ("{min: 5, max: 80, default: 30}", "default is not used (a plan has no first guess)"),
    ("{values: [1, 2], probabilities: [0.9, 0.1]}", "probabilities is not used"),
    ("[on, off]", "on means true in YAML (quote it to mean a text)"),
]


@pytest.mark.parametrize(("entry", "said"), WARNINGS, ids=[one[0] for one in WARNINGS])
def test_trap_that_has_a_meaning_is_a_warning(tmp_path, entry, said):
    """
    It is taken for what it means, and that is said with its line.
    """
    problems = of_entry(tmp_path, entry)

    assert {kind for _, kind in problems} == {"warning"}
    text = problems[0][0]
    assert text.startswith("line 6, column ")
    assert said in text


@pytest.mark.parametrize(
    ("entry", "values"),
    [
        ("{parameterType: int, feasibleSpace: {min: '1', max: '5'}}", int),
        ("{parameterType: double, feasibleSpace: {min: '1', max: '5'}}", float),
        ("{parameterType: double, feasibleSpace: {min: '1', max: '5', distribution: logUniform}}",
         float),
        ("{parameterType: int, feasibleSpace: {min: '1', max: '5', step: '2.0'}}", int),
        ("{min: 1, max: 5}", int),
        ("{min: 1.0, max: 5}", float),
        ("{distribution: uniform, min: 1, max: 5}", float),
        ("{distribution: int_uniform, min: 1.0, max: 5.0}", int),
        ("{distribution: log_uniform_values, min: 1, max: 5}", float),
        ("{min: 1, max: 5, log: true}", int),
        ("{distribution: q_uniform, min: 1, max: 5, q: 2}", int),
        ("{min: 1e-4, max: 1e-1}", float),
    ],
)  # fmt: skip
def test_types_are_those_of_the_tool_whose_words_are_used(tmp_path, entry, values):
    """
    Whole ends give whole numbers unless a type or a distribution says otherwise.
    """
    path = tmp_path / "s.yaml"
    path.write_text(
        f"{HEAD}search: {{method: random, max_trials: 4, parameters: {{x: {entry}}}}}\n"
    )

    lines = planner.lines(read_spec(str(path)))

    assert {type(json.loads(line)["config"]["x"]) for line in lines} == {values}


AROUND = [
    (
        "objective: {metric: pnl, goal: maximize, direction: minimize}\n",
        "line 2, column 42: objective pnl has both goal and direction (keep one of them)",
    ),
    ("search: {method: nsga-II}\n", 'line 2, column 10: search.method "nsga-II" learns from'),
    (
        "validate: {walk_forward: {train: 5, test: 2, gap: 1}, rows: 20}\n",
        'line 2, column 46: unknown walk_forward key "gap" (did you mean validate.gap?)',
    ),
    (
        "validate: {walk_forward: {train: 5, test: 2, embargo: 1}, rows: 20}\n",
        'unknown walk_forward key "embargo" (did you mean validate.gap?)',
    ),
    ("validate: {train: 5, test: 2, rows: 20}\n", "(did you mean walk_forward.train?)"),
    ("objective: accurateness\n", "line 2, column 1: objective accurateness: its name does not"),
    ("objective: {goal: maximize}\n", "line 2, column 1: objective lacks a metric"),
    ("objective: {metric: x, goal: up}\n", "line 2, column 24: objective x: goal must be"),
    ("objective:\n- pnl\n- foo\n", "line 4, column 3: objective foo: its name does not tell"),
    ("objective: {metirc: pnl}\n", 'line 2, column 13: unknown objective key "metirc"'),
    ("constraints: ['a <']\n", "line 2, column 15: constraints: "),
    ("constraints: 3\n", "line 2, column 1: constraints must be a list"),
    ("early_stop: {type: ashaa}\n", 'line 2, column 14: unknown type "ashaa" (did you mean asha?)'),
    ("early_stop: {type: asha, eta: 1}\n", "line 2, column 26: early_stop.eta must be"),
    ("early_stop: {type: asha, min_step: x}\n", "line 2, column 26: early_stop.min_step must be"),
    ("max_trials: 3\n", 'line 2, column 1: unknown key "max_trials" (did you mean search.'),
    ("search: {method: tpe}\n", 'line 2, column 10: search.method "tpe" learns from results'),
    ("search: {method: lhs}\n", "line 2, column 10: search.max_trials is required"),
    ("search: {method: lhs, max_trials: 1000001}\n", "line 2, column 23: a design has at most"),
    ("search: {max_trials: 2, run_cap: 3}\n", "search has both max_trials and run_cap"),
    ("where: lr >\n", "line 2, column 1: where: "),
    ("fixed:\n  3: x\n", "line 3, column 3: a key under fixed must be a text"),
    ("timeout: soon\n", "line 2, column 1: timeout"),
    ("max_jobs: -1\n", "line 2, column 1: max_jobs must be at least 0"),
]


@pytest.mark.parametrize(("text", "said"), AROUND, ids=[one[0] for one in AROUND])
def test_what_stands_around_is_placed_too(tmp_path, text, said):
    """
    Everything that is wrong has its line and column.
    """
    problems = found(tmp_path, HEAD + text)

    assert any(said in one for one, kind in problems if kind == "error")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("objective: realized_pnl_usd\n", "line 2, column 1: objective is not used"),
        ("objective: {metric: pnl, goal: minimize}\n", "line 2, column 26: objective pnl is to"),
        ("constraints: [max_drawdown_pct <= 15]\n", "line 2, column 1: constraints is not used"),
        ("early_stop: {type: median}\n", "line 2, column 1: early_stop is not used"),
        ("fixed: {a: 1}\ngrids: {a: [2]}\n", "line 3, column 9: a is fixed and tuned"),
        (
            "fixed: {a: 1}\nsearch: {parameters: {a: {value: 2}}}\n",
            "line 3, column 23: a is fixed twice (the value here is used)",
        ),
        ("fixed: {a: 1}\nconstraints: [a < 3]\n", "line 3, column 15: constraints: "),
        ("search: {num_samples: 3, parameters: {x: [1, 2]}}\n", "line 2, column 10: num_samples"),
        ("search: {method: sobol, max_trials: 3, parameters: {x: [1, 2]}}\n", "not balanced"),
    ],
)
def test_what_only_wants_a_look_is_placed_too(tmp_path, text, said):
    """
    Warnings have lines as errors do.
    """
    problems = found(tmp_path, HEAD + text)

    assert {kind for _, kind in problems} == {"warning"}
    assert any(said in one for one, _ in problems)


def test_goals_are_told_from_names_where_they_tell():
    """
    Profit is to be more, loss and time less.
    """
    names = [
        "realized_pnl_usd",
        "win_rate",
        "sharpe",
        "max_drawdown_pct",
        "loss",
        "runtime_seconds",
    ]

    read = spec.read({"command": ["x"], "objective": names})

    assert [one.goal for one in read.objectives] == ["maximize"] * 3 + ["minimize"] * 3


def test_condition_on_a_wrong_parameter_is_no_second_problem(tmp_path):
    """
    The parameter is there, only not right yet.
    """
    text = f"{HEAD}where: a < 3\ngrids:\n- {{name: a, min: 5, max: 2}}\n"

    ((said, _),) = found(tmp_path, text)

    assert said.startswith("line 4, column 13: grids[0] a min 5 is not below max 2")


def test_all_traps_are_said_at_once(tmp_path):
    """
    In the order of the lines, whatever is looked at first.
    """
    text = HEAD + (
        "objective: {metric: x, goal: up}\n"
        "search:\n"
        "  method: nsga2\n"
        "  parameters:\n"
        "    a: {min: 5, max: 1}\n"
        "    b: {distribution: log_uniform, min: 1, max: 2}\n"
        "grids:\n"
        "- {name: c, min: 1, max: 9}\n"
        "early_stop: 3\n"
    )

    lines = [one.split(",")[0] for one, _ in found(tmp_path, text)]

    assert lines == [f"line {number}" for number in (2, 4, 6, 7, 9, 10)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("command: &a [*a]\n", "an alias stands inside its own anchor"),
        ("fixed: {x: &a {y: *a}}\n", "an alias stands inside its own anchor"),
        ("command: [!!binary aGk=]\n", "command: bytes can't be written as JSON"),
        (
            "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)),
            "aliases make more than 10,000,000 values of it",
        ),
    ],
    ids=["itself", "deeper", "bytes", "bomb"],
)
def test_yaml_that_json_can_not_have_is_a_sentence(tmp_path, text, said):
    """
    What would never end, or fill the memory, is refused while it is read.
    """
    path = tmp_path / "s.yaml"
    path.write_text(text)

    with pytest.raises(PlanError, match=said):
        read_spec(str(path))


def test_key_that_yaml_takes_for_another_is_placed(tmp_path):
    """
    A parameter called `on` has become true; its line is still its own.
    """
    problems = found(tmp_path, f"{HEAD}grids:\n  a: [1]\n  on: [1, 2]\n")

    assert problems[0][0].startswith("line 4, column 3: grids[1] its name is true or false")


def test_warnings_are_said_with_errors(tmp_path):
    """
    Behind them, and with the count: what only wants a look may be why something is wrong.
    """
    path = tmp_path / "s.yaml"
    path.write_text(f"{HEAD}extra: 1\ngrids:\n- {{name: x, min: 5, max: 2}}\n")

    with pytest.raises(spec.PlanProblems) as caught:
        read_spec(str(path))

    assert [line.strip() for line in str(caught.value).splitlines()] == [
        f"{path}: 1 problem, 1 warning",
        "line 4, column 13: grids[0] x min 5 is not below max 2 (swap them)",
        (
            'warning: line 2, column 1: unknown key "extra" is ignored '
            "(put it under fixed to have it in config)"
        ),
    ]


def test_character_that_yaml_can_not_have_is_placed(tmp_path):
    """
    It does not print, so the line is all that leads to it.
    """
    path = tmp_path / "s.yaml"
    path.write_text(f"{HEAD}fixed: {{a: '\x01'}}\n")

    with pytest.raises(PlanError, match=r"line 2, column 13: not YAML: the character U\+0001"):
        read_spec(str(path))


def test_json_specs_have_lines_too(tmp_path):
    """
    Places are those of the keys, however the text is laid out.
    """
    text = '\n{"command": ["x"],\n "grids": [\n  {"name": "a",\n   "min": 5, "max": 1, "step": 1}]}'

    ((text, _),) = found(tmp_path, text, "s.json")

    assert text.startswith("line 5, column 4: grids[0] a min 5 is not below max 1")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["a", "min", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "min", "a", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES, st.lists(st.sampled_from(["name", "min", "a", "x", 0, 1, 2]), max_size=4))
def test_places_are_the_same_in_yaml_and_json(data, path):
    """
    JSON is YAML, so both readers find a path at one place, or stop at one.
    """
    text = json.dumps(data, indent=1)

    assert JsonPlaces(text, data)(tuple(path)) == YamlPlaces(text, data)(tuple(path))
