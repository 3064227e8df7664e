"""A frozen build as a Python: what it runs, for whom, and in which environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kubectl_tune import agent, interpreter

ROOT = Path(__file__).parent.parent
# How a frozen build begins, on an interpreter that isn't frozen.
ACT = "import sys; from kubectl_tune import interpreter; interpreter.{verb}(sys.argv[1:])"
TELL = "import json, os, sys; print(json.dumps([__name__, sys.argv, sys.path[0], os.getcwd()]))"


def start(words: list[str], folder: Path, **more: str) -> tuple[int, str]:
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, input="print('read', __name__)",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **more},
    )  # fmt: skip
    return done.returncode, done.stdout


def acting(verb: str) -> list[str]:
    return [sys.executable, "-c", ACT.format(verb=verb)]


@pytest.mark.parametrize(
    "words",
    [
        ["-c", TELL, "a", "--b"],
        ["-I", "-Sc", TELL.replace("sys.path[0]", "0")],
        ["-u", "-W", "ignore", "-Xdev", "tell.py", "-m", "x"],
        ["-BWignore", "--", "tell.py"],
        ["-m", "tell", "-c"],
        ["-mtell"],
        ["-um", "package", "1"],
        ["./folder/tell.py"],
        ["-c", "import sys; sys.exit(7)"],
        ["-c", "raise SystemExit('no')"],
        ["-c", "1/0"],
        ["-c", "import pickle\nclass A: pass\nprint(pickle.loads(pickle.dumps(A())).__class__)"],
        ["-", "x"],
        [],
        ["missing.py"],
        ["-m", "missing"],
    ],
    ids=" ".join,
)
def test_a_frozen_build_runs_what_python_runs(words: list[str], tmp_path: Path):
    """
    Scripts, modules, `-c` and stdin see what they see under Python, and end alike.
    """
    (tmp_path / "tell.py").write_text(TELL)
    for name in ("package", "folder"):
        (tmp_path / name).mkdir()
    (tmp_path / "package" / "__main__.py").write_text(TELL)
    (tmp_path / "folder" / "tell.py").write_text(TELL)

    code, said = start([*acting("run"), *words], tmp_path)

    python = start([sys.executable, *words], tmp_path)
    missing = "missing.py" in words
    assert (code, said) == ((1, "") if missing else python)


def test_unknown_options_are_named(tmp_path: Path):
    """
    What no Python knows is an error, not ignored.
    """
    code, _ = start([*acting("run"), "-Z", "tell.py"], tmp_path)

    assert code == 1


@pytest.mark.parametrize("names", [["python3"], ["python"], ["python", "python3"]])
def test_a_users_script_runs_on_the_machines_python(names: list[str], tmp_path: Path):
    """
    `python score.py` in a plan means the Python that has the user's packages.
    """
    for name in names:
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (tmp_path / name).chmod(0o755)

    code, said = start([*acting("become"), "score.py", "-c"], tmp_path, PATH=str(tmp_path))

    assert (code, said) == (0, f"{names[-1]} score.py -c\n")


def test_a_users_script_runs_where_no_python_is_installed(tmp_path: Path):
    """
    Without any Python on PATH a script of the standard library runs all the same.
    """
    (tmp_path / "score.py").write_text("import json; print(json.dumps({'score': 1}))")

    assert start([*acting("become"), "score.py"], tmp_path, PATH="") == (0, '{"score": 1}\n')


def test_our_own_modules_run_on_our_own_python(tmp_path: Path):
    """
    The built-in workload needs our package, which the machine's Python doesn't have.
    """
    (tmp_path / "python3").write_text("#!/bin/sh\necho not this one\n")
    (tmp_path / "python3").chmod(0o755)
    words = ["-m", "kubectl_tune", "version", "--client"]

    code, said = start([*acting("become"), *words], tmp_path, PATH=str(tmp_path))

    assert code == 0
    assert said.startswith("Client Version: v")


def test_an_installed_build_is_its_own_interpreter():
    """
    From the wheel, `python` is the interpreter that we run on, and no word makes us one.
    """
    assert interpreter.python() == (sys.executable,)
    assert interpreter.alone(agent) == (sys.executable, "-I", "-S", agent.__file__)
    assert not interpreter.asked(["kubectl-tune", interpreter.SWITCH])


@pytest.mark.parametrize(
    ("frozen", "caller"),
    [
        ({"LEVEL": "0", "LD": "/in"}, {}),
        ({"LD": "/in:/lib:/x", "LEVEL": "0", "LD_ORIG": "/lib:/x"}, {"LD": "/lib:/x"}),
        ({"LD": "/in:/in", "LEVEL": "0", "LD_ORIG": "/in"}, {"LD": "/in"}),
        ({"LD": "/in", "LEVEL": "0"}, {"LD": ""}),
        ({"LD_ORIG": "mine", "LEVEL": "0", "LD": "/in"}, {"LD_ORIG": "mine"}),
        ({"LD_ORIG": "mine", "LD": "/in", "LEVEL": "0"}, {"LD_ORIG": "mine", "LD": ""}),
        ({"LEVEL": "0"}, {}),
        ({"LD": "/inner:/in", "LD_ORIG": "x"}, {"LD": "/inner:/in", "LD_ORIG": "x"}),
    ],
)  # fmt: skip
def test_children_of_a_frozen_build_get_the_callers_environment(
    frozen: dict[str, str], caller: dict[str, str]
):
    """
    What the build's first moments added is taken back, by the order in which it adds; nothing
    else changes, be it empty or by a name that the build uses, too.
    """
    environ = {"HOME": "/h"} | named(frozen) | {"_PYI_ARCHIVE_FILE": "/in/x"}

    interpreter.restore(environ, "/in")

    assert environ == {"HOME": "/h"} | named(caller)


def named(short: dict[str, str]) -> dict[str, str]:
    long = {"LD": "LD_LIBRARY_PATH", "LD_ORIG": "LD_LIBRARY_PATH_ORIG"}
    long["LEVEL"] = "_PYI_PARENT_PROCESS_LEVEL"
    return {long.get(key, key): value for key, value in short.items()}
