"""A plan is read strictly, and everything that is wrong with it is said at once, with its place."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.plan import PlanProblems, Rules, Severity, check, parse
from kubectl_tune.trial import TrialSpec

CONFIG = {
    "data_file": "data/btc.csv",
    "min_spread_bps": 30.0,
    "taker_fee_a_bps": 5.0,
    "taker_fee_b_bps": 0,
    "slippage_bps": 5,
    "max_position_usd": 1000,
}
ANY = Rules("/plans", ("train", "{config}"))  # a command we know nothing of


def line(job_id="a", config=None, **more):
    return json.dumps({"job_id": job_id, "config": CONFIG if config is None else config, **more})


def said(lines, rules=ANY, severity=None):
    """Return (line, text at the place, message) of every problem."""
    raw = [text if isinstance(text, bytes) else f"{text}\n".encode() for text in lines]
    found = [p for p in check(raw, rules) if severity in (None, p.severity)]
    texts = ["", *(part.decode(errors="replace") for part in raw)]
    return [
        (p.line, texts[p.line][max(0, p.column - 1) :], f"{p.message}; {p.hint}") for p in found
    ]


def only(lines, rules=ANY):
    """Return (text at the place, message) of the single problem."""
    (problem,) = said(lines, rules)
    return problem[1:]


# What is right


def test_line_becomes_a_trial():
    """
    All keys of a line reach the trial, and the order of the plan is kept.
    """
    lines = [
        line("a", {"lr": 0.1}),
        line(
            "b",
            {"lr": 1, "layers": [1, {"x": None}]},
            output_json="out/b.json",
            command=["train", "--lr={lr}"],
            env={"A": "1"},
            timeout="1h30m",
            image="python:3.11",
        ),
    ]

    plan = parse([f"{text}\n".encode() for text in lines], ANY)

    assert plan.trials == (
        TrialSpec("a", 0, {"lr": 0.1}),
        TrialSpec(
            "b",
            1,
            {"lr": 1, "layers": [1, {"x": None}]},
            "out/b.json",
            ("train", "--lr={lr}"),
            {"A": "1"},
            5400.0,
            "python:3.11",
        ),
    )
    assert plan.warnings == ()


def test_numbers_keep_their_type_and_keys_their_order():
    """
    5 stays 5, 5.0 stays 5.0, and a config is written back as it was read.
    """
    text = '{"z": 5, "a": 5.0, "m": 1e-07, "k": 12345678901234567890, "t": true}'

    plan = parse([f'{{"job_id": "a", "config": {text}}}'.encode()], ANY)

    assert json.dumps(plan.trials[0].config) == text


def test_windows_files_and_blank_lines_are_fine():
    """
    A byte order mark, CRLF, blank lines and a missing last newline change nothing.
    """
    a, b = line("a").encode(), line("b").encode()

    plan = parse([b"\xef\xbb\xbf" + a + b"\r\n", b"\r\n", b"  \t\n", b], ANY)

    assert [trial.id for trial in plan.trials] == ["a", "b"]
    assert [trial.index for trial in plan.trials] == [0, 1]


def test_plan_is_known_by_the_hash_of_its_bytes():
    """
    The hash is that of the file, so anybody can compute it.
    """
    raw = [line("a").encode() + b"\n", b"\n"]

    assert parse(raw, ANY).sha256 == sha256(b"".join(raw)).hexdigest()


def test_null_means_left_out():
    """
    Programs that write plans write null for what a trial does not have.
    """
    text = line("a", output_json=None, command=None, env=None, timeout=None, image=None)

    assert parse([text.encode()], ANY).trials == (TrialSpec("a", 0, CONFIG),)


@pytest.mark.parametrize("timeout", [30, 30.0, "30", "30s", "0.5m", "30000ms"])
def test_timeout_is_seconds_or_a_duration(timeout):
    """
    A bare number means seconds.
    """
    assert parse([line(timeout=timeout).encode()], ANY).trials[0].timeout == 30.0


def test_builtin_workload_is_satisfied_by_the_keys_it_needs():
    """
    Six keys make a config of the built-in workload; 0 is a value, null an absent option.
    """
    config = {**CONFIG, "stop_on_drawdown_pct": None, "max_open_trades": 2.0, "tag": "t"}

    assert said([line("a", config)], Rules("/plans")) == []


def test_equal_keys_and_texts_are_one_object_in_memory():
    """
    100,000 configs don't hold 100,000 copies of the name of the data file.
    """
    first, second = parse([line("a").encode(), line("b").encode()], ANY).trials

    assert [id(key) for key in first.config] == [id(key) for key in second.config]
    assert first.config["data_file"] is second.config["data_file"]


# JSON


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ('{"job_id": "a", "config": {},}', ",}", "nothing follows this comma"),
        ("{'job_id': 1}", "'job_id'", "JSON wants double quotes"),
        ('{"job_id": "a" "config": {}}', '"config"', "a comma is missing"),
        ('{"job_id" "a"}', '"a"', "a colon is missing"),
        ('{"job_id": "a", "config": {"x": True}}', "True", "write true"),
        ('{"job_id": "a", "config": {"x": }}', "}}", "a value is missing"),
        ('{"job_id": "a", "config": {"x": [1, 2, ]}}', ", ]}}", "drop it"),
        ('{"job_id": "a", "config": {}', "\n", "in the middle of its JSON"),
        ('{"job_id": "a", "conf', '"conf\n', "no closing quote"),
        ('{"job_id": "a", "config": {}} {"job_id": "b"}', '{"job_id": "b"}', "one object a line"),
        ('{"job_id": "a", "config": {"f": "C:\\data"}}', "\\data", "backslash"),
        ('{"job_id": "a", "config": {}} # first', "# first", "no comments"),
        ('{"job_id": "a", "config": {"x": 01}}', "1}}", "comma is missing"),
        ('{"job_id": "a", "config": {"x": .5}}', ".5", "a value is missing"),
    ],
)
def test_bad_json_is_placed(text, place, message):
    """
    The column is that of the first character that can't be.
    """
    at, words = only([text])

    assert at.startswith(place)
    assert message in words


@pytest.mark.parametrize(
    "word", ["NaN", "Infinity", "-Infinity", "1e999", "-1E+400", "9" * 400 + ".0"]
)
@pytest.mark.parametrize("inside", ["%s", "[1, %s]", '{"y": %s}', '[{"y": [%s]}]'])
def test_what_is_no_finite_number_is_refused(word, inside):
    """
    JSON has neither NaN nor infinity, whatever Python's reader thinks.
    """
    at, words = only(['{"job_id": "a", "config": {"x": ' + inside % word + "}}"])

    assert at.startswith(word)
    assert "not a number" in words


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"job_id": "a", "config": {}, "job_id": "b"}', '"job_id": "b"'),
        ('{"job_id": "a", "config": {"x": 1, "y": 2, "x": 1}}', '"x": 1}}'),
        ('{"job_id": "a", "config": {"x" : 1, "\\u0078":3}}', '"\\u0078":3'),
        ('{"job_id": "a", "config": {"x": {"y": [{"z": 1, "z": 2}]}}}', '"z": 2'),
        ('{"job_id": "a", "config": {"x": ":", "y":1 , "y" : 1}}', '"y" : 1'),
    ],
)
def test_a_key_that_stands_twice_is_refused(text, place):
    """
    Of two equal keys one would be lost without a word.
    """
    at, words = only([text])

    assert at.startswith(place)
    assert "twice" in words


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.integers() | st.text(max_size=9) | st.lists(st.integers()),
        max_size=6,
    ),
    st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]),
)
def test_colons_and_braces_inside_texts_hide_nothing(config, separators):
    """
    The quick look that spares most lines a slow one never changes the verdict.
    """
    config = {f"k{key}": value for key, value in config.items()}
    text = json.dumps({"job_id": "a", "config": config}, separators=separators)
    doubled = text[:-2] + (" , " if config else "") + '"zz" : 1 , "zz":2}}'

    assert [words for _, _, words in said([text]) if "twice" in words] == []
    assert len([words for _, _, words in said([doubled]) if "twice" in words]) == 1


@pytest.mark.parametrize("text", ["[1]", "3", '"a"', "null", "true"])
def test_line_must_be_an_object(text):
    """
    JSON of another kind is named.
    """
    at, words = only([f"  {text}"])

    assert at == f"{text}\n"
    assert "must be an object" in words


def test_bytes_that_are_no_utf8_are_placed():
    """
    The column counts characters, also where the line can't be decoded.
    """
    found = said([b'{"job_id": "\xc3\xa9\xff", "config": {}}\n', line("b")])

    assert [(number, words) for number, _, words in found] == [(1, "not UTF-8: the byte 0xff; ")]
    (problem,) = check([b'{"job_id": "\xc3\xa9\xff"}'], ANY)
    assert problem.column == 14


@pytest.mark.parametrize("start", [b"\xff\xfe{\x00", b"\xfe\xff\x00{", b"\x1f\x8b\x08"])
def test_files_of_another_kind_are_named_once(start):
    """
    UTF-16 and gzip give one sentence, not one a line.
    """
    assert len(said([start, b"\x00\n", b"\xff\n"])) == 1


@pytest.mark.parametrize(
    "first", ["data_file: a.csv", "{", '{"data_file": "a.csv", "grids": []}', "# spec"]
)
def test_spec_in_place_of_a_plan_gets_a_hint(first):
    """
    Who validates the spec is told how to make the plan.
    """
    assert any("kubectl tune plan" in words for _, _, words in said([first]))


def test_number_of_too_many_digits_is_an_error_of_the_plan():
    """
    What Python refuses to convert is no crash.
    """
    at, words = only(['{"job_id": "a", "config": {"x": 7, "y": ' + "1" * 5000 + "}}"])

    assert at.startswith("1" * 5000)
    assert "digits" in words


def test_deep_nesting_is_an_error_of_the_plan():
    """
    A hundred thousand brackets are no crash.
    """
    (found,) = said(['{"job_id": "a", "config": {"x": ' + "[" * 100_000 + "]" * 100_000 + "}}"])

    assert "nested too deeply" in found[2]


def test_half_characters_are_refused():
    """
    A lone surrogate can't be written to a file or given to a program.
    """
    at, words = only(['{"job_id": "a", "config": {"x": "\\ud83d\\ude00", "y": "\\uD800"}}'])

    assert at.startswith('"\\uD800"')
    assert "half" in words


@given(st.lists(st.binary(max_size=40)))
def test_no_bytes_give_anything_but_problems(lines):
    """
    Whatever the file, the answer is a list of problems, and there is one.
    """
    assert [p for p in check(lines, ANY) if p.severity is Severity.ERROR]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["job_id", "config", "output_json", "command", "env", "timeout", "image", "x"]
        ),
        json_values,
    ),
    st.booleans(),
)
def test_no_values_give_anything_but_problems(values, builtin):
    """
    Whatever stands under the keys, a line is taken or has problems inside the line.
    """
    raw = json.dumps(values).encode()

    problems = list(check([raw], Rules("/plans") if builtin else ANY))

    assert all(p.line == 1 and 1 <= p.column <= len(raw) + 1 for p in problems)


# Keys and types of a line


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ('{"config": {}}', "{", "job_id is missing"),
        ('{"job_id": "a"}', "{", "config is missing"),
        ('{"job_id": "", "config": {}}', '""', "job_id is empty"),
        ('{"job_id": 7, "config": {}}', "7,", 'put it in quotes: "7"'),
        ('{"job_id": null, "config": {}}', "null", "job_id must be a text, not null"),
        ('{"job_id": "a\\u0007", "config": {}}', '"a', "U+0007"),
        ('{"job_id": "a\\n", "config": {}}', '"a', "U+000A"),
        ('{"job_id": "a\\u202eb", "config": {}}', '"a', "U+202E"),
        ('{"job_id": " a", "config": {}}', '" a"', "a space"),
        ('{"job_id": "a", "config": []}', "[]", "config must be an object, not a list"),
        ('{"job_id": "a", "config": null}', "null", "config must be an object, not null"),
        ('{"job_id": "a", "config": {}, "output_json": ""}', '""', "output_json is empty"),
        ('{"job_id": "a", "config": {}, "output_json": 3}', "3}", "must be a text"),
        ('{"job_id": "a", "config": {}, "output_json": "a\\u0000"}', '"a', "U+0000"),
        ('{"job_id": "a", "config": {}, "command": "train x"}', '"train x"', '["train", "x"]'),
        ('{"job_id": "a", "config": {}, "command": []}', "[]", "no program"),
        ('{"job_id": "a", "config": {}, "command": ["a", 1]}', "1]", 'in quotes: "1"'),
        ('{"job_id": "a", "config": {}, "command": ["a", "\\u0000"]}', '"\\u0000"', "NUL"),
        ('{"job_id": "a", "config": {}, "env": []}', "[]", "env must be an object"),
        ('{"job_id": "a", "config": {}, "env": {"A": 1}}', "1}", 'in quotes: "1"'),
        ('{"job_id": "a", "config": {}, "env": {"A": null}}', "null", "not null"),
        ('{"job_id": "a", "config": {}, "env": {"1A": ""}}', '"1A"', "no name of a variable"),
        ('{"job_id": "a", "config": {}, "env": {"": ""}}', '""', "no name of a variable"),
        ('{"job_id": "a", "config": {}, "env": {"A=B": ""}}', '"A=B"', "no name of a variable"),
        ('{"job_id": "a", "config": {}, "env": {"TUNE_X": ""}}', '"TUNE_X"', "reserved"),
        ('{"job_id": "a", "config": {}, "timeout": "5 parsecs"}', '"5 p', "not a duration"),
        ('{"job_id": "a", "config": {}, "timeout": 0}', "0}", "more than 0"),
        ('{"job_id": "a", "config": {}, "timeout": -3}', "-3}", "can't be -3"),
        ('{"job_id": "a", "config": {}, "timeout": true}', "true", "not a duration"),
        ('{"job_id": "a", "config": {}, "image": "a b"}', '"a b"', "holds a space"),
        ('{"job_id": "a", "config": {}, "jobid": "b"}', '"jobid"', "nothing reads it"),
        ('{"job_id": "a", "config": {}, "output-json": "b"}', '"output-j', "mean output_json?"),
        ('{"job_id": "a", "config": {}, "timeuot": 3}', '"timeuot"', "mean timeout?"),
        ('{"job_id": "a", "config": {}, "cmd": ["x"]}', '"cmd"', "mean command?"),
        ('{"job_id": "a", "config": {}, "colour": 3}', '"colour"', "nothing reads it"),
    ],
)
def test_key_or_type_that_is_wrong_is_named_and_placed(text, place, message):
    """
    The column points at the key where the key is wrong, else at its value.
    """
    at, words = only([text])

    assert at.startswith(place)
    assert message in words


def test_misspelt_key_is_an_error_and_a_strange_one_a_warning():
    """
    A misspelt key would change the plan without a word; a comment would not.
    """
    misspelt, strange = line("a", timeuot=3), line("b", colour=3)

    assert len(said([misspelt, strange], severity=Severity.ERROR)) == 1
    assert len(said([misspelt, strange], severity=Severity.WARNING)) == 1


def test_every_problem_is_said_at_once():
    """
    One run shows all there is to correct, in the order of the file.
    """
    lines = [
        '{"job_id": "a", "config": {}, "timeout": "x"}',
        "{",
        '{"job_id": "a", "config": {}}',
        '{"job_id": "", "config": {}, "env": {"TUNE_A": 1}}',
    ]

    with pytest.raises(PlanProblems) as caught:
        parse([f"{text}\n".encode() for text in lines], ANY, name="demo.jsonl")

    head, *rows = str(caught.value).splitlines()
    assert head == "demo.jsonl: 6 problems"
    assert [row.split(": ")[0] for row in rows] == [
        "  line 1, column 42",
        "  line 2, column 2",
        "  line 3, column 12",
        "  line 4, column 12",
        "  line 4, column 38",
        "  line 4, column 48",
    ]
    assert [p.line for p in caught.value.problems] == [1, 2, 3, 4, 4, 4]


def test_long_lists_are_cut_and_counted():
    """
    A terminal is not flooded, and nobody thinks that the list was complete.
    """
    with pytest.raises(PlanProblems) as caught:
        parse([b"{\n"] * 150, ANY, name="p")

    head, *rows = str(caught.value).splitlines()
    assert head == "p: 150 problems"
    assert len(rows) == 101
    assert rows[-1] == "  ... and 50 more"
    assert len(caught.value.problems) == 150


@pytest.mark.parametrize("lines", [[], [b"\n", b"  \r\n"], [b"\xef\xbb\xbf"]])
def test_empty_plan_is_an_error(lines):
    """
    A session without trials is a mistake, not a success.
    """
    with pytest.raises(PlanProblems, match="empty"):
        parse(lines, ANY)


# Lines among each other


def test_job_id_that_stands_twice_names_the_first_line():
    """
    The second of two equal ids is the one to correct.
    """
    at, words = only([line("a"), line("b"), line("a")])

    assert at.startswith('"a"')
    assert "line 1" in words


def test_ids_that_meet_in_kubernetes_are_a_warning():
    """
    a_1, a.1 and A-1 can run together, because a hash keeps their Jobs apart.
    """
    found = said([line("a_1"), line("a.1"), line("A-1"), line("b")], severity=Severity.WARNING)

    assert [number for number, _, _ in found] == [2, 3]
    assert all("a-1" in words and "line 1" in words for _, _, words in found)
    assert said([line("a_1"), line("a.1")], severity=Severity.ERROR) == []


@pytest.mark.parametrize(
    "second", ["out/a.json", "./out/a.json", "out//a.json", "out/x/../a.json", "/plans/out/a.json"]
)
def test_two_trials_never_write_one_file(second):
    """
    Two spellings of one path are one file.
    """
    lines = [line("a", output_json="out/a.json"), line("b", output_json=second)]

    at, words = only(lines)

    assert at.startswith(json.dumps(second))
    assert "taken; line 1" in words


def test_links_are_followed_once_a_folder():
    """
    Two folders that are one on the disk hold one file of a name.
    """
    asked = []

    def realpath(path):
        asked.append(path)
        return path.replace("/latest", "/run7")

    rules = Rules("/plans", ("train",), realpath=realpath)
    lines = [line(f"{i}", output_json=f"latest/{i}.json") for i in range(50)]

    at, words = only([*lines, line("x", output_json="run7/3.json")], rules)

    assert at.startswith('"run7/3.json"')
    assert "line 4" in words
    assert len(asked) == 3


@pytest.mark.parametrize(
    "path", ["../a.json", "/tmp/a.json", "out/../../a.json", "/workshop/a.json"]
)
def test_results_stay_below_the_working_directory(path):
    """
    A plan from elsewhere can't write wherever it likes; who wants that can say so.
    """
    at, words = only([line(output_json=path)])

    assert at.startswith(json.dumps(path))
    assert "leaves the working directory" in words
    assert said([line(output_json=path)], Rules("/plans", ("x",), confined=False)) == []


def test_links_out_of_the_working_directory_are_followed():
    """
    A folder that is a link to elsewhere is elsewhere.
    """
    rules = Rules("/plans", ("x",), realpath=lambda path: path.replace("/plans/link", "/etc"))

    at, words = only([line(output_json="link/a.json")], rules)

    assert at.startswith('"link/a.json"')
    assert "/etc" in words


@pytest.mark.parametrize("path", ["out/", ".", "..", "out/.."])
def test_result_is_a_file(path):
    """
    What can only be a folder is refused.
    """
    _, words = only([line(output_json=path)])

    assert "folder" in words


@pytest.mark.parametrize("order", [1, -1])
def test_result_is_no_folder_of_another(order):
    """
    out can't be a file and hold one.
    """
    lines = [line("a", output_json="out"), line("b", output_json="out/x/b.json")][::order]

    _, words = only(lines)

    assert "line 1" in words


def test_result_does_not_overwrite_the_data():
    """
    Neither its own line's data file nor another's.
    """
    lines = [line("a", output_json="./data/btc.csv"), line("b", {**CONFIG, "data_file": "x.csv"})]

    (first, second) = said([*lines, line("c", output_json="x.csv")], Rules("/plans"))

    assert first[0] == 1
    assert "overwritten" in first[2]
    assert second[0] == 3
    assert "overwrite" in second[2]


# The built-in workload


def test_missing_data_file_is_said_once_a_file():
    """
    A hundred lines that name one missing file have one problem.
    """
    rules = Rules("/plans", exists=lambda path: path != "/plans/data/btc.csv")

    at, words = only([line("a"), line("b"), line("c")], rules)

    assert at.startswith('"data/btc.csv"')
    assert "does not exist" in words


@pytest.mark.parametrize(
    ("needed", "severity"), [(True, Severity.ERROR), (False, Severity.WARNING)]
)
def test_missing_data_file_is_an_error_where_it_is_needed(needed, severity):
    """
    On a cluster the file may be in the image or on a volume.
    """
    rules = Rules("/plans", exists=lambda path: False, needs_data=needed)

    assert len(said([line("a")], rules, severity)) == 1


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("min_spread_bp", "min_spread_bps"),
        ("min_spread", "min_spread_bps"),
        ("MinSpreadBps", "min_spread_bps"),
        ("taker-fee-a-bps", "taker_fee_a_bps"),
        ("slippage", "slippage_bps"),
        ("max_positon_usd", "max_position_usd"),
        ("datafile", "data_file"),
    ],
)
def test_misspelt_key_of_the_builtin_workload_is_an_error(typed, meant):
    """
    One error for one slip: the key that is then lacking is not named, too.
    """
    config = {typed if key == meant else key: value for key, value in CONFIG.items()}

    at, words = only([line("a", config)], Rules("/plans"))

    assert at.startswith(json.dumps(typed))
    assert f"did you mean {meant}?" in words


def test_strange_key_of_the_builtin_workload_is_said_once():
    """
    A key that is not read changes nothing; it is worth a word, not one a line.
    """
    lines = [line(str(i), {**CONFIG, "comment": "x"}) for i in range(5)]

    (found,) = said(lines, Rules("/plans"), Severity.WARNING)

    assert found[0] == 1
    assert found[1].startswith('"comment"')


def test_lacking_keys_are_named_together():
    """
    One line has one sentence for all the keys it lacks.
    """
    at, words = only([line("a", {"data_file": "x", "min_spread_bps": 1})], Rules("/plans"))

    assert at.startswith('{"data_file"')
    assert "taker_fee_a_bps, taker_fee_b_bps, slippage_bps, max_position_usd" in words


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("min_spread_bps", "30", "leave out the quotes"),
        ("min_spread_bps", None, "must be a number, not null"),
        ("max_position_usd", True, "must be a number, not true"),
        ("max_open_trades", 1.5, "whole number"),
        ("initial_balance_usd", [], "a number, not []"),
        ("data_file", 3, "the name of a file, not 3"),
        ("data_file", "", 'the name of a file, not ""'),
    ],
)
def test_wrong_value_of_the_builtin_workload_is_placed(key, value, message):
    """
    A trial that can't run is not started.
    """
    at, words = only([line("a"), line("b", {**CONFIG, key: value})], Rules("/plans"))

    assert at.startswith(json.dumps(value))
    assert message in words


def test_right_floats_don_t_hide_wrong_ones():
    """
    A float that counts something is looked at in every line.
    """
    lines = [line(str(v), {**CONFIG, "max_open_trades": v}) for v in (2.0, 3.0, 2.5)]

    (found,) = said(lines, Rules("/plans"))

    assert found[0] == 3


# Commands we know nothing of


def test_key_of_few_lines_that_looks_like_the_others_is_a_warning():
    """
    Only the plan itself can tell that a key is misspelt.
    """
    lines = [line(str(i), {"learning_rate": 1, "depth": 2}) for i in range(4)]
    lines.insert(2, line("x", {"depth": 2, "learnig_rate": 1}))

    (found,) = said(lines)

    assert found[0] == 3
    assert found[1].startswith('"learnig_rate"')
    assert "learning_rate" in found[2]


def test_conditional_keys_are_no_misspellings():
    """
    A key beside the one it resembles is another parameter.
    """
    lines = [line(str(i), {"lr1": 1, "beta_one": 2}) for i in range(4)]

    assert said([*lines, line("x", {"lr1": 1, "beta_one": 2, "beta_onee": 1})]) == []


def test_placeholder_that_nothing_fills_is_a_warning():
    """
    It may be text of the command's own.
    """
    at, words = only([line("a", {"depth": 1})], Rules("/plans", ("curl", "-w", "%{http_code}")))

    assert at.startswith('{"depth"')
    assert "{http_code}" in words


@pytest.mark.parametrize(
    ("typed", "meant"), [("learnig_rate", "learning_rate"), ("jobid", "job_id")]
)
def test_placeholder_that_looks_misspelt_is_an_error(typed, meant):
    """
    The command would get the braces in place of the value.
    """
    rules = Rules("/plans", ("train", f"--x={{{typed}}}"))

    (found,) = said([line("a", {"learning_rate": 1})], rules, Severity.ERROR)

    assert meant in found[2]


def test_placeholders_of_a_line_s_own_command_are_checked():
    """
    The command of a line is held against the config of that line.
    """
    lines = [
        line("a", {"depth": 1}, command=["x", "{depth}"]),
        line("b", {"depht": 1}, command=["x", "{depth}"]),
    ]

    (found,) = said(lines, severity=Severity.ERROR)

    assert found[0] == 2


def test_config_key_behind_a_reserved_name_is_a_warning():
    """
    {index} is the trial's number, also where config has an index.
    """
    at, words = only([line("a", {"index": 9})], Rules("/plans", ("x", "{index}")))

    assert at.startswith('"index"')
    assert "reserved" in words


@pytest.mark.parametrize("command", [["sh", "-c", "echo {lr}"], ["/bin/bash", "-lc", "x {job_id}"]])
def test_values_inside_shell_text_are_a_warning(command):
    """
    A value with a quote or a semicolon would be run.
    """
    at, words = only([line("a", {"lr": 1}, command=command)], ANY)
    (shared,) = check([line("a", {"lr": 1}).encode()], Rules("/plans", tuple(command)))

    assert at.startswith(json.dumps(command[2]))
    assert "shell text" in words
    assert shared.line == 0
    assert shared.severity is Severity.WARNING


def test_values_beside_shell_text_are_fine():
    """
    Arguments after the text are not run.
    """
    command = ["sh", "-c", 'echo "$1"', "sh", "{lr}"]

    assert said([line("a", {"lr": 1}, command=command)]) == []
