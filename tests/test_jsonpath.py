"""
JSONPath of kubectl's dialect.

What stands beside the templates here was printed by kubectl 1.32.4, as it is again where one
is on the PATH.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_tune.views.jsonpath import relaxed, template
from kubectl_tune.views.pathsyntax import PathError

KUBECTL = shutil.which("kubectl")
OBJECT: dict[str, Any] = {
    "apiVersion": "kubectl-tune.dev/v1",
    "kind": "Session",
    "metadata": {"name": "demo", "labels": {"only": "1"}},
    "none": None, "half": 1.5, "huge": 1e23, "n": 3, "true": True, "text": 'he said "x"',
    "empty": [], "map": {},
    "trials": [
        {"id": "a", "v": 1, "state": "Succeeded", "m": {"x.y": "dot"}},
        {"id": "b", "v": 2, "state": "Failed"},
        {"id": "c", "v": 3, "s": "q'q"},
    ],
}  # fmt: skip
PRINTED = [
    ("{.none}", "null"),
    ("{.half}", "1.5"),
    ("{.huge}", "1e+23"),
    ("{.n}", "3"),
    ("{.true}", "true"),
    ("{.text}", 'he said "x"'),
    ("{.empty}{.map}", "[]{}"),
    ("{.nope}{.none.x}{.text.x}", ""),
    ("{.trials[*].id}", "a b c"),
    ("{.trials.*.id}", "a b c"),
    ("{.trials[-1].id}", "c"),
    ("{.trials[0:2].id}", "a b"),
    ("{.trials[:-1].id}", "a b"),
    ("{.trials[-2:].id}", "b c"),
    ("{.trials[0:3:2].id}", "a c"),
    ("{.trials[1:1].id}", ""),
    ("{.trials[0,2].id}", "a c"),
    ("{.trials[]['id']}", "a"),
    ("{.metadata['name','labels']}", 'demo {"only":"1"}'),
    ("{.trials[0].m.x\\.y}", "dot"),
    ("{.trials[0].m['x.y']}", ""),
    ("{.trials[0].m['x\\.y']}", "dot"),
    ("{.trials[0].m}", '{"x.y":"dot"}'),
    ('{.trials[?(@.state=="Failed")].id}', "b"),
    ("{.trials[?(@.v>1)].id}", "b c"),
    ("{.trials[?(@.v != 2)].id}", "a c"),
    ("{.trials[?(.v<=2)].id}", "a b"),
    ("{.trials[?(@.s)].id}", "c"),
    ("{.trials[?(@.s=='q\\'q')].id}", "c"),
    ('{.trials[?(@.id==")")].id}', ""),
    ("{..id}", "a b c"),
    ("{.metadata..}", '{"labels":{"only":"1"},"name":"demo"} demo {"only":"1"} 1'),
    ("{..only}", "1"),
    ("{$.n} {@.n} { .n }", "3 3 3"),
    ("{.}", ""),
    ("{.metadata.name .n}", ""),
    ("n is {.n}, .n", "n is 3, .n"),
    ("{\"a\\tb\"}{'\\n'}{\"\\u00e9\"}{'it\\'s'}", "a\tb\néit's"),
    ("{5}{-1}{1.50}{true}", "5-11.5true"),
    ('{.n}}{"{"}', "3}{"),
    ('{range .trials[*]}{.id}={.v}{"\\n"}{end}', "a=1\nb=2\nc=3\n"),
    ("{range .trials[*]}{.id},{end}{.n}", "a,b,c,3"),
    ("{range .trials[*]}{range .empty[*]}x{end}{@.id}{end}!", "abc!"),
    ("{range .nope[*]}{.id}{end}!", "!"),
    ("{range .trials[*]}{.id}", "abc"),
    ("{.n", "error: unclosed action"),
    ("{.trials[", "error: unterminated array"),
    ("{.trials[*", "error: unterminated array"),
    ("{.trials[?(@.v", "error: unterminated filter"),
    ("{.trials[?(@.v)", "error: unclosed array expect ]"),
    ("{'open", "error: unterminated quoted string"),
    ("{.trials[a]}", "error: invalid array index a"),
    ("{.trials[(@.length-1)]}", "error: invalid array index (@.length-1)"),
    ('{.trials[?(@.id=="a" && @.v==1)].id}', "error: unrecognized character in action: U+0026 '&'"),
    ('{.trials[*]["id"]}', 'error: invalid array index "id"'),
    ("{....x}", "error: invalid multiple recursive descent"),
    ("{.n,.v}", "error: unrecognized character in action: U+002C ','"),
    ("{!}", "error: unrecognized character in action: U+0021 '!'"),
    ("{1.2.3}", "error: cannot parse number 1.2.3"),
    ('{"\\x"}', 'error: unquote string "\\x" error invalid syntax'),
    ("{.trials[7].id}", "error: array index out of bounds: index 7, length 3"),
    ("{.trials[-5].id}", "error: array index out of bounds: index -2, length 3"),
    ("{.trials[2:9].id}", "error: array index out of bounds: index 8, length 3"),
    ("{.trials[2:1].id}", "error: starting index 2 is greater than ending index 1"),
    ("{.trials[0:2:0].id}", "error: step must be > 0"),
    ("{.n[0]}", "error: int64 is not array or slice"),
    ("{.metadata[*]}", "error: map[string]interface {} is not array or slice"),
    ("{.trials[?(@.id>1)].id}", "error: incompatible types for comparison"),
    ("{.trials[?(@.v<>2)].id}", "error: unrecognized filter operator <>"),
    ("{foo}", "error: unrecognized identifier foo"),
    ("{end}", "error: not in range, nothing to end"),
]


def said(text: str, value: Any = OBJECT) -> str:
    try:
        return template(text).text(value)
    except PathError as error:
        return f"error: {error}"


@pytest.mark.parametrize(("text", "printed"), PRINTED, ids=[text for text, _ in PRINTED])
def test_a_template_prints_what_kubectl_prints(text: str, printed: str):
    """
    Findings, and what is wrong with a template or doesn't fit, to the letter.
    """
    assert said(text) == printed


def by_kubectl(text: str, value: Any, folder: Path) -> str:
    """Return what kubectl prints of an object, without a server."""
    file = folder / "object.json"
    file.write_text(json.dumps(value))
    local = [KUBECTL or "", "label", "--local", "-f", file, "only=1", "--overwrite"]
    done = subprocess.run(
        [*local, "-o", f"jsonpath={text}"],
        capture_output=True,
        text=True,
        env={"KUBECONFIG": str(folder / "none"), "HOME": str(folder)},
    )
    if not done.returncode:
        return done.stdout
    if f"error parsing jsonpath {text}, " in done.stderr:
        return "error: " + done.stderr.partition(f"jsonpath {text}, ")[2].rstrip("\n")
    reason = done.stderr.partition("Error executing template: ")[2]
    return "error: " + reason.partition(". Printing more information")[0]


@pytest.mark.skipif(not KUBECTL, reason="no kubectl on the PATH")
def test_the_kubectl_here_says_the_same(tmp_path: Path):
    """
    The table is no memory of ours. Its order of maps is any, so that one is left out.
    """
    told = [text for text, _ in PRINTED if text != "{.metadata..}"]

    assert {text: by_kubectl(text, OBJECT, tmp_path) for text in told} == {
        text: said(text) for text in told
    }


NUMBERS = [
    0.1, 1e-4, 9.99e-5, 1e-6, 1.5e-7, 123456.5, 999999.5, 1234567.5, 1e15 + 0.5, 1e20, 9.9e20, 1e21,
    -2.5, 5e-324, 1.7e308, 0.30000000000000004, True, False, None, "é <&> \u2028 \u0001 \\",
]  # fmt: skip


@pytest.mark.skipif(not KUBECTL, reason="no kubectl on the PATH")
@pytest.mark.parametrize("text", ["{.values}", "{.values[*]}"])
def test_values_are_written_as_kubectl_writes_them(text: str, tmp_path: Path):
    """
    By themselves as Go's %v, inside of lists and maps as Go's JSON.
    """
    value = {**OBJECT, "values": NUMBERS}

    assert said(text, value) == by_kubectl(text, value, tmp_path)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("{.trials[?(@.seconds>5)].id}", "a"),
        ("{.trials[?(@.seconds>=2.5)].id}", "a b"),
        ("{.trials[?(@.code!=1)].id}", "a"),
        ("{.trials[?(@.code)].id}", "a b"),
    ],
)
def test_our_objects_can_be_compared(text: str, printed: str):
    """
    kubectl refuses to compare 5.5 with 5, and null with anything; here null is not there.
    """
    trials = [
        {"id": "a", "seconds": 5.5, "code": 0},
        {"id": "b", "seconds": 3, "code": None},
    ]

    assert said(text, {"trials": trials}) == printed


def test_findings_as_json():
    """
    An array for each part, four spaces deep, as jsonpath-as-json prints it.
    """
    assert template("{.trials[*].id}{.n}").json(OBJECT) == (
        '[\n    "a",\n    "b",\n    "c"\n]\n[\n    3\n]\n'
    )


@pytest.mark.parametrize("path", [".a.b", "a.b", "{.a.b}", "{a.b}"])
def test_a_path_may_lack_its_braces_and_its_dot(path: str):
    """
    As in --sort-by and custom columns.
    """
    assert relaxed(path).text({"a": {"b": 7}}) == "7"


@pytest.mark.parametrize("path", ["{.a", "{.a}{.b}", "{}"])
def test_what_is_no_path_is_refused(path: str):
    """
    In kubectl's words, whatever kubectl would refuse.
    """
    with pytest.raises(PathError, match=r"^unexpected path string, expected a 'name1.name2' or "):
        relaxed(path)


pieces = st.sampled_from(
    ["{", "}", ".a", "..", "[", "]", "?(", "@", ")", "==", "'x'", '"', "\\", "1", "-", ":", ",",
     "*", "range ", "end", "$", " ", "\n", "text", "é", ".", "<", "!"]
)  # fmt: skip


@given(st.lists(pieces, max_size=12).map("".join))
def test_any_text_is_a_template_or_an_error(text: str):
    """
    Nothing that is typed ends in a traceback.
    """
    assert isinstance(said(text, {"a": [{"a": 1}, None, "x"]}), str)
