"""
The Python that runs our own modules and what plans call `python`.

One rule: who starts a Python asks here. In a frozen build `sys.executable` is no interpreter
but the build, which becomes one when its first word is `SWITCH`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, MutableMapping, Sequence
from types import ModuleType

SWITCH = "__python"
PACKAGE = __name__.partition(".")[0]
# What concerns the interpreter itself; it is up by the time that we read them.
_FLAGS = "bBdEiIOPqsSuvx"
# What a frozen build changes, and what it adds before that.
LIBRARIES, LEVEL = "LD_LIBRARY_PATH", "_PYI_PARENT_PROCESS_LEVEL"


def frozen() -> bool:
    return bool(getattr(sys, "frozen", False))


def python() -> tuple[str, ...]:
    """Return what the word `python` stands for on this machine."""
    return (sys.executable, SWITCH) if frozen() else (sys.executable,)


def alone(module: ModuleType) -> tuple[str, ...]:
    """Return the command that runs a module of ours which imports nothing of ours."""
    if frozen():  # compiled, and without a file
        return (*python(), "-m", module.__name__)
    assert module.__file__
    return (*python(), "-I", "-S", module.__file__)


def asked(argv: Sequence[str]) -> bool:
    """Return whether a frozen build is to be an interpreter."""
    return frozen() and argv[1:2] == [SWITCH]


def become(words: list[str]) -> int:
    """
    Act as `python WORDS`.

    Our own modules run here. Anything else is the user's, who means the Python with their
    packages: that is the machine's, and only where there is none ours.
    """
    if not _is_ours(words) and (found := _on_path()):
        os.execv(found, [found, *words])
    import traceback

    try:
        run(words)
    except Exception:  # as Python says it; the build would add a line of its own
        traceback.print_exc()
        return 1
    return 0


def run(words: list[str]) -> None:
    """Act as `python WORDS` in this process."""
    import runpy

    if os.environ.get("PYTHONUNBUFFERED"):
        for stream in (sys.stdout, sys.stderr):  # as Python has just opened them: text files
            stream.reconfigure(write_through=True)  # type: ignore[union-attr]
    kind, what, rest = _read(words)
    sys.argv = [what, *rest]
    match kind:
        case "-m":
            _search(os.getcwd())
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        case "-c":
            _execute(what, "-c", "<string>")
        case "-":
            _execute(sys.stdin.read(), "-", "<stdin>")
        case "script" if os.path.exists(what):
            if not os.path.isdir(what):
                _search(os.path.dirname(os.path.realpath(what)))
            runpy.run_path(what, run_name="__main__")
        case "script":
            sys.exit(f"{sys.executable}: can't open file {what!r}: no such file")
        case _:
            sys.exit(f"unknown option {what}")


def restore(environ: MutableMapping[str, str], home: str) -> None:
    """
    Undo what a frozen build in `home` does to the environment, so that children get the caller's.

    Else credential plugins and trials load our libraries. The build puts its folder before the
    caller's path, whose copy overwrites a `_ORIG` of the caller's: that alone can't be undone. An
    empty path counts as none there, but stays where it was, before all that the build adds.
    https://pyinstaller.org/en/stable/runtime-information.html: LD_LIBRARY_PATH_ORIG
    """
    first, between, before = environ.get(LIBRARIES, "").partition(os.pathsep)
    if first == home:
        names = list(environ)
        del environ[LIBRARIES]
        if between:
            environ.pop(f"{LIBRARIES}_ORIG", None)
        if between or LEVEL in names[names.index(LIBRARIES) :]:
            environ[LIBRARIES] = before
    for key in [key for key in environ if key.startswith("_PYI_")]:
        del environ[key]


def _is_ours(words: Iterable[str]) -> bool:
    kind, what, _ = _read(list(words))
    return kind == "-m" and what.partition(".")[0] == PACKAGE


def _on_path() -> str | None:
    import shutil

    return shutil.which("python3") or shutil.which("python")


def _read(words: list[str]) -> tuple[str, str, list[str]]:
    """Return what is to be run as (`-m`, `-c`, `-`, `script` or `unknown`, it, its arguments)."""
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] not in ("-", "--"):
        word = rest.pop(0)
        letters = word[1:].lstrip(_FLAGS)
        if letters[:1] in ("m", "c"):
            return f"-{letters[0]}", letters[1:] or (rest.pop(0) if rest else ""), rest
        if letters in ("W", "X"):
            del rest[:1]
        elif letters[:1] not in ("", "W", "X"):
            return "unknown", word, rest
    if rest[:1] == ["--"]:
        del rest[0]
    return ("script", rest[0], rest[1:]) if rest and rest[0] != "-" else ("-", "-", rest[1:])


def _search(first: str) -> None:
    more = os.environ.get("PYTHONPATH", "")
    sys.path[:0] = [first, *filter(None, more.split(os.pathsep))]


def _execute(text: str, name: str, file: str) -> None:
    sys.argv[0] = name
    _search("")
    sys.modules["__main__"] = module = ModuleType("__main__")
    exec(compile(text, file, "exec"), module.__dict__)
